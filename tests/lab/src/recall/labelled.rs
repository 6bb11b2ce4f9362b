//! Pairs of texts with their cosine and whether an answer to one answers the other: what a threshold and the guards make of
//! them.

use std::collections::BTreeMap;
use std::path::Path;

use engine::recall::guards::judge;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::score::wilson;

/// The thresholds that are tried.
pub const THRESHOLDS: &[f32] =
    &[0.85, 0.86, 0.87, 0.88, 0.89, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98];

/// A row of a file of pairs.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// One text.
    pub a: String,
    /// The other.
    pub b: String,
    /// Whether people say that both ask the same.
    pub duplicate: bool,
}

/// Reads a file of pairs. Errors say what is wrong with it.
pub fn rows(file: &Path) -> Result<Vec<Row>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line)
                .map_err(|error| format!("{}, line {}: {error}", file.display(), at + 1))
        })
        .collect()
}

/// A pair, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The cosine of both texts.
    pub cosine: f32,
    /// Whether both mean the same.
    pub same: bool,
    /// The guard that refuses them; `None` if none does.
    pub refused: Option<String>,
}

impl Judged {
    /// Judges a pair.
    pub fn of(stored: &str, asked: &str, cosine: f32, same: bool) -> Self {
        let guard = |refusal: engine::recall::guards::Refusal| {
            json!(refusal.guard).as_str().unwrap_or_default().to_owned()
        };
        Self { cosine, same, refused: judge(stored, asked).err().map(guard) }
    }

    /// Whether it would be served.
    pub fn is_served(&self, threshold: f32, guarded: bool) -> bool {
        self.cosine >= threshold && (!guarded || self.refused.is_none())
    }
}

/// How good a rule is on labelled pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Pairs it takes for the same.
    pub hits: usize,
    /// Of these, those that are labelled the same.
    pub right: usize,
    /// Their share; nothing to divide is null.
    pub precision: Option<f64>,
    /// The interval of 95 % of it, by Wilson's score.
    pub precision_interval: (f64, f64),
    /// The share of all that are labelled the same.
    pub recall: Option<f64>,
    /// Its interval.
    pub recall_interval: (f64, f64),
}

/// Scores a threshold, with guards or without.
pub fn score(pairs: &[Judged], threshold: f32, guarded: bool) -> Score {
    let same = pairs.iter().filter(|pair| pair.same).count();
    let served = || pairs.iter().filter(|pair| pair.is_served(threshold, guarded));
    let (hits, right) = (served().count(), served().filter(|pair| pair.same).count());
    let share = |of: usize| (of > 0).then(|| right as f64 / of as f64);
    Score {
        hits,
        right,
        precision: share(hits),
        precision_interval: wilson(right, hits),
        recall: share(same),
        recall_interval: wilson(right, same),
    }
}

/// Every threshold beside the same one without guards.
pub fn table(pairs: &[Judged]) -> Vec<Value> {
    let row = |threshold: &f32| {
        let rounded = (f64::from(*threshold) * 100.0).round() / 100.0;
        json!({ "threshold": rounded, "guards": score(pairs, *threshold, true), "plain": score(pairs, *threshold, false) })
    };
    THRESHOLDS.iter().map(row).collect()
}

/// How many pairs at or above a threshold each guard refuses: labelled the same, and not.
pub fn refusals(pairs: &[Judged], threshold: f32) -> BTreeMap<String, (usize, usize)> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.cosine >= threshold) {
        if let Some(guard) = &pair.refused {
            let counts = counts.entry(guard.clone()).or_default();
            counts.0 += usize::from(pair.same);
            counts.1 += usize::from(!pair.same);
        }
    }
    counts
}
