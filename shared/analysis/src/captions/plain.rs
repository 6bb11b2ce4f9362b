//! Plain text and Markdown: paragraphs, and times at line starts where a transcript was copied with them.

use std::sync::LazyLock;

use regex::Regex;

use crate::pattern;

use super::markup::fold;
use super::stamp::parse_stamp;
use super::{CaptionError, Captions, Cue, Span};

/// Fewer stamped lines than this are prose that mentions a time.
const FEWEST_STAMPS: usize = 3;

/// Plain text: an empty line ends a paragraph, and so does a line that starts with a speaker or a time.
pub(super) fn text(text: &str) -> Result<Captions, CaptionError> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let stamped = lines.iter().filter(|line| leading_stamp(line).is_some()).count() >= FEWEST_STAMPS;
    let mut paragraphs: Vec<(Option<u64>, String)> = Vec::new();
    let mut fresh = true;
    for line in lines {
        if line.is_empty() {
            fresh = true;
            continue;
        }
        let (start_ms, rest) = match leading_stamp(line) {
            Some((start_ms, rest)) if stamped => (Some(start_ms), rest),
            _ => (None, line),
        };
        let heading = paragraphs.last().is_some_and(|(_, before)| is_heading(before));
        let begins =
            start_ms.is_some() || begins_turn(rest) || heading && rest.starts_with(char::is_uppercase);
        if fresh || begins {
            paragraphs.push((start_ms, rest.to_owned()));
        } else if let Some((_, paragraph)) = paragraphs.last_mut() {
            paragraph.push(' ');
            paragraph.push_str(rest);
        }
        fresh = false;
    }
    from_paragraphs(paragraphs)
}

/// Markdown: code, images, comments and markers out; headings, list items and quotes are paragraphs.
pub(super) fn markdown(source: &str) -> Result<Captions, CaptionError> {
    let body = FRONT_MATTER.replace(source, "");
    let body = COMMENT.replace_all(&body, " ");
    let mut kept = String::with_capacity(body.len());
    let mut in_code = false;
    for line in body.lines() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        if in_code || RULE.is_match(line) {
            continue;
        }
        let marker = MARKER.find(line).map_or(0, |found| found.end());
        if marker > 0 {
            kept.push('\n');
        }
        let heading = line.trim_start().starts_with('#');
        let line = IMAGE.replace_all(&line[marker..], "");
        let line = LINK.replace_all(&line, "$1");
        let line = EMPHASIS.replace_all(&line, "$1$2");
        kept.push_str(&super::markup::clean(&line.replace('|', " ")));
        kept.push_str(if heading { "\n\n" } else { "\n" });
    }
    text(&kept)
}

/// Gives cues the times they start at; each ends where the next begins. Times are used only if all have one.
pub(super) fn give_spans(cues: &mut [Cue], starts: &[Option<u64>]) {
    let Some(known) = starts.iter().copied().collect::<Option<Vec<u64>>>() else { return };
    if !known.is_sorted() {
        return;
    }
    for (position, cue) in cues.iter_mut().enumerate() {
        let start_ms = known[position];
        cue.span = Some(Span { start_ms, end_ms: known.get(position + 1).copied().unwrap_or(start_ms) });
    }
}

fn from_paragraphs(paragraphs: Vec<(Option<u64>, String)>) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut starts = Vec::new();
    let mut pending = None;
    for (start_ms, paragraph) in paragraphs {
        let text = fold(&paragraph);
        let start_ms = start_ms.or(pending.take());
        if text.is_empty() {
            pending = start_ms;
            continue;
        }
        starts.push(start_ms);
        captions.cues.push(Cue { span: None, speaker: None, text });
    }
    if captions.cues.is_empty() {
        let remedy = "give a transcript with at least one sentence";
        return Err(CaptionError::new(1, "there is no text in it", remedy));
    }
    give_spans(&mut captions.cues, &starts);
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
