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

/// Whether there is anything to cut, without cutting all of it.
pub fn have_words(cues: &[Cue]) -> bool {
    cues.iter().any(|cue| !from_cues(std::slice::from_ref(cue)).is_empty()) || !from_cues(cues).is_empty()
}

/// Cuts cues into sentences. Where a transcript has no punctuation, pauses over 0.7 s and length decide.
pub fn from_cues(cues: &[Cue]) -> Vec<Segment> {
    let pieces = split_turns(cues);
    let punctuated = is_punctuated(cues);
    let mut segments = Vec::new();
    let mut stretch = Stretch::default();
    for piece in &pieces {
        let same = piece.speaker == stretch.speaker && !piece.begins_turn && stretch.is_just_before(piece);
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
    /// Whether a sentence may go on from here to the piece; without times a piece is a paragraph.
    fn is_just_before(&self, piece: &Piece<'_>) -> bool {
        let (Some(mark), Some(span)) = (self.marks.last(), piece.span) else { return false };
        span.start_ms <= mark.span.end_ms + LONG_PAUSE_MS
    }

    fn append(&mut self, piece: &Piece<'_>) {
        let unspaced = self.text.ends_with(is_unspaced) && piece.text.starts_with(is_unspaced);
        if !self.text.is_empty() && !unspaced {
            self.text.push(' ');
        }
        let start = self.text.len();
        self.text.push_str(piece.text);
        if let Some(span) = piece.span {
            // A line that stays on the screen below the next one was not spoken so long.
            if let Some(last) = self.marks.last_mut()
                && last.span.start_ms < span.start_ms
            {
                last.span.end_ms = last.span.end_ms.min(span.start_ms);
            }
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
        let piece = self.text[range.clone()].trim_end();
        let text = piece.trim_start().trim_start_matches("- ").trim_start_matches("– ").trim_start();
        if NOISE.is_match(text) || !text.contains(char::is_alphanumeric) {
            return;
        }
        let end = range.start + piece.len();
        let start_ms = self.time_at(end - text.len(), true);
        segments.push(Segment {
            id: format!("s{}", segments.len() + 1),
            start_ms,
            end_ms: self.time_at(end, false).max(start_ms),
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
    use crate::captions;

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

    fn parsed(format: captions::Format, text: &str) -> Vec<(u64, u64, String)> {
        let segments = from_cues(&captions::parse(format, text).unwrap().cues);
        segments.into_iter().map(|row| (row.start_ms.unwrap(), row.end_ms.unwrap(), row.text)).collect()
    }

    fn said(start_ms: u64, end_ms: u64, text: &str) -> (u64, u64, String) {
        (start_ms, end_ms, text.to_owned())
    }

    #[test]
    fn rolling_captions_in_lower_case_are_cut_at_pauses() {
        let vtt = "WEBVTT\nKind: captions\nLanguage: en\n\n\
            00:00:00.000 --> 00:00:02.000 align:start position:0%\n \nso<00:00:00.400><c> this</c><00:00:00.800><c> is</c>\n\n\
            00:00:02.000 --> 00:00:02.010 align:start position:0%\nso this is\n \n\n\
            00:00:02.010 --> 00:00:04.000 align:start position:0%\nso this is\nthe<00:00:02.500><c> harbour</c>\n\n\
            00:00:04.000 --> 00:00:04.010 align:start position:0%\nthe harbour\n \n\n\
            00:00:05.200 --> 00:00:07.000 align:start position:0%\nthe harbour\nand<00:00:05.500><c> nobody</c><c> came</c>\n";
        let expected =
            [said(0, 4000, "so this is the harbour"), said(5200, 7000, "the harbour and nobody came")];
        let found = parsed(captions::Format::Vtt, vtt);
        assert_eq!(found[0], expected[0]);
        // After a pause the old line on the screen cannot be told from words said again.
        assert_eq!((found[1].0, found[1].1), (expected[1].0, expected[1].1));
        assert!(found[1].2.ends_with("and nobody came") && found.len() == 2);
    }

    #[test]
    fn lines_that_overlap_on_the_screen_keep_their_order_in_time() {
        let json3 = r#"{"events": [
            {"tStartMs": 0, "dDurationMs": 5000, "segs": [{"utf8": "the wall was"}, {"utf8": " built"}]},
            {"tStartMs": 2000, "dDurationMs": 5000, "segs": [{"utf8": "in the spring"}]},
            {"tStartMs": 2000, "dDurationMs": 10, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {"tStartMs": 9000, "dDurationMs": 3000, "segs": [{"utf8": "of that year"}]}]}"#;
        let expected =
            [said(0, 7000, "the wall was built in the spring"), said(9000, 12_000, "of that year")];
        assert_eq!(parsed(captions::Format::Json3, json3), expected);
    }

    #[test]
    fn a_title_without_a_time_is_no_part_of_a_sentence() {
        let untimed = |text: &str| Cue { span: None, ..cue(0, 0, text) };
        let segments = from_cues(&[
            untimed("My talk"),
            untimed("Ann Lee"),
            cue(0, 1000, "hello"),
            cue(1000, 2000, "world"),
        ]);
        let rows: Vec<_> = segments.iter().map(|row| (row.text.as_str(), row.start_ms)).collect();
        assert_eq!(rows, [("My talk", None), ("Ann Lee", None), ("hello world", Some(0))]);
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

        #[test]
        fn every_sentence_points_to_the_cues_it_is_from(
            cues in proptest::collection::vec((0_u64..40_000, 0_u64..9_000, 1_usize..14, 0_u8..6, 0_u8..4), 1..40),
        ) {
            // Times in no order and over one another; every word is said once, so that its cue can be told.
            let mut words: std::collections::BTreeMap<String, Span> = std::collections::BTreeMap::new();
            let mut made = Vec::new();
            for (at, (start_ms, length_ms, count, end, speaker)) in cues.into_iter().enumerate() {
                let span = Span { start_ms, end_ms: start_ms + length_ms };
                let said: Vec<String> = (0..count).map(|word| format!("wörd{at}x{word}é")).collect();
                words.extend(said.iter().map(|word| (word.clone(), span)));
                let text = format!("{}{}", said.join(" "), [".", "?", "", "", "", "!"][usize::from(end)]);
                let speaker = ["Ann", "Bob", "水"].get(usize::from(speaker)).map(|name| (*name).to_owned());
                made.push(Cue { span: Some(span), speaker, text });
            }
            let mut seen = 0;
            for segment in from_cues(&made) {
                let spoken: Vec<&str> = segment.text.split(' ').map(|word| word.trim_end_matches(['.', '?', '!'])).collect();
                seen += spoken.len();
                let (first, last) = (words[spoken[0]], words[spoken[spoken.len() - 1]]);
                let (start_ms, end_ms) = (segment.start_ms.unwrap(), segment.end_ms.unwrap());
                prop_assert!((first.start_ms..=first.end_ms).contains(&start_ms), "{segment:?} {first:?}");
                prop_assert!(start_ms <= end_ms && end_ms <= last.end_ms.max(start_ms), "{segment:?} {last:?}");
                prop_assert!(end_ms >= last.start_ms, "{segment:?} {last:?}");
            }
            prop_assert_eq!(seen, words.len());
        }
    }
}
