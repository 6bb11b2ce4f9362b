//! Whether the wording of a title lures: the score of a small linear model and the words that raised it.
//!
//! The weights are learnt from English headlines of 2014 to 2016 by `tests/train/clickbait.py`, which states the features
//! and the source; their file records both and what was measured. The score speaks of wording only: an honest piece may
//! have a luring title. Words of other languages weigh next to nothing, so their titles score low.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::lexicon;

/// What a title's wording comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Clickbait {
    /// 0..1; from [`THRESHOLD`] the wording is like clickbait.
    pub score: f64,
    /// The words that raised the score, strongest first, at most [`MOST_CUES`].
    pub cues: Vec<Cue>,
}

/// Words of a title that raise its score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// What they do, such as `speaks_to_you`; `wording` where there is no name for it.
    pub cue: &'static str,
    /// Where they stand in the title, in bytes.
    pub place: Range<usize>,
    /// The words, verbatim.
    pub words: String,
}

/// From this score on the wording is like clickbait.
pub const THRESHOLD: f64 = 0.5;
/// No title has more cues.
pub const MOST_CUES: usize = 5;

/// How much the wording of a title is like clickbait, 0..1.
pub fn score(title: &str) -> f64 {
    find(title).score
}

/// The score of a title and the words that raised it.
pub fn find(title: &str) -> Clickbait {
    let words = words(title);
    if words.len() < FEWEST_WORDS {
        return Clickbait { score: 0.0, cues: Vec::new() };
    }
    let features = features(title, &words);
    let sum: f64 = features.values().map(|(weight, _)| weight).sum();
    let mut raised: Vec<&(f64, Range<usize>)> =
        features.values().filter(|(weight, place)| *weight >= LEAST_RAISE && !place.is_empty()).collect();
    raised.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.start.cmp(&right.1.start)));
    let mut cues: Vec<Cue> = Vec::new();
    for (_, place) in raised {
        let apart = cues.iter().all(|cue| cue.place.end <= place.start || place.end <= cue.place.start);
        if apart && cues.len() < MOST_CUES {
            cues.push(Cue {
                cue: name(&words, place),
                place: place.clone(),
                words: title[place.clone()].to_owned(),
            });
        }
    }
    Clickbait { score: 1.0 / (1.0 + (-(WEIGHTS.bias + sum)).exp()), cues }
}

/// Fewer words say too little.
const FEWEST_WORDS: usize = 3;
/// Features that add less to the logarithm of the odds are no cues.
const LEAST_RAISE: f64 = 0.5;
const MARKS: [char; 5] = ['?', '!', ':', ';', '"'];

/// A word as the features have it.
struct Word {
    shape: String,
    place: Range<usize>,
}

fn words(title: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in title.char_indices().chain([(title.len(), ' ')]) {
        let inside = letter.is_ascii_alphanumeric()
            || letter == '\''
            || !(letter.is_ascii() || matches!(letter, '“' | '”'));
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                let raw = &title[from..at];
                let word = raw.trim_matches(APOSTROPHES);
                let from = from + raw.len() - raw.trim_start_matches(APOSTROPHES).len();
                if !word.is_empty() {
                    words.push(Word { shape: shape(word), place: from..from + word.len() });
                }
            }
            _ => {}
        }
    }
    words
}

const APOSTROPHES: [char; 3] = ['\'', '‘', '’'];

fn shape(word: &str) -> String {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let year = word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
        return if year { "#year" } else { "#" }.to_owned();
    }
    word.to_ascii_lowercase().replace(['‘', '’'], "'")
}

/// The features by bucket: how much each adds, and its words; none for the length.
fn features(title: &str, words: &[Word]) -> BTreeMap<usize, (f64, Range<usize>)> {
    let mut features = BTreeMap::new();
    let mut add = |feature: &str, place: Range<usize>| {
        let bucket = bucket(feature);
        features.entry(bucket).or_insert_with(|| (WEIGHTS.of(bucket), place));
    };
    for word in words {
        add(&word.shape, word.place.clone());
    }
    for pair in words.windows(2) {
        add(&format!("{} {}", pair[0].shape, pair[1].shape), pair[0].place.start..pair[1].place.end);
    }
    if let (Some(first), Some(last)) = (words.first(), words.last()) {
        add(&format!("^ {}", first.shape), first.place.clone());
        add(&format!("{} $", last.shape), last.place.clone());
    }
    add(&format!("|len {}", (words.len() / 3).min(6)), 0..0);
    for mark in MARKS {
        if let Some(at) = title.find(|letter| letter == mark || mark == '"' && matches!(letter, '“' | '”'))
        {
            let end = at + title[at..].chars().next().map_or(0, char::len_utf8);
            add(&format!("|{mark}"), at..end);
        }
    }
    features
}

/// What the words at `place` do.
fn name(words: &[Word], place: &Range<usize>) -> &'static str {
    let inside =
        || words.iter().filter(|word| place.start <= word.place.start && word.place.end <= place.end);
    if words.first().is_some_and(|word| word.shape == "#" && word.place.start == place.start) {
        return "opens_with_a_number";
    }
    if inside().next().is_none() {
        return "mark";
    }
    let phrases = lexicon::lures();
    inside()
        .find_map(|word| phrases.iter().find(|phrase| phrase.words[0] == word.shape))
        .map_or("wording", |phrase| phrase.cue)
}

fn bucket(feature: &str) -> usize {
    let hash = fnv1a(feature.as_bytes());
    (hash ^ (hash >> 17)) as usize % WEIGHTS.weights.len()
}

