//! A talk of three hours, and twice to eight times as long, through every analyser as the engine calls them.
//!
//! In a test binary of its own, so that no other test takes the processor meanwhile.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of a test")]

#[expect(unreachable_pub, reason = "the lab shares it with its benches")]
#[path = "../../../tests/lab/src/long_transcript.rs"]
mod long_transcript;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use analysis::document::Document;
use analysis::segments::Segment;
use engine::model::{AgentId, Depth, Status};
use engine::step_input::{Analysis, Input, RequestView, StepInput};
use serde_json::{Value, json};

/// In the order a run takes them.
const ORDER: [&str; 22] = [
    "mission_orchestrator",
    "acquisition_specialist",
    "visual_intelligence_specialist",
    "transcription_engineer",
    "audio_intelligence_specialist",
    "analysis_cartographer",
    "verification_director",
    "risk_intelligence_analyst",
    "persona_archivist",
    "signal_recon_specialist",
    "trend_intelligence_scout",
    "trend_intelligence_specialist",
    "cross_platform_intelligence_specialist",
    "research_synthesist",
    "network_discovery_specialist",
    "deep_content_analyst",
    "guest_intelligence_specialist",
    "controversy_tracker_specialist",
    "intelligence_briefing_curator",
    "community_liaison",
    "system_reliability_officer",
    "knowledge_integrator",
];
const RUNS_BEFORE: u64 = 50;
const DAY_MS: u64 = 86_400_000;
const NOW_MS: u64 = 1_748_000_000_000;

/// The time this thread has had a processor, so that what else the machine does is not counted; where the kernel does not
/// say, the time since the first call.
#[expect(clippy::disallowed_methods, reason = "the test measures time; the analysers have no clock")]
fn worked() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match statistics.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()) {
        Some(nanoseconds) => Duration::from_nanos(nanoseconds),
        None => FIRST.get_or_init(Instant::now).elapsed(),
    }
}

