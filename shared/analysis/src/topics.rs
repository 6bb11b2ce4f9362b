//! Topic segments: where the vocabulary changes, and what each stretch is about.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::document::Document;
use crate::key_phrases::KeyPhrase;

/// A stretch of the transcript about one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Indices of its segments.
    pub segments: Range<usize>,
    /// Its best key terms.
    pub label: String,
    /// Key terms, best first.
    pub keywords: Vec<String>,
}

/// More topics than this help nobody, and a summary has a sentence for each; in very long transcripts each is longer.
pub const MOST_TOPICS: usize = 20;

/// Splits a transcript into at most [`MOST_TOPICS`] topics, in order: about one per 2 to 6 minutes or 8 to 40 sentences.
pub fn find(document: &Document<'_>, phrases: &[KeyPhrase]) -> Vec<Topic> {
    let ranges = split(document);
    let mut frequency = vec![0_usize; document.words.len()];
    for segment in 0..document.segments.len() {
        for_each_term(document, segment, |term| frequency[term] += 1);
    }
    let surfaces = surfaces(document);
    ranges
        .into_iter()
        .map(|range| {
            let keywords = keywords(document, range.clone(), phrases, &frequency, &surfaces);
            let label = if keywords.is_empty() {
                first_words(&document.segments[range.start].text)
            } else {
                keywords[..keywords.len().min(3)].join(", ")
            };
            Topic { segments: range, label, keywords }
        })
        .collect()
}

/// Who speaks in a topic, with the number of words, most first; nobody where the source does not say who.
pub fn speakers<'a>(document: &Document<'a>, topic: &Topic) -> Vec<(&'a str, usize)> {
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for segment in topic.segments.clone() {
        if let Some(label) = document.segments[segment].speaker.as_deref() {
            *words.entry(label).or_default() += document.tokens[segment].len();
        }
    }
    let mut speakers: Vec<(&str, usize)> = words.into_iter().collect();
    speakers.sort_by_key(|(_, words)| Reverse(*words));
    speakers
}

/// Sentences on each side that are compared.
const WINDOW: usize = 6;
/// No topic is shorter, in sentences.
const SHORTEST: usize = 8;
/// No topic is longer, in sentences, unless the transcript is very long.
const LONGEST: usize = 40;
const SHORTEST_MS: u64 = 120_000;
const LONGEST_MS: u64 = 360_000;
/// So many topics are told by their words at most; what is left of [`MOST_TOPICS`] splits those that came out too long.
const MOST_FOUND: usize = MOST_TOPICS * 2 / 3;
const KEYWORDS: usize = 8;

