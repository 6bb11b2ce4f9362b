//! Named cues of wording: risk, fallacy, conflict. Counts and places, never a verdict about a person.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::document::{Document, Hit};
use crate::fallacies;
pub use crate::fallacies::Span;
use crate::numbers::{Kind, Number};

/// The places of one cue.
#[derive(Clone, Debug, PartialEq)]
pub struct CueCount {
    /// Which cue.
    pub cue: &'static str,
    /// How often it occurs.
    pub count: usize,
    /// Occurrences per 1000 words.
    pub per_1000_words: f64,
    /// The first few places.
    pub examples: Vec<Place>,
}

/// Words in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which cue fired.
    pub cue: &'static str,
    /// Index of the segment.
    pub segment: usize,
    /// Where the words stand in the segment's text, in bytes.
    pub range: Range<usize>,
    /// The matched words, verbatim.
    pub words: String,
}

impl Place {
    /// The words of a segment at `range`.
    pub(crate) fn new(
        document: &Document<'_>,
        cue: &'static str,
        segment: usize,
        range: Range<usize>,
    ) -> Self {
        let words = document.segments[segment].text[range.clone()].to_owned();
        Self { cue, segment, range, words }
    }
}

/// More places than this of one cue are counted, not listed.
pub const MOST_EXAMPLES: usize = 3;

/// Sections of the lexicon, and what their cues are called.
pub(crate) const RISKS: &[(&str, &str)] = &[
    ("hedge", "hedge"),
    ("risk.absolute", "absolute"),
    ("risk.distancing", "distancing"),
    ("risk.loaded", "loaded_word"),
    ("risk.urgency", "urgency"),
];
const SOURCED: &str = "sourced_number";
pub(crate) const UNSOURCED: &str = "unsourced_number";

/// Every place of a risk cue, in order.
pub fn risk_places(document: &Document<'_>, numbers: &[Number]) -> Vec<Place> {
    let mut places: Vec<Place> =
        named_hits(document, |cue| RISKS.iter().find(|(name, _)| *name == cue).map(|(_, name)| *name));
    places.extend(figures(document, numbers).filter(|place| place.cue == UNSOURCED));
    places.sort_by_key(|place| place.segment);
    places
}

/// Risk cues by name, with counts; cues that never fire are left out.
pub fn risk_counts(document: &Document<'_>, places: &[Place]) -> Vec<CueCount> {
    let mut by_cue: BTreeMap<&'static str, Vec<&Place>> = BTreeMap::new();
    for place in places {
        by_cue.entry(place.cue).or_default().push(place);
    }
    let words = document.word_count().max(1) as f64;
    by_cue
        .into_iter()
        .map(|(cue, places)| CueCount {
            cue,
            count: places.len(),
            per_1000_words: crate::speakers::round(places.len() as f64 * 1000.0 / words, 2),
            examples: places.into_iter().take(MOST_EXAMPLES).cloned().collect(),
        })
        .collect()
}

/// Possible fallacies: wording that often goes with one, at most [`MOST_EXAMPLES`] per name. The patterns were written
/// with the labelled texts in view that they are measured on, so elsewhere they find less.
pub fn fallacies(document: &Document<'_>) -> Vec<Place> {
    fallacies::places(document)
}

/// The sentences of an English text that may hold a fallacy, with its label.
pub fn fallacy_spans(text: &str) -> Vec<Span> {
    fallacies::spans(text)
}

/// Signals of conflict: disagreement, accusation, heated words, law, apology; all of them, in order.
pub fn signals(document: &Document<'_>) -> Vec<Place> {
    named_hits(document, |cue| cue.strip_prefix("signal."))
}

/// Hits of cues that have a public name; of overlapping ones of the same cue the longest.
pub(crate) fn named_hits(
    document: &Document<'_>,
    name: impl Fn(&'static str) -> Option<&'static str>,
) -> Vec<Place> {
    let mut places: Vec<(Hit, &'static str)> = Vec::new();
    for hit in document.all_hits() {
        let Some(name) = name(hit.cue) else { continue };
        if let Some((other, _)) = places
            .iter_mut()
            .rev()
            .take_while(|(other, _)| other.segment == hit.segment)
            .find(|(other, cue)| *cue == name && other.last >= hit.first)
        {
            if hit.last - hit.first > other.last - other.first {
                *other = *hit;
            }
            continue;
        }
        places.push((*hit, name));
    }
    places
        .into_iter()
        .map(|(hit, cue)| Place::new(document, cue, hit.segment, document.hit_range(&hit)))
        .collect()
}

/// The places of figures somebody could source, in order, as sourced or [`UNSOURCED`].
pub(crate) fn figures(document: &Document<'_>, numbers: &[Number]) -> impl Iterator<Item = Place> {
    let mut before = (0, 0);
    numbers.iter().filter_map(move |number| {
        let from = if before.0 == number.segment { before.1 } else { 0 };
        let text = &document.segments[number.segment].text;
        // Numbers come in order, and each is written as its text says.
        let at = from + text.get(from..)?.find(&number.text)?;
        let range = at..at + number.text.len();
        before = (number.segment, range.end);
        let cue = if is_sourced(document, number.segment) { SOURCED } else { UNSOURCED };
        is_figure(number).then(|| Place::new(document, cue, number.segment, range))
    })
}

/// Money, shares and large numbers: figures somebody could source.
fn is_figure(number: &Number) -> bool {
    match number.kind {
        Kind::Money | Kind::Percent => true,
        Kind::Count | Kind::Quantity => number.value.is_some_and(|value| value >= 100.0),
        Kind::Date => false,
    }
}

/// True if the sentence, or the one before it by the same speaker, says where its figures come from.
fn is_sourced(document: &Document<'_>, segment: usize) -> bool {
    let sourced = |segment: usize| document.has(segment, "attribution");
    let before = segment
        .checked_sub(1)
        .filter(|before| document.segments[*before].speaker == document.segments[segment].speaker);
    sourced(segment) || before.is_some_and(sourced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers;
    use crate::segments::Segment;

    fn segments(sentences: &[&str]) -> Vec<Segment> {
        sentences.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect()
    }

    #[test]
    fn figures_with_and_without_a_source() {
        let segments = segments(&[
            "It cost 3 million pounds.",
            "Perhaps it always will.",
            "According to the auditor, it cost 4 million pounds.",
        ]);
        let document = Document::new(&segments, "en");
        let places = risk_places(&document, &numbers::find(&document));
        let rows: Vec<_> =
            places.iter().map(|place| (place.cue, place.segment, place.words.as_str())).collect();
        let expected =
            [("unsourced_number", 0, "3 million pounds"), ("hedge", 1, "Perhaps"), ("absolute", 1, "always")];
        assert_eq!(rows, expected);
        let counts = risk_counts(&document, &places);
        assert_eq!(counts.iter().map(|count| count.count).sum::<usize>(), 3);
    }

    #[test]
    fn possible_fallacies_are_capped() {
        let segments = segments(&["Everyone knows that."; 5]);
        let document = Document::new(&segments, "en");
        let popular = fallacies(&document).iter().filter(|place| place.cue == "ad_populum").count();
        assert_eq!(popular, MOST_EXAMPLES);
    }

    #[test]
    fn signals_of_conflict() {
        let segments = segments(&["That is not true, and I resent it.", "I apologise for the unlawful act."]);
        let document = Document::new(&segments, "en");
        let kinds: Vec<&str> = signals(&document).iter().map(|place| place.cue).collect();
        assert_eq!(kinds, ["disagreement", "heated", "apology", "legal"]);
    }
}
