//! `Retry` and `Catch`.

use engine::ports::Random;

use super::failure::Failure;
use super::fields::{AslError, Fields};
use super::flow::ResultPath;

/// What to try again, and when.
#[derive(Clone, Debug)]
pub(super) struct Retrier {
    errors: Vec<String>,
    interval_seconds: u64,
    backoff_rate: f64,
    max_attempts: u64,
    max_delay_seconds: Option<u64>,
    jitter: Jitter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jitter {
    None,
    Full,
}

/// Where to go when something failed.
#[derive(Clone, Debug)]
pub(super) struct Catcher {
    errors: Vec<String>,
    /// Where the error is put.
    pub(super) result_path: ResultPath,
    /// Where the walk goes on.
    pub(super) next: String,
}

const YEAR_SECONDS: u64 = 31_622_399;

impl Retrier {
    /// Takes `Retry`.
    pub(super) fn take(fields: &mut Fields) -> Result<Vec<Self>, AslError> {
        let values = fields.list("Retry")?.unwrap_or_default();
        let count = values.len();
        let parse = |(index, value)| {
            let mut inner = Fields::of(&fields.place, &fields.name("Retry"), value)?;
            let errors = errors(&mut inner, index + 1 == count)?;
            let interval_seconds = inner.integer("IntervalSeconds", 1, YEAR_SECONDS)?.unwrap_or(1);
            let retrier = Self {
                errors,
                interval_seconds,
                backoff_rate: backoff_rate(&mut inner)?,
                max_attempts: inner.integer("MaxAttempts", 0, 99_999_999)?.unwrap_or(3),
                max_delay_seconds: inner.integer("MaxDelaySeconds", interval_seconds + 1, YEAR_SECONDS)?,
                jitter: jitter(&mut inner)?,
            };
            inner.finish()?;
            Ok(retrier)
        };
        values.into_iter().enumerate().map(parse).collect()
    }

    /// The names it is for.
    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// True if it is for this failure.
    pub(super) fn is_for(&self, failure: &Failure) -> bool {
        failure.is_one_of(&self.errors)
    }

    /// How long to wait in milliseconds before retry number `attempt` (from 0), or `None` if there is none left.
    pub(super) fn delay_ms(&self, attempt: u64, random: &dyn Random) -> Option<u64> {
        if attempt >= self.max_attempts {
            return None;
        }
        let longest_seconds = self.max_delay_seconds.unwrap_or(YEAR_SECONDS) as f64;
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let seconds = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        let delay_ms = (seconds.min(longest_seconds) * 1000.0) as u64;
        match self.jitter {
            Jitter::None => Some(delay_ms),
            Jitter::Full => Some(random.next_u64() % (delay_ms + 1)),
        }
    }
}

impl Catcher {
    /// Takes `Catch`.
    pub(super) fn take(fields: &mut Fields) -> Result<Vec<Self>, AslError> {
        let values = fields.list("Catch")?.unwrap_or_default();
        let count = values.len();
        let parse = |(index, value)| {
            let mut inner = Fields::of(&fields.place, &fields.name("Catch"), value)?;
            inner.text("Comment")?;
            let errors = errors(&mut inner, index + 1 == count)?;
            let result_path = ResultPath::take(&mut inner)?;
            let next = inner.need_text("Next")?;
            inner.finish()?;
            Ok(Self { errors, result_path, next })
        };
        values.into_iter().enumerate().map(parse).collect()
    }

    /// The names it is for.
    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// True if it is for this failure.
    pub(super) fn is_for(&self, failure: &Failure) -> bool {
        failure.is_one_of(&self.errors)
    }
}

/// The reserved names that can be matched here.
const RESERVED: [&str; 5] = [
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "States.DataLimitExceeded",
    "States.ResultPathMatchFailure",
];

fn errors(fields: &mut Fields, is_last: bool) -> Result<Vec<String>, AslError> {
    const FIELD: &str = "ErrorEquals";
    let mut names = Vec::new();
    for value in fields.list(FIELD)?.ok_or_else(|| fields.wrong(FIELD, "is required"))? {
        let Some(name) = value.as_str() else {
            return Err(fields.wrong(FIELD, "must be a list of texts"));
        };
        if name.starts_with("States.") && !RESERVED.contains(&name) {
            return Err(fields.wrong(FIELD, format!("`{name}` is never matched here, or not implemented")));
        }
        names.push(name.to_owned());
    }
    if names.iter().any(|name| name == "States.ALL") && (names.len() > 1 || !is_last) {
        return Err(fields.wrong(FIELD, "`States.ALL` must stand alone, in the last entry"));
    }
    Ok(names)
}

fn backoff_rate(fields: &mut Fields) -> Result<f64, AslError> {
    match fields.take("BackoffRate") {
        None => Ok(2.0),
        Some(value) => {
            let rate = value.as_f64().filter(|rate| *rate >= 1.0);
            rate.ok_or_else(|| fields.wrong("BackoffRate", "must be a number from 1"))
        }
    }
}

fn jitter(fields: &mut Fields) -> Result<Jitter, AslError> {
    match fields.text("JitterStrategy")?.as_deref() {
        None | Some("NONE") => Ok(Jitter::None),
        Some("FULL") => Ok(Jitter::Full),
        Some(other) => Err(fields.wrong("JitterStrategy", format!("`{other}` is neither FULL nor NONE"))),
    }
}
