//! What the first analysis would wait for, built before.

use std::collections::BTreeMap;

use engine::model::{AgentId, Depth, Status};
use engine::step_input::{Input, RequestView, StepInput};
use serde_json::json;

use super::analysers;

/// Whose patterns take longest to build; no run needs them early.
const LAST: &str = "deep_content_analyst";

/// Builds the word lists and the patterns that most content needs, by having every agent analyse two sentences, one agent with
/// each step of the iterator. Most patterns keep some of what they learn by thread, so the thread that will analyse gains by
/// doing it too.
pub fn prepare() -> impl Iterator<Item = ()> {
    let sentences = [
        "In March 2024, Dr. Ann Lee of Marlow said that 612 homes were flooded, up 4 percent.",
        "Honestly, I think we must act now, or else everyone loses; see the map on the screen.",
    ];
    let segments: Vec<_> = (1u64..)
        .zip(sentences)
        .map(|(number, text)| {
            json!({"id": format!("s{number}"), "start_ms": number * 1_000, "end_ms": number * 1_000 + 900,
                   "speaker": format!("Speaker {number}"), "text": text})
        })
        .collect();
    let text = format!("WEBVTT\n\n00:00.000 --> 00:02.000\n{}", sentences[0]);
    let request = RequestView {
        source_name: "sample.vtt".to_owned(),
        media_type: "text/vtt".to_owned(),
        bytes: text.len() as u64,
        depth: Depth::Standard,
        requested_ms: 0,
    };
    let transcript =
        json!({"language": {"code": "en"}, "timed": true, "word_count": 33, "segments": segments});
    let transcript = Input { status: Status::Ok, data: Some(transcript.into()), reason: None };
    let input = StepInput {
        request,
        item: None,
        inputs: BTreeMap::from([(AgentId::new("transcription_engineer"), transcript)]),
        facts: BTreeMap::from([("content".to_owned(), json!({"format": "vtt", "text": text}))]),
    };
    let mut analysers = analysers();
    let last = analysers.remove(LAST);
    analysers.into_values().chain(last).map(move |analyser| drop(analyser.analyse(&input)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_analyser_is_prepared() {
        assert!(analysers().contains_key(LAST));
        assert_eq!(prepare().count(), analysers().len());
    }
}
