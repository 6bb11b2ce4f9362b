//! Repetition and what unwanted mass texts are full of: links, hashtags, emoji, promotional wording. Counts and places;
//! whether something is spam is for a reader to say.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::cues::{MOST_EXAMPLES, Place};
use crate::document::Document;
use crate::near_duplicates::Repeat;
use crate::pattern;
use crate::speakers::round;

/// How much of a transcript repeats itself or promotes something.
#[derive(Clone, Debug, PartialEq)]
pub struct Repetition {
    /// Sentences with words.
    pub sentences: usize,
    /// Sentences that say again what an earlier one says, in nearly the same words.
    pub repeated_sentences: usize,
    /// Their share of all, 0 to 1.
    pub repeated_share: f64,
    /// Phrases said most often beyond once, by words saved.
    pub phrases: Vec<Phrase>,
    /// The named cues that occur.
    pub cues: Vec<Cue>,
    /// Share of the sentences that promote, link or tag, 0 to 1.
    pub promotional_share: f64,
}

/// A phrase that comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase {
    /// How often it is said.
    pub count: usize,
    /// The first few places.
    pub examples: Vec<Place>,
}

/// A named cue.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// `repeated_sentence`, `promotion`, `link`, `hashtag` or `emoji`.
    pub name: &'static str,
    /// How often it occurs.
    pub count: usize,
    /// Occurrences per 1000 words.
    pub per_1000_words: f64,
    /// True if it is denser than talk usually has it.
    pub is_dense: bool,
    /// The first few places.
    pub examples: Vec<Place>,
}

const PHRASE: &str = "repeated_phrase";
const FEWEST_REPEATS_OF_PHRASE: usize = 3;
const MOST_PHRASES: usize = 6;
const WORDS_OF_PHRASES: std::ops::RangeInclusive<usize> = 3..=6;
const FEWEST_CONTENT_WORDS: usize = 2;
/// Cues are called dense from so many, and so many per 1000 words, on.
const DENSE: [(&str, usize, f64); 5] = [
    ("repeated_sentence", 5, 25.0),
    ("promotion", 4, 10.0),
    ("link", 3, 5.0),
    ("hashtag", 4, 8.0),
    ("emoji", 5, 15.0),
];

/// The repetition in a transcript, given its near duplicates; linear but for sorting the phrases that come back.
pub fn find(document: &Document<'_>, repeats: &[Repeat]) -> Repetition {
    let repeated = repeated(document, repeats);
    let mut marks = marks(document);
    let promotional: HashSet<usize> =
        marks.iter().filter(|place| place.cue != "emoji").map(|place| place.segment).collect();
    marks.extend(repeated.iter().map(|segment| {
        Place::new(document, "repeated_sentence", *segment, 0..document.segments[*segment].text.len())
    }));
    let words = document.word_count().max(1) as f64;
    let sentences = document.tokens.iter().filter(|tokens| !tokens.is_empty()).count();
    let cue = |(name, fewest, densest): (&'static str, usize, f64)| {
        let places: Vec<&Place> = marks.iter().filter(|place| place.cue == name).collect();
        let per_1000_words = round(places.len() as f64 * 1000.0 / words, 2);
        (!places.is_empty()).then(|| Cue {
            name,
            count: places.len(),
            per_1000_words,
            is_dense: places.len() >= fewest && per_1000_words >= densest,
            examples: places.into_iter().take(MOST_EXAMPLES).cloned().collect(),
        })
    };
    let share = |part: usize| round(part as f64 / sentences.max(1) as f64, 4);
    Repetition {
        sentences,
        repeated_sentences: repeated.len(),
        repeated_share: share(repeated.len()),
        phrases: phrases(document),
        cues: DENSE.into_iter().filter_map(cue).collect(),
        promotional_share: share(promotional.len()),
    }
}

