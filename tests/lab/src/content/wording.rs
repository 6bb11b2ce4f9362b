//! What rules make of wording: sentiment, titles that lure, claims worth checking, cues of fallacies.

use std::collections::BTreeMap;
use std::path::Path;

use analysis::document::Document;
use analysis::segments::Segment;
use analysis::{claims, clickbait, cues, numbers, sentiment};
use engine::recall::compress::{DroppableShare, compress_source};
use serde::Deserialize;

use super::{Figure, Trouble, rows};
use crate::score::{self, Span};

#[derive(Deserialize)]
struct Labelled {
    text: String,
    label: u8,
}

/// A difference from the reference beyond this is a fault of ours and no rounding.
const NEAR: f64 = 1e-4;

#[derive(Deserialize)]
struct Felt {
    text: String,
    compound: f64,
}

/// The largest difference from VADER's compound score; beside it the share of rows without one to speak of.
pub(super) fn sentiment_difference(folder: &Path) -> Result<Figure, Trouble> {
    let felt: Vec<Felt> = rows::lines(folder, "vader_golden.jsonl")?;
    let differences: Vec<f64> =
        felt.iter().map(|row| (sentiment::compound(&row.text) - row.compound).abs()).collect();
    // Both are rounded to four places.
    let is_near = |difference: f64| difference <= NEAR + 1e-9;
    let near = differences.iter().filter(|difference| is_near(**difference)).count();
    let (low, high) = score::wilson(near, differences.len());
    let far = differences.iter().zip(&felt).filter(|(difference, _)| !is_near(**difference));
    let far = far.map(|(difference, row)| format!("{difference:.4} from {}: {}", row.compound, row.text));
    let largest = differences.iter().copied().fold(0.0, f64::max);
    let figure = Figure {
        value: largest,
        sample: differences.len(),
        interval: None,
        failing: Vec::new(),
        also: BTreeMap::new(),
    };
    Ok(figure
        .failing(far)
        .also("share_within_1e-4", near as f64 / differences.len() as f64)
        .also("share_low", low)
        .also("share_high", high))
}

/// The share of spoken sentences' tokens that a shortened prompt does not send.
pub(super) fn shortened(folder: &Path) -> Result<Figure, Trouble> {
    let spoken: Vec<Labelled> = rows::lines(folder, "checkworthy_claimbuster.jsonl")?;
    let each: Vec<_> =
        spoken.iter().map(|row| compress_source(&row.text, DroppableShare::default())).collect();
    let figure = Figure::drawn(each.len(), |drawn| {
        let tokens = drawn.iter().map(|place| each[*place].tokens_before()).sum::<u64>();
        drawn.iter().map(|place| each[*place].saved_tokens()).sum::<u64>() as f64 / tokens as f64
    });
    let touched: Vec<_> = each.iter().filter(|shorter| shorter.saved_tokens() > 0).collect();
    let examples = touched.iter().map(|shorter| shorter.text.clone());
    Ok(figure.failing(examples).also("sentences", touched.len()))
}

/// Titles told apart from those that do not lure.
pub(super) fn clickbait(folder: &Path) -> Result<Figure, Trouble> {
    let titles: Vec<Labelled> = rows::lines(folder, "clickbait.jsonl")?;
    let outcomes = titles.iter().map(|title| {
        let lures = clickbait::score(&title.text) >= clickbait::THRESHOLD;
        let what = if lures { "lures" } else { "does not lure" };
        (lures != (title.label > 0)).then(|| format!("{what}, it is said: {}", title.text))
    });
    Ok(Figure::share(outcomes.collect()))
}

/// How often a sentence worth checking scores above another.
pub(super) fn checkworthy_auc(folder: &Path) -> Result<Figure, Trouble> {
    let scored = checkworthy(folder)?;
    let pairs: Vec<(f64, bool)> = scored.iter().map(|(_, score, label)| (*score, *label)).collect();
    Ok(Figure::drawn(pairs.len(), |rows| score::auc(&rows.iter().map(|row| pairs[*row]).collect::<Vec<_>>())))
}

/// The mean F1 of both classes at the score from which a sentence is offered as a claim.
pub(super) fn checkworthy_macro_f1(folder: &Path) -> Result<Figure, Trouble> {
    let scored = checkworthy(folder)?;
    let guess = |score: f64| score >= claims::THRESHOLD;
    let guesses = scored.iter().map(|(text, score, label)| (text.clone(), *label, guess(*score))).collect();
    Ok(two_classes(guesses, "worth checking").also("threshold", claims::THRESHOLD))
}

