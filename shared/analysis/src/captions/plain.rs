//! Plain text and Markdown: paragraphs, and times at line starts where a transcript was copied with them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::pattern;

use super::lines::within;
use super::markup::fold;
use super::stamp::parse_stamp;
use super::{CaptionError, Captions, Cue, Span};

/// Fewer stamped lines than this are prose that mentions a time.
const FEWEST_STAMPS: usize = 3;

/// Plain text: an empty line ends a paragraph, and so does a line that starts with a speaker or a time.
pub(super) fn text(text: &str) -> Result<Captions, CaptionError> {
    from_lines(&text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).collect::<Vec<_>>())
}

/// Words with their line, and with the time before them.
struct Paragraph {
    line: usize,
    start_ms: Option<u64>,
    text: String,
}

fn from_lines(lines: &[(usize, &str)]) -> Result<Captions, CaptionError> {
    let stamps: Vec<u64> = lines.iter().filter_map(|(_, line)| Some(leading_stamp(line)?.0)).collect();
    let paragraphs = paragraphs(lines, stamps.len() >= FEWEST_STAMPS);
    let untimed = paragraphs.iter().filter(|paragraph| paragraph.start_ms.is_none()).count();
    if untimed > 0 && !are_times(&stamps) {
        return from_paragraphs(self::paragraphs(lines, false));
    }
    from_paragraphs(paragraphs)
}

/// Whether these stamps, which not every paragraph has, are times all the same, and not those of a programme or an agenda, which are
/// a clock's: a recording begins at its beginning.
fn are_times(stamps: &[u64]) -> bool {
    const BEGINS_MS: u64 = 120_000;
    stamps.len() >= FEWEST_STAMPS && stamps.first().is_some_and(|first_ms| *first_ms <= BEGINS_MS)
}

/// The paragraphs of numbered lines without white space around them.
fn paragraphs(lines: &[(usize, &str)], stamped: bool) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut fresh = true;
    for &(line_number, line) in lines {
        if line.is_empty() {
            fresh = true;
            continue;
        }
        let (start_ms, rest) = match leading_stamp(line) {
            Some((start_ms, rest)) if stamped => (Some(start_ms), rest),
            _ => (None, line),
        };
        let heading = paragraphs.last().is_some_and(|before| is_heading(&before.text));
        let begins =
            start_ms.is_some() || begins_turn(rest) || heading && rest.starts_with(char::is_uppercase);
        if fresh || begins {
            paragraphs.push(Paragraph { line: line_number, start_ms, text: rest.to_owned() });
        } else if let Some(paragraph) = paragraphs.last_mut() {
            paragraph.text.push(' ');
            paragraph.text.push_str(rest);
        }
        fresh = false;
    }
    paragraphs
}

/// Markdown: code, images, comments and markers out; headings, list items and quotes are paragraphs.
pub(super) fn markdown(source: &str) -> Result<Captions, CaptionError> {
    // What goes leaves its line ends, so that lines keep their numbers.
    let line_ends = |found: &Captures<'_>| format!(" {}", "\n".repeat(found[0].matches('\n').count()));
    let body = FRONT_MATTER.replace(source, line_ends);
    let body = COMMENT.replace_all(&body, line_ends);
    let mut kept: Vec<(usize, String)> = Vec::new();
    let mut in_code = false;
    for (index, line) in body.lines().enumerate() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        if in_code || RULE.is_match(line) {
            continue;
        }
        let marker = MARKER.find(line).map_or(0, |found| found.end());
        if marker > 0 {
            kept.push((index + 1, String::new()));
        }
        let heading = line.trim_start().starts_with('#');
        let line = IMAGE.replace_all(&line[marker..], "");
        let line = LINK.replace_all(&line, "$1");
        let line = EMPHASIS.replace_all(&line, "$1$2");
        kept.push((index + 1, super::markup::clean(&line.replace('|', " "))));
        if heading {
            kept.push((index + 1, String::new()));
        }
    }
    from_lines(&kept.iter().map(|(number, line)| (*number, line.trim())).collect::<Vec<_>>())
}

