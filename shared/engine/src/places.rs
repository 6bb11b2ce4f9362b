//! When and by whom something was said is told by the source. A model points at a segment; the time and the speaker it writes
//! beside it become the segment's, and words that stand in another segment point at that one.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::citations::{fold, points_at_content};
use crate::step_input::StepInput;

/// A segment as the evidence shows it.
struct Place<'a> {
    start_ms: &'a Value,
    end_ms: &'a Value,
    speaker: Option<&'a str>,
    text: &'a str,
    folded: OnceCell<String>,
}

impl Place<'_> {
    /// True if the words stand in it; they are folded already.
    fn says(&self, words: &str) -> bool {
        self.folded.get_or_init(|| fold(self.text)).contains(words)
    }
}

type Places<'a> = BTreeMap<&'a str, Place<'a>>;

/// Puts the times, speakers and segments in `answer` right. Returns how many things were misplaced.
pub(crate) fn mend(answer: &mut Value, input: &StepInput, baseline: Option<&Value>) -> usize {
    if !points_at_content(answer) {
        return 0;
    }
    let mut places = Places::new();
    let inputs = input.inputs.values().filter_map(|input| input.data.as_deref());
    inputs.chain(&input.item).chain(baseline).for_each(|value| learn(value, &mut places));
    mend_in(answer, &places)
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// True for what an earlier run said: its segments are others.
fn is_of_another_run(fields: &Map<String, Value>) -> bool {
    fields.get("run_id").is_some_and(|id| !id.is_null())
}

fn learn<'a>(value: &'a Value, places: &mut Places<'a>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| learn(value, places)),
        Value::Object(fields) if !is_of_another_run(fields) => {
            if let (Some(id), Some(text), Some(start_ms), Some(end_ms)) =
                (text(fields, "id"), text(fields, "text"), fields.get("start_ms"), fields.get("end_ms"))
            {
                let speaker = self::text(fields, "speaker");
                places.insert(id, Place { start_ms, end_ms, speaker, text, folded: OnceCell::new() });
            }
            fields.values().for_each(|value| learn(value, places));
        }
        _ => {}
    }
}

fn mend_in(value: &mut Value, places: &Places<'_>) -> usize {
    match value {
        Value::Array(values) => values.iter_mut().map(|value| mend_in(value, places)).sum(),
        Value::Object(fields) if !is_of_another_run(fields) => {
            let misplaced = usize::from(mend_fields(fields, places));
            misplaced + fields.values_mut().map(|value| mend_in(value, places)).sum::<usize>()
        }
        _ => 0,
    }
}

/// True if something was not right.
fn mend_fields(fields: &mut Map<String, Value>, places: &Places<'_>) -> bool {
    let mut is_mended = false;
    let mut set = |fields: &mut Map<String, Value>, name: &str, right: &Value| {
        if let Some(value) = fields.get_mut(name).filter(|value| *value != right) {
            value.clone_from(right);
            is_mended = true;
        }
    };
    if let Some(segment) = text(fields, "quote").and_then(|quote| elsewhere(quote, fields, places)) {
        set(fields, "segment", &Value::from(segment));
    }
    let place = |name: &str| text(fields, name).and_then(|segment| places.get(segment));
    // Beside its one segment, a stretch has a beginning and an end of its own.
    let is_stretch = fields.contains_key("segment") && fields.contains_key("end_ms");
    let first = place("segment").or_else(|| place("first_segment")).filter(|_| !is_stretch);
    let last = place("last_segment");
    let names_somebody = fields.get("speaker").is_some_and(Value::is_string);
    if let Some(place) = first {
        set(fields, "start_ms", place.start_ms);
        if let Some(speaker) = place.speaker.filter(|_| names_somebody) {
            set(fields, "speaker", &Value::from(speaker));
        }
    }
    if let Some(place) = last {
        set(fields, "end_ms", place.end_ms);
    }
    is_mended
}

