//! Which sentences are worth checking, by rules that can be read.
//!
//! The score is a logistic sum of named cues. It orders sentences; it is no probability that a claim is true or
//! false. Measured as the area under the curve on labelled debate sentences.

use std::sync::LazyLock;

use regex::Regex;

use crate::document::Document;
use crate::lexicon;
use crate::numbers::{Kind, Number};
use crate::pattern;

/// A sentence worth checking.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Index of the segment.
    pub segment: usize,
    /// 0..1.
    pub score: f64,
    /// The cues that raised the score, strongest first.
    pub cues: Vec<&'static str>,
}

/// Sentences below this are not offered as claims.
pub const LEAST_SCORE: f64 = 0.4;

/// The segments worth checking of all scores, best first, at most `most`.
pub fn best(scores: &[Claim], most: usize) -> Vec<Claim> {
    let mut claims: Vec<Claim> = scores.iter().filter(|claim| claim.score >= LEAST_SCORE).cloned().collect();
    claims.sort_by(|left, right| right.score.total_cmp(&left.score).then(left.segment.cmp(&right.segment)));
    claims.truncate(most);
    claims
}

/// The score of every segment.
pub fn scores(document: &Document<'_>, numbers: &[Number]) -> Vec<Claim> {
    let mut first_number = 0;
    let mut claims = Vec::with_capacity(document.segments.len());
    for segment in 0..document.segments.len() {
        let count = numbers[first_number..].iter().take_while(|number| number.segment == segment).count();
        claims.push(score(document, segment, &numbers[first_number..first_number + count]));
        first_number += count;
    }
    claims
}

/// The claim without discourse openers, first letter capital; the words in between stay as they are.
pub fn decontextualise(document: &Document<'_>, segment: usize) -> String {
    let text = &document.segments[segment].text;
    let tokens = &document.tokens[segment];
    let mut from = 0;
    while let Some(hit) = document
        .hits(segment)
        .iter()
        .filter(|hit| hit.cue == "opener" && hit.first == from)
        .max_by_key(|hit| hit.last)
    {
        let Some(next) = tokens.get(hit.last + 1) else { break };
        let gap = &text[tokens[hit.last].end as usize..next.start as usize];
        // Conjunctions may go without a comma; other openers only with one, else they belong to the sentence.
        let word = document.word(&tokens[hit.first]).text.as_str();
        let bare = hit.first == hit.last
            && matches!(
                word,
                "and" | "but" | "so" | "und" | "aber" | "et" | "mais" | "y" | "pero" | "e" | "ma" | "mas"
            );
        let thought = hit.last > hit.first && matches!(word, "i" | "ich" | "je");
        if !(gap.contains(',') || bare || (thought && gap == " ")) || tokens.len() - hit.last < 5 {
            break;
        }
        from = hit.last + 1;
    }
    let rest = tokens
        .get(from)
        .map_or(text.as_str(), |token| if from == 0 { text } else { &text[token.start as usize..] });
    let mut letters = rest.chars();
    match letters.next() {
        Some(first) if from > 0 => first.to_uppercase().chain(letters).collect(),
        _ => rest.to_owned(),
    }
}

/// Cues of the lexicon: name in results, weight, and how many hits count.
const WEIGHTS: &[(&str, f64, usize)] = &[
    ("past", 0.55, 2),
    ("record", 0.55, 1),
    ("present_fact", 0.25, 1),
    ("trend", 0.6, 2),
    ("comparative", 0.45, 2),
    ("superlative", 0.25, 1),
    ("causal", 0.15, 1),
    ("attribution", 0.3, 1),
    ("quantifier", 0.35, 2),
    ("subject_matter", 0.3, 3),
    ("hedge", -0.3, 1),
    ("opinion", -0.7, 2),
    ("normative", -0.75, 2),
    ("future", -0.45, 2),
    ("second_person", -0.35, 1),
    ("first_person", -0.2, 2),
    ("vague", -0.15, 2),
    ("feeling", -1.0, 1),
    ("greeting", -1.5, 1),
    ("sponsor", -2.0, 1),
];

static PAST_FORM: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[a-z]{2,}[^e\W]ed\b"));

