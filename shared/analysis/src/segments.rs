//! From cues to segments: one sentence each, with its time and its speaker.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::captions::{Cue, Span};
use crate::pattern;
use crate::sentences::{self, is_unspaced};
use crate::turns::{Piece, split as split_turns};

/// One sentence of a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Segment {
    /// `s1`, `s2`, ... in order.
    pub id: String,
    /// When it begins; nothing where the source has no times.
    pub start_ms: Option<u64>,
    /// When it ends.
    pub end_ms: Option<u64>,
    /// Who says it, where the source says so.
    pub speaker: Option<String>,
    /// The words, verbatim but for folded white space.
    pub text: String,
}

impl Segment {
    /// True for a sentence that asks.
    pub fn is_question(&self) -> bool {
        self.text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ' ']).ends_with(['?', '？', '؟', ';'])
            && !self.text.ends_with(';')
    }
}

/// Cuts cues into sentences. Where a transcript has no punctuation, pauses over 0.7 s and length decide.
pub fn from_cues(cues: &[Cue]) -> Vec<Segment> {
    let pieces = split_turns(cues);
    let timed = pieces.iter().any(|piece| piece.span.is_some());
    let punctuated = is_punctuated(cues);
    let mut segments = Vec::new();
    let mut stretch = Stretch::default();
    for piece in &pieces {
        let same =
            piece.speaker == stretch.speaker && !piece.begins_turn && timed && !stretch.is_long_ago(piece);
        if !same {
            stretch.finish(punctuated, &mut segments);
            stretch = Stretch { speaker: piece.speaker.clone(), ..Stretch::default() };
        }
        stretch.append(piece);
    }
    stretch.finish(punctuated, &mut segments);
    segments
}

/// A pause that ends a sentence which has no punctuation.
const PAUSE_MS: u64 = 700;
/// A pause that ends any sentence.
const LONG_PAUSE_MS: u64 = 6000;
/// Words of a segment made by length.
const MADE_WORDS: usize = 25;
/// A sentence with more words than this is cut by length though it is punctuated.
const MOST_WORDS: usize = 120;
/// No segment is longer, whatever its script.
const MOST_BYTES: usize = 2000;

static NOISE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:[\s♪♫]|\[[^\]]*\]|\([^)]*\)|\*[^*]*\*)*$"));

/// Cues of one speaker in one string, with the place of each.
#[derive(Default)]
struct Stretch {
    speaker: Option<String>,
    text: String,
    marks: Vec<Mark>,
}

struct Mark {
    start: usize,
    end: usize,
    span: Span,
}

impl Stretch {
    fn is_long_ago(&self, piece: &Piece<'_>) -> bool {
        let (Some(mark), Some(span)) = (self.marks.last(), piece.span) else { return false };
        span.start_ms > mark.span.end_ms + LONG_PAUSE_MS
    }

    fn append(&mut self, piece: &Piece<'_>) {
        let unspaced = self.text.ends_with(is_unspaced) && piece.text.starts_with(is_unspaced);
        if !self.text.is_empty() && !unspaced {
            self.text.push(' ');
        }
        let start = self.text.len();
        self.text.push_str(piece.text);
        if let Some(span) = piece.span {
            self.marks.push(Mark { start, end: self.text.len(), span });
        }
    }

    fn finish(&self, punctuated: bool, segments: &mut Vec<Segment>) {
        if self.text.is_empty() {
            return;
        }
        let mut ranges = Vec::new();
        if punctuated {
            for sentence in sentences::split(&self.text) {
                if sentence.len() > MOST_BYTES || words(&self.text[sentence.clone()]) > MOST_WORDS {
                    self.cut(sentence, &mut ranges);
                } else {
                    ranges.push(sentence);
                }
            }
        } else {
            self.cut(0..self.text.len(), &mut ranges);
        }
        for range in ranges {
            self.emit(range, segments);
        }
    }

    /// Cuts a range at pauses, and else after about [`MADE_WORDS`] words, preferring the end of a cue.
    fn cut(&self, range: Range<usize>, ranges: &mut Vec<Range<usize>>) {
        const NEARLY: usize = MADE_WORDS * 3 / 4;
        let mut start = range.start;
        let mut count = 0;
        let mut unspaced = 0;
        let mut mark = self.marks.partition_point(|mark| mark.end <= range.start);
        let mut in_word = false;
        for (offset, letter) in self.text[range.clone()].char_indices() {
            let at = range.start + offset;
            while self.marks.get(mark).is_some_and(|mark| mark.end <= at) {
                mark += 1;
                let length = count + unspaced / 2;
                if length >= NEARLY || (length > 0 && self.pause_before(mark)) {
                    push(&self.text, start..at, ranges);
                    (start, count, unspaced) = (at, 0, 0);
                }
            }
            if letter.is_whitespace() {
                in_word = false;
                if count + unspaced / 2 >= MADE_WORDS {
                    push(&self.text, start..at, ranges);
                    (start, count, unspaced) = (at, 0, 0);
                }
            } else if is_unspaced(letter) {
                unspaced += 1;
            } else if !in_word {
                in_word = true;
                count += 1;
            }
            if at - start > MOST_BYTES || (unspaced > 4 * MADE_WORDS && is_unspaced(letter)) {
                push(&self.text, start..at, ranges);
                (start, count, unspaced) = (at, 0, 0);
            }
        }
        push(&self.text, start..range.end, ranges);
    }

