//! Who speaks, where the text itself says so: `ALICE: ...`, `Speaker 2: ...`, `>> ...`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::captions::{Cue, Span};
use crate::pattern;

/// A cue, or the part of one that belongs to one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// When it was said.
    pub span: Option<Span>,
    /// Who said it, where known.
    pub speaker: Option<String>,
    /// The words, without the name before them.
    pub text: &'a str,
    /// True if somebody else begins to speak here.
    pub begins_turn: bool,
}

/// Splits cues at turns. Names in the text are used only where no cue names its speaker by markup, and only if
/// they look like names and come again, open the text, or stand before most lines.
pub fn split(cues: &[Cue]) -> Vec<Piece<'_>> {
    let marked = cues.iter().any(|cue| cue.speaker.is_some());
    let names = if marked { BTreeMap::new() } else { accepted_names(cues) };
    let chevrons = cues.iter().filter(|cue| cue.text.contains(CHEVRONS)).count() >= 2;
    let mut pieces = Vec::with_capacity(cues.len());
    let mut speaker: Option<String> = None;
    for cue in cues {
        if marked {
            pieces.push(Piece {
                span: cue.span,
                speaker: cue.speaker.clone(),
                text: &cue.text,
                begins_turn: cue.text.starts_with(CHEVRONS),
            });
            continue;
        }
        let mut offset = 0;
        let parts: Vec<&str> = if chevrons { cue.text.split(CHEVRONS).collect() } else { vec![&cue.text] };
        for (position, part) in parts.into_iter().enumerate() {
            let span = cue.span.map(|span| within(span, offset, part.len(), cue.text.len()));
            offset += part.len() + CHEVRONS.len();
            let mut text = part.trim_start_matches('>').trim();
            let mut begins_turn = position > 0;
            if begins_turn {
                speaker = None;
            }
            if let Some((name, rest)) = prefix(text)
                && names.contains_key(name)
            {
                begins_turn = true;
                speaker = Some(name.to_owned());
                text = rest;
            }
            if !text.is_empty() || begins_turn {
                pieces.push(Piece { span, speaker: speaker.clone(), text, begins_turn });
            }
        }
    }
    pieces
}

const CHEVRONS: &str = ">>";

const LONGEST_NAME: usize = 41;

static PREFIX: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:-\s+)?(\p{L}[^:\n]*?)(?:\s*\([^)\n]*\))?\s*:(?:\s+|$)"));

/// Words before a colon that are headings, not people.
const NOT_NAMES: &[&str] = &[
    "note",
    "notes",
    "warning",
    "example",
    "source",
    "sources",
    "update",
    "summary",
    "conclusion",
    "tip",
    "title",
    "date",
    "location",
    "duration",
    "transcript",
    "topic",
    "step",
    "chapter",
    "part",
    "time",
    "disclaimer",
    "subject",
    "author",
    "remember",
    "fact",
    "result",
    "answer",
    "problem",
    "first",
    "second",
    "third",
    "finally",
    "hinweis",
    "quelle",
    "beispiel",
    "fazit",
    "thema",
    "remarque",
    "exemple",
    "nota",
    "ejemplo",
    "fuente",
    "ps",
    "re",
    "http",
    "https",
    "kind",
    "language",
    "section",
    "act",
    "today",
    "yes",
    "no",
    "so",
    "but",
    "and",
    "well",
    "the",
    "because",
];

/// `NAME: words` -> the name and the words.
fn prefix(text: &str) -> Option<(&str, &str)> {
    const LOOK_AT: usize = 90;
    let colon = text.as_bytes().iter().take(LOOK_AT).position(|&byte| byte == b':')?;
    let mut end = (colon + 2).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let found = PREFIX.captures(&text[..end])?;
    let name = found.get(1)?.as_str().trim();
    // Checked here and not in the pattern, where a counted class of all letters is a large automaton.
    let fit = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '.' | '\'' | '’' | '_' | '-');
    let short = name.chars().count() <= LONGEST_NAME && name.chars().all(fit);
    (short && looks_like_name(name)).then(|| (name, text[colon + 1..].trim_start()))
}

fn looks_like_name(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    let lowercase = name.to_lowercase();
    let capital = |word: &&str| {
        !word.starts_with(char::is_lowercase) || ["de", "von", "van", "der", "da", "of", "al"].contains(word)
    };
    !words.is_empty()
        && words.len() <= 4
        && words.iter().all(capital)
        && !NOT_NAMES.contains(&lowercase.as_str())
}

fn accepted_names(cues: &[Cue]) -> BTreeMap<&str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut first: Option<&str> = None;
    let mut spoken = 0;
    for cue in cues {
        spoken += 1;
        for part in cue.text.split(CHEVRONS) {
            if let Some((name, _)) = prefix(part.trim()) {
                *counts.entry(name).or_default() += 1;
                if spoken == 1 {
                    first = Some(name);
                }
            }
        }
    }
    let most = counts.values().sum::<usize>() * 2 >= spoken;
    counts.retain(|name, count| *count > 1 || first == Some(*name) || (most && spoken > 1));
    counts
}

fn within(span: Span, offset: usize, length: usize, whole: usize) -> Span {
    let at = |offset: usize| {
        span.start_ms + (span.end_ms - span.start_ms) * offset.min(whole) as u64 / whole.max(1) as u64
    };
    Span { start_ms: at(offset), end_ms: at(offset + length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(lines: &[&str]) -> Vec<(Option<String>, String)> {
        let cue = |text: &&str| Cue { span: None, speaker: None, text: (*text).to_owned() };
        let cues: Vec<Cue> = lines.iter().map(cue).collect();
        split(&cues).into_iter().map(|piece| (piece.speaker, piece.text.to_owned())).collect()
    }

    fn said(speaker: &str, text: &str) -> (Option<String>, String) {
        let speaker = (!speaker.is_empty()).then(|| speaker.to_owned());
        (speaker, text.to_owned())
    }

    #[test]
    fn names_that_come_again_are_speakers() {
        let found =
            turns(&["ALICE: Hello.", "BOB (by phone): Hi.", "And thanks.", "ALICE: Right: yes.", "BOB: Ok."]);
        let expected = [
            said("ALICE", "Hello."),
            said("BOB", "Hi."),
            said("BOB", "And thanks."),
            said("ALICE", "Right: yes."),
            said("BOB", "Ok."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn headings_and_lone_colons_are_not() {
        let lines =
            ["It was clear.", "Note: this is text.", "Remember: do it.", "Here is why: money.", "Ok: fine."];
        assert!(turns(&lines).iter().all(|(speaker, _)| speaker.is_none()));
    }

    #[test]
    fn chevrons_begin_turns() {
        let found = turns(&[">> Hello there.", "Yes. >> No.", ">> ANN: Why?", ">> ANN: Why not?"]);
        assert_eq!(found[2], said("", "No."));
        assert_eq!(found[3], said("ANN", "Why?"));
    }
}
