//! The few moments worth watching, each with the named cues and the very words that speak for it.
//!
//! A moment is one sentence, or a question and the answer to it. It needs two different cues; which moment matters to
//! whom is not for rules to say.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::claims::Claim;
use crate::document::Document;
use crate::near_duplicates;
use crate::numbers::Number;
use crate::pattern;
use crate::topics::Topic;

/// Why a moment is worth watching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The cue: `numbers`, `claim`, `laughter`, `strong_words`, `superlative`, `emphasis`, `disagreement` or
    /// `question_answered`.
    pub cue: &'static str,
    /// Index of the segment its words are in.
    pub segment: usize,
    /// The words, verbatim.
    pub words: String,
}

/// A moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Highlight {
    /// Index of the segment that carries it.
    pub segment: usize,
    /// Indices of the segments to watch, in order: more than one where a question is answered.
    pub segments: Range<usize>,
    /// The cues, at least two of different names.
    pub why: Vec<Why>,
}

/// No more than this, however long the talk.
const MOST: usize = 10;
const FEWEST: usize = 3;
/// One more for each so many words.
const WORDS_PER_HIGHLIGHT: usize = 1200;
const MOST_PER_TOPIC: usize = 2;
/// An answer of fewer words is not worth watching for itself.
const FEWEST_WORDS_OF_ANSWER: usize = 8;
/// Claims below this are everyday statements.
const LEAST_CLAIM: f64 = 0.7;
/// Numbers in one sentence that make it dense.
const DENSE_NUMBERS: usize = 2;

static REACTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[\[(*](?:[^\[\](*).,:;!?]{0,20}\b)?(?:laugh[a-z]*|applau[a-z]*|cheer[a-z]*|gasps?|crowd [a-z]+)[^\[\](*).,:;!?]{0,20}[\])*]",
    )
});
static EXCLAMATION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\w[^.!?]{0,60}!"));

/// The best moments in order of time, spread over the topics. Linear.
pub fn find(
    document: &Document<'_>,
    topics: &[Topic],
    numbers: &[Number],
    claims: &[Claim],
) -> Vec<Highlight> {
    let mut figures: Vec<Vec<&Number>> = vec![Vec::new(); document.segments.len()];
    for number in numbers {
        figures[number.segment].push(number);
    }
    let mut candidates: Vec<(f64, Highlight)> = Vec::new();
    for (segment, figures) in figures.iter().enumerate() {
        let mut why = cues(document, segment, figures, claims.get(segment));
        let question = question_before(document, segment);
        if let Some(question) = question {
            let words = document.segments[question].text.clone();
            why.push(Why { cue: "question_answered", segment: question, words });
        }
        let mut names: Vec<&str> = why.iter().map(|why| why.cue).collect();
        names.dedup();
        if names.len() >= 2 {
            let weight = names.iter().map(|name| weight(name)).sum();
            let segments = question.unwrap_or(segment)..segment + 1;
            candidates.push((weight, Highlight { segment, segments, why }));
        }
    }
    candidates.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.segment.cmp(&right.1.segment)));
    let most = (FEWEST + document.word_count() / WORDS_PER_HIGHLIGHT).min(MOST);
    let mut per_topic = vec![0_usize; topics.len() + 1];
    let mut chosen: Vec<Highlight> = Vec::new();
    for (_, highlight) in candidates {
        if chosen.len() == most {
            break;
        }
        let topic = topics.partition_point(|topic| topic.segments.end <= highlight.segment);
        let apart = chosen.iter().all(|other| {
            let disjoint = other.segments.end <= highlight.segments.start
                || highlight.segments.end <= other.segments.start;
            disjoint && !near_duplicates::are_near(document, other.segment, highlight.segment)
        });
        if apart && per_topic[topic] < MOST_PER_TOPIC {
            per_topic[topic] += 1;
            chosen.push(highlight);
        }
    }
    chosen.sort_by_key(|highlight| highlight.segment);
    chosen
}

fn weight(cue: &str) -> f64 {
    match cue {
        "laughter" => 1.5,
        "disagreement" => 1.3,
        "question_answered" | "claim" | "numbers" => 1.0,
        "strong_words" => 0.9,
        "superlative" => 0.7,
        _ => 0.5,
    }
}