fn split(document: &Document<'_>) -> Vec<Range<usize>> {
    let count = document.segments.len();
    if count == 0 {
        return Vec::new();
    }
    let depths = depths(&similarities(document));
    let shortest = SHORTEST.max(count / (3 * MOST_TOPICS));
    let longest = LONGEST.max(count * 2 / MOST_TOPICS);
    let mean = depths.iter().sum::<f64>() / depths.len().max(1) as f64;
    let variance =
        depths.iter().map(|depth| (depth - mean).powi(2)).sum::<f64>() / depths.len().max(1) as f64;
    let least = mean + variance.sqrt() * 0.5;
    let mut candidates: Vec<usize> = (0..depths.len()).filter(|gap| depths[*gap] > least).collect();
    candidates.sort_by(|left, right| depths[*right].total_cmp(&depths[*left]).then(left.cmp(right)));
    let mut borders = vec![0, count];
    for gap in candidates {
        if borders.len() > MOST_FOUND {
            break;
        }
        insert_border(document, &mut borders, gap + 1, shortest);
    }
    split_longest(document, &depths, &mut borders, shortest, longest);
    borders.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// The similarity of the windows before and after each gap, kept up to date term by term while the gap moves.
fn similarities(document: &Document<'_>) -> Vec<f64> {
    let count = document.segments.len();
    let terms: Vec<Vec<u32>> = (0..count).map(|segment| document.terms(segment).collect()).collect();
    let mut windows = Windows::new(document.words.len());
    for segment in &terms[..WINDOW.min(count)] {
        windows.add_right(segment);
    }
    let mut similarities = Vec::with_capacity(count);
    for gap in 0..count.saturating_sub(1) {
        windows.remove_right(&terms[gap]);
        windows.add_left(&terms[gap]);
        if gap + WINDOW < count {
            windows.add_right(&terms[gap + WINDOW]);
        }
        if gap >= WINDOW {
            windows.remove_left(&terms[gap - WINDOW]);
        }
        similarities.push(windows.cosine());
    }
    similarities
}

struct Windows {
    left: Vec<i64>,
    right: Vec<i64>,
    dot: i64,
    left_norm: i64,
    right_norm: i64,
}

impl Windows {
    fn new(terms: usize) -> Self {
        Self { left: vec![0; terms], right: vec![0; terms], dot: 0, left_norm: 0, right_norm: 0 }
    }

    fn add_left(&mut self, terms: &[u32]) {
        for term in terms {
            let term = *term as usize;
            self.left_norm += 2 * self.left[term] + 1;
            self.left[term] += 1;
            self.dot += self.right[term];
        }
    }

    fn remove_left(&mut self, terms: &[u32]) {
        for term in terms {
            let term = *term as usize;
            self.left_norm -= 2 * self.left[term] - 1;
            self.left[term] -= 1;
            self.dot -= self.right[term];
        }
    }

    fn add_right(&mut self, terms: &[u32]) {
        for term in terms {
            let term = *term as usize;
            self.right_norm += 2 * self.right[term] + 1;
            self.right[term] += 1;
            self.dot += self.left[term];
        }
    }

    fn remove_right(&mut self, terms: &[u32]) {
        for term in terms {
            let term = *term as usize;
            self.right_norm -= 2 * self.right[term] - 1;
            self.right[term] -= 1;
            self.dot -= self.left[term];
        }
    }

    fn cosine(&self) -> f64 {
        let norms = (self.left_norm as f64 * self.right_norm as f64).sqrt();
        if norms > 0.0 { self.dot as f64 / norms } else { 0.0 }
    }
}

/// How far the similarity falls from the peaks on both sides; peaks are looked for nearby only.
fn depths(similarities: &[f64]) -> Vec<f64> {
    const REACH: usize = 20;
    let climb = |from: usize, steps: &mut dyn Iterator<Item = usize>| {
        let mut peak = similarities[from];
        for position in steps {
            if similarities[position] < peak {
                break;
            }
            peak = similarities[position];
        }
        peak
    };
    (0..similarities.len())
        .map(|gap| {
            let left = climb(gap, &mut (gap.saturating_sub(REACH)..gap).rev());
            let right = climb(gap, &mut (gap + 1..similarities.len().min(gap + 1 + REACH)));
            left + right - 2.0 * similarities[gap]
        })
        .collect()
}

/// Inserts a border unless it would make a topic too short.
fn insert_border(document: &Document<'_>, borders: &mut Vec<usize>, border: usize, shortest: usize) -> bool {
    let Err(position) = borders.binary_search(&border) else { return false };
    let (before, after) = (borders[position - 1], borders[position]);
    let long_enough = |start: usize, end: usize| {
        end - start >= shortest
            && duration_ms(document, start, end)
                .is_none_or(|length| length >= SHORTEST_MS || end - start >= LONGEST)
    };
    let fits = long_enough(before, border) && long_enough(border, after);
    if fits {
        borders.insert(position, border);
    }
    fits
}

/// Splits topics that are too long at their deepest gap.
fn split_longest(
    document: &Document<'_>,
    depths: &[f64],
    borders: &mut Vec<usize>,
    shortest: usize,
    longest: usize,
) {
    let mut position = 0;
    while position + 1 < borders.len() && borders.len() <= MOST_TOPICS {
        let (start, end) = (borders[position], borders[position + 1]);
        let too_long = end - start > longest
            || duration_ms(document, start, end)
                .is_some_and(|length| length > LONGEST_MS && end - start > 2 * shortest);
        let inner = start + shortest..(end + 1).saturating_sub(shortest).max(start + shortest);
        let best = inner
            .filter(|border| border - 1 < depths.len())
            .max_by(|left, right| depths[left - 1].total_cmp(&depths[right - 1]).then(right.cmp(left)));
        let split = too_long && best.is_some_and(|border| insert_border(document, borders, border, shortest));
        if !split {
            position += 1;
        }
    }
}

fn duration_ms(document: &Document<'_>, start: usize, end: usize) -> Option<u64> {
    let start_ms = document.segments[start..end].iter().find_map(|segment| segment.start_ms)?;
    Some(document.segments[end - 1].end_ms?.saturating_sub(start_ms))
}

/// Calls back once per distinct content term.
fn for_each_term(document: &Document<'_>, segment: usize, mut visit: impl FnMut(usize)) {
    let mut terms: Vec<u32> = document.terms(segment).collect();
    terms.sort_unstable();
    terms.dedup();
    terms.into_iter().for_each(|term| visit(term as usize));
}

/// How each term is written: with a capital if it always is inside a sentence.
fn surfaces(document: &Document<'_>) -> Vec<Option<(usize, u32, u32, bool)>> {
    let mut surfaces: Vec<Option<(usize, u32, u32, bool)>> = vec![None; document.words.len()];
    for (segment, tokens) in document.tokens.iter().enumerate() {
        for (position, token) in tokens.iter().enumerate() {
            let term = document.word(token).term as usize;
            let capital = token.capital && position > 0;
            match &mut surfaces[term] {
                Some(surface) if !token.capital => surface.3 = false,
                Some(_) => {}
                None => surfaces[term] = Some((segment, token.start, token.end, capital)),
            }
        }
    }
    surfaces
}

fn keywords(
    document: &Document<'_>,
    range: Range<usize>,
    phrases: &[KeyPhrase],
    frequency: &[usize],
    surfaces: &[Option<(usize, u32, u32, bool)>],
) -> Vec<String> {
    let total = document.segments.len() as f64;
    let mut counts: Vec<(u32, usize)> = Vec::new();
    let mut terms: Vec<u32> = range.clone().flat_map(|segment| document.terms(segment)).collect();
    terms.sort_unstable();
    for term in terms {
        match counts.last_mut() {
            Some((last, count)) if *last == term => *count += 1,
            _ => counts.push((term, 1)),
        }
    }
    let mut scored: Vec<(f64, String)> = Vec::new();
    for (term, count) in counts {
        let word = &document.words[term as usize];
        let Some((segment, start, end, capital)) = surfaces[term as usize] else { continue };
        if word.letters < 3 && word.text.is_ascii() {
            continue;
        }
        let rarity = (1.0 + total / frequency[term as usize].max(1) as f64).ln();
        let written = &document.segments[segment].text[start as usize..end as usize];
        let written = written.strip_suffix("'s").or_else(|| written.strip_suffix("’s")).unwrap_or(written);
        let text =
            if capital || document.language == "de" { written.to_owned() } else { written.to_lowercase() };
        scored.push((count as f64 * rarity, text));
    }
    for phrase in phrases.iter().filter(|phrase| phrase.text.contains(' ')) {
        let inside = phrase.segments.iter().filter(|segment| range.contains(segment)).count();
        if inside > 0 && (inside > 1 || range.len() < 12) {
            let rarity = (1.0 + total / phrase.segments.len() as f64).ln();
            scored.push((inside as f64 * rarity * 1.7, phrase.text.clone()));
        }
    }
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    let mut chosen: Vec<String> = Vec::new();
    for (_, text) in scored {
        let lowercase = text.to_lowercase();
        let covered = chosen.iter().any(|other| {
            let other = other.to_lowercase();
            other.split(' ').any(|word| word == lowercase) || lowercase.split(' ').any(|word| word == other)
        });
        if !covered {
            chosen.push(text);
        }
        if chosen.len() == KEYWORDS {
            break;
        }
    }
    chosen
}

fn first_words(text: &str) -> String {
    text.split_whitespace().take(5).collect::<Vec<_>>().join(" ").chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_phrases;
    use crate::segments::Segment;

    fn talk(count: usize) -> Vec<Segment> {
        let parts = [
            [
                "the river wall protects the harbour",
                "a higher wall keeps the river out",
                "the harbour floods without a wall",
            ],
            [
                "the school roof leaks on pupils",
                "teachers want a new school roof",
                "pupils learn under the roof",
            ],
        ];
        (0..count)
            .map(|at| {
                let part = parts[usize::from(at >= count / 2)];
                Segment { text: part[at % 3].to_owned(), ..Segment::default() }
            })
            .collect()
    }

    #[test]
    fn a_change_of_words_is_a_change_of_topic() {
        let segments = talk(40);
        let document = Document::new(&segments, "en");
        let topics = find(&document, &key_phrases::find(&document, 20));
        assert_eq!(topics.len(), 2);
        assert_eq!(topics[0].segments, 0..20);
        assert!(topics[0].label.contains("wall"), "{}", topics[0].label);
        assert!(topics[1].label.contains("roof"), "{}", topics[1].label);
    }

    #[test]
    fn a_short_talk_is_one_topic() {
        let segments = talk(5);
        let document = Document::new(&segments, "en");
        assert_eq!(find(&document, &[]).len(), 1);
        assert!(find(&Document::new(&[], "en"), &[]).is_empty());
    }

    #[test]
    fn topics_cover_everything_in_order() {
        let segments = talk(5000);
        let document = Document::new(&segments, "en");
        let topics = find(&document, &[]);
        assert_eq!(topics[0].segments.start, 0);
        assert_eq!(topics[topics.len() - 1].segments.end, 5000);
        assert!(topics.windows(2).all(|pair| pair[0].segments.end == pair[1].segments.start));
        assert!(topics.iter().all(|topic| topic.segments.len() >= SHORTEST));
        assert!((2..=MOST_TOPICS).contains(&topics.len()), "{}", topics.len());
    }
}