fn score(document: &Document<'_>, segment: usize, numbers: &[Number]) -> Claim {
    // Languages without a word list have numbers and names only, and start higher for it.
    let mut sum = if lexicon::phrases(document.language).is_empty() { -0.9 } else { -1.9 };
    let mut raised: Vec<(f64, &'static str)> = Vec::new();
    let mut add = |cue: &'static str, weight: f64| {
        sum += weight;
        if weight > 0.0 {
            raised.push((weight, cue));
        }
    };
    let hits = document.hits(segment);
    for (cue, weight, most) in WEIGHTS {
        let mut count = 0;
        let mut end = 0;
        for hit in hits.iter().filter(|hit| hit.cue == *cue) {
            // Overlapping phrases of one cue count once.
            if count == 0 || hit.first >= end {
                count += 1;
                end = hit.last + 1;
            }
        }
        if count > 0 {
            add(cue, weight * count.min(*most) as f64);
        }
    }
    let tokens = &document.tokens[segment];
    let text = document.segments[segment].text.as_str();
    let figures = numbers.iter().filter(|number| number.kind != Kind::Date).count();
    if figures > 0 {
        add("number", 1.0 + 0.4 * (figures.min(3) - 1) as f64);
    }
    if numbers.len() > figures {
        add("date", 0.5);
    }
    if figures == 0 && numbers.is_empty() && text.contains(char::is_numeric) {
        add("figure", 0.5);
    }
    let names = count_names(document, segment);
    if names > 0 {
        add("name", 0.35 * names.min(3) as f64);
    }
    if document.language == "en" && PAST_FORM.is_match(text) {
        add("past_form", 0.4);
    }
    let words = tokens.len();
    let length = ((words.max(1) as f64).ln() - 2.7).clamp(-1.6, 1.0);
    add("length", 0.75 * length);
    if document.segments[segment].is_question() {
        add("question", -1.6);
    }
    if starts_with_request(document, segment) {
        add("request", -0.8);
    }
    raised.retain(|(_, cue)| *cue != "length");
    raised.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    let value = if words < 4 { 0.0 } else { 1.0 / (1.0 + (-sum).exp()) };
    Claim {
        segment,
        score: (value * 1000.0).round() / 1000.0,
        cues: raised.into_iter().map(|(_, cue)| cue).take(6).collect(),
    }
}

/// Runs of capitals inside the sentence; German capitals say nothing.
fn count_names(document: &Document<'_>, segment: usize) -> usize {
    if document.language == "de" {
        return 0;
    }
    let tokens = &document.tokens[segment];
    let named = |position: usize| {
        let token = &tokens[position];
        position > 0 && token.capital && document.word(token).content
    };
    let runs = (1..tokens.len()).filter(|&position| named(position) && !named(position - 1)).count();
    if runs * 3 > tokens.len() { 0 } else { runs }
}

/// An imperative: a bare verb first.
fn starts_with_request(document: &Document<'_>, segment: usize) -> bool {
    document.hits(segment).iter().any(|hit| hit.cue == "imperative" && hit.first == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers;
    use crate::segments::Segment;

    fn segments(sentences: &[&str]) -> Vec<Segment> {
        sentences.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect()
    }

    fn ranked(sentences: &[&str]) -> Vec<f64> {
        let segments = segments(sentences);
        let document = Document::new(&segments, "en");
        scores(&document, &numbers::find(&document)).into_iter().map(|claim| claim.score).collect()
    }

    #[test]
    fn facts_before_feelings() {
        let scores = ranked(&[
            "Unemployment fell by 12 percent in 2019, according to the Labour Office.",
            "The council voted against the plan twice.",
            "I hope that you will like it.",
            "Thank you so much for having me.",
            "What would you do about taxes?",
        ]);
        assert!(scores[0] > 0.8 && scores[1] > scores[2], "{scores:?}");
        assert!(scores[2..].iter().all(|score| *score < 0.4), "{scores:?}");
    }

    #[test]
    fn openers_go_and_the_rest_stays() {
        let cases = [
            ("So, you know, rents rose by 17 percent.", "Rents rose by 17 percent."),
            ("And that was the third flood in ten years.", "That was the third flood in ten years."),
            ("Well, no.", "Well, no."),
            ("The wall was built in 1968.", "The wall was built in 1968."),
        ];
        for (text, expected) in cases {
            let segments = segments(&[text]);
            let document = Document::new(&segments, "en");
            assert_eq!(decontextualise(&document, 0), expected);
        }
    }
}