/// Gives cues the times they start at, of which the line is known; each ends where the next begins. Those without a
/// time share that of the one before, and the first of them have none: nobody says a title.
pub(super) fn give_spans(captions: &mut Captions, starts: &[(usize, Option<u64>)]) {
    let known: Vec<(usize, u64)> =
        starts.iter().filter_map(|(line, start_ms)| Some((*line, (*start_ms)?))).collect();
    let stamps: Vec<u64> = known.iter().map(|(_, start_ms)| *start_ms).collect();
    if known.len() < starts.len() && !are_times(&stamps) {
        return;
    }
    if let Some(pair) = known.windows(2).find(|pair| pair[1].1 < pair[0].1) {
        return captions
            .warn(pair[1].0, "times were left out because the one here is before the one above it");
    }
    let mut rest = captions.cues.as_mut_slice();
    let mut end_ms = None;
    for position in (0..starts.len()).rev() {
        let Some(start_ms) = starts[position].1 else { continue };
        let (before, block) = std::mem::take(&mut rest).split_at_mut(position);
        share(block, Span { start_ms, end_ms: end_ms.unwrap_or(start_ms) });
        rest = before;
        end_ms = Some(start_ms);
    }
}

/// Gives each cue its part of the span, by its length.
fn share(cues: &mut [Cue], span: Span) {
    let whole = cues.iter().map(|cue| cue.text.len()).sum();
    let mut before = 0;
    for cue in cues {
        let start_ms = within(span, before, whole);
        before += cue.text.len();
        cue.span = Some(Span { start_ms, end_ms: within(span, before, whole) });
    }
}

fn from_paragraphs(paragraphs: Vec<Paragraph>) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut starts = Vec::new();
    let mut pending = None;
    for paragraph in paragraphs {
        let text = fold(&paragraph.text);
        let start_ms = paragraph.start_ms.or(pending.take());
        if text.is_empty() {
            pending = start_ms;
            continue;
        }
        starts.push((paragraph.line, start_ms));
        captions.cues.push(Cue { span: None, speaker: None, text });
    }
    if captions.cues.is_empty() {
        let remedy = "give a transcript with at least one sentence";
        return Err(CaptionError::new(1, "there is no text in it", remedy));
    }
    give_spans(&mut captions, &starts);
    Ok(captions)
}

/// A short line that ends like no sentence stands for itself; wrapped lines are longer.
fn is_heading(line: &str) -> bool {
    const LONGEST_HEADING: usize = 50;
    line.len() <= LONGEST_HEADING && line.ends_with(char::is_alphanumeric)
}

/// `[00:01:23] words`, `0:05 words`, or a time alone on its line.
fn leading_stamp(line: &str) -> Option<(u64, &str)> {
    let found = STAMP.captures(line)?;
    let start_ms = parse_stamp(found.get(1)?.as_str())?;
    Some((start_ms, line[found.get(0)?.end()..].trim_start()))
}

/// `>>`, or a short name and a colon. By hand, because a counted class of all letters is a large automaton.
fn begins_turn(line: &str) -> bool {
    const LONGEST_NAME: usize = 41;
    if line.starts_with(">>") {
        return true;
    }
    let Some((name, rest)) = line.split_once(':') else { return false };
    let fit = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '.' | '\'' | '’' | '_' | '-');
    name.starts_with(char::is_alphabetic)
        && rest.starts_with(char::is_whitespace)
        && name.chars().all(fit)
        && name.chars().count() <= LONGEST_NAME
}

