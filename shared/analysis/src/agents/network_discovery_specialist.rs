//! Who appears with whom: people who share a segment here or an earlier run, or answer one another.

use std::collections::{BTreeMap, BTreeSet};

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography, Exchange, Record};

const MOST_NODES: usize = 40;
const MOST_EDGES: usize = 120;
const MOST_SENTENCES: usize = 60;

struct Node {
    name: String,
    speaks: bool,
    /// Where the person speaks or is named, of the sentences the map shows.
    segments: BTreeSet<(u64, String)>,
}

struct Edge<'a> {
    a: &'a str,
    b: &'a str,
    segments: Vec<String>,
    runs: Vec<String>,
    /// How often one takes the turn after the other.
    answers: u64,
}

/// The network of people; relations in words are for a model to read.
pub fn baseline(input: &StepInput) -> Analysis {
    let map = input::cartography(input);
    let nodes = nodes(&map);
    let edges = edges(&nodes, &map, &input::history(input));
    let mut degrees: BTreeMap<&str, usize> = BTreeMap::new();
    for edge in &edges {
        *degrees.entry(edge.a).or_default() += 1;
        *degrees.entry(edge.b).or_default() += 1;
    }
    let mut ranked: Vec<&Node> = nodes.iter().collect();
    ranked.sort_by_key(|node| std::cmp::Reverse(degrees.get(node.name.as_str()).copied()));
    let rows: Vec<Value> = ranked
        .iter()
        .map(|node| json!({"name": node.name, "kind": if node.speaks { "speaker" } else { "person" }}))
        .collect();
    let passages = map.passages();
    let shown: BTreeSet<&String> = passages.iter().map(|sentence| &sentence.segment).collect();
    let mut chosen = BTreeSet::new();
    // The strongest pairs first.
    for segment in edges.iter().flat_map(|edge| &edge.segments).filter(|segment| shown.contains(segment)) {
        if chosen.len() < MOST_SENTENCES {
            chosen.insert(segment);
        }
    }
    let sentences: Vec<Value> = passages
        .iter()
        .filter(|sentence| chosen.contains(&sentence.segment))
        .map(|sentence| json!({"segment": sentence.segment, "text": sentence.text}))
        .collect();
    let edges: Vec<Value> = edges
        .iter()
        .take(MOST_EDGES)
        .map(|edge| {
            json!({"a": edge.a, "b": edge.b, "weight": weight(edge), "segments": edge.segments, "runs": edge.runs,
                "answers": edge.answers})
        })
        .collect();
    let exchanges: Vec<&Exchange> = map.exchanges.iter().take(MOST_EDGES).collect();
    Analysis::Complete(json!({
        "nodes": rows,
        "edges": edges,
        "sentences": sentences,
        "exchanges": exchanges,
        "relations": [],
    }))
}

/// Speakers, then persons named, each once: a speaker who is named too is one node.
fn nodes(map: &Cartography) -> Vec<Node> {
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let mut add = |name: &str, speaks: bool, segments: &mut dyn Iterator<Item = &String>| {
        if !name.trim().is_empty() {
            let node = nodes.entry(input::fold(name)).or_insert_with(|| Node {
                name: name.to_owned(),
                speaks,
                segments: BTreeSet::new(),
            });
            node.segments.extend(segments.map(|segment| input::place(segment)));
        }
    };
    for speaker in &map.speakers {
        add(&speaker.label, true, &mut std::iter::empty());
    }
    for sentence in map.passages() {
        if let Some(speaker) = &sentence.speaker {
            add(speaker, true, &mut std::iter::once(&sentence.segment));
        }
    }
    for entity in map.entities.iter().filter(|entity| entity.kind == "person") {
        add(&entity.name, false, &mut entity.segments.iter());
    }
    let mut nodes: Vec<Node> = nodes.into_values().collect();
    nodes.sort_by_key(|node| (!node.speaks, std::cmp::Reverse(node.segments.len())));
    nodes.truncate(MOST_NODES);
    nodes
}

