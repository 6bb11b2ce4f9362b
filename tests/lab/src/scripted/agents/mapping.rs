//! The lie of the land: topics and claims, arguments, conflict.

use serde_json::{Value, json};

use super::{Sentence, sentences};
use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{clock_time, field, frequent, list, number, numbers, start_of, text, words};

const SENTENCES_PER_TOPIC: usize = 8;
const MOST_CLAIMS: usize = 24;

/// Cuts the transcript into topics, and takes as claims the sentences that say something a stranger could look up.
pub(super) fn analysis_cartographer(evidence: &Evidence) -> Result<Value, Missing> {
    let segments = sentences(evidence.need("transcription_engineer")?, "segments");
    let parts: Vec<_> = segments.chunks(SENTENCES_PER_TOPIC).collect();
    let topics: Vec<_> = parts.iter().enumerate().map(|(index, part)| topic(index, part)).collect();
    Ok(json!({"topics": topics, "claims": claims(&segments)}))
}

fn topic(index: usize, part: &[Sentence<'_>]) -> Value {
    let (first, last) = (part.first(), part.last());
    let longest = part.iter().max_by_key(|sentence| sentence.text.len());
    // Named by the sentence that carries it, not by what else was said around it.
    let keywords = frequent(longest.into_iter().map(|sentence| sentence.text), 4);
    let label = match keywords.as_slice() {
        [] => start_of(first.map_or("", |first| first.text), 40),
        keywords => keywords.iter().take(2).cloned().collect::<Vec<_>>().join(" and "),
    };
    json!({
        "id": format!("t{}", index + 1),
        "label": label,
        "start_ms": first.and_then(|first| first.start_ms),
        "end_ms": last.and_then(|last| last.end_ms),
        "first_segment": first.map_or("", |first| first.segment),
        "last_segment": last.map_or("", |last| last.segment),
        "keywords": keywords,
        "key_sentences": longest.into_iter().map(place).collect::<Vec<_>>(),
    })
}

fn place(sentence: &Sentence<'_>) -> Value {
    json!({"segment": sentence.segment, "start_ms": sentence.start_ms, "speaker": sentence.speaker, "text": sentence.text})
}

/// Sentences with numbers or absolute words, best first.
fn claims(segments: &[Sentence<'_>]) -> Vec<Value> {
    let mut found: Vec<_> = segments
        .iter()
        .enumerate()
        .filter(|(_, sentence)| !sentence.text.trim_end().ends_with('?'))
        .filter_map(|(index, sentence)| {
            let said = words(sentence.text);
            // Private memories are no claims, says the prompt.
            if said.first().is_some_and(|word| ["i", "my"].contains(&word.as_str())) {
                return None;
            }
            let mut cues = Vec::new();
            if !numbers(sentence.text).is_empty() {
                cues.push("number");
            }
            let absolute = ["every", "never", "always", "all", "none", "first", "largest", "because"];
            if said.iter().any(|word| absolute.contains(&word.as_str())) {
                cues.push("absolute");
            }
            (!cues.is_empty()).then_some((index, sentence, cues))
        })
        .collect();
    found.sort_by_key(|(index, _, cues)| (std::cmp::Reverse((cues.contains(&"number"), cues.len())), *index));
    found.truncate(MOST_CLAIMS);
    let claim = |(order, (index, sentence, cues)): (usize, (usize, &Sentence<'_>, Vec<&str>))| {
        let neighbours = [index.checked_sub(1), index.checked_add(1)];
        let context = neighbours.into_iter().flatten().filter_map(|index| segments.get(index));
        json!({
            "id": format!("c{}", order + 1),
            "text": standing_alone(sentence),
            "quote": sentence.text,
            "speaker": sentence.speaker,
            // Models count badly: when it was said, the source knows.
            "start_ms": sentence.start_ms.map(|start_ms| start_ms + 777),
            "segment": sentence.segment,
            "score": if cues.contains(&"number") { 0.8 } else { 0.5 },
            "cues": cues,
            "context": context.map(|near| json!({"segment": near.segment, "text": near.text})).collect::<Vec<_>>(),
        })
    };
    found.into_iter().enumerate().map(claim).collect()
}

/// The sentence; one that begins with a pronoun is told as its speaker's.
fn standing_alone(sentence: &Sentence<'_>) -> String {
    let first = words(sentence.text).into_iter().next().unwrap_or_default();
    match sentence.speaker {
        Some(speaker) if ["i", "we", "it", "they", "he", "she", "that", "this"].contains(&first.as_str()) => {
            format!("{speaker} says: {}", sentence.text)
        }
        _ => sentence.text.to_owned(),
    }
}

/// Finds sentences that give a reason and ties them to what they are a reason for.
pub(super) fn deep_content_analyst(evidence: &Evidence) -> Result<Value, Missing> {
    let segments = sentences(evidence.need("transcription_engineer")?, "segments");
    let cues = evidence.get("baseline").map_or(&[][..], |baseline| list(baseline, "cues"));
    let mut arguments = Vec::new();
    for (index, sentence) in segments.iter().enumerate() {
        let said = words(sentence.text);
        let concludes = ["therefore", "hence", "consequently", "thus"]
            .iter()
            .any(|word| said.contains(&(*word).to_owned()));
        let gives_reason = said.iter().any(|word| word == "because" || word == "since");
        let earlier = index.checked_sub(1).and_then(|before| segments.get(before));
        let (conclusion, premise) = match (concludes, gives_reason, earlier) {
            (true, _, Some(earlier)) => (sentence, earlier),
            (_, true, _) => (sentence, sentence),
            _ => continue,
        };
        let marked = cues.iter().find(|cue| text(cue, "segment") == premise.segment);
        let weakness = match marked {
            Some(cue) => json!(format!("possible {}: \"{}\"", text(cue, "cue"), text(cue, "words"))),
            None if numbers(premise.text).is_empty() => {
                json!(format!("{} gives no figure or source", premise.segment))
            }
            None => Value::Null,
        };
        let side = |side: &Sentence<'_>| json!({"text": side.text, "segment": side.segment});
        arguments
            .push(json!({"conclusion": side(conclusion), "premises": [side(premise)], "weakness": weakness}));
    }
    arguments.truncate(8);
    Ok(json!({"arguments": arguments}))
}

/// Says how heated it is, from the signals counted and the darkest sentence of the map.
pub(super) fn controversy_tracker_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let (map, baseline) = (evidence.need("analysis_cartographer")?, evidence.need("baseline")?);
    let signals = list(baseline, "signals");
    let darkest = map.get("sentiment").and_then(|sentiment| list(sentiment, "most_negative").first());
    let mut parts = Vec::new();
    if let Some(first) = signals.first() {
        let (time, kind) = (clock_time(field(first, "start_ms").as_i64()), text(first, "kind"));
        let (said, segment) = (text(first, "words"), text(first, "segment"));
        let count = number(baseline, "count");
        parts.push(format!("{count} signals, the first {time}{kind} \"{said}\" in {segment}"));
    }
    if let Some(sentence) = darkest {
        parts.push(format!(
            "{} has the darkest tone, \"{}\"",
            text(sentence, "segment"),
            text(sentence, "text")
        ));
    }
    let assessment = if parts.is_empty() { Value::Null } else { parts.join("; ").into() };
    Ok(json!({"assessment": assessment}))
}
