//! Who came as a guest, by what shows it: a relation that says so, a label, or a host who is known.

use std::collections::{BTreeMap, BTreeSet};

use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, Record};

/// Words of a relation that make its second name the guest.
const RECEIVES: &[&str] = &["interview", "introduc", "welcom", "invit", "hosts"];
/// Words of a label that mark the host.
const HOSTS: &[&str] = &["host", "interviewer", "moderator", "presenter", "anchor"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    name: String,
    kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Edge {
    a: String,
    b: String,
    relation: String,
    segment: String,
}

/// Names the guests it can show; whom to watch is for a model to say.
pub fn baseline(input: &StepInput) -> Analysis {
    let network = input::data(input, "network_discovery_specialist");
    let part = |name: &str| network.and_then(|network| network.get(name));
    let nodes: Vec<Node> = input::list(part("nodes"));
    let edges: Vec<Edge> = input::list(part("edges"));
    let relations: Vec<Edge> = input::list(part("relations"));
    let history = input::history(input);
    let people: Vec<BTreeSet<String>> = history.iter().map(Record::people).collect();

    let connections = |name: &str| edges.iter().filter(|edge| edge.a == name || edge.b == name).count();
    let mut guests: Vec<(usize, Value)> = evidence(&nodes, &relations, &history)
        .into_iter()
        .map(|(name, evidence)| {
            let row = json!({"name": name, "evidence": evidence, "connections": connections(name),
                "seen_before": seen_before(name, &history, &people)});
            (connections(name), row)
        })
        .collect();
    guests.sort_by_key(|(connections, _)| std::cmp::Reverse(*connections));
    let lacking = match guests.is_empty() {
        true => "who came as a guest, which neither labels nor earlier runs tell, and whom to watch",
        false => "whom to watch",
    };
    Analysis::Partial {
        data: json!({"guests": guests.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), "watch": []}),
        lacking: lacking.to_owned(),
    }
}

/// Guests by name, each with the first thing that shows it.
fn evidence<'a>(nodes: &'a [Node], relations: &'a [Edge], history: &[Record]) -> BTreeMap<&'a str, String> {
    let mut guests: BTreeMap<&str, String> = BTreeMap::new();
    for relation in relations {
        let words = relation.relation.to_lowercase();
        let guest = if RECEIVES.iter().any(|cue| words.starts_with(cue)) {
            &relation.b
        } else if words.contains("guest") {
            &relation.a
        } else {
            continue;
        };
        let shown = format!("{} {} {} ({})", relation.a, relation.relation, relation.b, relation.segment);
        guests.entry(guest).or_insert(shown);
    }
    let speakers: Vec<&str> =
        nodes.iter().filter(|node| node.kind == "speaker").map(|node| node.name.as_str()).collect();
    for label in speakers.iter().filter(|label| has_word(label, &["guest"])) {
        guests.entry(label).or_insert_with(|| "labelled as a guest in the transcript".to_owned());
    }
    if let Some((host, why)) = host(&speakers, history) {
        for name in speakers.iter().filter(|name| **name != host) {
            guests.entry(name).or_insert_with(|| format!("speaks here beside {host}, {why}"));
        }
    }
    guests.retain(|name, _| !name.trim().is_empty());
    guests
}

/// The host: labelled so, or the one speaker who spoke in the most earlier runs, at least two.
fn host<'a>(speakers: &[&'a str], history: &[Record]) -> Option<(&'a str, String)> {
    if let Some(label) = speakers.iter().find(|label| has_word(label, HOSTS)) {
        return Some((label, "labelled as the host in the transcript".to_owned()));
    }
    let mut spoke: Vec<(usize, &str)> = speakers
        .iter()
        .filter(|name| crate::entities::is_personal(name))
        .map(|name| {
            let speaks = |record: &&Record| {
                record.speakers.iter().any(|label| input::fold(label) == input::fold(name))
            };
            (history.iter().filter(speaks).count(), *name)
        })
        .collect();
    spoke.sort_by_key(|(runs, _)| std::cmp::Reverse(*runs));
    let (runs, name) = *spoke.first()?;
    let alone = spoke.get(1).is_none_or(|(next, _)| *next < runs);
    (runs >= 2 && alone).then(|| (name, format!("who spoke in {runs} of {} earlier runs", history.len())))
}

fn has_word(label: &str, words: &[&str]) -> bool {
    label.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).any(|word| words.contains(&word))
}

/// The earlier runs that name somebody, each once; `people` are those of each run.
fn seen_before(name: &str, history: &[Record], people: &[BTreeSet<String>]) -> Vec<Value> {
    if !crate::entities::is_personal(name) {
        return Vec::new();
    }
    let (mut seen, name) = (BTreeSet::new(), input::fold(name));
    history
        .iter()
        .zip(people)
        .filter(|(record, people)| !record.run_id.is_empty() && people.contains(&name))
        .filter(|(record, _)| seen.insert(record.run_id.as_str()))
        .map(|(record, _)| json!({"run_id": record.run_id, "title": record.title}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    fn guests(speakers: &[&str], relations: Value, history: Value) -> Value {
        let nodes: Vec<Value> =
            speakers.iter().map(|name| json!({"name": name, "kind": "speaker"})).collect();
        let edges = json!([{"a": "Ann", "b": "Dana", "weight": 1, "segments": ["s1"], "runs": []}]);
        let network = json!({"nodes": nodes, "edges": edges, "relations": relations});
        let input =
            step(Value::Null, json!({"network_discovery_specialist": network}), json!({"history": history}));
        check("guest_intelligence_specialist", baseline, &input)["guests"].clone()
    }

    #[test]
    fn a_regular_speaker_is_the_host() {
        let history = json!([{"run_id": "r1", "title": "One", "speakers": ["ann", "Dana"]},
            {"run_id": "r2", "title": "Two", "speakers": ["Ann"]}]);
        assert_eq!(
            guests(&["Ann", "Dana"], json!([]), history),
            json!([{"name": "Dana", "evidence": "speaks here beside Ann, who spoke in 2 of 2 earlier runs",
                "connections": 1, "seen_before": [{"run_id": "r1", "title": "One"}]}])
        );
    }

    #[test]
    fn labels_and_relations_tell() {
        let labelled = guests(&["Host", "Guest 1"], json!([]), json!([]));
        assert_eq!(labelled[0]["evidence"], "labelled as a guest in the transcript");
        let relation = json!([{"a": "Ann", "b": "Dana", "relation": "interviews", "segment": "s4"}]);
        assert_eq!(guests(&["Ann", "Dana"], relation, json!([]))[0]["evidence"], "Ann interviews Dana (s4)");
    }

    #[test]
    fn without_a_sign_nobody_is_called_a_guest() {
        assert_eq!(guests(&["Ann", "Dana"], json!([]), json!([])), json!([]));
    }
}
