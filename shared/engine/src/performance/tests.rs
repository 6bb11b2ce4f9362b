use super::*;

fn settings(run_cap: Option<NanoUsd>) -> Settings {
    Settings {
        daily_budget: NanoUsd::from_usd(20),
        monthly_budget: None,
        run_cap,
        waiting_hour: NanoUsd::ZERO,
    }
}

fn histogram(durations: &[(u64, u64)]) -> Histogram {
    let mut histogram = Histogram::default();
    for (milliseconds, count) in durations {
        (0..*count).for_each(|_| histogram.observe(*milliseconds));
    }
    histogram
}

/// So many runs of five steps; what fails, what is recalled and what it costs is for the tests to say.
fn counters(runs: u64) -> Counters {
    Counters {
        runs: [("complete".to_owned(), runs)].into(),
        steps: [("a/ok".to_owned(), 2 * runs), ("b/ok".to_owned(), 3 * runs)].into(),
        step_ms: [
            ("a".to_owned(), histogram(&[(3, 2 * runs)])),
            ("b".to_owned(), histogram(&[(3, 3 * runs)])),
        ]
        .into(),
        recall_lookups: 5 * runs,
        cache_hits: [("l1".to_owned(), 5 * runs)].into(),
        level_ms: [("quick".to_owned(), histogram(&[(100, runs)]))].into(),
        makespan_ms: 100 * runs,
        critical_path_ms: 90 * runs,
        ..Counters::default()
    }
}

/// Judges; and the figures and what is advised must be as expected, each as far as it is told.
fn check(counters: &Counters, verdicts: [Verdict; 5], advised: &[(&str, &str)]) {
    let figures = figures(counters, &settings(None));
    assert_eq!(figures.clone().map(|figure| figure.verdict), verdicts, "{figures:#?}");
    let found = recommendations(counters, &figures);
    assert_eq!(found.len(), advised.len(), "{found:#?}");
    for (recommendation, (figure, says)) in found.iter().zip(advised) {
        assert_eq!(recommendation.figure, *figure);
        assert!(recommendation.advice.contains(says), "{}", recommendation.advice);
        assert!(recommendation.samples > 0 && recommendation.window == WINDOW);
    }
}

const MET: [Verdict; 5] = [Verdict::Met; 5];
const UNKNOWN: [Verdict; 5] = [Verdict::Unknown; 5];

#[test]
fn little_is_unknown_and_advises_nothing() {
    check(&Counters::default(), UNKNOWN, &[]);
    let mut few = counters(9);
    few.cost = NanoUsd::from_usd(90);
    few.cache_hits.clear();
    check(&few, UNKNOWN, &[]);
    // Each has its own least number: twenty runs are a hundred look-ups and steps, but no three hundred steps.
    let expected = [Verdict::Met, Verdict::Met, Verdict::Unknown, Verdict::Met, Verdict::Met];
    check(&counters(20), expected, &[]);
    check(&counters(60), MET, &[]);
}

#[test]
fn each_figure_is_missed_by_its_own_cause_alone() {
    let runs = 100;
    let missed =
        |at: usize| std::array::from_fn(|nth| if nth == at { Verdict::Missed } else { Verdict::Met });

    let mut cold = counters(runs);
    cold.cache_hits = [("l1".to_owned(), 424)].into();
    check(&cold, missed(0), &[("hit_rate", "84.8 % of the look-ups")]);

    let mut slow = counters(runs);
    slow.step_ms.insert("b".to_owned(), histogram(&[(3, 260), (2_500, 40)]));
    check(&slow, missed(1), &[("p95_ms", "b takes 336 ms on average")]);

    let mut failing = counters(runs);
    failing.steps.insert("b/failed".to_owned(), 6);
    failing.step_errors = [("Timeout".to_owned(), 4), ("Storage".to_owned(), 2)].into();
    check(&failing, missed(2), &[("error_rate", "4 of 6 failed steps (67 %) ended with Timeout")]);

    let mut dear = counters(runs);
    // Quick runs may spend half a dollar; half of that is the target.
    dear.cost = NanoUsd::from_milli_usd(251 * runs as i64);
    check(&dear, missed(3), &[("cost_per_request", "a run costs $0.2510 on average")]);
    let own = figures(&dear, &settings(Some(NanoUsd::from_milli_usd(100))));
    assert_eq!((own[3].target, own[3].value), (0.05, Some(0.251)), "the operator's cap, if it is less");

    let mut waiting = counters(runs);
    waiting.critical_path_ms = 79 * runs;
    check(&waiting, missed(4), &[("coordination_efficiency", "steps waited 2100 ms")]);
}

#[test]
fn the_evidence_has_the_counters_a_figure_was_reckoned_from() {
    let mut known = counters(100);
    known.cost = NanoUsd(7);
    known.steps.insert("a/failed".to_owned(), 3);
    let found = figures(&known, &settings(None)).map(|figure| (figure.name, figure.evidence.values));
    assert_eq!(found[0].1, json!({ "cache_hits": 500, "recall_lookups": 500 }));
    assert_eq!(found[1].1["steps"], 500);
    assert_eq!(found[2].1, json!({ "failed": 3, "steps": 503 }));
    assert_eq!(found[3].1, json!({ "cost_nano_usd": 7, "runs": 100 }));
    assert_eq!(found[4].1, json!({ "critical_path_ms": 9_000, "makespan_ms": 10_000 }));
}
