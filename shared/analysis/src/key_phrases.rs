//! Key phrases: runs of content words that come back, weighed by frequency and length.
//!
//! Needs the stop words of the language. Languages without a word list give single terms only.

use std::collections::HashMap;

use crate::document::Document;
use crate::lexicon;

/// A phrase with where it occurs.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPhrase {
    /// As first written, in lower case unless it is always capitalised.
    pub text: String,
    /// 0..1, the best phrase has 1.
    pub score: f64,
    /// How often it occurs.
    pub mentions: usize,
    /// Indices of the segments, ascending.
    pub segments: Vec<usize>,
}

/// The best phrases, at most `most`, best first.
pub fn find(document: &Document<'_>, most: usize) -> Vec<KeyPhrase> {
    let degraded = lexicon::phrases(document.language).is_empty();
    let longest = if degraded { 1 } else { 3 };
    let mut candidates: HashMap<[u32; 3], Candidate> = HashMap::new();
    for segment in 0..document.segments.len() {
        collect(document, segment, longest, &mut candidates);
    }
    let mut nested: HashMap<[u32; 3], (usize, usize)> = HashMap::new();
    for (key, candidate) in &candidates {
        for part in parts(key) {
            let entry = nested.entry(part).or_default();
            entry.0 += candidate.mentions;
            entry.1 += 1;
        }
    }
    let ubiquitous = document.segments.len() / 3;
    let mut scored: Vec<(f64, &[u32; 3], &Candidate)> = candidates
        .iter()
        .filter(|(_, candidate)| !(degraded && candidate.segments.len() > ubiquitous.max(3)))
        .map(|(key, candidate)| (score(document, key, candidate, nested.get(key)), key, candidate))
        .filter(|(score, ..)| *score > 0.0)
        .collect();
    scored.sort_by(|left, right| {
        right.0.total_cmp(&left.0).then(left.2.first.cmp(&right.2.first)).then(left.1.cmp(right.1))
    });
    let best = scored.first().map_or(1.0, |(score, ..)| *score);
    let mut chosen: Vec<([u32; 3], KeyPhrase)> = Vec::new();
    for (score, key, candidate) in scored {
        if chosen.len() == most {
            break;
        }
        // A part of a phrase that is already there says nothing more, unless it also stands alone.
        let covered = chosen.iter().any(|(other, phrase)| {
            (contains(other, key) && candidate.mentions < phrase.mentions * 2)
                || (contains(key, other) && phrase.mentions < candidate.mentions * 3 && length(key) == 1)
        });
        if !covered {
            chosen.push((*key, candidate.phrase(document, score / best)));
        }
    }
    chosen.into_iter().map(|(_, phrase)| phrase).collect()
}

const NONE: u32 = u32::MAX;

struct Candidate {
    first: (usize, u32),
    end: u32,
    mentions: usize,
    capitals: usize,
    inner_capitals: usize,
    segments: Vec<usize>,
}

impl Candidate {
    fn phrase(&self, document: &Document<'_>, score: f64) -> KeyPhrase {
        let written = &document.segments[self.first.0].text[self.first.1 as usize..self.end as usize];
        let named = self.capitals == self.mentions && self.inner_capitals > 0;
        let text = if named { written.to_owned() } else { written.to_lowercase() };
        let text = text.strip_suffix("'s").or_else(|| text.strip_suffix("’s")).unwrap_or(&text).to_owned();
        KeyPhrase {
            text,
            score: (score * 1000.0).round() / 1000.0,
            mentions: self.mentions,
            segments: self.segments.clone(),
        }
    }
}

fn collect(
    document: &Document<'_>,
    segment: usize,
    longest: usize,
    candidates: &mut HashMap<[u32; 3], Candidate>,
) {
    let tokens = &document.tokens[segment];
    let text = &document.segments[segment].text;
    for (position, token) in tokens.iter().enumerate() {
        let mut key = [NONE; 3];
        for count in 1..=longest {
            let Some(last) = tokens.get(position + count - 1) else { break };
            let word = document.word(last);
            let joined = count == 1 || {
                let before = &tokens[position + count - 2];
                let gap = &text[before.end as usize..last.start as usize];
                gap == " " || gap == "-" || gap == "' " || gap == "’ "
            };
            if !word.content || !joined || word.letters < 3 {
                break;
            }
            key[count - 1] = word.term;
            let candidate = candidates.entry(key).or_insert_with(|| Candidate {
                first: (segment, token.start),
                end: last.end,
                mentions: 0,
                capitals: 0,
                inner_capitals: 0,
                segments: Vec::new(),
            });
            candidate.mentions += 1;
            candidate.capitals += usize::from(token.capital && last.capital);
            candidate.inner_capitals += usize::from(token.capital && position > 0);
            if candidate.segments.last() != Some(&segment) {
                candidate.segments.push(segment);
            }
        }
    }
}

/// The C-value, with more for names: mentions that are not part of a longer phrase, times the length.
fn score(
    document: &Document<'_>,
    key: &[u32; 3],
    candidate: &Candidate,
    nested: Option<&(usize, usize)>,
) -> f64 {
    let count = length(key);
    // German capitals say noun, not name.
    let named = candidate.capitals * 2 > candidate.mentions && candidate.inner_capitals > 0;
    let name = named && document.language != "de";
    if candidate.mentions < 2 && !(name && count > 1) {
        return 0.0;
    }
    let inside = nested.map_or(0.0, |(mentions, longer)| *mentions as f64 / (*longer).max(1) as f64);
    let free = candidate.mentions as f64 - inside * 0.7;
    let spread = candidate.segments.len() as f64 / candidate.mentions as f64;
    let weight = [0.0, 0.8, 1.6, 1.9][count];
    let bonus = if name { 1.25 } else { 1.0 };
    free * weight * (0.5 + 0.5 * spread) * bonus
}

fn length(key: &[u32; 3]) -> usize {
    key.iter().filter(|term| **term != NONE).count()
}

fn parts(key: &[u32; 3]) -> Vec<[u32; 3]> {
    let [a, b, c] = *key;
    match length(key) {
        2 => vec![[a, NONE, NONE], [b, NONE, NONE]],
        3 => vec![[a, b, NONE], [b, c, NONE], [a, NONE, NONE], [b, NONE, NONE], [c, NONE, NONE]],
        _ => Vec::new(),
    }
}

fn contains(long: &[u32; 3], short: &[u32; 3]) -> bool {
    let (long_length, short_length) = (length(long), length(short));
    long_length > short_length
        && long[..long_length].windows(short_length).any(|window| *window == short[..short_length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    #[test]
    fn phrases_that_come_back() {
        let sentences = [
            "The flood wall is old.",
            "A new flood wall would cost the town a lot.",
            "Nobody wants the flood wall, but the town needs it.",
        ];
        let segments: Vec<Segment> =
            sentences.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect();
        let document = Document::new(&segments, "en");
        let found = find(&document, 5);
        assert_eq!(found[0].text, "flood wall");
        assert_eq!((found[0].score, found[0].mentions), (1.0, 3));
        assert_eq!(found[0].segments, [0, 1, 2]);
        assert!(found.iter().all(|phrase| phrase.text != "flood"));
    }
}
