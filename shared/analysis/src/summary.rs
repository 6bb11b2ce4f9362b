//! Extractive summary: the sentences nearest to what their topic is about, verbatim, in order of time.

use crate::claims::Claim;
use crate::document::Document;
use crate::topics::Topic;

/// How well each segment stands for its topic, 0 for those that should not be quoted at all.
pub fn importance(document: &Document<'_>, topics: &[Topic], claims: &[Claim]) -> Vec<f64> {
    let total = document.segments.len();
    let mut frequency = vec![0_usize; document.words.len()];
    let mut seen = vec![usize::MAX; document.words.len()];
    for segment in 0..total {
        for term in document.terms(segment) {
            if seen[term as usize] != segment {
                seen[term as usize] = segment;
                frequency[term as usize] += 1;
            }
        }
    }
    let rarity: Vec<f64> =
        frequency.iter().map(|count| (1.0 + total as f64 / (*count).max(1) as f64).ln()).collect();
    let mut scores = vec![0.0; total];
    let mut weights = vec![0.0; document.words.len()];
    for topic in topics {
        let mut touched = Vec::new();
        for term in topic.segments.clone().flat_map(|segment| document.terms(segment)) {
            if weights[term as usize] == 0.0 {
                touched.push(term as usize);
            }
            weights[term as usize] += rarity[term as usize];
        }
        for segment in topic.segments.clone() {
            let position = (segment - topic.segments.start) as f64 / topic.segments.len() as f64;
            let prior = 1.15 - 0.3 * position;
            let check = claims.get(segment).map_or(0.0, |claim| claim.score);
            scores[segment] = centrality(document, segment, &weights, &rarity)
                * prior
                * fitness(document, segment)
                * (0.8 + 0.5 * check);
        }
        for term in touched {
            weights[term] = 0.0;
        }
    }
    scores
}

/// The segments of the summary, in order: 3 to 7 by length, fewer only if fewer are fit to be quoted.
pub fn choose(document: &Document<'_>, topics: &[Topic], importance: &[f64]) -> Vec<usize> {
    const WORDS_PER_SENTENCE: usize = 600;
    let most = (3 + document.word_count() / WORDS_PER_SENTENCE).min(7);
    let mut chosen: Vec<usize> = Vec::new();
    // One from each topic first, the largest topics first; then the best of what remains.
    let mut order: Vec<&Topic> = topics.iter().collect();
    order.sort_by_key(|topic| (usize::MAX - topic.segments.len(), topic.segments.start));
    for topic in order {
        if chosen.len() < most {
            chosen.extend(best(document, topic.segments.clone(), importance, &chosen));
        }
    }
    while chosen.len() < most {
        match best(document, 0..document.segments.len(), importance, &chosen) {
            Some(segment) => chosen.push(segment),
            None => break,
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The best sentences of one topic, in order.
pub fn key_sentences(document: &Document<'_>, topic: &Topic, importance: &[f64], most: usize) -> Vec<usize> {
    let mut chosen = Vec::new();
    while chosen.len() < most {
        match best(document, topic.segments.clone(), importance, &chosen) {
            Some(segment) => chosen.push(segment),
            None => break,
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The best segment of a range that says something the chosen ones do not.
fn best(
    document: &Document<'_>,
    range: std::ops::Range<usize>,
    importance: &[f64],
    chosen: &[usize],
) -> Option<usize> {
    let mut ranked: Vec<usize> =
        range.filter(|segment| importance[*segment] > 0.0 && !chosen.contains(segment)).collect();
    ranked.sort_by(|left, right| importance[*right].total_cmp(&importance[*left]).then(left.cmp(right)));
    // Only the front is compared with what was chosen; the rest is too weak to matter.
    const LOOK_AT: usize = 20;
    let candidate = |segment: &usize| !chosen.iter().any(|other| overlap(document, *segment, *other) > 0.5);
    ranked.into_iter().take(LOOK_AT).find(candidate)
}

/// The share of the shorter sentence's terms that the other has too.
fn overlap(document: &Document<'_>, left: usize, right: usize) -> f64 {
    let terms = |segment: usize| document.terms(segment).collect::<std::collections::BTreeSet<u32>>();
    let (left, right) = (terms(left), terms(right));
    let shorter = left.len().min(right.len()).max(1);
    left.intersection(&right).count() as f64 / shorter as f64
}

/// Cosine of the sentence with the sum of its topic.
fn centrality(document: &Document<'_>, segment: usize, weights: &[f64], rarity: &[f64]) -> f64 {
    let mut terms: Vec<u32> = document.terms(segment).collect();
    terms.sort_unstable();
    terms.dedup();
    let mut dot = 0.0;
    let mut norm = 0.0;
    for term in &terms {
        dot += weights[*term as usize] * rarity[*term as usize];
        norm += rarity[*term as usize].powi(2);
    }
    if norm > 0.0 { dot / norm.sqrt() } else { 0.0 }
}

/// How fit a sentence is to stand alone: no questions, greetings, advertising, fragments.
fn fitness(document: &Document<'_>, segment: usize) -> f64 {
    let words = document.tokens[segment].len();
    let hits = document.hits(segment);
    let unfit = document.segments[segment].is_question()
        || hits.iter().any(|hit| matches!(hit.cue, "greeting" | "sponsor" | "feeling"))
        || words < 4;
    if unfit {
        return 0.0;
    }
    let length = match words {
        0..=6 => 0.4,
        7..=9 => 0.8,
        10..=35 => 1.0,
        36..=60 => 0.8,
        _ => 0.5,
    };
    let pointing = hits.iter().any(|hit| hit.cue == "vague" && hit.first < 2)
        || hits.iter().any(|hit| hit.cue == "opener" && hit.first == 0);
    let personal = hits.iter().filter(|hit| matches!(hit.cue, "second_person" | "opinion")).count();
    length * if pointing { 0.75 } else { 1.0 } * if personal > 0 { 0.7 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;
    use crate::{claims, numbers, topics};

    #[test]
    fn central_statements_and_no_greetings() {
        let sentences = [
            "Hello and welcome to the show.",
            "The flood wall in Marlow was built in 1968 and protects 600 homes.",
            "What does the flood wall cost?",
            "The council wants to borrow 24 million pounds and raise the river banks by two metres.",
            "Nice.",
            "The flood wall budget passes if the council votes for it in May.",
        ];
        let segments: Vec<Segment> =
            sentences.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect();
        let document = Document::new(&segments, "en");
        let topics = topics::find(&document, &[]);
        let scores = claims::scores(&document, &numbers::find(&document));
        let chosen = choose(&document, &topics, &importance(&document, &topics, &scores));
        assert_eq!(chosen, [1, 3, 5]);
    }
}
