//! Which sentences are worth checking, by rules that can be read.
//!
//! The score is a logistic sum of named cues. It orders sentences; it is no probability that a claim is true or
//! false. The weights are set by hand, none is fitted. On 2,400 labelled debate sentences the area under the curve is
//! 0.915 and macro-F1 at [`THRESHOLD`] is 0.819.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::ascii_pattern;
use crate::document::Document;
use crate::lexicon;
use crate::likeness::Likeness;
use crate::numbers::{Kind, Number};
use crate::titles::capitalised;

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

/// From this score on a sentence is worth checking; below it is not offered as a claim.
pub const THRESHOLD: f64 = 0.4;

/// The segments worth checking of all scores, best first, at most `most`. What is said several times in nearly the same
/// words is one claim, where it is said best.
pub fn best(likeness: &Likeness<'_, '_>, scores: &[Claim], most: usize) -> Vec<Claim> {
    let mut ranked: Vec<&Claim> = scores.iter().filter(|claim| claim.score >= THRESHOLD).collect();
    ranked.sort_by(|left, right| right.score.total_cmp(&left.score).then(left.segment.cmp(&right.segment)));
    let mut claims: Vec<Claim> = Vec::new();
    for claim in ranked {
        if claims.len() == most {
            break;
        }
        if !claims.iter().any(|other| likeness.copies(other.segment, claim.segment)) {
            claims.push(claim.clone());
        }
    }
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

/// The claim without discourse openers and sounds of hesitation before it, first letter capital; the words in between stay as they are.
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
    let Some(first) = tokens.get(from).map(|token| token.start as usize) else { return text.clone() };
    // Words before the first token are such sounds.
    let is_cut = from > 0 || text[..first].contains(char::is_alphanumeric);
    if is_cut { capitalised(&text[first..]) } else { text.clone() }
}

/// Cues of the lexicon: name in results, weight, and how many hits count.
const WEIGHTS: &[(&str, f64, usize)] = &[
    ("past", 0.55, 2),
    ("record", 0.5, 1),
    ("present_fact", 0.1, 1),
    ("under_way", 0.3, 1),
    ("denied_fact", 0.3, 1),
    ("trend", 0.6, 2),
    ("comparative", 0.5, 2),
    ("superlative", 0.25, 1),
    ("causal", 0.15, 1),
    ("moment", 0.3, 1),
    ("attribution", 0.3, 1),
    ("quantifier", 0.35, 2),
    ("subject_matter", 0.3, 3),
    ("hedge", -0.3, 1),
    ("opinion", -0.7, 2),
    ("value_word", -0.4, 2),
    ("about_talk", -0.3, 2),
    ("open_clause", -0.3, 1),
    ("normative", -0.8, 2),
    ("future", -0.6, 2),
    ("second_person", -0.35, 1),
    ("first_person", -0.25, 2),
    ("vague", -0.2, 2),
    ("feeling", -1.0, 1),
    ("greeting", -1.5, 1),
    ("sponsor", -2.0, 1),
];

/// Of English verbs.
static PAST_FORM: LazyLock<Regex> = LazyLock::new(|| ascii_pattern(r"\b[a-z]{2,}[^e\W]ed\b"));

/// What a sentence without any cue comes to.
const START: f64 = -1.3;
/// Longer sentences gather cues by their length alone.
const LONG_WORDS: usize = 20;

fn score(document: &Document<'_>, segment: usize, numbers: &[Number]) -> Claim {
    // Languages without a word list have numbers and names only, and start higher for it.
    let mut sum = if lexicon::phrases(document.language).is_empty() { -0.9 } else { START };
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
    let measured = numbers.iter().filter(|number| matches!(number.kind, Kind::Money | Kind::Percent)).count();
    if measured > 0 {
        add("money_or_share", 0.5 * measured.min(2) as f64);
    }
    if numbers.len() > figures {
        add("date", 0.5);
    }
    if text.contains(char::is_numeric) {
        add("figure", if numbers.is_empty() { 0.9 } else { 0.4 });
    }
    let names = count_names(document, segment);
    if names > 0 {
        add("name", 0.35 * names.min(3) as f64);
    }
    if document.language == "en" && PAST_FORM.is_match(text.as_bytes()) {
        add("past_form", 0.4);
    }
    let words = tokens.len();
    let length = ((words.max(1) as f64).ln() - 2.7).clamp(-1.6, 1.0);
    add("length", 0.75 * length - 0.02 * words.saturating_sub(LONG_WORDS) as f64);
    match subject(document, segment) {
        Some("third_party") => add("third_party", 0.4),
        Some(_) => add("self", -0.4),
        None => {}
    }
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

/// Whether the sentence, without its opener, opens with somebody else or with the speaker.
fn subject(document: &Document<'_>, segment: usize) -> Option<&'static str> {
    const MOST_OPENERS: usize = 4;
    let hits = document.hits(segment);
    let starts =
        |cue: &'static str, at: usize| hits.iter().filter(move |hit| hit.cue == cue && hit.first == at);
    let mut first = 0;
    for _ in 0..MOST_OPENERS {
        match starts("opener", first).map(|hit| hit.last).max() {
            Some(last) => first = last + 1,
            None => break,
        }
    }
    ["third_party", "self"].into_iter().find(|cue| starts(cue, first).next().is_some())
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
    fn the_threshold_tells_facts_from_the_rest() {
        let facts = [
            "He voted against the budget in 2019.",
            "The council has not published a single figure since May.",
            "And they're now spending 12 percent of it on pumps.",
            "rents in eastgate rose by a third after the flood",
        ];
        let others = [
            "If we had the money we would build it at once.",
            "Honesty and courage are the values we share.",
            "That's the question we have to answer tonight.",
            "I want my children to have a better future.",
            "You can see why people are afraid of it.",
        ];
        assert!(ranked(&facts).iter().all(|score| *score >= THRESHOLD), "{:?}", ranked(&facts));
        assert!(ranked(&others).iter().all(|score| *score < THRESHOLD), "{:?}", ranked(&others));
    }

    #[test]
    fn what_is_said_again_is_one_claim() {
        let mut sentences = vec!["So rents in Eastgate rose by 17 percent in 2019, you know."; 5];
        sentences.extend(["Rents in Eastgate rose by 17 percent in 2019."; 5]);
        sentences.push("Rents in Eastgate rose by 12 percent in 2018.");
        let segments = segments(&sentences);
        let document = Document::new(&segments, "en");
        let scores = scores(&document, &numbers::find(&document));
        let found = best(&Likeness::new(&document), &scores, 60);
        assert_eq!(found.iter().map(|claim| claim.segment).collect::<Vec<_>>(), [5, 10]);
    }

    #[test]
    fn openers_go_and_the_rest_stays() {
        let cases = [
            ("So, you know, rents rose by 17 percent.", "Rents rose by 17 percent."),
            ("And that was the third flood in ten years.", "That was the third flood in ten years."),
            ("Well, no.", "Well, no."),
            ("Um, the wall cost 4 million.", "The wall cost 4 million."),
            ("So, um, you know, rents rose by 17 percent.", "Rents rose by 17 percent."),
            ("\u{201c}The wall cost 4 million.\u{201d}", "\u{201c}The wall cost 4 million.\u{201d}"),
            ("The wall was built in 1968.", "The wall was built in 1968."),
        ];
        for (text, expected) in cases {
            let segments = segments(&[text]);
            let document = Document::new(&segments, "en");
            assert_eq!(decontextualise(&document, 0), expected);
        }
    }
}