/// What each analyser made of a text, and how long it worked.
fn run(text: &str, history: &Value) -> (BTreeMap<AgentId, Input>, Vec<(&'static str, Duration)>) {
    let analysers = analysis::analysers();
    let plan: Vec<Value> = ORDER
        .iter()
        .map(|agent| json!({"agent": agent, "from_depth": "quick", "in_depth": true, "weight": 3.0, "needs_model": false}))
        .collect();
    let facts = BTreeMap::from([
        ("plan".to_owned(), json!({"depth": "comprehensive", "max_claims": 25, "agents": plan})),
        (
            "source".to_owned(),
            json!({"kind": "upload", "rung": "captions", "name": "long.vtt", "media_type": "text/vtt", "format": "vtt",
                "bytes": text.len(), "digest": "d", "title": null, "author": null, "published": null, "description": null}),
        ),
        ("content".to_owned(), json!({"format": "vtt", "text": text})),
        ("history".to_owned(), history.clone()),
        (
            "run_report".to_owned(),
            json!({"depth": "comprehensive", "cost_nano_usd": 9, "cap_nano_usd": 10, "unsettled_nano_usd": 1, "steps": []}),
        ),
    ]);
    let request = RequestView {
        source_name: "long.vtt".to_owned(),
        media_type: "text/vtt".to_owned(),
        bytes: text.len() as u64,
        depth: Depth::Comprehensive,
        requested_ms: NOW_MS,
    };
    let mut input = StepInput { request, item: None, inputs: BTreeMap::new(), facts };
    let mut times = Vec::new();
    for agent in ORDER {
        let mut spent = Duration::ZERO;
        let mut analyse = |input: &StepInput| {
            let start = worked();
            let analysis = analysers[agent].analyse(input);
            spent += worked().saturating_sub(start);
            match analysis {
                Analysis::Settled(data)
                | Analysis::Complete(data)
                | Analysis::Partial { data, .. }
                | Analysis::Evidence(data) => Some(data),
                Analysis::Skip(_) => None,
                Analysis::Fail(error) => panic!("{agent}: {error}"),
            }
        };
        let ended = if agent == "verification_director" {
            let claims = input.ok("analysis_cartographer").unwrap()["claims"].as_array().unwrap().clone();
            let mut rows = Vec::new();
            for claim in claims.into_iter().take(25) {
                let id = claim["id"].clone();
                input.item = Some(claim);
                rows.push(
                    json!({"item": id, "status": "uncertain", "data": analyse(&input), "reason": "no_model"}),
                );
            }
            input.item = None;
            Input {
                status: Status::Uncertain,
                data: Some(json!(rows).into()),
                reason: Some("no_model".to_owned()),
            }
        } else {
            let data = analyse(&input).map(Into::into);
            Input { status: if data.is_some() { Status::Ok } else { Status::Skipped }, data, reason: None }
        };
        times.push((agent, spent));
        input.inputs.insert(AgentId::new(agent), ended);
    }
    (input.inputs, times)
}

/// As many earlier runs as a step is ever given, each as large as a long run leaves it.
fn history(record: &Value) -> Value {
    let run = |days_ago: u64| {
        let mut run = record.clone();
        run["run_id"] = json!(format!("R{days_ago}"));
        run["created_ms"] = json!(NOW_MS - days_ago * DAY_MS);
        for (at, topic) in run["topics"].as_array_mut().into_iter().flatten().enumerate() {
            topic["label"] = json!(format!("subject {at} of run {days_ago}"));
        }
        run
    };
    (1..=RUNS_BEFORE).map(run).collect()
}

fn sum(spent: &[(&'static str, Duration)]) -> Duration {
    spent.iter().map(|(_, spent)| *spent).sum()
}

#[test]
fn three_hours_take_seconds_and_the_cost_grows_with_the_length() {
    let (first, _) = run(&long_transcript::vtt(1), &json!([]));
    let record = first["knowledge_integrator"].data.as_ref().unwrap()["record"].clone();
    let history = history(&record);
    let mut totals = Vec::new();
    let mut each: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for times in [1, 2, 4, 8] {
        let text = long_transcript::vtt(times);
        let (done, mut spent) = run(&text, &history);
        if times == 1 {
            // The others are measured against this one: the faster of two is nearer to what the work itself takes.
            let (_, again) = run(&text, &history);
            spent = if sum(&again) < sum(&spent) { again } else { spent };
        }
        let total = sum(&spent);
        let transcript = done["transcription_engineer"].data.as_ref().unwrap();
        println!(
            "{times} x {} hours, {} words, {} sentences: {} ms",
            long_transcript::HOURS,
            transcript["word_count"],
            transcript["segments"].as_array().unwrap().len(),
            total.as_millis()
        );
        for (agent, spent) in spent.iter().filter(|(_, spent)| spent.as_millis() > 20) {
            println!("    {agent}: {} ms", spent.as_millis());
        }
        totals.push(total.as_secs_f64());
        for (agent, spent) in spent {
            each.entry(agent).or_default().push(spent.as_secs_f64());
        }
    }
    // On an idle machine far less: room is left for one that is not.
    assert!(totals[0] <= 5.0, "{totals:?}");
    assert!(totals[3] <= 12.0 * totals[0], "{totals:?}");
    // One analyser alone is measured less surely; the square of the length would be 64 times.
    for (agent, seconds) in each.iter().filter(|(_, seconds)| seconds[0] >= 0.05) {
        assert!(seconds[3] <= 20.0 * seconds[0], "{agent}: {seconds:?}");
    }
}

#[test]
fn words_that_are_none_cost_what_their_letters_do() {
    let segment = |text: String| Segment { text, ..Segment::default() };
    let words = |from: usize| {
        let word = |number: usize| "abcdefghijklmnopqrst".repeat(100).replace("a", &format!("{number}b"));
        (from..from + 400).map(|number| segment(word(number))).collect::<Vec<_>>()
    };
    let few: Vec<Segment> = vec![segment("A".repeat(20)); 400];
    let spent = |segments: &[Segment]| {
        let start = worked();
        assert_eq!(Document::new(segments, "en").word_count(), 400);
        worked().saturating_sub(start)
    };
    spent(&few);
    let long = spent(&words(0)).min(spent(&words(1_000)));
    println!("400 words of 2,000 letters and more: {} ms", long.as_millis());
    assert!(long <= Duration::from_millis(100), "{long:?}");
}
