//! How sure the wording is: hedges on one side, absolutes and boosters on the other. Counts and places; neither says
//! who is right, and people who tell the truth use both.

use std::collections::BTreeMap;

use crate::cues::Place;
use crate::document::{Document, Hit};
use crate::speakers::{self, UNKNOWN, round};

/// Kinds of wording that leave room for doubt.
pub const HEDGING: [&str; 3] = ["hedge", "modal_hedge", "softener"];
/// Kinds of wording that leave none.
pub const CERTAIN: [&str; 2] = ["absolute", "booster"];

/// Sections of the lexicon and the kind each stands for.
const KINDS: [(&str, &str); 5] = [
    ("hedge", "hedge"),
    ("certainty.modal", "modal_hedge"),
    ("certainty.softener", "softener"),
    ("risk.absolute", "absolute"),
    ("certainty.booster", "booster"),
];
/// The words of a kind that are listed, most frequent first.
const MOST_WORDS: usize = 6;

/// The wording of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Wording {
    /// One of [`HEDGING`] or [`CERTAIN`].
    pub kind: &'static str,
    /// How often it occurs.
    pub count: usize,
    /// Occurrences per 1000 words.
    pub per_1000_words: f64,
    /// The words in lower case with their counts, most frequent first.
    pub words: Vec<(String, usize)>,
    /// The first few places.
    pub examples: Vec<Place>,
}

/// What one speaker's wording adds up to.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeakerWording {
    /// The label in the source, or [`UNKNOWN`].
    pub label: String,
    /// Words spoken.
    pub words: usize,
    /// Hedging of all kinds.
    pub hedging: usize,
    /// Certainty of all kinds.
    pub certain: usize,
}

/// Every place of hedging or certainty, in order; of overlapping ones the longest.
pub fn places(document: &Document<'_>) -> Vec<Place> {
    let mut kept: Vec<(Hit, &'static str)> = Vec::new();
    for hit in document.all_hits() {
        let Some((_, kind)) = KINDS.iter().find(|(cue, _)| *cue == hit.cue) else { continue };
        if is_month(document, hit) {
            continue;
        }
        match kept.last_mut() {
            Some((other, other_kind)) if other.segment == hit.segment && other.last >= hit.first => {
                if hit.last - hit.first > other.last - other.first {
                    (*other, *other_kind) = (*hit, kind);
                }
            }
            _ => kept.push((*hit, kind)),
        }
    }
    let place =
        |(hit, cue): (Hit, &'static str)| Place::new(document, cue, hit.segment, document.hit_range(&hit));
    kept.into_iter().map(place).collect()
}

/// The kinds that occur, hedging first.
pub fn by_kind(document: &Document<'_>, places: &[Place]) -> Vec<Wording> {
    let all_words = document.word_count().max(1) as f64;
    let row = |kind: &'static str| {
        let of_kind: Vec<&Place> = places.iter().filter(|place| place.cue == kind).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for place in &of_kind {
            *counts.entry(place.words.to_lowercase()).or_default() += 1;
        }
        let mut words: Vec<(String, usize)> = counts.into_iter().collect();
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        words.truncate(MOST_WORDS);
        Wording {
            kind,
            count: of_kind.len(),
            per_1000_words: round(of_kind.len() as f64 * 1000.0 / all_words, 2),
            words,
            examples: of_kind.into_iter().take(crate::cues::MOST_EXAMPLES).cloned().collect(),
        }
    };
    HEDGING.into_iter().chain(CERTAIN).map(row).filter(|wording| wording.count > 0).collect()
}

/// The same in two sums per speaker, in order of appearance.
pub fn by_speaker(document: &Document<'_>, places: &[Place]) -> Vec<SpeakerWording> {
    let mut sums: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for place in places {
        let label = document.segments[place.segment].speaker.as_deref().unwrap_or(UNKNOWN);
        sums.entry(label).or_default()[usize::from(CERTAIN.contains(&place.cue))] += 1;
    }
    speakers::find(document)
        .into_iter()
        .map(|speaker| {
            let [hedging, certain] = sums.get(speaker.label.as_str()).copied().unwrap_or_default();
            SpeakerWording { label: speaker.label, words: speaker.words, hedging, certain }
        })
        .collect()
}

/// "May" with a capital inside a sentence is the month.
fn is_month(document: &Document<'_>, hit: &Hit) -> bool {
    hit.first > 0 && document.hit_text(hit) == "May"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    #[test]
    fn kinds_words_and_speakers() {
        let row = |(speaker, text): &(&str, &str)| Segment {
            speaker: Some((*speaker).to_owned()),
            text: (*text).to_owned(),
            ..Segment::default()
        };
        let rows = [
            ("Ann", "Perhaps it could be late in May, and the river may rise."),
            ("Bob", "Clearly it will never rise, make no mistake."),
            ("Ann", "It usually does, perhaps."),
        ];
        let segments: Vec<Segment> = rows.iter().map(row).collect();
        let document = Document::new(&segments, "en");
        let places = places(&document);
        let found: Vec<(&str, &str)> = places.iter().map(|place| (place.cue, place.words.as_str())).collect();
        let expected = [
            ("hedge", "Perhaps"),
            ("hedge", "could be"),
            ("modal_hedge", "may"),
            ("booster", "Clearly"),
            ("absolute", "never"),
            ("booster", "make no mistake"),
            ("softener", "usually"),
            ("hedge", "perhaps"),
        ];
        assert_eq!(found, expected);
        let kinds = by_kind(&document, &places);
        assert_eq!((kinds[0].count, kinds[0].per_1000_words), (3, 125.0));
        assert_eq!(kinds[0].words, [("perhaps".to_owned(), 2), ("could be".to_owned(), 1)]);
        let sums: Vec<_> =
            by_speaker(&document, &places).iter().map(|row| (row.words, row.hedging, row.certain)).collect();
        assert_eq!(sums, [(16, 5, 0), (8, 0, 3)]);
    }
}
