//! JSON transcripts: the podcast namespace's, the like-shaped output of speech recognisers, and YouTube's json3.
//!
//! Values are read as a tree, whose depth the parser bounds, so hostile nesting is an error and not a crash.

use serde_json::Value;

use super::markup::clean;
use super::stamp::{parse_stamp, seconds_to_ms};
use super::{CaptionError, Captions, Cue, Span};

const PODCAST_REMEDY: &str = "give `{\"segments\": [{\"speaker\": \"Ann\", \"startTime\": 0.5, \"endTime\": 1.5, \"body\": \"...\"}]}`";
const JSON3_REMEDY: &str =
    "give `{\"events\": [{\"tStartMs\": 0, \"dDurationMs\": 1000, \"segs\": [{\"utf8\": \"...\"}]}]}`";

/// `{"segments": [{"speaker", "startTime", "endTime", "body"}]}`.
pub(super) fn podcast(text: &str) -> Result<Captions, CaptionError> {
    let root = tree(text, PODCAST_REMEDY)?;
    let rows = root
        .as_array()
        .or_else(|| ["segments", "utterances", "results"].iter().find_map(|name| root.get(name)?.as_array()));
    let rows =
        rows.ok_or_else(|| CaptionError::new(1, "there is no list named `segments`", PODCAST_REMEDY))?;
    let mut captions = Captions::default();
    let mut without_time = None;
    for (position, row) in rows.iter().enumerate() {
        let body = first(row, &["body", "text"]).and_then(Value::as_str).map(clean);
        let start_ms = first(row, &["startTime", "start"]).and_then(seconds);
        let Some(body) = body else {
            drop_row(&mut captions, "segment", position, "has no text");
            continue;
        };
        if body.is_empty() {
            continue;
        }
        if start_ms.is_none() {
            without_time.get_or_insert(position);
        }
        let end_ms = first(row, &["endTime", "end"]).and_then(seconds);
        let span =
            start_ms.map(|start_ms| Span { start_ms, end_ms: end_ms.unwrap_or(start_ms).max(start_ms) });
        let speaker = row.get("speaker").and_then(Value::as_str).map(clean).filter(|name| !name.is_empty());
        captions.cues.push(Cue { span, speaker, text: body });
    }
    // Times are used only when every cue has them; half a clock would put words at the wrong moment.
    let timed = captions.cues.iter().filter(|cue| cue.span.is_some()).count();
    if let Some(position) = without_time.filter(|_| timed > 0) {
        captions.cues.iter_mut().for_each(|cue| cue.span = None);
        let problem = "times were left out because it has no readable start time";
        captions.warn_at(format_args!("segment {}", position + 1), problem);
    }
    usable(captions, "segment", PODCAST_REMEDY)
}

/// `{"events": [{"tStartMs", "dDurationMs", "segs": [{"utf8"}]}]}`; events that only append a line break are skipped.
pub(super) fn json3(text: &str) -> Result<Captions, CaptionError> {
    let root = tree(text, JSON3_REMEDY)?;
    let events = root.get("events").and_then(Value::as_array);
    let events =
        events.ok_or_else(|| CaptionError::new(1, "there is no list named `events`", JSON3_REMEDY))?;
    let mut captions = Captions::default();
    for (position, event) in events.iter().enumerate() {
        let Some(pieces) = event.get("segs").and_then(Value::as_array) else { continue };
        let joined: String = pieces.iter().filter_map(|piece| piece.get("utf8")?.as_str()).collect();
        let text = clean(&joined);
        if text.is_empty() {
            continue;
        }
        let Some(start_ms) = event.get("tStartMs").and_then(milliseconds) else {
            drop_row(&mut captions, "event", position, "has text but no readable `tStartMs`");
            continue;
        };
        let length_ms = event.get("dDurationMs").and_then(milliseconds).unwrap_or(0);
        let span = Span { start_ms, end_ms: start_ms + length_ms };
        captions.cues.push(Cue { span: Some(span), speaker: None, text });
    }
    usable(captions, "event", JSON3_REMEDY)
}

/// The values of a text. A number that no machine number can hold is read as nothing, not as the end of the file.
fn tree(text: &str, remedy: &str) -> Result<Value, CaptionError> {
    let read = serde_json::from_str(text);
    read.or_else(|error| serde_json::from_str(&without_huge_numbers(text)).map_err(|_| error)).map_err(
        |error| CaptionError::new(error.line().max(1), format!("the JSON cannot be read ({error})"), remedy),
    )
}