static STAMP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^[\[(]?((?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)[\])]?(?:\s*[-–:]\s+|\s+|$)")
});
static FRONT_MATTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\A---\r?\n.*?\n---\r?\n"));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)<!--.*?-->"));
static RULE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:[-*_=]\s*){3,}$|^\s*\|?[\s:|-]*-{3,}[\s:|-]*$"));
static MARKER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:#{1,6}\s+|[-*+]\s+|\d{1,3}[.)]\s+|(?:>\s?)+)"));
static IMAGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"!\[[^\]]*\]\([^)]*\)"));
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[([^\]]+)\]\([^)]*\)"));
static EMPHASIS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\*{1,3}([^*\n]+)\*{1,3}|`([^`\n]+)`"));

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(captions: &Captions) -> Vec<&str> {
        captions.cues.iter().map(|cue| cue.text.as_str()).collect()
    }

    #[test]
    fn paragraphs_and_turns() {
        let captions = text("The Title\nOne\ntwo.\n\nANN: Three.\nBOB: Four.").unwrap();
        assert_eq!(texts(&captions), ["The Title", "One two.", "ANN: Three.", "BOB: Four."]);
    }

    #[test]
    fn copied_times() {
        let captions = text("0:00\nhello\n0:05\nworld\n0:09\nagain").unwrap();
        assert_eq!(texts(&captions), ["hello", "world", "again"]);
        assert_eq!(captions.cues[1].span, Some(Span { start_ms: 5000, end_ms: 9000 }));
        assert_eq!(text("10:30 is when it starts.").unwrap().cues[0].span, None);
    }

    fn check_spans(source: &str, spans: &[Option<(u64, u64)>], warnings: &[&str]) {
        for captions in [text(source).unwrap(), markdown(source).unwrap()] {
            let found = captions.cues.iter().map(|cue| cue.span.map(|span| (span.start_ms, span.end_ms)));
            assert_eq!(found.collect::<Vec<_>>(), spans, "{source}");
            assert_eq!(captions.warnings, warnings, "{source}");
        }
    }

    #[test]
    fn a_title_and_paragraphs_between_leave_the_times() {
        let timed = [None, Some((0, 5_000)), Some((5_000, 9_000)), Some((9_000, 9_000))];
        check_spans("My talk\n0:00 hello\n0:05 world\n0:09 again", &timed, &[]);
        check_spans("My talk\n\n0:00\nhello\n\n0:05\nworld\n\n0:09\nagain", &timed, &[]);
        let shared = [Some((0, 2_000)), Some((2_000, 6_000)), Some((6_000, 9_000)), Some((9_000, 9_000))];
        check_spans("0:00 hello\n\nhello back\n\n0:06 so\n0:09 it is", &shared, &[]);
    }

    #[test]
    fn times_that_are_left_out_are_named_with_the_line() {
        let before = "line 3: times were left out because the one here is before the one above it";
        check_spans("0:00 hello\n0:09 world\n0:05 again", &[None; 3], &[before]);
    }

    #[test]
    fn times_of_a_clock_are_words() {
        let prose = format!("{}\n\n", "The day was long.\n\n".repeat(20));
        let programme = format!("{prose}9:00 Doors open\n9:30 Opening\n10:00 First talk\n\n{prose}");
        let captions = text(&programme).unwrap();
        assert!(captions.cues.iter().all(|cue| cue.span.is_none()) && captions.warnings.is_empty());
        assert!(texts(&captions).contains(&"9:00 Doors open 9:30 Opening 10:00 First talk"));
        let minutes = "Board minutes\n\n9:00 Opening\n\nAll were there.\n\n9:30 Budget\n\nIt was agreed.\n\n10:15 Wall\n\nIt stands.";
        let captions = text(minutes).unwrap();
        assert!(captions.cues.iter().all(|cue| cue.span.is_none()) && captions.warnings.is_empty());
        assert!(texts(&captions).contains(&"9:30 Budget"));
    }

    #[test]
    fn a_time_may_stand_before_many_paragraphs() {
        let block = |stamp: &str| format!("{stamp}\nOne said so.\n\n{}", "Another said so.\n\n".repeat(7));
        let captions = text(&["0:10", "5:00", "10:00"].map(block).concat()).unwrap();
        let starts: Vec<u64> = captions.cues.iter().map(|cue| cue.span.unwrap().start_ms).collect();
        assert_eq!((starts.len(), starts[0], starts[8], starts[16]), (24, 10_000, 300_000, 600_000));
        assert!(captions.warnings.is_empty());
    }

    #[test]
    fn lines_of_markdown_keep_their_numbers() {
        let before = "---\ntitle: a\n---\n<!-- one\ntwo -->\n# Talk\n```\ncode\n```\n";
        let source = &format!("{before}0:00 hello\n0:09 world\n0:05 again\n");
        let captions = markdown(source).unwrap();
        assert!(captions.warnings[0].starts_with("line 12: times were left out"), "{:?}", captions.warnings);
    }

    #[test]
    fn markdown_markers_go() {
        let source =
            "# Title\n\nSome **bold** [link](http://x) ![i](y.png) text.\n- item\n> quote\n```\ncode\n```\n";
        assert_eq!(texts(&markdown(source).unwrap()), ["Title", "Some bold link text.", "item", "quote"]);
    }

    #[test]
    fn every_pattern_is_built() {
        assert!(markdown("---\na: b\n---\n<!-- x -->\n---\n").is_err());
    }
}