fn checkworthy(folder: &Path) -> Result<Vec<(String, f64, bool)>, Trouble> {
    let labelled: Vec<Labelled> = rows::lines(folder, "checkworthy_claimbuster.jsonl")?;
    let score = |text: &str| {
        let segments = [Segment { text: text.to_owned(), ..Segment::default() }];
        let document = Document::new(&segments, "en");
        claims::scores(&document, &numbers::find(&document)).first().map_or(0.0, |claim| claim.score)
    };
    Ok(labelled
        .into_iter()
        .map(|row| {
            let score = score(&row.text);
            (row.text, score, row.label > 0)
        })
        .collect())
}

#[derive(Deserialize)]
struct Argument {
    text: String,
    voted: String,
}

/// The mean F1 of both classes: whether any cue of a fallacy is in an argument, against what most people voted. Beside
/// it what whoever always says yes comes to.
pub(super) fn fallacy_yes_no(folder: &Path) -> Result<Figure, Trouble> {
    let arguments: Vec<Argument> = rows::lines(folder, "fallacy_argotario.jsonl")?;
    let guesses = arguments.into_iter().map(|row| {
        let truth = !row.voted.eq_ignore_ascii_case("no fallacy");
        let guess = !cues::fallacy_spans(&row.text).is_empty();
        (row.text, truth, guess)
    });
    let guesses: Vec<(String, bool, bool)> = guesses.collect();
    let yes: Vec<(bool, bool)> = guesses.iter().map(|(_, truth, _)| (*truth, true)).collect();
    Ok(two_classes(guesses, "a fallacy").also("always_yes", score::macro_f1(&yes)))
}

/// A start, an end and a label.
type Marked = (usize, usize, String);

#[derive(Deserialize)]
struct Argued {
    text: String,
    #[serde(default)]
    spans: Vec<Marked>,
}

/// Marks of the annotators that name no fallacy.
const NO_FALLACY: [&str; 2] = ["nothing", "to clean"];

/// F1 of labelled stretches over all texts: a guess counts if label and at least half of the characters of both agree.
/// The patterns were written with these texts in view, so this is no figure for texts that are new.
pub(super) fn fallacy_spans(folder: &Path) -> Result<Figure, Trouble> {
    let texts: Vec<Argued> = rows::lines(folder, "fallacy_mafalda.jsonl")?;
    let span = |start, end, label: &str| Span { start, end, label: label.to_lowercase() };
    let (mut counts, mut failing) = (Vec::with_capacity(texts.len()), Vec::new());
    for row in &texts {
        let named = row.spans.iter().filter(|mark| !NO_FALLACY.contains(&mark.2.to_lowercase().as_str()));
        let truth: Vec<Span> = named.map(|(start, end, label)| span(*start, *end, label)).collect();
        let found = cues::fallacy_spans(&row.text);
        let guesses: Vec<Span> =
            found.iter().map(|found| span(found.start, found.end, &found.label)).collect();
        let count = score::span_counts(&truth, &guesses);
        if count[1] + count[2] > 0.0 {
            let labels = |spans: &[Span]| spans.iter().map(|span| span.label.clone()).collect::<Vec<_>>();
            failing.push(format!("{:?} instead of {:?}: {}", labels(&guesses), labels(&truth), row.text));
        }
        counts.push(count);
    }
    let sum = |of: usize, rows: &[usize]| rows.iter().map(|row| counts[*row][of]).sum::<f64>();
    let all: Vec<usize> = (0..counts.len()).collect();
    let f1 = |rows: &[usize]| score::f1(sum(0, rows), sum(1, rows), sum(2, rows));
    Ok(Figure::drawn(counts.len(), f1)
        .failing(failing.into_iter())
        .also("hits", sum(0, &all))
        .also("alarms", sum(1, &all))
        .also("misses", sum(2, &all))
        .also("note", "patterns written with these texts in view"))
}

/// Macro-F1 of (text, truth, guess).
fn two_classes(rows: Vec<(String, bool, bool)>, class: &str) -> Figure {
    let pairs: Vec<(bool, bool)> = rows.iter().map(|(_, truth, guess)| (*truth, *guess)).collect();
    let wrong = rows
        .iter()
        .filter(|(_, truth, guess)| truth != guess)
        .map(|(text, truth, _)| format!("{} {class}: {text}", if *truth { "is" } else { "is not" }));
    Figure::drawn(pairs.len(), |rows| {
        score::macro_f1(&rows.iter().map(|row| pairs[*row]).collect::<Vec<_>>())
    })
    .failing(wrong)
}