/// Why there is nothing in a transcript but one advertisement over and over, if that is so. Both cues must be
/// overwhelming, so that a song, a prayer or a long advertisement is not taken for it.
pub fn overwhelming(repetition: &Repetition) -> Option<String> {
    const FEWEST_SENTENCES: usize = 8;
    const REPEATED: f64 = 0.75;
    const PROMOTIONAL: f64 = 0.5;
    let is_overwhelming = repetition.sentences >= FEWEST_SENTENCES
        && repetition.repeated_share >= REPEATED
        && repetition.promotional_share >= PROMOTIONAL;
    is_overwhelming.then(|| {
        format!(
            "cues of spam: of {} sentences {:.0}% repeat earlier ones and {:.0}% promote, link or tag",
            repetition.sentences,
            repetition.repeated_share * 100.0,
            repetition.promotional_share * 100.0
        )
    })
}

/// The segments that say again what an earlier one says, ascending.
fn repeated(document: &Document<'_>, repeats: &[Repeat]) -> Vec<usize> {
    let near: HashSet<usize> =
        repeats.iter().flat_map(|repeat| repeat.segments.iter().skip(1)).copied().collect();
    let mut seen: HashSet<Vec<u32>> = HashSet::new();
    let is_repeated = |segment: &usize| {
        let words: Vec<u32> = document.tokens[*segment].iter().map(|token| token.word).collect();
        // A single word comes back in any talk.
        let same = words.len() > 1 && !seen.insert(words);
        same || near.contains(segment)
    };
    (0..document.segments.len()).filter(is_repeated).collect()
}

/// Where a link may begin and what may belong to it. What it ends with is told by hand: a pattern that names all letters takes five
/// times as long to build.
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?<begins>https?://|\bwww\.)[^\s<>]*|\b[a-z0-9-]{2,}\.(?:com|net|org|io|co|ly|me|shop|info|xyz)\b(?:/[^\s<>]*)?",
    )
});
static EMOJI: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[\p{Extended_Pictographic}--[\x00-\x{ff}\x{2122}]]"));

/// Whether a text may hold a link. Most do not, and the pattern need not be built.
fn may_have_links(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| match three {
        // In either case `s` is a letter outside ASCII, too.
        [_, b'.', after] => after.is_ascii_alphabetic() || !after.is_ascii(),
        [_, b':', b'/'] | [b'w' | b'W', b'w' | b'W', b'.'] => true,
        _ => false,
    })
}

/// Links in their places. One with a scheme, or that says so, ends with a letter, a figure or a slash.
fn links(text: &str) -> Vec<Range<usize>> {
    if !may_have_links(text) {
        return Vec::new();
    }
    let end = |(begins, rest): (usize, &str)| {
        let ends = |(_, letter): &(usize, char)| letter.is_alphanumeric() || *letter == '/';
        rest.char_indices().rfind(ends).map(|(at, letter)| begins + at + letter.len_utf8())
    };
    let link = |found: Captures<'_>| {
        let all = found.get_match();
        let Some(begins) = found.name("begins") else { return Some(all.range()) };
        end((begins.end(), &text[begins.end()..all.end()])).map(|end| all.start()..end)
    };
    LINK.captures_iter(text).filter_map(link).collect()
}

/// Hashtags in their places: at the beginning of a word a letter, and more letters or figures.
fn hashtags(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices('#').filter_map(|(at, mark)| {
        let is_inside = text[..at].chars().next_back().is_some_and(|before| !before.is_whitespace());
        let name = &text[at + mark.len()..];
        let length =
            name.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(name.len());
        let mut letters = name[..length].chars();
        let is_name = letters.next().is_some_and(char::is_alphabetic) && letters.next().is_some();
        (!is_inside && is_name).then_some(at..at + mark.len() + length)
    })
}