/// Pairs that share something, strongest first. Labels that name nobody, such as "Speaker 1", share no earlier run.
fn edges<'a>(nodes: &'a [Node], map: &Cartography, history: &[Record]) -> Vec<Edge<'a>> {
    let people: Vec<(&str, BTreeSet<String>)> =
        history.iter().map(|record| (record.run_id.as_str(), record.people())).collect();
    let folded: Vec<String> = nodes.iter().map(|node| input::fold(&node.name)).collect();
    let mut answers: BTreeMap<(String, String), u64> = BTreeMap::new();
    for exchange in map.exchanges.iter().filter(|exchange| exchange.way == "answers") {
        let (from, to) = (input::fold(&exchange.from), input::fold(&exchange.to));
        let count = answers.entry(if from <= to { (from, to) } else { (to, from) }).or_default();
        *count = count.saturating_add(exchange.count);
    }
    let mut edges = Vec::new();
    for (index, first) in nodes.iter().enumerate() {
        for (other, second) in nodes.iter().enumerate().skip(index + 1) {
            let (a, b) = if first.name <= second.name { (first, second) } else { (second, first) };
            let (mine, yours) = (&folded[index], &folded[other]);
            let shared = |people: &BTreeSet<String>| people.contains(mine) && people.contains(yours);
            let pair =
                if mine <= yours { (mine.clone(), yours.clone()) } else { (yours.clone(), mine.clone()) };
            let answers = answers.get(&pair).copied().unwrap_or_default();
            let segments = a.segments.intersection(&b.segments).map(|(_, id)| id.clone()).collect();
            let runs = people.iter().filter(|(run, people)| !run.is_empty() && shared(people));
            let runs = runs.map(|(run, _)| (*run).to_owned()).collect();
            let edge = Edge { a: &a.name, b: &b.name, segments, runs, answers };
            if weight(&edge) > 0 {
                edges.push(edge);
            }
        }
    }
    edges.sort_by(|left, right| {
        weight(right).cmp(&weight(left)).then_with(|| (left.a, left.b).cmp(&(right.a, right.b)))
    });
    edges
}

fn weight(edge: &Edge<'_>) -> u64 {
    // A count from a damaged record may be anything; a schema's integer may not.
    const MOST: u64 = 1_000_000_000;
    (edge.segments.len() + edge.runs.len()) as u64 + edge.answers.min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    #[test]
    fn people_who_share_segments_or_runs() {
        let person = |name: &str, segments: Value| json!({"name": name, "kind": "person", "mentions": 1, "segments": segments});
        let map = json!({"title": "t", "language": "en",
            "speakers": [{"label": "Dana Reyes", "words": 5, "share": 0.5}, {"label": "Speaker 2", "words": 5, "share": 0.5}],
            "entities": [person("dana reyes", json!(["s1"])), person("Bo Lind", json!(["s10", "s2"])),
                person("Cy Moss", json!(["s7"])), {"name": "Oslo", "kind": "place", "mentions": 1, "segments": ["s2"]}],
            "summary": [
                {"segment": "s10", "text": "Lind was there.", "start_ms": null, "speaker": "Dana Reyes"},
                {"segment": "s2", "text": "Bo Lind.", "start_ms": null, "speaker": "Dana Reyes"},
                {"segment": "s7", "text": "Moss.", "start_ms": null, "speaker": "Speaker 2"}],
            "exchanges": [
                {"from": "Dana Reyes", "to": "Speaker 2", "way": "answers", "count": 3, "to_questions": 1, "segments": ["s2"]},
                {"from": "Speaker 2", "to": "Dana Reyes", "way": "answers", "count": 2, "to_questions": 2, "segments": ["s3"]},
                {"from": "Speaker 2", "to": "Cy Moss", "way": "names", "count": 1, "to_questions": 0, "segments": ["s7"]}]});
        let history = json!([
            {"run_id": "r1", "speakers": ["DANA REYES", "Speaker 2"], "entities": [{"name": "Cy Moss", "kind": "person"}]},
            {"run_id": "r2", "speakers": ["Dana Reyes"], "entities": []}]);
        let input = step(
            Value::Null,
            json!({"analysis_cartographer": map.clone(), "acquisition_specialist": {}}),
            json!({"history": history}),
        );
        let data = check("network_discovery_specialist", baseline, &input);
        assert_eq!(
            data["edges"],
            json!([
                {"a": "Dana Reyes", "b": "Speaker 2", "weight": 5, "segments": [], "runs": [], "answers": 5},
                {"a": "Bo Lind", "b": "Dana Reyes", "weight": 2, "segments": ["s2", "s10"], "runs": [], "answers": 0},
                {"a": "Cy Moss", "b": "Dana Reyes", "weight": 1, "segments": [], "runs": ["r1"], "answers": 0},
                {"a": "Cy Moss", "b": "Speaker 2", "weight": 1, "segments": ["s7"], "runs": [], "answers": 0},
            ])
        );
        assert_eq!(
            data["sentences"],
            json!([
                {"segment": "s2", "text": "Bo Lind."},
                {"segment": "s7", "text": "Moss."},
                {"segment": "s10", "text": "Lind was there."},
            ])
        );
        assert_eq!(data["exchanges"], map["exchanges"]);
        assert_eq!(data["nodes"][0], json!({"name": "Dana Reyes", "kind": "speaker"}));
        assert_eq!(data["nodes"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn nothing_in_nothing_out() {
        let data = check("network_discovery_specialist", baseline, &step(Value::Null, json!({}), json!({})));
        assert_eq!(
            data,
            json!({"nodes": [], "edges": [], "sentences": [], "exchanges": [], "relations": []})
        );
    }
}