/// The one segment in which these words stand, if they do not stand in the one that is named.
fn elsewhere<'a>(quote: &str, fields: &Map<String, Value>, places: &Places<'a>) -> Option<&'a str> {
    let named = places.get(text(fields, "segment")?)?;
    let quote = fold(quote);
    if named.says(&quote) {
        return None;
    }
    let mut segments = places.iter().filter(|(_, place)| place.says(&quote)).map(|(segment, _)| *segment);
    segments.next().filter(|_| segments.next().is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{AgentId, Status};
    use crate::step_input::{Input, RequestView};

    /// What comes of an answer, and how many things in it were misplaced.
    fn check(answer: Value, expected: Value, misplaced: usize) {
        let transcript = json!({"segments": [
            {"id": "s1", "start_ms": 0, "end_ms": 4_000, "speaker": "Ann", "text": "The dam holds three million litres."},
            {"id": "s2", "start_ms": 4_000, "end_ms": 9_000, "speaker": "Bob", "text": "It was built in 1962."},
            {"id": "s3", "start_ms": null, "end_ms": null, "speaker": null, "text": "It was paid for by a bank."},
        ]});
        let earlier = json!({"id": "s9", "start_ms": 77, "end_ms": 78, "text": "It was built in 1962."});
        let baseline = json!({"earlier": {"run_id": "R1", "segments": [earlier]}});
        let data = Some(serde_json::from_value(transcript).unwrap());
        let transcribed = Input { status: Status::Ok, data, reason: None };
        let input = StepInput {
            request: RequestView::of_text(),
            item: None,
            inputs: [(AgentId::new("transcription_engineer"), transcribed)].into(),
            facts: Default::default(),
        };
        let mut mended = answer.clone();
        assert_eq!(mend(&mut mended, &input, Some(&baseline)), misplaced, "{answer}");
        assert_eq!(mended, expected, "{answer}");
    }

    #[test]
    fn a_place_is_the_sources_whatever_the_model_says() {
        let right = json!({"claims": [{"segment": "s2", "start_ms": 4_000, "speaker": "Bob", "quote": "built in  1962"}]});
        check(right.clone(), right.clone(), 0);
        for (start_ms, speaker, segment) in [(-1, "Bob", "s2"), (4_000, "Ann", "s2"), (4_000, "Bob", "s1")] {
            let wrong = json!({"claims": [
                {"segment": segment, "start_ms": start_ms, "speaker": speaker, "quote": "built in  1962"},
            ]});
            check(wrong, right.clone(), 1);
        }
        let topic = |start_ms, end_ms| json!({"first_segment": "s1", "last_segment": "s2", "start_ms": start_ms, "end_ms": end_ms});
        check(topic(500, 800), topic(0, 9_000), 1);
        // A source without times has none; one of whom nothing is known is who the model says.
        check(
            json!({"segment": "s3", "start_ms": 5, "speaker": "Cy"}),
            json!({"segment": "s3", "start_ms": null, "speaker": "Cy"}),
            1,
        );
        // Nobody is named who was not, and what is no earlier run's is this one's.
        check(
            json!({"run_id": null, "segment": "s1", "start_ms": 5, "speaker": null}),
            json!({"run_id": null, "segment": "s1", "start_ms": 0, "speaker": null}),
            1,
        );
        // Another run's segments are not this one's, and words that stand nowhere stay where they are.
        for other in [
            json!({"segment": "s9", "start_ms": 5}),
            json!({"run_id": "R1", "segment": "s1", "start_ms": 5}),
            json!({"segment": "s1", "quote": "nobody said so"}),
            json!({"segment": "s1", "quote": "It was"}),
            json!({"segment": "s2", "start_ms": 1_000, "end_ms": 9_000}),
            json!({"text": "no place", "start_ms": 5}),
        ] {
            check(other.clone(), other, 0);
        }
    }
}
