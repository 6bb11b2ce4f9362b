//! The briefing: everything worth reading, each line with its place, and every gap by name.

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::briefing_parts::{argument, context, gaps, people, risks};
use super::read::{Item, Map, Sentence, Verification, map, transcript, verifications};

const MOST_CLAIMS: usize = 25;
const MOST_KEY_POINTS: usize = 7;

/// Puts the briefing together by extraction; no sentence in it is made up.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let map = map(input);
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
    let data = json!({
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
        "claims": map.claims.iter().take(MOST_CLAIMS).map(|claim| claim_row(claim, &rows)).collect::<Vec<_>>(),
        "argument": argument(input),
        "risks": risks(input),
        "people": people(input, &map),
        "context": context(input),
        "gaps": gaps(input, &transcript),
    });
    Analysis::Partial { data, lacking: "the text is made of quotations, not written".to_owned() }
}

/// The strongest claims that the summary does not hold already, in order of time.
fn key_points(map: &Map) -> Vec<Value> {
    let fresh = |segment: &str| map.summary.iter().all(|sentence| sentence.segment != segment);
    let mut points: Vec<&super::read::Claim> =
        map.claims.iter().filter(|claim| fresh(&claim.segment)).take(MOST_KEY_POINTS).collect();
    points.sort_by_key(|claim| super::read::segment_number(&claim.segment));
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
fn claim_row(claim: &super::read::Claim, rows: &[Item<Verification>]) -> Value {
    let row = rows.iter().find(|row| row.item == claim.id);
    let checked = row.and_then(|row| row.data.as_ref());
    let sure = row.is_some_and(|row| row.status == "ok");
    let verdict = checked.map(|data| if sure { data.verdict.as_str() } else { "not_checked" });
    let citations =
        checked.map(|data| if data.citations.is_empty() { &data.evidence } else { &data.citations });
    json!({
        "id": claim.id,
        "text": claim.text,
        "speaker": claim.speaker,
        "start_ms": claim.start_ms,
        "segment": claim.segment,
        "score": claim.score,
        "verdict": verdict,
        "confidence": checked.filter(|_| sure).and_then(|data| data.confidence),
        "citations": citations.cloned().unwrap_or_default(),
    })
}

fn sentence(row: &Sentence) -> Value {
    json!({"segment": row.segment, "start_ms": row.start_ms, "speaker": row.speaker, "text": row.text})
}
