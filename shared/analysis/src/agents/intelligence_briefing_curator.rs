//! The briefing: everything worth reading, each line with its place, and every gap by name.

use std::collections::BTreeMap;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::briefing_parts::{argument, context, gaps, people, risks};
use super::input::{self, Cartography, Claim, Sentence};
use super::read::{Item, Transcript, transcript, verifications};
use crate::document::Document;
use crate::likeness::Likeness;
use crate::segments::Segment;

/// So many claims are shown, checked or not; at a depth that checks more, all that it checks.
const MOST_CLAIMS: usize = 25;
const MOST_KEY_POINTS: usize = 7;

/// Puts the briefing together by extraction; no sentence in it is made up.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let map = input::cartography(input);
    let rows = verifications(input);
    let most_claims = input.request.depth.max_claims().max(MOST_CLAIMS);
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
        "claims": map.claims.iter().take(most_claims).map(|claim| claim_row(claim, &rows)).collect::<Vec<_>>(),
        "argument": argument(input),
        "risks": risks(input),
        "people": people(input, &map),
        "context": context(input, &transcript),
        "gaps": gaps(input, &map, &transcript),
    });
    for part in ["argument", "risks", "context"] {
        fill_times(&mut data[part], &transcript);
    }
    Analysis::Partial { data, lacking: "the text is made of quotations, not written".to_owned() }
}

/// The strongest claims that say what neither the summary nor a stronger one says, in order of time; the topics' key
/// sentences where there is no such claim.
fn key_points(map: &Cartography) -> Vec<Value> {
    let row = |text: &str, segment: &str, start_ms: Option<u64>| {
        let json = json!({"text": text, "segment": segment, "start_ms": start_ms});
        (text.to_owned(), segment.to_owned(), json)
    };
    let sentence = |sentence: &Sentence| row(&sentence.text, &sentence.segment, sentence.start_ms);
    let said: Vec<_> = map.summary.iter().map(sentence).collect();
    let claims = map.claims.iter().map(|claim| row(&claim.text, &claim.segment, claim.start_ms)).collect();
    let points = apart(&said, claims, &map.language);
    if !points.is_empty() {
        return points;
    }
    let key = map.topics.iter().flat_map(|topic| &topic.key_sentences).map(sentence).collect();
    apart(&said, key, &map.language)
}

/// The first candidates that are alike nothing said and none before them, in order of time.
fn apart(
    said: &[(String, String, Value)],
    candidates: Vec<(String, String, Value)>,
    language: &str,
) -> Vec<Value> {
    let rows: Vec<&(String, String, Value)> = said.iter().chain(&candidates).collect();
    let segments: Vec<Segment> =
        rows.iter().map(|(text, ..)| Segment { text: text.clone(), ..Segment::default() }).collect();
    let document = Document::new(&segments, language);
    let likeness = Likeness::new(&document);
    let mut chosen: Vec<usize> = (0..said.len()).collect();
    for at in said.len()..rows.len() {
        let fresh = |other: &usize| rows[*other].1 != rows[at].1 && !likeness.alike(*other, at);
        if chosen.len() < said.len() + MOST_KEY_POINTS && chosen.iter().all(fresh) {
            chosen.push(at);
        }
    }
    let mut points = chosen.split_off(said.len());
    points.sort_by_key(|at| input::place(&rows[*at].1));
    points.into_iter().map(|at| rows[at].2.clone()).collect()
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

#[cfg(test)]
mod tests {
    use engine::model::Depth;

    use super::*;
    use crate::agents::input::testing::step;

    #[test]
    fn every_claim_that_was_checked_is_shown() {
        let claims: Vec<Value> =
            (0..60).map(|at| json!({"id": format!("c{at}"), "text": "It rose."})).collect();
        for depth in Depth::ALL {
            let checked: Vec<Value> = (0..depth.max_claims())
                .map(|at| json!({"item": format!("c{at}"), "status": "ok", "data": {"verdict": "supported"}}))
                .collect();
            let inputs =
                json!({"analysis_cartographer": {"claims": claims}, "verification_director": checked});
            let mut input = step(Value::Null, inputs, json!({}));
            input.request.depth = depth;
            let Analysis::Partial { data, .. } = baseline(&input) else { panic!("{depth:?}") };
            let shown = data["claims"].as_array().unwrap();
            let with_verdict = shown.iter().filter(|claim| claim["verdict"] == "supported").count();
            assert_eq!(
                (with_verdict, shown.len()),
                (depth.max_claims(), depth.max_claims().max(25)),
                "{depth:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_the_source_is_a_gap() {
        let check = |dropped: u64, warnings: &[&str], expected: &[&str]| {
            let transcript = json!({"dropped_cues": dropped, "warnings": warnings});
            let input = step(Value::Null, json!({"transcription_engineer": transcript}), json!({}));
            let Analysis::Partial { data, .. } = baseline(&input) else { panic!("no briefing") };
            let gaps = data["gaps"].as_array().unwrap();
            assert_eq!(gaps.iter().map(|gap| gap["reason"].as_str().unwrap()).collect::<Vec<_>>(), expected);
        };
        check(0, &[], &[]);
        check(0, &["line 3: times were left out"], &["line 3: times were left out"]);
        check(2, &[], &["2 captions could not be read and were left out"]);
        let named = "1 caption could not be read and was left out (a; b; c; and 2 more)";
        check(1, &["a", "b", "c", "d", "e"], &[named]);
    }

    #[test]
    fn key_points_say_nothing_twice() {
        let sentence = |segment: &str, text: &str| json!({"segment": segment, "start_ms": 1, "speaker": null, "text": text});
        let claim = |segment: &str, text: &str| json!({"segment": segment, "text": text, "quote": text, "start_ms": 1});
        let map = json!({
            "language": "en",
            "summary": [sentence("s1", "The council voted for wall 1 and the river rose by 3 percent.")],
            "topics": [{"key_sentences": [sentence("s9", "The bridge was closed for nineteen days.")]}],
            "claims": [
                claim("s7", "The council voted for wall 7 and the river rose by 21 percent."),
                claim("s5", "Rents in Eastgate rose by 17 percent last year."),
                claim("s3", "Rents in Eastgate rose by 12 percent last year."),
                claim("s2", "The school roof costs 4 million pounds."),
            ],
        });
        let points = |map: &Value| {
            let points = key_points(&input::read(Some(map)));
            points.iter().map(|row| row["segment"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(points(&map), ["s2", "s5"]);
        let mut without = map.clone();
        without["claims"] = json!([]);
        assert_eq!(points(&without), ["s9"]);
    }
}