/// Links, tags, emoji and promotional wording in their places, in order.
fn marks(document: &Document<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for (segment, row) in document.segments.iter().enumerate() {
        let mut push = |cue, range: Range<usize>| places.push(Place::new(document, cue, segment, range));
        links(&row.text).into_iter().for_each(|range| push("link", range));
        hashtags(&row.text).for_each(|range| push("hashtag", range));
        if !row.text.is_ascii() {
            EMOJI.find_iter(&row.text).for_each(|found| push("emoji", found.range()));
        }
        let mut end = None;
        for hit in document.hits(segment).iter().filter(|hit| hit.cue == "sponsor") {
            if end.is_none_or(|end| hit.first > end) {
                push("promotion", document.hit_range(hit));
            }
            end = end.max(Some(hit.last));
        }
    }
    places
}

/// Where a phrase stands: segment and first token.
type At = (usize, usize);

/// The phrases that save the most words if said once, without those inside others.
fn phrases(document: &Document<'_>) -> Vec<Phrase> {
    let runs = runs(document);
    let mut found: Vec<(&[u32], Vec<At>)> = Vec::new();
    for count in WORDS_OF_PHRASES {
        let mut places: HashMap<&[u32], Vec<At>> = HashMap::new();
        for ((segment, begins), words) in &runs {
            for (first, phrase) in words.windows(count).enumerate() {
                places.entry(phrase).or_default().push((*segment, begins + first));
            }
        }
        let often = |(phrase, places): &(&[u32], Vec<At>)| {
            let content = phrase.iter().filter(|word| document.words[**word as usize].content).count();
            places.len() >= FEWEST_REPEATS_OF_PHRASE && content >= FEWEST_CONTENT_WORDS
        };
        found.extend(places.into_iter().filter(often));
    }
    found.sort_by_key(|(phrase, places)| {
        let saved = (places.len() - 1) * phrase.len();
        (std::cmp::Reverse(saved), std::cmp::Reverse(phrase.len()), places[0])
    });
    let mut chosen: Vec<(&[u32], Vec<At>)> = Vec::new();
    for (phrase, places) in found {
        let shares = |other: &[u32]| other.windows(2).any(|pair| phrase.windows(2).any(|own| own == pair));
        if chosen.len() < MOST_PHRASES && chosen.iter().all(|(other, _)| !shares(other)) {
            chosen.push((phrase, places));
        }
    }
    let verbatim = |count: usize, (segment, first): At| {
        let tokens = &document.tokens[segment];
        let range = tokens[first].start as usize..tokens[first + count - 1].end as usize;
        Place::new(document, PHRASE, segment, range)
    };
    chosen
        .into_iter()
        .map(|(phrase, places)| Phrase {
            count: places.len(),
            examples: places.into_iter().take(MOST_EXAMPLES).map(|at| verbatim(phrase.len(), at)).collect(),
        })
        .collect()
}