    fn pause_before(&self, mark: usize) -> bool {
        let (Some(next), Some(before)) = (self.marks.get(mark), self.marks.get(mark - 1)) else {
            return false;
        };
        next.span.start_ms > before.span.end_ms + PAUSE_MS
    }

    fn emit(&self, range: Range<usize>, segments: &mut Vec<Segment>) {
        let text = self.text[range.clone()].trim_start_matches("- ").trim_start_matches("– ").trim();
        if NOISE.is_match(text) || !text.contains(char::is_alphanumeric) {
            return;
        }
        segments.push(Segment {
            id: format!("s{}", segments.len() + 1),
            start_ms: self.time_at(range.start, true),
            end_ms: self.time_at(range.end, false),
            speaker: self.speaker.clone(),
            text: text.to_owned(),
        });
    }

    /// The time of a place in the text, by its share of the cue it is in.
    fn time_at(&self, at: usize, is_start: bool) -> Option<u64> {
        let after = self.marks.partition_point(|mark| if is_start { mark.end <= at } else { mark.end < at });
        let mark = self.marks.get(after).or(self.marks.last())?;
        let inside = at.clamp(mark.start, mark.end) - mark.start;
        let length_ms = mark.span.end_ms - mark.span.start_ms;
        Some(mark.span.start_ms + length_ms * inside as u64 / (mark.end - mark.start).max(1) as u64)
    }
}

fn push(text: &str, range: Range<usize>, ranges: &mut Vec<Range<usize>>) {
    if !text[range.clone()].trim().is_empty() {
        ranges.push(range);
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// True if at least one sentence end comes with every 60 words.
fn is_punctuated(cues: &[Cue]) -> bool {
    const WORDS_PER_END: usize = 60;
    let mut ends = 0;
    let mut length = 0;
    for cue in cues {
        ends += ENDS.find_iter(&cue.text).count();
        length += words(&cue.text);
        if cue.text.starts_with(is_unspaced) {
            length += cue.text.len() / 6;
        }
    }
    ends * WORDS_PER_END >= length
}

static ENDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[.!?…]+(?:\s|$)|[。！？؟۔।]"));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cue(start_ms: u64, end_ms: u64, text: &str) -> Cue {
        Cue { span: Some(Span { start_ms, end_ms }), speaker: None, text: text.to_owned() }
    }

    #[test]
    fn sentences_cross_cues_and_are_timed_within_them() {
        let segments = from_cues(&[cue(0, 1000, "One two. Th"), cue(1000, 2000, "ree four.")]);
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0].text, "One two.");
        assert_eq!((segments[0].start_ms, segments[0].end_ms), (Some(0), Some(727)));
        assert_eq!(segments[1].text, "Th ree four.");
        assert_eq!((segments[1].start_ms, segments[1].end_ms), (Some(818), Some(2000)));
    }

    #[test]
    fn without_punctuation_pauses_and_length_decide() {
        let words = "word ".repeat(40);
        let cues =
            [cue(0, 1000, "so here we are"), cue(2000, 3000, "at last"), cue(3010, 9000, words.trim())];
        let segments = from_cues(&cues);
        assert_eq!(segments[0].text, "so here we are");
        assert!(segments.iter().all(|segment| segment.text.split(' ').count() <= MADE_WORDS + 1));
        assert_eq!(segments.iter().map(|segment| segment.text.split(' ').count()).sum::<usize>(), 46);
    }

    #[test]
    fn a_new_speaker_begins_a_segment() {
        let mut cues = vec![cue(0, 1000, "I think that"), cue(1000, 2000, "No. Never.")];
        cues[0].speaker = Some("Ann".into());
        cues[1].speaker = Some("Bob".into());
        let texts: Vec<String> = from_cues(&cues).into_iter().map(|segment| segment.text).collect();
        assert_eq!(texts, ["I think that", "No.", "Never."]);
    }

    #[test]
    fn sounds_are_not_sentences() {
        assert!(from_cues(&[cue(0, 1000, "[Music]"), cue(1000, 2000, "♪ ♪")]).is_empty());
    }

    #[test]
    fn long_lines_take_linear_time() {
        let spaced = "lorem ipsum dolor. ".repeat(150_000);
        let solid = "x".repeat(3_000_000);
        let chinese = "水".repeat(600_000);
        let arabic = "هذا نص طويل 😀 ".repeat(100_000);
        for text in [&spaced, &solid, &chinese, &arabic] {
            let cues =
                [Cue { span: Some(Span { start_ms: 0, end_ms: 1000 }), speaker: None, text: text.clone() }];
            assert!(from_cues(&cues).iter().all(|segment| segment.text.len() <= MOST_BYTES + 8));
        }
    }

    proptest! {
        #[test]
        fn no_word_is_lost(texts in proptest::collection::vec("[a-zA-Z .?!,'é水-]{1,60}", 1..12)) {
            let mut start_ms = 0;
            let mut cues = Vec::new();
            for text in &texts {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                if text.chars().any(char::is_alphanumeric) {
                    cues.push(cue(start_ms, start_ms + 900, &text));
                }
                start_ms += 1000;
            }
            let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
            let before: String = cues.iter().map(|cue| letters(&cue.text)).collect();
            let segments = from_cues(&cues);
            let after: String = segments.iter().map(|segment| letters(&segment.text)).collect();
            prop_assert_eq!(before, after);
            prop_assert!(segments.iter().all(|segment| segment.start_ms <= segment.end_ms));
            prop_assert!(segments.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms));
        }
    }
}