/// The text with `null` for each number beyond the range of a double.
fn without_huge_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_number = !in_string && (letter == '-' || letter.is_ascii_digit());
        let after = || rest.find(|part: char| !"+-.eE0123456789".contains(part)).unwrap_or(rest.len());
        let length = if is_number { after() } else { letter.len_utf8() };
        let piece = &rest[..length];
        let huge = is_number && piece.parse().is_ok_and(f64::is_infinite);
        kept.push_str(if huge { "null" } else { piece });
        in_string ^= letter == '"' && !escaped;
        escaped = in_string && letter == '\\' && !escaped;
        rest = &rest[length..];
    }
    kept
}

fn first<'a>(row: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| row.get(name))
}

fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => seconds_to_ms(number.as_f64()?),
        Value::String(text) => text.parse().ok().and_then(seconds_to_ms).or_else(|| parse_stamp(text)),
        _ => None,
    }
}

fn milliseconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => seconds_to_ms(number.as_f64()? / 1000.0),
        Value::String(text) => seconds_to_ms(text.parse::<f64>().ok()? / 1000.0),
        _ => None,
    }
}

fn drop_row(captions: &mut Captions, kind: &str, position: usize, problem: &str) {
    captions.dropped += 1;
    captions.warn_at(format_args!("{kind} {}", position + 1), format_args!("it {problem} and was left out"));
}

fn usable(captions: Captions, kind: &str, remedy: &str) -> Result<Captions, CaptionError> {
    if captions.cues.is_empty() || captions.dropped > captions.cues.len() {
        return Err(CaptionError::new(1, format!("no {kind} with text and time can be read"), remedy));
    }
    Ok(captions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_nesting_is_an_error() {
        for text in ["[".repeat(100_000), "{\"segments\":".repeat(100_000)] {
            assert_eq!(podcast(&text).unwrap_err().line, 1);
            assert_eq!(json3(&text).unwrap_err().line, 1);
        }
    }

    #[test]
    fn the_line_of_a_syntax_error_is_named() {
        assert_eq!(podcast("{\n\"segments\": [\n oops ]}").unwrap_err().line, 3);
    }

    #[test]
    fn a_number_without_bounds_is_no_number() {
        let text = r#"{"segments": [{"start": 1, "end": 1e400, "text": "He said: 1e400, \"-2e999\"."}, {"start": 2, "end": 3,
            "score": -1e999, "text": "Hi."}]}"#;
        let captions = podcast(text).unwrap();
        assert_eq!(captions.cues[0].text, "He said: 1e400, \"-2e999\".");
        assert_eq!(captions.cues[0].span, Some(Span { start_ms: 1000, end_ms: 1000 }));
        assert_eq!(captions.cues[1].span, Some(Span { start_ms: 2000, end_ms: 3000 }));
    }

    #[test]
    fn one_segment_without_a_time_is_named() {
        let text = |first: &str| {
            format!(r#"{{"segments": [{{{first}"body": "Hi."}}, {{"body": "You."}}, {{"startTime": 3}}]}}"#)
        };
        let captions = podcast(&text("\"startTime\": 1, ")).unwrap();
        assert!(captions.cues.iter().all(|cue| cue.span.is_none()));
        let no_text = "segment 3: it has no text and was left out";
        let expected = [no_text, "segment 2: times were left out because it has no readable start time"];
        assert_eq!(captions.warnings, expected);
        // A source without times lacks none.
        assert_eq!(podcast(&text("")).unwrap().warnings, [no_text]);
    }

    #[test]
    fn recogniser_output_is_read_too() {
        let captions = podcast(r#"{"segments": [{"start": 1, "end": 2.5, "text": " Hi. "}]}"#).unwrap();
        assert_eq!(captions.cues[0].text, "Hi.");
        assert_eq!(captions.cues[0].span, Some(Span { start_ms: 1000, end_ms: 2500 }));
    }

    #[test]
    fn append_events_are_skipped() {
        let text = r#"{"events": [{"tStartMs": 5, "dDurationMs": 10, "segs": [{"utf8": "a"}, {"utf8": " b"}]},
            {"tStartMs": 15, "aAppend": 1, "segs": [{"utf8": "\n"}]}, {"tStartMs": 0, "wWinId": 1}]}"#;
        let captions = json3(text).unwrap();
        assert_eq!(captions.cues.len(), 1);
        assert_eq!(captions.cues[0].text, "a b");
    }
}