/// The words between which only spaces stand, in order, each run with its place.
fn runs(document: &Document<'_>) -> Vec<(At, Vec<u32>)> {
    let mut runs: Vec<(At, Vec<u32>)> = Vec::new();
    for (segment, tokens) in document.tokens.iter().enumerate() {
        let text = &document.segments[segment].text;
        for (at, token) in tokens.iter().enumerate() {
            let joined = at.checked_sub(1).is_some_and(|before| {
                let gap = &text[tokens[before].end as usize..token.start as usize];
                !gap.is_empty() && gap.trim().is_empty()
            });
            match runs.last_mut() {
                Some((_, words)) if joined => words.push(token.word),
                _ => runs.push(((segment, at), vec![token.word])),
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::near_duplicates;
    use crate::segments::Segment;

    fn read(sentences: &[&str]) -> Repetition {
        let segments: Vec<Segment> =
            sentences.iter().map(|text| Segment { text: (*text).to_owned(), ..Segment::default() }).collect();
        let document = Document::new(&segments, "en");
        find(&document, &near_duplicates::find(&document))
    }

    /// What links and hashtags are, as patterns.
    static LINKS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)https?://[^\s<>]*[\p{Alphabetic}\p{N}/]|\bwww\.[^\s<>]*[\p{Alphabetic}\p{N}/]|\b[a-z0-9-]{2,}\.(?:com|net|org|io|co|ly|me|shop|info|xyz)\b(?:/[^\s<>]*)?",
        )
    });
    static HASHTAGS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?:^|\s)(#[\p{Alphabetic}][\p{Alphabetic}\p{N}_]+)"));

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn links_and_hashtags_are_as_their_patterns(
            text in "[a-cowmsW/:.,<!# ſé\u{bf}\u{93f}_1-]{0,14}",
            ending in "(com|io|ſhop|https?://a?|WWW.é|www.1|www.|#a1)?",
            after in "[a!./# \u{93f}-]{0,4}",
        ) {
            for text in [format!("{text}{ending}{after}"), format!("{text}.{ending}{after}")] {
                let expected: Vec<_> = LINKS.find_iter(&text).map(|found| found.range()).collect();
                prop_assert_eq!(links(&text), expected, "{}", text);
                let tags = HASHTAGS.captures_iter(&text).filter_map(|found| Some(found.get(1)?.range()));
                prop_assert_eq!(hashtags(&text).collect::<Vec<_>>(), tags.collect::<Vec<_>>(), "{}", text);
            }
        }
    }

    #[test]
    fn links_without_a_scheme() {
        let found = read(&["We buy gold, see gold.io for more.", "The wall is 4.2 metres high."]);
        let links: Vec<_> = found.cues.iter().filter(|cue| cue.name == "link").collect();
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].examples[0].words, "gold.io");
    }

    #[test]
    fn a_plain_talk_has_none() {
        let found =
            read(&["The council met.", "It voted on the harbour wall.", "Version 2.0 of the plan won."]);
        let expected = Repetition {
            sentences: 3,
            repeated_sentences: 0,
            repeated_share: 0.0,
            phrases: vec![],
            cues: vec![],
            promotional_share: 0.0,
        };
        assert_eq!(found, expected);
        assert_eq!(overwhelming(&found), None);
    }

    #[test]
    fn phrases_and_cues_with_their_words() {
        let found = read(&[
            "The old harbour wall is high, see https://wall.test/a?b=1.",
            "Nobody likes the old harbour wall 😀 #wall",
            "The Old Harbour Wall fell, as www.wall.test says, and this episode is sponsored.",
        ]);
        assert_eq!(found.phrases.len(), 1);
        assert_eq!(
            (found.phrases[0].count, found.phrases[0].examples[2].words.as_str()),
            (3, "The Old Harbour Wall")
        );
        let cues: Vec<(&str, usize, &str)> =
            found.cues.iter().map(|cue| (cue.name, cue.count, cue.examples[0].words.as_str())).collect();
        let expected = [
            ("promotion", 1, "sponsored"),
            ("link", 2, "https://wall.test/a?b=1"),
            ("hashtag", 1, "#wall"),
            ("emoji", 1, "😀"),
        ];
        assert_eq!(cues, expected);
        assert!(found.cues.iter().all(|cue| !cue.is_dense));
    }

    #[test]
    fn only_overwhelming_spam_ends_a_run() {
        let advertisement = ["Buy now at www.gold.test and use code GOLD today!", "Sign up!", "So cheap!"];
        let spam: Vec<&str> = advertisement.into_iter().cycle().take(30).collect();
        let found = read(&spam);
        assert_eq!(
            (found.repeated_sentences, found.repeated_share, found.promotional_share),
            (27, 0.9, 0.6667)
        );
        assert!(found.cues.iter().filter(|cue| cue.is_dense).count() >= 3, "{:?}", found.cues);
        assert!(overwhelming(&found).is_some_and(|why| why.contains("90% repeat")));
        let song: Vec<&str> =
            ["Row, row, row your boat.", "Gently down the stream."].into_iter().cycle().take(30).collect();
        assert_eq!(overwhelming(&read(&song)), None);
    }
}
