//! What rules make of wording: claims worth checking, cues of fallacies.

use std::path::Path;

use analysis::document::Document;
use analysis::segments::Segment;
use analysis::{claims, cues, numbers};
use serde::Deserialize;

use super::{Figure, Trouble, rows};
use crate::score;

#[derive(Deserialize)]
struct Labelled {
    text: String,
    label: u8,
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
    let guess = |score: f64| score >= claims::LEAST_SCORE;
    let guesses = scored.iter().map(|(text, score, label)| (text.clone(), *label, guess(*score))).collect();
    Ok(two_classes(guesses, "worth checking").also("threshold", claims::LEAST_SCORE))
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

/// The mean F1 of both classes: whether any cue of a fallacy is in an argument, against what most people voted.
pub(super) fn fallacy_yes_no(folder: &Path) -> Result<Figure, Trouble> {
    let arguments: Vec<Argument> = rows::lines(folder, "fallacy_argotario.jsonl")?;
    let guesses = arguments.into_iter().map(|row| {
        let truth = !row.voted.eq_ignore_ascii_case("no fallacy");
        let guess = has_fallacy_cue(&row.text);
        (row.text, truth, guess)
    });
    Ok(two_classes(guesses.collect(), "a fallacy"))
}

fn has_fallacy_cue(text: &str) -> bool {
    let segments: Vec<Segment> = analysis::sentences::split(text)
        .into_iter()
        .map(|range| Segment { text: text[range].to_owned(), ..Segment::default() })
        .collect();
    !cues::fallacies(&Document::new(&segments, "en")).is_empty()
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
