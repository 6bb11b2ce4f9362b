//! Summaries against abstracts, beside the first three sentences and beside sentences drawn at random.
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
use crate::score::Lcg;

const SET: &str = include_str!("../../data/summaries.jsonl");
/// How many random choices of sentences stand for chance.
const DRAWS: usize = 100;

/// A way to choose sentences of a text; one text may be answered several times.
type Choosing = fn(&[Segment]) -> Vec<Vec<usize>>;

/// The summary of the briefing.
pub(super) fn ours(_: &Path) -> Result<Figure, Trouble> {
    figure(|segments| vec![chosen(segments)])
}

/// The first three sentences.
pub(super) fn lead(_: &Path) -> Result<Figure, Trouble> {
    figure(|segments| vec![(0..segments.len().min(3)).collect()])
}

/// As many sentences as the summary has, drawn at random.
pub(super) fn random(_: &Path) -> Result<Figure, Trouble> {
    figure(|segments| {
        let count = chosen(segments).len();
        let mut draw = Lcg(1);
        (0..DRAWS).map(|_| drawn(&mut draw, segments.len(), count)).collect()
    })
}

/// `count` of `all` sentences, in their order.
fn drawn(draw: &mut Lcg, all: usize, count: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..all).collect();
    while left.len() > count {
        left.remove(draw.below(left.len()));
    }
    left
}

fn figure(choosing: Choosing) -> Result<Figure, Trouble> {
    let documents = rouge::documents(SET).map_err(Trouble::Unreadable)?;
    let mut scores = Vec::with_capacity(documents.len());
    for document in &documents {
        let segments = sentences(&document.text)?;
        let choices = choosing(&segments);
        let summaries: Vec<String> = choices.iter().map(|choice| words(&segments, choice)).collect();
        let mean = |measure: fn(&str, &str) -> f64| {
            let sum: f64 = summaries.iter().map(|summary| measure(summary, &document.reference)).sum();
            sum / summaries.len().max(1) as f64
        };
        let length = |summary: &str, _: &str| summary.split_whitespace().count() as f64;
        scores.push([mean(rouge_1), mean(rouge_2), mean(rouge_l), mean(length)]);
    }
    let mean = |of: usize, rows: &[usize]| {
        rows.iter().map(|row| scores[*row][of]).sum::<f64>() / rows.len().max(1) as f64
    };
    let all: Vec<usize> = (0..scores.len()).collect();
    Ok(Figure::drawn(scores.len(), |rows| mean(0, rows))
        .also("rouge2", mean(1, &all))
        .also("rouge_l", mean(2, &all))
        .also("words", mean(3, &all)))
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

fn words(segments: &[Segment], choice: &[usize]) -> String {
    choice.iter().map(|at| segments[*at].text.as_str()).collect::<Vec<_>>().join(" ")
}
