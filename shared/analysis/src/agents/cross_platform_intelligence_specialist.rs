//! Where and when a subject of this run came up before.

use std::collections::{BTreeMap, BTreeSet};

use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input;

const MOST: usize = 12;
/// Words named of one group of words that always occur together.
const MOST_WORDS: usize = 4;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Related {
    run_id: String,
    title: String,
    created_ms: u64,
    overlap: Vec<String>,
}

/// Groups related runs by what they share; what their order means is for a model to say.
pub fn baseline(input: &StepInput) -> Analysis {
    let found = input::data(input, "signal_recon_specialist");
    let mut related: Vec<Related> = input::list(found.and_then(|found| found.get("related")));
    related.retain(|run| !run.run_id.is_empty());
    related.sort_by(|left, right| (left.created_ms, &left.run_id).cmp(&(right.created_ms, &right.run_id)));
    related.dedup_by(|left, right| left.run_id == right.run_id);

    let sources: BTreeMap<String, String> =
        input::history(input).into_iter().map(|record| (record.run_id, record.source_name)).collect();
    let source = |run: &Related| sources.get(&run.run_id).unwrap_or(&run.title).clone();
    // Words that occur in the same runs are one topic.
    let mut groups: BTreeMap<Vec<usize>, BTreeMap<String, &str>> = BTreeMap::new();
    for (word, (form, runs)) in runs_by_word(&related) {
        let places: BTreeSet<String> = runs.iter().map(|run| source(&related[*run])).collect();
        if places.len() > 1 {
            groups.entry(runs).or_default().insert(word, form);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|left, right| right.0.len().cmp(&left.0.len()).then_with(|| left.0.cmp(&right.0)));
    let spread: Vec<Value> = groups
        .into_iter()
        .take(MOST)
        .map(|(runs, words)| {
            let topic: Vec<&str> = words.into_values().take(MOST_WORDS).collect();
            let runs: Vec<&Related> = runs.into_iter().map(|run| &related[run]).collect();
            let place = |run: &&Related| json!({"source_name": source(run), "run_id": run.run_id, "created_ms": run.created_ms});
            json!({
                "topic": topic.join(", "),
                "places": runs.iter().map(place).collect::<Vec<_>>(),
                "first_ms": runs.first().map_or(0, |run| run.created_ms),
                "last_ms": runs.last().map_or(0, |run| run.created_ms),
            })
        })
        .collect();
    Analysis::Complete(json!({"spread": spread, "reading": null}))
}

/// Every shared word, folded: its form to show, and the runs that have it, oldest first.
fn runs_by_word(related: &[Related]) -> BTreeMap<String, (&str, Vec<usize>)> {
    let mut words: BTreeMap<String, (&str, Vec<usize>)> = BTreeMap::new();
    for (index, run) in related.iter().enumerate() {
        for word in run.overlap.iter().filter(|word| !word.trim().is_empty()) {
            let (_, runs) = words.entry(input::fold(word)).or_insert((word, Vec::new()));
            if runs.last() != Some(&index) {
                runs.push(index);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn topics_seen_in_several_places() {
        let run = |id: &str, created_ms: u64, overlap: Value| json!({"run_id": id, "title": id, "created_ms": created_ms, "overlap": overlap, "score": 0.5});
        let found = json!({"queries": [], "searched": ["memory"], "reading": null, "related": [
            run("late", 30, json!(["wall", "Tide"])),
            run("early", 10, json!(["wall", "Tide", "Dana"])),
            run("again", 20, json!(["Dana", "wall"]))]});
        let history = json!([{"run_id": "late", "source_name": "forum"}, {"run_id": "early", "source_name": "radio"},
            {"run_id": "again", "source_name": "radio"}]);
        let input = step(Value::Null, json!({"signal_recon_specialist": found}), json!({"history": history}));
        let data = check("cross_platform_intelligence_specialist", baseline, &input);
        let spread = data["spread"].as_array().unwrap();
        let topics: Vec<&Value> = spread.iter().map(|row| &row["topic"]).collect();
        // Dana was in one place only, twice.
        assert_eq!(topics, ["wall", "Tide"]);
        assert_eq!(
            spread[0]["places"][0],
            json!({"source_name": "radio", "run_id": "early", "created_ms": 10})
        );
        assert_eq!((&spread[1]["first_ms"], &spread[1]["last_ms"]), (&json!(10), &json!(30)));
    }

    #[test]
    fn nothing_in_nothing_out() {
        let data = check(
            "cross_platform_intelligence_specialist",
            baseline,
            &step(Value::Null, json!({}), json!({})),
        );
        assert_eq!(data, json!({"spread": [], "reading": null}));
    }
}