/// The cues of one sentence, by name.
fn cues(document: &Document<'_>, segment: usize, figures: &[&Number], claim: Option<&Claim>) -> Vec<Why> {
    let text = &document.segments[segment].text;
    let mut why = Vec::new();
    let mut add = |cue: &'static str, words: &str| why.push(Why { cue, segment, words: words.to_owned() });
    let unfit = document.hits(segment).iter().any(|hit| matches!(hit.cue, "greeting" | "sponsor"));
    // A pattern is built only where its marks stand.
    if text.contains(['[', '(', '*'])
        && let Some(found) = REACTION.find(text)
    {
        add("laughter", found.as_str());
    }
    if unfit {
        return why;
    }
    if claim.is_some_and(|claim| claim.score >= LEAST_CLAIM) {
        add("claim", text);
    }
    for hit in document.hits(segment) {
        let cue = match hit.cue {
            "signal.disagreement" => "disagreement",
            "signal.heated" | "signal.accusation" | "risk.loaded" => "strong_words",
            // "Most of them" praises nothing.
            "superlative" if !document.hit_text(hit).eq_ignore_ascii_case("most") => "superlative",
            _ => continue,
        };
        add(cue, document.hit_text(hit));
    }
    if figures.len() >= DENSE_NUMBERS {
        for number in figures.iter().filter(|number| text.contains(&number.text)) {
            add("numbers", &number.text);
        }
    }
    if text.contains('!')
        && let Some(found) = EXCLAMATION.find(text)
    {
        add("emphasis", found.as_str());
    }
    why.sort_by(|left, right| weight(right.cue).total_cmp(&weight(left.cue)).then(left.cue.cmp(right.cue)));
    // A word may be in two lists.
    why.dedup();
    why
}

/// The question just before, if this sentence is somebody else's answer to it.
fn question_before(document: &Document<'_>, segment: usize) -> Option<usize> {
    let before = segment.checked_sub(1)?;
    let (asked, answer) = (&document.segments[before], &document.segments[segment]);
    let others = asked.speaker.is_some() && answer.speaker.is_some() && asked.speaker != answer.speaker;
    let asks = asked.is_question() && document.tokens[before].len() >= 3 && !answer.is_question();
    (others && asks && document.tokens[segment].len() >= FEWEST_WORDS_OF_ANSWER).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;
    use crate::{claims, numbers, topics};

    fn found(rows: &[(&str, &str)]) -> Vec<(Vec<usize>, Vec<&'static str>)> {
        let segment = |(speaker, text): &(&str, &str)| Segment {
            speaker: Some((*speaker).to_owned()),
            text: (*text).to_owned(),
            ..Segment::default()
        };
        let segments: Vec<Segment> = rows.iter().map(segment).collect();
        let document = Document::new(&segments, "en");
        let numbers = numbers::find(&document);
        let topics = topics::find(&document, &[]);
        let highlights = find(&document, &topics, &numbers, &claims::scores(&document, &numbers));
        for highlight in &highlights {
            for why in &highlight.why {
                assert!(segments[why.segment].text.contains(&why.words), "{why:?}");
                assert!(highlight.segments.contains(&why.segment));
            }
        }
        let cues = |highlight: &Highlight| {
            let mut cues: Vec<&str> = highlight.why.iter().map(|why| why.cue).collect();
            cues.dedup();
            cues
        };
        highlights.iter().map(|row| (row.segments.clone().collect(), cues(row))).collect()
    }

    #[test]
    fn an_answer_with_numbers_and_a_laugh() {
        let rows = [
            ("Ann", "Hello and welcome to the show."),
            ("Ann", "It was a quiet week in the town."),
            ("Ann", "What did the flood cost?"),
            ("Bob", "The insured losses rose to 27 million pounds in 2024, up from 3 million."),
            ("Bob", "We talked about it."),
            ("Ann", "That is outrageous nonsense! [Laughter]"),
            ("Bob", "Fine."),
        ];
        let found = found(&rows);
        let places: Vec<&[usize]> = found.iter().map(|(segments, _)| segments.as_slice()).collect();
        assert_eq!(places, [&[2, 3][..], &[5]]);
        assert_eq!(found[0].1, ["claim", "numbers", "question_answered"]);
        assert_eq!(found[1].1, ["laughter", "strong_words", "emphasis"]);
    }

    #[test]
    fn a_quiet_talk_has_none() {
        assert!(found(&[("Ann", "We walked along the river."), ("Bob", "It was nice there.")]).is_empty());
        assert!(found(&[]).is_empty());
    }

    #[test]
    fn the_same_words_are_shown_once_and_topics_share() {
        let rows: Vec<(&str, &str)> = std::iter::repeat_n(
            ("Ann", "That is outrageous nonsense, the largest lie of 24 million pounds in 2024!"),
            300,
        )
        .collect();
        assert_eq!(found(&rows).len(), 1);
    }
}
