//! Summaries against abstracts, beside the beginning of the text and beside sentences drawn at random, each with as many
//! words as the summary has.
//!
//! The set is small and lies in `tests/lab/data/summaries.jsonl`; `tests/lab/data/README.md` says what is in it and
//! who wrote the abstracts.

use std::path::Path;

use analysis::captions::{self, Format};
use analysis::document::Document;
use analysis::likeness::Likeness;
use analysis::segments::{self, Segment};
use analysis::{claims, key_phrases, numbers, summary, topics};

use super::{Figure, Trouble};
use crate::rouge::{self, rouge_1, rouge_2, rouge_l};
use crate::score::{self, Lcg};

const SET: &str = include_str!("../../data/summaries.jsonl");
/// How many random choices of sentences stand for chance.
const DRAWS: usize = 100;

/// The texts that a way to summarise gives of a text; several, where chance has a part in it.
type Summarising = fn(&[Segment]) -> Vec<String>;

/// The summary of the briefing.
pub(super) fn ours(_: &Path) -> Result<Figure, Trouble> {
    figure(briefing, false)
}

/// The beginning, cut to as many words as the summary of the briefing has.
pub(super) fn lead(_: &Path) -> Result<Figure, Trouble> {
    let three: Figure = figure(|segments| vec![words(segments, 0..segments.len().min(3))], false)?;
    let same_length = |segments: &[Segment]| vec![cut(&words(segments, 0..segments.len()), budget(segments))];
    Ok(figure(same_length, true)?.also("three_sentences", three.value))
}

/// Sentences drawn at random, cut to as many words as the summary of the briefing has.
pub(super) fn random(_: &Path) -> Result<Figure, Trouble> {
    let same_length = |segments: &[Segment]| {
        let mut draw = Lcg(1);
        let budget = budget(segments);
        (0..DRAWS).map(|_| cut(&words(segments, drawn(&mut draw, segments, budget)), budget)).collect()
    };
    figure(same_length, true)
}

fn briefing(segments: &[Segment]) -> Vec<String> {
    vec![words(segments, chosen(segments))]
}

fn budget(segments: &[Segment]) -> usize {
    words(segments, chosen(segments)).split_whitespace().count()
}

/// Sentences with at least so many words in all, if there are so many, in their order.
fn drawn(draw: &mut Lcg, segments: &[Segment], budget: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..segments.len()).collect();
    let (mut taken, mut count) = (Vec::new(), 0);
    while count < budget && !left.is_empty() {
        let at = left.swap_remove(draw.below(left.len()));
        count += segments[at].text.split_whitespace().count();
        taken.push(at);
    }
    taken.sort_unstable();
    taken
}

/// The first words of a text.
fn cut(text: &str, words: usize) -> String {
    text.split_whitespace().take(words).collect::<Vec<_>>().join(" ")
}

/// The figure of a way to summarise; if it is `compared`, with what ours has more of ROUGE-1 text by text.
fn figure(summarising: Summarising, compared: bool) -> Result<Figure, Trouble> {
    let documents = rouge::documents(SET).map_err(Trouble::Unreadable)?;
    let mut scores = Vec::with_capacity(documents.len());
    for document in &documents {
        let segments = sentences(&document.text)?;
        let of = |summaries: &[String], measure: fn(&str, &str) -> f64| {
            let sum: f64 = summaries.iter().map(|summary| measure(summary, &document.reference)).sum();
            sum / summaries.len().max(1) as f64
        };
        let length = |summary: &str, _: &str| summary.split_whitespace().count() as f64;
        let summaries = summarising(&segments);
        let mine = of(&briefing(&segments), rouge_1);
        let theirs = of(&summaries, rouge_1);
        scores.push([
            theirs,
            of(&summaries, rouge_2),
            of(&summaries, rouge_l),
            of(&summaries, length),
            mine - theirs,
        ]);
    }
    let mean = |of: usize, rows: &[usize]| {
        rows.iter().map(|row| scores[*row][of]).sum::<f64>() / rows.len().max(1) as f64
    };
    let all: Vec<usize> = (0..scores.len()).collect();
    let figure = Figure::drawn(scores.len(), |rows| mean(0, rows))
        .also("rouge2", mean(1, &all))
        .also("rouge_l", mean(2, &all))
        .also("words", mean(3, &all));
    if !compared {
        return Ok(figure);
    }
    let (low, high) = score::bootstrap(scores.len(), |rows| mean(4, rows));
    Ok(figure.also("ours_more", mean(4, &all)).also("ours_more_low", low).also("ours_more_high", high))
}

/// The sentences of a text, as a run has them.
fn sentences(text: &str) -> Result<Vec<Segment>, Trouble> {
    let read = captions::parse(Format::Text, text).map_err(|error| Trouble::Unreadable(error.to_string()))?;
    Ok(segments::from_cues(&read.cues))
}

/// The sentences a run chooses for its summary.
fn chosen(segments: &[Segment]) -> Vec<usize> {
    let document = Document::new(segments, "en");
    let topics = topics::find(&document, &key_phrases::find(&document, 20));
    let scores = claims::scores(&document, &numbers::find(&document));
    let importance = summary::importance(&document, &topics, &scores);
    summary::choose(&document, &Likeness::new(&document), &topics, &importance)
}

fn words(segments: &[Segment], choice: impl IntoIterator<Item = usize>) -> String {
    choice.into_iter().map(|at| segments[at].text.as_str()).collect::<Vec<_>>().join(" ")
}
