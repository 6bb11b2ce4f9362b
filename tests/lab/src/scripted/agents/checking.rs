//! What holds up: verdicts, risks, and both sides of an argument.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{
    content_words, field, list, number, numbers, shared_words, start_of, text, words,
};

/// A passage that may bear on a claim.
struct Passage {
    source: &'static str,
    segment: Value,
    run_id: Value,
    quote: String,
}

/// Judges a claim by its numbers: does another passage about the same matter give the same figure, or another one?
pub(super) fn verification_director(evidence: &Evidence) -> Result<Value, Missing> {
    let claim = evidence.need("item")?;
    let passages = passages(evidence);
    let said = text(claim, "text");
    let figures = numbers(said);
    let (mut supports, mut refutes, mut nearby) = (Vec::new(), Vec::new(), Vec::new());
    for passage in &passages {
        let shared = shared_words(said, &passage.quote).len();
        let theirs = numbers(&passage.quote);
        let has_all = figures.iter().all(|figure| theirs.contains(figure));
        match () {
            () if figures.is_empty() || shared == 0 || theirs.is_empty() => nearby.push(passage),
            () if has_all => supports.push(passage),
            () if shared >= 2 => refutes.push(passage),
            () => nearby.push(passage),
        }
    }
    let opinion = ["should", "think", "believe", "hope", "will"];
    let is_opinion = figures.is_empty() && words(said).iter().any(|word| opinion.contains(&word.as_str()));
    let (verdict, confidence, why) = match (supports.len(), refutes.len()) {
        (0, 0) if is_opinion => ("not_checkable", 0.8, "It states an opinion or a forecast".to_owned()),
        (0, 0) => ("not_enough_evidence", 0.6, format!("None of {} passages settles it", passages.len())),
        (for_it, 0) => ("supported", 0.7, format!("{for_it} other passages give {}", figures.join(" and "))),
        (0, against) => (
            "refuted",
            0.6,
            format!("{against} passages on the same matter do not give {}", figures.join(" and ")),
        ),
        (for_it, against) => ("conflicting", 0.5, format!("{for_it} passages agree and {against} do not")),
    };
    let cite = |stance: &'static str| {
        move |passage: &&Passage| {
            json!({"source": passage.source, "segment": passage.segment, "run_id": passage.run_id, "url": null,
                "quote": passage.quote, "stance": stance})
        }
    };
    let mut citations: Vec<_> = supports.iter().take(2).map(cite("supports")).collect();
    citations.extend(refutes.iter().take(2).map(cite("refutes")));
    if citations.is_empty() {
        citations.extend(nearby.iter().take(1).map(cite("neutral")));
    }
    let looked = if evidence.tool_answers().is_empty() { "" } else { " Memory was searched." };
    let reasoning = format!("{why}.{looked}");
    Ok(json!({"verdict": verdict, "confidence": confidence, "reasoning": reasoning, "citations": citations}))
}

/// The evidence found by rules, and what tools found.
fn passages(evidence: &Evidence) -> Vec<Passage> {
    let mut found = Vec::new();
    let by_rules = evidence.get("baseline").map_or(&[][..], |baseline| list(baseline, "evidence"));
    for entry in by_rules {
        let source = if text(entry, "source") == "memory" { "memory" } else { "transcript" };
        found.push((source, field(entry, "segment"), field(entry, "run_id"), text(entry, "quote")));
    }
    for answer in evidence.tool_answers() {
        remembered(answer, &mut Vec::new(), &mut |run_id, quote| {
            found.push(("memory", Value::Null, json!(run_id), quote));
        });
    }
    let mut passages: Vec<Passage> = Vec::new();
    for (source, segment, run_id, quote) in found {
        let known = passages.iter().any(|passage| passage.quote == quote && passage.run_id == run_id);
        if !quote.is_empty() && !known {
            passages.push(Passage { source, segment, run_id, quote: quote.to_owned() });
        }
    }
    passages
}

/// Every text under an object that has a `run_id`, with that id.
fn remembered<'a>(value: &'a Value, runs: &mut Vec<&'a str>, found: &mut impl FnMut(&'a str, &'a str)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| remembered(value, runs, found)),
        Value::Object(fields) => {
            let run = fields.get("run_id").and_then(Value::as_str);
            runs.extend(run);
            for (name, value) in fields {
                if let (Some(run), Some(text), false) =
                    (runs.last(), value.as_str(), name == "run_id" || name == "verdict")
                {
                    found(run, text);
                }
                remembered(value, runs, found);
            }
            if run.is_some() {
                runs.pop();
            }
        }
        Value::String(text) => {
            if let Some(run) = runs.last() {
                found(run, text);
            }
        }
        _ => {}
    }
}

