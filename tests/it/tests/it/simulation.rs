//! Whole runs on virtual time. `cargo lab simulate` plays many more.

use engine::model::Status;
use lab::sim::{Place, Plan, simulate};

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 17] {
        let (first, second) = (simulate(&Plan::of_seed(seed)), simulate(&Plan::of_seed(seed)));
        assert_eq!(first.story(), second.story());
        assert_eq!(
            (first.calls, first.polls, first.bill.total()),
            (second.calls, second.polls, second.bill.total())
        );
    }
}

/// Seeds that once found something: two callers under one lease; a repeated request refused because its own run had
/// drawn the day's budget.
#[test]
fn seeds_that_found_something_stay_quiet() {
    for seed in [47, 90, 120, 427] {
        assert_eq!(simulate(&Plan::of_seed(seed)).violations, [], "cargo lab simulate --seed {seed}");
    }
}

#[test]
fn refusals_never_become_dead_letters() {
    let plan = Plan { refusals: Some(("analysis_cartographer", 200)), ..Plan::calm(1) };
    let ended = simulate(&plan);
    assert_eq!(ended.violations, []);
    assert_eq!(ended.dead_letters, 0);
    let deferred = ended.story().iter().filter(|line| line.contains("StepDeferred")).count();
    assert_eq!(deferred, 200);
    let results = ended.results();
    let cartographer =
        results.iter().find(|result| result.meta.agent.as_str() == "analysis_cartographer").unwrap();
    assert_eq!((cartographer.status(), cartographer.meta.attempt), (Status::Ok, 1));
}

#[test]
fn a_calm_run_has_no_violation_anywhere() {
    for place in [Place::Cloud, Place::Laptop] {
        for depth in engine::model::Depth::ALL {
            let ended = simulate(&Plan { place, depth, ..Plan::calm(2) });
            assert_eq!(ended.violations, [], "{place:?} {depth:?}");
            assert_eq!(ended.kills, 0);
        }
    }
}

/// A run reads and writes one row of its tenant's figures, and is paid by its size.
#[test]
fn a_row_of_figures_stays_small() {
    let ended = simulate(&Plan::calm(2));
    let bytes = serde_json::to_string(&ended.figures.kept).unwrap().len();
    println!("{bytes} bytes after a comprehensive run");
    assert!(bytes <= 4 * 1_024, "{bytes} bytes");
}

#[test]
fn an_empty_purse_is_never_overdrawn() {
    for limit in [0, 1, 1_000_000, 3_000_000, 20_000_000] {
        let plan = Plan { daily_budget: engine::model::NanoUsd(limit), ..Plan::calm(3) };
        assert_eq!(simulate(&plan).violations, [], "{limit}");
    }
}

#[test]
fn a_cancelled_run_stops_paying() {
    let plan = Plan { cancel_after_ms: Some(20_000), latency_ms: 10_000, ..Plan::calm(4) };
    let ended = simulate(&plan);
    assert_eq!(ended.violations, []);
    let whole = simulate(&Plan::calm(4));
    assert!(ended.bill.lines().len() < whole.bill.lines().len() / 2);
    assert!(ended.story().iter().any(|line| line.contains("Cancelled")));
}
