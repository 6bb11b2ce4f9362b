//! The briefing: everything worth reading, each line with its place, and every gap by name.

use std::collections::BTreeMap;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::briefing_parts::{argument, context, gaps, people, risks};
use super::input::{self, Cartography, Claim, Sentence};
use super::read::{Item, Transcript, transcript, verifications};

const MOST_CLAIMS: usize = 25;
const MOST_KEY_POINTS: usize = 7;

/// Puts the briefing together by extraction; no sentence in it is made up.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let map = input::cartography(input);
    let rows = verifications(input);
    let source = input.ok("acquisition_specialist").unwrap_or(&Value::Null);
    let title = source["title"].as_str().filter(|title| !title.trim().is_empty()).unwrap_or(&map.title);
    let summary: Vec<Value> = map
        .summary
        .iter()
        .map(|row| json!({"text": row.text, "start_ms": row.start_ms, "segment": row.segment, "speaker": row.speaker}))
        .collect();
    let topics: Vec<Value> = map
        .topics
        .iter()
        .map(|topic| {
            json!({
                "label": topic.label,
                "start_ms": topic.start_ms,
                "end_ms": topic.end_ms,
                "keywords": topic.keywords,
                "sentences": topic.key_sentences.iter().map(sentence).collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut data = json!({
        "title": title,
        "source": {
            "name": input.request.source_name,
            "kind": source["kind"],
            "rung": source["rung"],
            "language": transcript.language.code,
            "duration_ms": transcript.duration_ms,
            "word_count": transcript.word_count,
        },
        "summary": summary,
        "key_points": key_points(&map),
        "topics": topics,
        "highlights": map.highlights,
        "claims": map.claims.iter().take(MOST_CLAIMS).map(|claim| claim_row(claim, &rows)).collect::<Vec<_>>(),
        "argument": argument(input),
        "risks": risks(input),
        "people": people(input, &map),
        "context": context(input),
        "gaps": gaps(input, &map, &transcript),
    });
    for part in ["argument", "risks"] {
        fill_times(&mut data[part], &transcript);
    }
    Analysis::Partial { data, lacking: "the text is made of quotations, not written".to_owned() }
}

/// The strongest claims that the summary does not hold already, in order of time.
fn key_points(map: &Cartography) -> Vec<Value> {
    let fresh = |segment: &str| map.summary.iter().all(|sentence| sentence.segment != segment);
    let mut points: Vec<&Claim> =
        map.claims.iter().filter(|claim| fresh(&claim.segment)).take(MOST_KEY_POINTS).collect();
    points.sort_by_key(|claim| input::place(&claim.segment));
    let mut rows: Vec<Value> = points
        .into_iter()
        .map(|claim| json!({"text": claim.text, "segment": claim.segment, "start_ms": claim.start_ms}))
        .collect();
    if rows.is_empty() {
        let key = map.topics.iter().flat_map(|topic| &topic.key_sentences).filter(|row| fresh(&row.segment));
        rows.extend(
            key.take(MOST_KEY_POINTS)
                .map(|row| json!({"text": row.text, "segment": row.segment, "start_ms": row.start_ms})),
        );
    }
    rows
}

/// A claim with its verdict; an uncertain check gives no verdict, only what it found.
fn claim_row(claim: &Claim, rows: &[Item]) -> Value {
    let row = rows.iter().find(|row| row.item == claim.id);
    let checked = row.and_then(|row| row.data.as_ref());
    let verdict = row.and_then(Item::verdict);
    let citations =
        checked.map(|data| if data.citations.is_empty() { &data.evidence } else { &data.citations });
    json!({
        "id": claim.id,
        "text": claim.text,
        "speaker": claim.speaker,
        "start_ms": claim.start_ms,
        "segment": claim.segment,
        "score": claim.score,
        "verdict": verdict.or(row.map(|_| "not_checked")),
        "confidence": checked.filter(|_| verdict.is_some()).and_then(|data| data.confidence),
        "citations": citations.cloned().unwrap_or_default(),
    })
}

/// Some agents name a segment without its time; the transcript knows it.
fn fill_times(rows: &mut Value, transcript: &Transcript) {
    let times: BTreeMap<&str, u64> =
        transcript.segments.iter().filter_map(|row| Some((row.id.as_str(), row.start_ms?))).collect();
    for row in rows.as_array_mut().into_iter().flatten() {
        let known = row["segment"].as_str().and_then(|segment| times.get(segment));
        if let (Some(start_ms), true) = (known, row["start_ms"].is_null()) {
            row["start_ms"] = json!(start_ms);
        }
    }
}

fn sentence(row: &Sentence) -> Value {
    json!({"segment": row.segment, "start_ms": row.start_ms, "speaker": row.speaker, "text": row.text})
}