/// FNV-1a, 32 bits.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Lines of `name: value`, an empty line, one signed byte per bucket.
static FILE: &[u8] = include_bytes!("../weights/clickbait.weights");
static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::read(FILE));

struct Weights {
    weights: &'static [u8],
    scale: f64,
    bias: f64,
}

impl Weights {
    fn read(file: &'static [u8]) -> Self {
        let (header, weights) = parts(file);
        let number = |name| header.get(name).and_then(|value| value.parse().ok()).unwrap_or(f64::NAN);
        Self { weights, scale: number("scale"), bias: number("bias") }
    }

    fn of(&self, bucket: usize) -> f64 {
        self.weights.get(bucket).map_or(0.0, |byte| f64::from(byte.cast_signed()) * self.scale)
    }
}

/// The header and the weights of a file.
fn parts(file: &'static [u8]) -> (BTreeMap<&'static str, &'static str>, &'static [u8]) {
    let end = file.windows(2).position(|pair| pair == b"\n\n").unwrap_or(file.len());
    let header = std::str::from_utf8(&file[..end]).unwrap_or_default();
    let header = header.lines().filter_map(|line| line.split_once(": ")).collect();
    (header, file.get(end + 2..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(title: &str, lures: bool, cues: &[(&str, &str)]) {
        let found = find(title);
        assert_eq!(found.score >= THRESHOLD, lures, "{title}: {}", found.score);
        for (cue, words) in cues {
            assert!(
                found.cues.iter().any(|found| found.cue == *cue && found.words == *words),
                "{title}: {:?}",
                found.cues
            );
        }
    }

    #[test]
    fn titles_that_lure_and_titles_that_tell() {
        check("You Won't Believe What This Dog Did Next", true, &[("speaks_to_you", "You")]);
        check("10 Reasons To Visit Marlow", true, &[("opens_with_a_number", "10")]);
        check("This is why everyone is leaving the coast", true, &[("points_without_naming", "This")]);
        check("What Nobody Tells You About Storage Basins", true, &[("withholds", "What")]);
        check("Flood wall debate: council meeting, March 2024", false, &[]);
        check("Interview with Helen Marsh on storage basins", false, &[]);
        check("The flood wall costs 42 million pounds", false, &[]);
        check("El consejo vota por un nuevo muro", false, &[]);
        check("Harbour talk", false, &[]);
        check("", false, &[]);
    }

    /// What is shown of a title: a score near one and two cues that have a name.
    fn is_shown(title: &str) -> bool {
        let found = find(title);
        let named = found.cues.iter().filter(|cue| !matches!(cue.cue, "wording" | "mark")).count();
        found.score >= 0.9 && named >= 2
    }

    #[test]
    fn titles_of_podcasts_are_left_alone() {
        for title in [
            "Episode 3 about things",
            "Episode 12: How the council works",
            "How the council works",
            "What is a storage basin?",
            "Harbour Street, episode 41",
            "Ten years after the flood",
            "#205 Helen Marsh on storage basins",
            "The Daily: Monday, 3 March",
            "Why rents rise in Eastgate",
        ] {
            assert!(!is_shown(title), "{title}: {:?}", find(title));
        }
        assert!(is_shown("You Won't Believe What This Dog Did Next"));
    }

    fn header<T: std::str::FromStr>(name: &str) -> T {
        parts(FILE).0[name].parse().unwrap_or_else(|_| panic!("{name}"))
    }

    #[test]
    fn the_weights_are_what_their_file_records() {
        assert_eq!(header::<u32>("version"), 1);
        assert_eq!(header::<usize>("buckets"), WEIGHTS.weights.len());
        assert!(FILE.len() <= 256 * 1024);
        let listed: String = WEIGHTS
            .weights
            .iter()
            .filter(|byte| **byte != 0)
            .map(|byte| format!("{} ", byte.cast_signed()))
            .collect();
        assert_eq!(header::<u32>("digest"), fnv1a(listed.as_bytes()));
        assert_eq!(header::<String>("licence"), "MIT");
        for set in ["held_out", "excluded"] {
            let share = header::<f64>(&format!("{set}_right")) / header::<f64>(&format!("{set}_rows"));
            assert!(
                (share - header::<f64>(&format!("{set}_accuracy"))).abs() < 1e-4 && share >= 0.95,
                "{set}"
            );
        }
    }

    /// The script's own scores of a few titles, to the sixth decimal.
    #[test]
    fn the_features_are_the_scripts() {
        let header = parts(FILE).0;
        let probes: Vec<&str> =
            header.iter().filter(|(name, _)| name.starts_with("probe_")).map(|row| *row.1).collect();
        assert!(probes.len() >= 3);
        for (expected, title) in probes.iter().filter_map(|probe| probe.split_once(' ')) {
            assert_eq!(format!("{:.6}", score(title)), expected, "{title}");
        }
    }

    proptest! {
        #[test]
        fn any_title_has_a_score_and_its_own_words(title in "(you|why|21|things|’|“|\\PC){0,20}") {
            let found = find(&title);
            prop_assert!((0.0..=1.0).contains(&found.score));
            prop_assert!(found.cues.len() <= MOST_CUES);
            for cue in &found.cues {
                prop_assert_eq!(title.get(cue.place.clone()), Some(cue.words.as_str()));
                prop_assert!(!cue.words.is_empty());
            }
        }
    }
}
