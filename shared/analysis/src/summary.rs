//! Extractive summary: the sentences nearest to what their topic is about, verbatim, in order of time.

use crate::claims::Claim;
use crate::document::Document;
use crate::likeness::Likeness;
use crate::topics::{MOST_TOPICS, Topic};

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
            // What a topic, and the whole, begin with says more of what they are about.
            let lead = (1.0 - 8.0 * segment as f64 / total as f64).max(0.0);
            let prior = (1.5 - position) * (1.0 + lead);
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

/// A summary has at least this many sentences, if so many are fit to be quoted.
const FEWEST: usize = 3;
/// Where topics are few, one sentence more per so many words.
const WORDS_PER_SENTENCE: usize = 600;
/// Of one topic's length alone no summary grows beyond this.
const MOST_BY_LENGTH: usize = 7;
/// No summary is longer; there are no more topics than this.
pub const MOST_SENTENCES: usize = MOST_TOPICS;
/// Candidates are weighed against what was chosen as far as this rank; the rest is too weak to matter.
const LOOK_AT: usize = 20;
/// A sentence that shares more than this of its terms with a chosen one says nothing new.
const MOST_OVERLAP: f64 = 0.6;
/// What newness weighs beside importance.
const NEWNESS: f64 = 0.3;

/// The segments of the summary, in order of time.
///
/// Every topic has a sentence in it, the largest first, as long as the topic has one that is fit to be quoted and not
/// [alike](Likeness::alike) another; then the best of the rest follow until the summary is long enough for the
/// transcript. No two are alike.
pub fn choose(
    document: &Document<'_>,
    likeness: &Likeness<'_, '_>,
    topics: &[Topic],
    importance: &[f64],
) -> Vec<usize> {
    let by_length = (FEWEST + document.word_count() / WORDS_PER_SENTENCE).min(MOST_BY_LENGTH);
    let most = by_length.max(topics.len()).min(MOST_SENTENCES);
    let mut chosen: Vec<usize> = Vec::new();
    let mut order: Vec<&Topic> = topics.iter().collect();
    order.sort_by_key(|topic| (usize::MAX - topic.segments.len(), topic.segments.start));
    for topic in order {
        if chosen.len() < most {
            let ranked = ranked(topic.segments.clone(), importance);
            // A topic without a sentence that is new all through is still covered, but never by saying a thing twice.
            let next = best(document, likeness, &ranked, importance, &chosen, MOST_OVERLAP)
                .or_else(|| best(document, likeness, &ranked, importance, &chosen, 1.0));
            chosen.extend(next);
        }
    }
    let ranked = ranked(0..document.segments.len(), importance);
    while chosen.len() < most {
        match best(document, likeness, &ranked, importance, &chosen, MOST_OVERLAP) {
            Some(segment) => chosen.push(segment),
            None => break,
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The best sentences of one topic, in order, no two alike.
pub fn key_sentences(
    document: &Document<'_>,
    likeness: &Likeness<'_, '_>,
    topic: &Topic,
    importance: &[f64],
    most: usize,
) -> Vec<usize> {
    let mut chosen = Vec::new();
    let ranked = ranked(topic.segments.clone(), importance);
    while chosen.len() < most {
        match best(document, likeness, &ranked, importance, &chosen, MOST_OVERLAP) {
            Some(segment) => chosen.push(segment),
            None => break,
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The segments fit to be quoted, most important first.
fn ranked(range: std::ops::Range<usize>, importance: &[f64]) -> Vec<usize> {
    let mut ranked: Vec<usize> = range.filter(|segment| importance[*segment] > 0.0).collect();
    ranked.sort_by(|left, right| importance[*right].total_cmp(&importance[*left]).then(left.cmp(right)));
    ranked
}

/// The candidate that is most important and least like the chosen ones (maximal marginal relevance). None that is
/// alike a chosen one, and none that shares more than `most_overlap` of its terms with one.
fn best(
    document: &Document<'_>,
    likeness: &Likeness<'_, '_>,
    ranked: &[usize],
    importance: &[f64],
    chosen: &[usize],
    most_overlap: f64,
) -> Option<usize> {
    let first = importance[*ranked.first()?];
    ranked
        .iter()
        .filter(|segment| !chosen.contains(segment))
        .map(|segment| {
            let shared = chosen.iter().map(|other| overlap(document, *segment, *other)).fold(0.0, f64::max);
            (*segment, shared)
        })
        .filter(|(segment, shared)| {
            *shared <= most_overlap && !chosen.iter().any(|other| likeness.alike(*segment, *other))
        })
        .take(LOOK_AT)
        .map(|(segment, shared)| (importance[segment] / first - NEWNESS * shared, segment))
        .max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(&left.1)))
        .map(|(_, segment)| segment)
}

/// The share of the shorter sentence's terms that the other has too.
fn overlap(document: &Document<'_>, left: usize, right: usize) -> f64 {
    let terms = |segment: usize| {
        let mut terms: Vec<u32> = document.terms(segment).collect();
        terms.sort_unstable();
        terms.dedup();
        terms
    };
    let (left, right) = (terms(left), terms(right));
    let shared = left.iter().filter(|term| right.binary_search(term).is_ok()).count();
    shared as f64 / left.len().min(right.len()).max(1) as f64
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
    use proptest::prelude::*;

    use super::*;
    use crate::segments::Segment;
    use crate::{claims, numbers, topics};

    fn segments<T: ToString>(sentences: &[T]) -> Vec<Segment> {
        sentences.iter().map(|text| Segment { text: text.to_string(), ..Segment::default() }).collect()
    }

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
        let segments = segments(&sentences);
        assert_eq!(chosen(&Document::new(&segments, "en")).2, [1, 3, 5]);
    }

    /// What is chosen of these sentences, with the topics it was chosen from.
    fn chosen(document: &Document<'_>) -> (Vec<Topic>, Vec<f64>, Vec<usize>) {
        let topics = topics::find(document, &[]);
        let scores = claims::scores(document, &numbers::find(document));
        let importance = importance(document, &topics, &scores);
        let chosen = choose(document, &Likeness::new(document), &topics, &importance);
        (topics, importance, chosen)
    }

    fn sentence() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "wall", "flood", "river", "council", "school", "roof", "budget", "tax", "the", "was", "not",
            "never", "of", "600", "24", "pounds", "Marlow", "voted", "costs", "été", "水位", "and", "homes",
            "bank",
        ]);
        (prop::collection::vec(word, 1..14), prop::sample::select(vec![".", "?", ""]))
            .prop_map(|(words, end)| format!("{}{end}", words.join(" ")))
    }

    /// No two sentences are alike, and every topic is covered but where it has nothing to say that is not said already.
    fn check(document: &Document<'_>) -> Result<(), TestCaseError> {
        let (topics, importance, chosen) = chosen(document);
        let likeness = Likeness::new(document);
        prop_assert!(chosen.len() <= MOST_SENTENCES);
        prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
        let apart = |chosen: &[usize]| {
            let mut pairs = chosen
                .iter()
                .enumerate()
                .flat_map(|(at, left)| chosen[at + 1..].iter().map(move |right| (*left, *right)));
            pairs.all(|(left, right)| !likeness.alike(left, right))
        };
        prop_assert!(apart(&chosen));
        for topic in &topics {
            prop_assert!(apart(&key_sentences(document, &likeness, topic, &importance, 2)));
            let covered = chosen.iter().any(|segment| topic.segments.contains(segment));
            let nothing_new = topic
                .segments
                .clone()
                .filter(|segment| importance[*segment] > 0.0)
                .all(|segment| chosen.iter().any(|other| likeness.alike(segment, *other)));
            prop_assert!(covered || nothing_new, "{:?} in {chosen:?}", topic.segments);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn covers_each_topic_without_saying_a_thing_twice(sentences in prop::collection::vec(sentence(), 1..160)) {
            let segments = segments(&sentences);
            check(&Document::new(&segments, "en"))?;
        }
    }

    #[test]
    fn lines_of_one_form_are_one_sentence() {
        let sentences: Vec<String> = (0..20)
            .map(|at| {
                format!("The council voted for wall {at} and the river rose by {} percent.", at * 3 + 1)
            })
            .collect();
        let segments = segments(&sentences);
        let document = Document::new(&segments, "en");
        assert_eq!(chosen(&document).2.len(), 1);
        check(&document).unwrap();
    }

    #[test]
    fn a_long_talk_has_a_longer_summary_within_bounds() {
        // Sixty stretches, each with words of its own.
        let sentences: Vec<String> = (0..2400)
            .map(|at| {
                let word = |part: usize| {
                    format!(
                        "{}{}",
                        ["ba", "ko", "li", "mu", "ne", "so"][part % 6],
                        (b'a' + (at / 40 % 26) as u8) as char
                    )
                    .repeat(1 + at / 1040)
                };
                format!(
                    "The {}wall has a {}bank and also {} of the {}bridge.",
                    word(at),
                    word(at + 1),
                    word(at * 7 + 2),
                    word(at / 6)
                )
            })
            .collect();
        let segments = segments(&sentences);
        let document = Document::new(&segments, "en");
        let (topics, _, chosen) = chosen(&document);
        assert!((MOST_TOPICS / 2..=MOST_TOPICS).contains(&topics.len()), "{}", topics.len());
        assert!(chosen.len() <= MOST_SENTENCES, "{}", chosen.len());
        check(&document).unwrap();
    }
}
