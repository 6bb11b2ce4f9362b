//! Who speaks how much and how fast.

use std::collections::HashMap;

use crate::document::Document;

/// The label of segments whose speaker nobody knows.
pub const UNKNOWN: &str = "unknown";

/// What one speaker says in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Speaker {
    /// The label in the source, or [`UNKNOWN`].
    pub label: String,
    /// Index of the first segment they speak.
    pub first: usize,
    /// Runs of segments without another speaker between.
    pub turns: usize,
    /// Words.
    pub words: usize,
    /// Share of all words, 0..1.
    pub share: f64,
    /// Time spoken, where the source has times.
    pub speaking_ms: Option<u64>,
    /// Words per minute, where there are times.
    pub words_per_minute: Option<f64>,
}

/// A run of segments by one speaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The speaker, where known.
    pub label: Option<String>,
    /// Index of its first segment.
    pub first: usize,
    /// Index after its last segment.
    pub end: usize,
    /// Words.
    pub words: usize,
}

/// The speakers in order of appearance.
pub fn find(document: &Document<'_>) -> Vec<Speaker> {
    let mut speakers: Vec<Speaker> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    // Words whose time is known, by speaker.
    let mut timed_words: Vec<usize> = Vec::new();
    let mut before: Option<usize> = None;
    for (first, (segment, tokens)) in document.segments.iter().zip(&document.tokens).enumerate() {
        let label = segment.speaker.as_deref().unwrap_or(UNKNOWN);
        let at = *places.entry(label).or_insert_with(|| {
            speakers.push(Speaker {
                label: label.to_owned(),
                first,
                turns: 0,
                words: 0,
                share: 0.0,
                speaking_ms: None,
                words_per_minute: None,
            });
            timed_words.push(0);
            speakers.len() - 1
        });
        let speaker = &mut speakers[at];
        speaker.turns += usize::from(before != Some(at));
        speaker.words += tokens.len();
        if let (Some(start_ms), Some(end_ms)) = (segment.start_ms, segment.end_ms) {
            let length_ms = end_ms.saturating_sub(start_ms);
            speaker.speaking_ms = Some(speaker.speaking_ms.unwrap_or(0) + length_ms);
            // The last of a text with times at its lines has an end nobody knows.
            if length_ms > 0 {
                timed_words[at] += tokens.len();
            }
        }
        before = Some(at);
    }
    let total = document.word_count().max(1) as f64;
    for (speaker, timed_words) in speakers.iter_mut().zip(timed_words) {
        speaker.share = round(speaker.words as f64 / total, 4);
        speaker.words_per_minute = speaker
            .speaking_ms
            .filter(|length_ms| *length_ms > 0)
            .map(|length_ms| round(timed_words as f64 * 60_000.0 / length_ms as f64, 1));
    }
    speakers
}

/// The turns in order.
pub fn turns(document: &Document<'_>) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for (first, segment) in document.segments.iter().enumerate() {
        let words = document.tokens[first].len();
        match turns.last_mut() {
            Some(turn) if turn.label == segment.speaker => {
                turn.words += words;
                turn.end = first + 1;
            }
            _ => turns.push(Turn { label: segment.speaker.clone(), first, end: first + 1, words }),
        }
    }
    turns
}

/// Rounds for output, so that equal inputs give equal bytes and nobody reads noise.
pub(crate) fn round(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    #[test]
    fn shares_and_pace() {
        let row = |speaker: &str, start_ms: u64, text: &str| Segment {
            speaker: (!speaker.is_empty()).then(|| speaker.to_owned()),
            start_ms: Some(start_ms),
            end_ms: Some(start_ms + 2000),
            text: text.into(),
            ..Segment::default()
        };
        let title = Segment { start_ms: None, end_ms: None, ..row("", 0, "nobody says a title") };
        let segments = [
            row("Ann", 0, "one two three"),
            row("Ann", 2000, "four"),
            row("", 4000, "five six"),
            row("Ann", 6000, "ok so"),
        ];
        let document = Document::new(&segments, "en");
        let speakers = find(&document);
        assert_eq!((speakers[0].turns, speakers[0].words, speakers[0].share), (2, 6, 0.75));
        assert_eq!(speakers[0].words_per_minute, Some(60.0));
        assert_eq!((speakers[1].label.as_str(), speakers[1].first), (UNKNOWN, 2));
        assert_eq!(speakers[1].words_per_minute, Some(60.0));
        let titled = [&[title], &segments[..]].concat();
        assert_eq!(find(&Document::new(&titled, "en"))[0].words_per_minute, Some(60.0));
        let spans: Vec<_> = turns(&document).iter().map(|turn| (turn.first, turn.end)).collect();
        assert_eq!(spans, [(0, 2), (2, 3), (3, 4)]);
    }
}