/// Counts who claims how much, and what became of it.
pub(super) fn risk_intelligence_analyst(evidence: &Evidence) -> Result<Value, Missing> {
    evidence.need("transcription_engineer")?;
    let claims = list(evidence.need("analysis_cartographer")?, "claims");
    let mut findings = Vec::new();
    let mut speakers = BTreeMap::<&str, Vec<&Value>>::new();
    for claim in claims {
        speakers
            .entry(claim.get("speaker").and_then(Value::as_str).unwrap_or("nobody named"))
            .or_default()
            .push(claim);
    }
    for (speaker, theirs) in &speakers {
        if let Some(first) = theirs.first() {
            let count = format!("{} of {} claims are made by {speaker}.", theirs.len(), claims.len());
            findings.push(json!({"text": count, "segment": text(first, "segment"), "start_ms": field(first, "start_ms")}));
        }
    }
    for verdict in
        evidence.each("verification_director").filter(|verdict| text(verdict, "verdict") == "refuted")
    {
        if let Some(claim) = claims.iter().find(|claim| text(claim, "id") == text(verdict, "claim_id")) {
            let refuted = format!(
                "Claim {} was refuted: \"{}\"",
                text(claim, "id"),
                start_of(text(claim, "text"), 120)
            );
            findings.push(json!({"text": refuted, "segment": text(claim, "segment"), "start_ms": field(claim, "start_ms")}));
        }
    }
    let cues = evidence.get("baseline").map_or(&[][..], |baseline| list(baseline, "cues"));
    for cue in cues.iter().filter(|cue| number(cue, "count") > 0) {
        if let Some(example) = list(cue, "examples").first() {
            let counted = format!("{} was counted {} times.", text(cue, "cue"), number(cue, "count"));
            findings.push(json!({"text": counted, "segment": text(example, "segment"), "start_ms": field(example, "start_ms")}));
        }
    }
    findings.truncate(8);
    Ok(json!({"findings": findings}))
}

/// Builds each speaker's case from their claims, and the reply from what others said.
pub(super) fn argument_strategist(evidence: &Evidence) -> Result<Value, Missing> {
    let claims = list(evidence.need("analysis_cartographer")?, "claims");
    let refuted: Vec<_> = evidence
        .each("verification_director")
        .filter(|verdict| text(verdict, "verdict") == "refuted")
        .map(|verdict| text(verdict, "claim_id"))
        .collect();
    let stands = |claim: &&Value| !refuted.contains(&text(claim, "id"));
    let mut positions: Vec<Value> = Vec::new();
    for thesis in claims {
        let holder = field(thesis, "speaker");
        if positions.len() == 4 || positions.iter().any(|position| position["holder"] == holder) {
            continue;
        }
        let theirs: Vec<_> =
            claims.iter().filter(|claim| claim["speaker"] == holder).filter(stands).take(3).collect();
        if theirs.is_empty() {
            continue;
        }
        let step = |claim: &&Value| json!({"text": text(claim, "text"), "segment": text(claim, "segment")});
        let others = claims.iter().filter(|claim| claim["speaker"] != holder);
        let mut counter: Vec<_> = others.take(2).map(|claim| step(&claim)).collect();
        for id in &refuted {
            let fallen = claims.iter().find(|claim| text(claim, "id") == *id && claim["speaker"] == holder);
            counter.extend(fallen.map(|claim| {
                json!({"text": format!("{} is refuted.", text(claim, "text")), "segment": text(claim, "segment")})
            }));
        }
        if counter.is_empty() {
            let matter =
                content_words(text(thesis, "text")).into_iter().take(3).collect::<Vec<_>>().join(", ");
            counter.push(json!({"text": format!("Nobody else speaks to {matter}; other causes may fit."), "segment": null}));
        }
        positions.push(json!({
            "position": text(thesis, "text"),
            "holder": holder,
            "steelman": theirs.iter().map(step).collect::<Vec<_>>(),
            "counter": counter,
        }));
    }
    Ok(json!({"positions": positions}))
}
