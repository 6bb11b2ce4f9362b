//! WebVTT and SubRip: find the `-->` lines, tolerate everything else.

use super::collapse::{RawCue, collapse};
use super::markup::{Voice, voices};
use super::stamp::parse_stamp;
use super::{CaptionError, Captions, Span};

/// Which of the two formats.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// WebVTT: header, identifiers, NOTE, STYLE and REGION blocks.
    Vtt,
    /// SubRip: numbered cues.
    Srt,
}

/// An end this little before its start is a rounding slip; the cue is kept.
const SLIP_MS: u64 = 2000;
const REMEDY: &str =
    "write times as `00:00:01.000 --> 00:00:04.000`, a line of text below, and an empty line";

/// Reads cues; see [`super::parse`].
pub(super) fn parse(dialect: Dialect, text: &str) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut raw: Vec<RawCue> = Vec::new();
    let mut first_damage: Option<(usize, String)> = None;
    let mut state = State::Before;
    let mut payload: Vec<&str> = Vec::new();
    let mut previous_blank = true;
    let lines: Vec<&str> = split_lines(text).collect();
    let mut index = if dialect == Dialect::Vtt { header_length(&lines) } else { 0 };
    while index < lines.len() {
        let line = lines[index];
        let number = index + 1;
        index += 1;
        if let Some(timing) = timing(dialect, line, previous_blank || is_index(lines[number.max(2) - 2])) {
            drop_identifier(dialect, &mut payload);
            if matches!(state, State::Before) && payload.iter().any(|line| !line.trim().is_empty()) {
                captions.warn(number, "text before the first time was left out");
            }
            finish(&state, &payload, &mut raw);
            payload.clear();
            state = match timing {
                Ok((start_ms, end_ms)) if end_ms < start_ms && start_ms - end_ms > SLIP_MS => {
                    let problem = format!("the cue ends {} ms before it starts", start_ms - end_ms);
                    damage(&mut captions, &mut first_damage, number, problem)
                }
                Ok((start_ms, end_ms)) => {
                    if end_ms < start_ms {
                        captions.warn(number, "the cue ends before it starts; its end was set to its start");
                    }
                    State::Cue(Span { start_ms, end_ms: end_ms.max(start_ms) })
                }
                Err(problem) => damage(&mut captions, &mut first_damage, number, problem),
            };
        } else if dialect == Dialect::Vtt && previous_blank && is_comment(line) {
            while index < lines.len() && !lines[index].is_empty() && !lines[index].contains("-->") {
                index += 1;
            }
        } else {
            payload.push(line);
        }
        previous_blank = line.trim().is_empty();
    }
    finish(&state, &payload, &mut raw);
    captions.cues = collapse(raw);
    refuse_ruins(captions, first_damage, dialect)
}

enum State {
    Before,
    Cue(Span),
    Damaged,
}

fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    // A lone carriage return ends a line too, as in WebVTT.
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Lines of the WebVTT header, up to its empty line or the first cue.
fn header_length(lines: &[&str]) -> usize {
    if !lines.first().is_some_and(|line| line.starts_with("WEBVTT")) {
        return 0;
    }
    let rest = &lines[1..];
    1 + rest.iter().position(|line| line.is_empty() || line.contains("-->")).unwrap_or(rest.len())
}

fn is_comment(line: &str) -> bool {
    ["NOTE", "STYLE", "REGION"].iter().any(|word| {
        line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })
}

fn is_index(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.len() < 8 && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// The line above a timing line names the cue; it is not text.
fn drop_identifier(dialect: Dialect, payload: &mut Vec<&str>) {
    let Some(last) = payload.last() else { return };
    let alone = payload.len() < 2 || payload[payload.len() - 2].trim().is_empty();
    if is_index(last) || (dialect == Dialect::Vtt && alone && !last.trim().is_empty()) {
        payload.pop();
    }
}

/// The times of a timing line, a problem where they cannot be read, nothing where it is text.
fn timing(dialect: Dialect, line: &str, block_start: bool) -> Option<Result<(u64, u64), String>> {
    let at = line.find("->")?;
    let left = line[..at].trim_end_matches('-').trim();
    let right = line[at + 2..].split_whitespace().next().unwrap_or_default();
    match (parse_stamp(left), parse_stamp(right)) {
        (Some(start_ms), Some(end_ms)) => return Some(Ok((start_ms, end_ms))),
        (None, None) if !line.contains("-->") => return None,
        _ => {}
    }
    let digit_first = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
    if dialect == Dialect::Srt && !block_start && !digit_first(left) && !digit_first(right) {
        return None;
    }
    let (which, stamp) = if parse_stamp(left).is_none() { ("start", left) } else { ("end", right) };
    let shown: String = stamp.chars().take(40).collect();
    Some(Err(format!("the {which} time `{shown}` cannot be read")))
}

fn damage(
    captions: &mut Captions,
    first: &mut Option<(usize, String)>,
    line: usize,
    problem: String,
) -> State {
    captions.dropped += 1;
    captions.warn(line, format_args!("{problem}; the cue was left out"));
    first.get_or_insert((line, problem));
    State::Damaged
}

fn finish(state: &State, payload: &[&str], raw: &mut Vec<RawCue>) {
    let State::Cue(span) = *state else { return };
    let joined = payload.join("\n");
    if !joined.contains('<') {
        let lines = payload.iter().flat_map(|line| voices(line)).map(|voice| voice.text).collect();
        push(raw, span, None, lines);
        return;
    }
    // Tags may span lines, so voices are found in the whole cue and lines afterwards.
    let marked = joined.replace('\n', &LINE_BREAK.to_string());
    let found = voices(&marked);
    let total: usize = found.iter().map(|voice| voice.text.len()).sum();
    let mut before = 0;
    for Voice { speaker, text } in found {
        let start_ms = within(span, before, total);
        before += text.len();
        let lines = text.split(LINE_BREAK).map(super::markup::fold).filter(|line| !line.is_empty()).collect();
        push(raw, Span { start_ms, end_ms: within(span, before, total) }, speaker, lines);
    }
}

/// Stands for a line break while tags are taken out; a private-use letter that no caption contains.
const LINE_BREAK: char = '\u{f8fe}';

fn push(raw: &mut Vec<RawCue>, span: Span, speaker: Option<String>, lines: Vec<String>) {
    if !lines.is_empty() {
        raw.push(RawCue { span, speaker, lines });
    }
}

/// The time of a place in words that take this long, by the share before it.
pub(super) fn within(span: Span, part: usize, whole: usize) -> u64 {
    span.start_ms + (span.end_ms - span.start_ms) * part as u64 / whole.max(1) as u64
}

/// A file that lost more cues than it kept is refused: what remains would mislead.
fn refuse_ruins(
    captions: Captions,
    first_damage: Option<(usize, String)>,
    dialect: Dialect,
) -> Result<Captions, CaptionError> {
    match first_damage {
        Some((line, problem)) if captions.dropped > captions.cues.len() => {
            Err(CaptionError::new(line, problem, REMEDY))
        }
        _ if captions.cues.is_empty() && dialect == Dialect::Vtt => {
            Err(CaptionError::new(1, "the WebVTT file has no cue with text", REMEDY))
        }
        _ if captions.cues.is_empty() => {
            Err(CaptionError::new(1, "the SubRip file has no cue with text", REMEDY))
        }
        _ => Ok(captions),
    }
}
