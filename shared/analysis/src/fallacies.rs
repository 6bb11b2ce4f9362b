//! Possible fallacies: wording that often goes with one, and a reason that only says its claim again.
//!
//! Cues are phrases of the lexicon (`[fallacy.<name>]`), patterns of `lexicon/fallacies.txt` for English, and the words
//! around "because". A cue's name is the usual label of the fallacy with underscores. Most sentences with such a cue
//! are innocent: it is a place to look at, no finding.
//!
//! Measured on 90 texts with marked spans (MAFALDA; half overlap, same label): precision 0.56, recall 0.39, F1 0.46. Those
//! texts were seen while the patterns were written, so expect less elsewhere. Of 2,400 debate sentences 3 % have a cue.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::cues::{self, Place};
use crate::document::Document;
use crate::segments::Segment;
use crate::sentences;
use crate::wording::Wording;

/// A stretch of a text that may hold a fallacy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first character, counted in characters from the start of the text.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// The label, such as `slippery slope`, in lower case.
    pub label: String,
}

/// The places of possible fallacies in order, at most [`cues::MOST_EXAMPLES`] per name.
pub fn places(document: &Document<'_>) -> Vec<Place> {
    let mut places = cues::named_hits(document, |cue| cue.strip_prefix("fallacy."));
    if document.language == "en" {
        for segment in 0..document.segments.len() {
            places.extend(by_pattern(document, segment));
            places.extend(circle(document, segment));
        }
    }
    places.sort_by_key(|place| (place.segment, place.cue, place.range.start, place.range.end));
    // One place per name and sentence, the first; a sentence is what a fallacy is in.
    places.dedup_by_key(|place| (place.segment, place.cue));
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    places.retain(|place| {
        let count = counts.entry(place.cue).or_default();
        *count += 1;
        *count <= cues::MOST_EXAMPLES
    });
    places.sort_by_key(|place| (place.segment, place.range.start));
    places
}

/// The stretches of an English text that may hold a fallacy, in order: the sentence with the cue, and the one before
/// where it opens with a word such as "so". Stretches of one label that touch are one.
pub fn spans(text: &str) -> Vec<Span> {
    let ranges = sentences::split(text);
    let segments: Vec<Segment> = ranges
        .iter()
        .map(|range| Segment { text: text[range.clone()].to_owned(), ..Segment::default() })
        .collect();
    let document = Document::new(&segments, "en");
    let mut by_label: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for place in places(&document) {
        let first =
            if concludes(&document, place.segment) { place.segment.saturating_sub(1) } else { place.segment };
        let found = by_label.entry(place.cue).or_default();
        match found.last_mut() {
            Some(last) if last.1 + 1 >= first => last.1 = place.segment,
            _ => found.push((first, place.segment)),
        }
    }
    let characters = |byte: usize| text[..byte].chars().count();
    let mut spans: Vec<Span> = by_label
        .into_iter()
        .flat_map(|(cue, found)| found.into_iter().map(move |sentences| (cue, sentences)))
        .map(|(cue, (first, last))| Span {
            start: characters(ranges[first].start),
            end: characters(ranges[last].end),
            label: cue.replace('_', " "),
        })
        .collect();
    spans.sort_by(|left, right| {
        (left.start, left.end, &left.label).cmp(&(right.start, right.end, &right.label))
    });
    spans
}

/// Sections of patterns, each as one, for texts in small letters.
static PATTERNS: LazyLock<Vec<(&'static str, Wording)>> = LazyLock::new(|| {
    sections().into_iter().map(|(name, patterns)| (name, Wording::new(&patterns.join("|")))).collect()
});

fn sections() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut sections: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for line in include_str!("../lexicon/fallacies.txt").lines() {
        if let Some(name) = line.strip_prefix('[') {
            sections.push((name.trim_end().trim_end_matches(']'), Vec::new()));
        } else if let Some((_, patterns)) = sections.last_mut()
            && !line.is_empty()
            && !line.starts_with('#')
        {
            patterns.push(line);
        }
    }
    sections
}

fn by_pattern(document: &Document<'_>, segment: usize) -> impl Iterator<Item = Place> {
    let text = &document.segments[segment].text;
    // The patterns are written with straight apostrophes; the curly one is longer, so places are mapped back.
    let mut straight = text.replace('’', "'");
    straight.make_ascii_lowercase();
    let shorter = text.len() != straight.len();
    let back = move |at: usize| if shorter { unfolded(text, at) } else { at };
    PATTERNS.iter().filter_map(move |(cue, wording)| {
        let found = wording.find(&straight)?;
        let from = straight.floor_char_boundary(found.start);
        let range = back(from)..back(straight.ceil_char_boundary(found.end));
        Some(Place { cue, segment, words: text[range.clone()].to_owned(), range })
    })
}

/// The byte of `text` that became byte `at` when its curly apostrophes became straight.
fn unfolded(text: &str, at: usize) -> usize {
    let mut folded = 0;
    for (byte, letter) in text.char_indices() {
        if folded >= at {
            return byte;
        }
        folded += if letter == '’' { 1 } else { letter.len_utf8() };
    }
    text.len()
}

