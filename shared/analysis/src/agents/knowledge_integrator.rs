//! The record later runs will remember: from the briefing where there is one, else from the map.

use std::collections::{BTreeMap, BTreeSet};

use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, Briefing, Cartography, Claim, Sentence, Topic};
use super::topic_index::TopicIndex;

/// At most this many rows of a kind are remembered.
const MOST: usize = 40;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Checked {
    item: String,
    status: String,
    data: Option<Verdict>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Verdict {
    verdict: String,
}

/// Makes the record; relations between names are for a model to read.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let briefing: Briefing = input::read(input::data(input, "intelligence_briefing_curator"));
    let this = map.as_record(input);
    let history = input::history(input);
    let index = TopicIndex::new(&history);
    let mut known: BTreeSet<usize> = this.topics.iter().flat_map(|topic| index.runs_with(topic)).collect();
    let names: BTreeSet<String> = this.entities.iter().map(|entity| input::fold(&entity.name)).collect();
    for (place, record) in history.iter().enumerate() {
        if record.entities.iter().any(|entity| names.contains(&input::fold(&entity.name))) {
            known.insert(place);
        }
    }
    let known_before = known.len();
    Analysis::Complete(json!({
        "record": record(input, &map, &briefing),
        "edges": [],
        "known_before": known_before,
    }))
}

fn record(input: &StepInput, map: &Cartography, briefing: &Briefing) -> Value {
    let title =
        [&briefing.title, &map.title, &input.request.source_name].into_iter().find(|title| !title.is_empty());
    let summary: &[Sentence] = or(&briefing.summary, &map.summary);
    let topics: &[Topic] = or(&briefing.topics, &map.topics);
    let claims: &[Claim] = or(&briefing.claims, &map.claims);
    let verdicts = verdicts(input);
    let topics: Vec<Value> = topics
        .iter()
        .take(MOST)
        .map(|topic| json!({"label": topic.label, "keywords": topic.keywords}))
        .collect();
    let entities: Vec<Value> = map
        .entities
        .iter()
        .filter(|entity| !entity.name.is_empty())
        .take(MOST)
        .map(|entity| json!({"name": entity.name, "kind": kind(&entity.kind), "mentions": entity.mentions}))
        .collect();
    let claims: Vec<Value> = claims
        .iter()
        .filter(|claim| !claim.text.is_empty())
        .take(MOST)
        .map(|claim| json!({"text": claim.text, "verdict": verdicts.get(&claim.id)}))
        .collect();
    json!({
        "title": title,
        "source_name": input.request.source_name,
        "summary": summary.iter().map(|row| &row.text).filter(|text| !text.is_empty()).take(MOST).collect::<Vec<_>>(),
        "topics": topics,
        "entities": entities,
        "speakers": map.speakers.iter().map(|speaker| &speaker.label).take(MOST).collect::<Vec<_>>(),
        "claims": claims,
    })
}

/// Verdicts that stand, by claim. Uncertain ones are not remembered.
fn verdicts(input: &StepInput) -> BTreeMap<String, String> {
    let checked: Vec<Checked> = input::list(input::data(input, "verification_director"));
    let stands = |row: Checked| {
        let verdict = row.data.filter(|_| row.status == "ok")?.verdict;
        (!verdict.is_empty() && verdict != "not_checked").then_some((row.item, verdict))
    };
    checked.into_iter().filter_map(stands).collect()
}

fn kind(kind: &str) -> &str {
    if matches!(kind, "person" | "organisation" | "place") { kind } else { "other" }
}

fn or<'a, T>(first: &'a [T], second: &'a [T]) -> &'a [T] {
    if first.is_empty() { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    fn inputs() -> Value {
        let map = json!({"title": "Map", "language": "en",
            "topics": [{"label": "wall", "keywords": ["wall", "cost"]}],
            "entities": [{"name": "Dana Reyes", "kind": "person", "mentions": 3, "segments": ["s1"]}],
            "claims": [{"id": "c1", "text": "One."}, {"id": "c2", "text": "Two."}],
            "summary": [{"segment": "s1", "text": "From the map."}],
            "speakers": [{"label": "Dana Reyes", "words": 1, "share": 1}]});
        let checked = json!([
            {"item": "c1", "status": "ok", "data": {"claim_id": "c1", "verdict": "refuted"}, "reason": null},
            {"item": "c2", "status": "uncertain", "data": {"claim_id": "c2", "verdict": "supported"}, "reason": "x"},
        ]);
        json!({"analysis_cartographer": map, "verification_director": checked})
    }

    #[test]
    fn remembers_the_map_and_sure_verdicts() {
        let history = json!([
            {"run_id": "r1", "entities": [{"name": "dana reyes", "kind": "person", "mentions": 1}]},
            {"run_id": "r2", "topics": [{"label": "x", "keywords": ["Wall", "cost", "z"]}]},
            {"run_id": "r3"},
        ]);
        let data = check(
            "knowledge_integrator",
            baseline,
            &step(Value::Null, inputs(), json!({"history": history})),
        );
        assert_eq!(data["known_before"], 2);
        assert_eq!(data["record"]["title"], "Map");
        assert_eq!(data["record"]["summary"], json!(["From the map."]));
        assert_eq!(data["record"]["claims"][0]["verdict"], "refuted");
        assert_eq!(data["record"]["claims"][1]["verdict"], Value::Null);
    }

    #[test]
    fn the_briefing_comes_first() {
        let mut inputs = inputs();
        inputs["intelligence_briefing_curator"] = json!({"title": "Briefing",
            "summary": [{"text": "From the briefing.", "segment": "s1", "start_ms": null, "speaker": null}],
            "claims": [{"id": "c1", "text": "One."}]});
        let data =
            check("knowledge_integrator", baseline, &step(Value::Null, inputs, json!({"history": []})));
        assert_eq!(data["record"]["title"], "Briefing");
        assert_eq!(data["record"]["claims"], json!([{"text": "One.", "verdict": "refuted"}]));
        assert_eq!(data["record"]["topics"][0]["label"], "wall");
        assert_eq!(data["known_before"], 0);
    }
}
