//! How well the deterministic parts do on labelled rows: links, captions, articles, wording, summaries.
//!
//! Rows are read from a folder and never copied. A measure whose rows are not there is not run; everything else that
//! keeps rows from being read is an error that names the file and the line. To add a measure, write a function that gives
//! a [`Figure`] and put one line into [`MEASURES`]; what calls cost is in [`COSTS`].

mod articles;
mod captions;
mod cost;
mod links;
mod long_run;
mod rows;
mod summaries;
#[cfg(test)]
mod tests;
mod wording;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::score;

/// How many rows that were not as labelled are kept.
const KEPT: usize = 10;

/// The name of a measure, with its figure or why it was not run.
pub(crate) type Measured = (&'static str, Result<Figure, String>);

/// What measures the rows of a folder.
type Measuring = fn(&Path) -> Result<Figure, Trouble>;

/// A measure and its function, in the order they are printed.
const MEASURES: [(&str, Measuring); 17] = [
    ("urls.exact", links::recognised),
    ("ssrf.exact", links::guarded),
    ("subtitles.exact", captions::cue_lists),
    ("podcast.parse", captions::podcast_files),
    ("articles.f1", articles::f1),
    ("vader.max_abs", wording::sentiment_difference),
    ("clickbait.accuracy", wording::clickbait),
    ("checkworthy.auc", wording::checkworthy_auc),
    ("checkworthy.macro_f1", wording::checkworthy_macro_f1),
    ("shortened.tokens", wording::shortened),
    ("fallacy_cues.span_f1", wording::fallacy_spans),
    ("fallacy_cues.yes_no_macro_f1", wording::fallacy_yes_no),
    ("summary.rouge1", summaries::ours),
    ("summary.lead3", summaries::lead),
    ("summary.random", summaries::random),
    ("three_hours.seconds", long_run::seconds),
    ("three_hours.memory_mb", long_run::memory_mb),
];

/// What is said of calls to models, under a command of its own.
const COSTS: [(&str, Measuring); 1] = [("cost.exact", cost::exact)];

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// The figure itself.
    pub(crate) value: f64,
    /// Of how many rows.
    pub(crate) sample: usize,
    /// The interval that holds it in 95 % of such samples; none for a largest value, which no sample bounds.
    pub(crate) interval: Option<(f64, f64)>,
    /// The first rows that were not as labelled, each with what was found instead.
    pub(crate) failing: Vec<String>,
    /// What else is worth knowing.
    pub(crate) also: BTreeMap<&'static str, Value>,
}

impl Figure {
    /// The share of rows that are as labelled, from what is wrong with each.
    fn share(outcomes: Vec<Option<String>>) -> Self {
        let sample = outcomes.len();
        let failing: Vec<String> = outcomes.into_iter().flatten().collect();
        let right = sample - failing.len();
        Self {
            value: right as f64 / sample as f64,
            sample,
            interval: Some(score::wilson(right, sample)),
            failing: failing.into_iter().take(KEPT).collect(),
            also: BTreeMap::new(),
        }
    }

    /// What `measure` says of all rows, with an interval from drawing rows again.
    fn drawn(sample: usize, measure: impl Fn(&[usize]) -> f64) -> Self {
        let all: Vec<usize> = (0..sample).collect();
        Self {
            value: measure(&all),
            sample,
            interval: Some(score::bootstrap(sample, measure)),
            failing: Vec::new(),
            also: BTreeMap::new(),
        }
    }

    fn failing(mut self, rows: impl Iterator<Item = String>) -> Self {
        self.failing = rows.take(KEPT).collect();
        self
    }

    fn also(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.also.insert(name, value.into());
        self
    }
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// What it needs is not there.
    NotRun(String),
    /// What is there cannot be read.
    Unreadable(String),
}

/// Every measure by name, with its figure or why it was not run.
///
/// The error is of a folder or of rows that cannot be read, for people.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Measured>, String> {
    measure_these(folder, &MEASURES)
}

/// The measures of what calls cost, as [`measure`] gives those of content.
pub(crate) fn measure_costs(folder: &Path) -> Result<Vec<Measured>, String> {
    measure_these(folder, &COSTS)
}

fn measure_these(folder: &Path, measures: &[(&'static str, Measuring)]) -> Result<Vec<Measured>, String> {
    std::fs::read_dir(folder).map_err(|error| {
        format!(
            "{} cannot be read ({error}); pass --data and a folder with rows such as urls.jsonl and articles/",
            folder.display()
        )
    })?;
    let mut measured = Vec::with_capacity(measures.len());
    for (name, function) in measures.iter().copied() {
        measured.push(match function(folder) {
            Ok(figure) => (name, Ok(figure)),
            Err(Trouble::NotRun(why)) => (name, Err(why)),
            Err(Trouble::Unreadable(why)) => return Err(why),
        });
    }
    Ok(measured)
}

/// One object: a number or null for each measure, and what there is to say of each in `details`.
pub(crate) fn report(measured: &[Measured]) -> Value {
    let mut report = serde_json::Map::new();
    let mut details = serde_json::Map::new();
    for (name, outcome) in measured {
        let (value, mut detail) = match outcome {
            Ok(figure) => (
                json!(figure.value),
                json!({
                    "n": figure.sample,
                    "low": figure.interval.map(|(low, _)| low),
                    "high": figure.interval.map(|(_, high)| high),
                    "rows": figure.failing,
                }),
            ),
            Err(why) => (Value::Null, json!({"not_run": why})),
        };
        if let (Ok(figure), Some(detail)) = (outcome, detail.as_object_mut()) {
            detail.extend(figure.also.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        report.insert((*name).to_owned(), value);
        details.insert((*name).to_owned(), detail);
    }
    report.insert("details".to_owned(), Value::Object(details));
    Value::Object(report)
}