/// A claim whose reason repeats it: most content words after "because" occur before it.
fn circle(document: &Document<'_>, segment: usize) -> Option<Place> {
    const FEWEST_WORDS: usize = 3;
    let tokens = &document.tokens[segment];
    let at = tokens.iter().position(|token| document.word(token).text == "because")?;
    let stems = |range: Range<usize>| -> Vec<String> {
        let words = tokens[range].iter().map(|token| document.word(token)).filter(|word| word.content);
        words.map(|word| word.text.chars().take(5).collect()).collect()
    };
    let (claim, reason) = (stems(0..at), stems(at + 1..tokens.len()));
    let repeated = reason.iter().filter(|stem| claim.contains(stem)).count();
    if at < FEWEST_WORDS || repeated == 0 || repeated * 2 < reason.len() {
        return None;
    }
    let range = tokens[at].start as usize..tokens.last()?.end as usize;
    let words = document.segments[segment].text[range.clone()].to_owned();
    Some(Place { cue: "circular_reasoning", segment, words, range })
}

/// True if the sentence opens as what follows from the one before.
fn concludes(document: &Document<'_>, segment: usize) -> bool {
    let first = document.tokens[segment].first().map(|token| document.word(token).text.as_str());
    matches!(first, Some("so" | "therefore" | "thus" | "hence" | "consequently"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let letters: Vec<char> = text.chars().collect();
        let found: Vec<(String, String)> = spans(text)
            .into_iter()
            .map(|span| (span.label, letters[span.start..span.end].iter().collect()))
            .collect();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(label, words)| (label.as_str(), words.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_sentence_that_holds_the_cue() {
        check(
            "Der Zug – it’s late. Either we build the wall or the town drowns. It rains.",
            &[("false dilemma", "Either we build the wall or the town drowns.")],
        );
        check(
            "Either Zoë’s café – 東京の – stays or the town drowns. Es regnet.",
            &[("false dilemma", "Either Zoë’s café – 東京の – stays or the town drowns.")],
        );
        check(
            "My neighbour’s roof leaked. So all roofers are crooks!",
            &[("hasty generalization", "My neighbour’s roof leaked. So all roofers are crooks!")],
        );
        check(
            "The pump is reliable because it is a reliable pump.",
            &[("circular reasoning", "The pump is reliable because it is a reliable pump.")],
        );
        check(
            "If we allow one stall, the whole square will be a fairground.",
            &[("slippery slope", "If we allow one stall, the whole square will be a fairground.")],
        );
        check(
            "Nine out of ten dentists chew it.",
            &[("appeal to (false) authority", "Nine out of ten dentists chew it.")],
        );
        check("The council voted for the wall because the river rose. It cost 42 million pounds.", &[]);
        check("", &[]);
    }

    #[test]
    fn capitals_are_as_small_letters() {
        check(
            "EITHER WE BUILD THE WALL OR THE TOWN DROWNS.",
            &[("false dilemma", "EITHER WE BUILD THE WALL OR THE TOWN DROWNS.")],
        );
        let mut before = ' ';
        for letter in sections().iter().flat_map(|(_, patterns)| patterns).flat_map(|pattern| pattern.chars())
        {
            assert!(!letter.is_uppercase() || before == '\\', "a pattern holds a capital");
            before = letter;
        }
    }

    #[test]
    fn wordings_are_found_where_general_patterns_find_them() {
        let examples = include_str!("fallacies/examples.txt").to_ascii_lowercase();
        for (name, patterns) in sections() {
            let pattern = patterns.join("|");
            let (wording, general) = (Wording::new(&pattern), crate::ascii_pattern(&pattern));
            for line in examples.lines().chain(patterns) {
                let expected = general.find(line.as_bytes()).map(|found| found.range());
                assert_eq!(wording.find(line), expected, "{name}: {line}");
            }
        }
    }

    #[test]
    fn plain_examples_are_found() {
        let examples = include_str!("fallacies/examples.txt").lines().filter(|line| !line.starts_with('#'));
        let (mut all, mut missed) = (0, Vec::new());
        for (label, text) in examples.filter_map(|line| line.split_once(": ")) {
            all += 1;
            if spans(text).iter().all(|span| span.label != label) {
                missed.push(text);
            }
        }
        assert!(missed.len() * 20 < all, "{all}: {missed:?}");
    }

    #[test]
    fn the_words_are_the_segments_own() {
        let segments = [Segment {
            text: "“Well” – don’t listen to him, he’s a liar.".to_owned(),
            ..Segment::default()
        }];
        let document = Document::new(&segments, "en");
        let found = places(&document);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].cue, found[0].words.as_str()), ("ad_hominem", "don’t listen to him"));
        assert_eq!(&segments[0].text[found[0].range.clone()], found[0].words);
    }

    proptest! {
        #[test]
        fn spans_lie_inside_the_text_in_order(
            text in "(so all men are |he’s a liar|either we or they |because |wall |[.?!] |\\PC| ){0,30}"
        ) {
            let length = text.chars().count();
            let spans = spans(&text);
            prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= length));
            prop_assert!(spans.is_sorted_by_key(|span| span.start));
            let segments = [Segment { text: text.clone(), ..Segment::default() }];
            for place in places(&Document::new(&segments, "en")) {
                prop_assert_eq!(text.get(place.range.clone()), Some(place.words.as_str()));
            }
        }
    }
}
