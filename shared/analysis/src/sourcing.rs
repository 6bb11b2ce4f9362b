//! Where things are said to come from: sentences that name a source, words in quotation marks, figures with and
//! without a source.
//!
//! A source is named where the wording says so ("according to", "the survey found"); whether it exists and says that is
//! not looked at.

use std::ops::Range;

use crate::cues::{self, Place};
use crate::document::Document;
use crate::lexicon;
use crate::numbers::Number;
use crate::readability::is_punctuated;
use crate::speakers::round;

/// What names its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourcing {
    /// Sentences with words.
    pub sentences: usize,
    /// The first words of each sentence that name a source.
    pub sourced: Vec<Place>,
    /// Share of the sentences that name a source; nothing in languages without a word list.
    pub sourced_share: Option<f64>,
    /// What stands in quotation marks.
    pub quotations: Vec<Place>,
    /// Share of the words in quotation marks; nothing without punctuation.
    pub quoted_share: Option<f64>,
    /// Money, shares and large numbers whose sentence, or the one before it by the same speaker, names a source.
    pub figures_with_source: Vec<Place>,
    /// The other figures.
    pub figures_without_source: Vec<Place>,
}

/// The sourcing of a transcript; linear.
pub fn find(document: &Document<'_>, numbers: &[Number]) -> Sourcing {
    let sourced: Vec<Place> = (0..document.segments.len())
        .filter_map(|segment| {
            let hit = document.hits(segment).iter().find(|hit| hit.cue == "attribution")?;
            Some(Place::new(document, "source", segment, document.hit_range(hit)))
        })
        .collect();
    let (mut quotations, mut quoted_words) = (Vec::new(), 0);
    for (segment, row) in document.segments.iter().enumerate() {
        for range in quoted(&row.text) {
            let inside = |start: u32, end: u32| range.start <= start as usize && end as usize <= range.end;
            let words =
                document.tokens[segment].iter().filter(|token| inside(token.start, token.end)).count();
            if words > 0 {
                quoted_words += words;
                quotations.push(Place::new(document, "quotation", segment, range));
            }
        }
    }
    let (figures_without_source, figures_with_source) =
        cues::figures(document, numbers).partition(|place| place.cue == cues::UNSOURCED);
    let sentences = document.tokens.iter().filter(|tokens| !tokens.is_empty()).count();
    let share = |part: usize, all: usize| round(part as f64 / all.max(1) as f64, 4);
    Sourcing {
        sourced_share: (!lexicon::phrases(document.language).is_empty())
            .then(|| share(sourced.len(), sentences)),
        quoted_share: is_punctuated(document).then(|| share(quoted_words, document.word_count())),
        sentences,
        sourced,
        quotations,
        figures_with_source,
        figures_without_source,
    }
}

/// What stands between double quotation marks that open and close in the same sentence.
fn quoted(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut open: Option<(usize, &[char])> = None;
    for (at, letter) in text.char_indices() {
        match open {
            Some((start, closing)) if closing.contains(&letter) => {
                ranges.push(start..at);
                open = None;
            }
            Some(_) => {}
            None => {
                let closing: Option<&[char]> = match letter {
                    '"' => Some(&['"']),
                    '“' => Some(&['”']),
                    '„' => Some(&['“', '”']),
                    '«' => Some(&['»']),
                    '»' => Some(&['«']),
                    '「' => Some(&['」']),
                    '『' => Some(&['』']),
                    _ => None,
                };
                open = closing.map(|closing| (at + letter.len_utf8(), closing));
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers;
    use crate::segments::Segment;

    fn check(language: &str, sentences: &[&str], expected: [&[&str]; 4], shares: (Option<f64>, Option<f64>)) {
        let segments: Vec<Segment> =
            sentences.iter().map(|text| Segment { text: (*text).to_owned(), ..Segment::default() }).collect();
        let document = Document::new(&segments, language);
        let found = find(&document, &numbers::find(&document));
        let lists =
            [&found.sourced, &found.quotations, &found.figures_with_source, &found.figures_without_source];
        let words = lists.map(|list| list.iter().map(|place| place.words.as_str()).collect::<Vec<_>>());
        assert_eq!(words, expected.map(<[&str]>::to_vec));
        assert_eq!((found.sourced_share, found.quoted_share), shares);
    }

    #[test]
    fn sources_quotations_and_figures() {
        let sentences = [
            "According to the auditor, it cost 4 million pounds.",
            "The mayor called it \"a sad day\" and left.",
            "It rained.",
            "He paid “12 percent” of it.",
        ];
        let expected: [&[&str]; 4] =
            [&["According to"], &["a sad day", "12 percent"], &["4 million pounds"], &["12 percent"]];
        check("en", &sentences, expected, (Some(0.25), Some(0.1923)));
    }

    #[test]
    fn what_cannot_be_known() {
        check("en", &["nobody said where it came from"], [&[], &[], &[], &[]], (Some(0.0), None));
        check(
            "de",
            &["Er sagte „Nein danke“ dazu."],
            [&["sagte"], &["Nein danke"], &[], &[]],
            (Some(1.0), Some(0.4)),
        );
        check("ar", &["سعر المياه لن يتغير."], [&[], &[], &[], &[]], (None, Some(0.0)));
    }
}
