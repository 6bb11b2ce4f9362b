//! What is known of the uses of a stored answer, and what is forecast of the next one.

use serde::{Deserialize, Serialize};

use super::{NanoUsd, StepKey};

/// The uses of a stored answer that was used again. A new answer to the same request goes on with the row of the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warming {
    /// The first bytes of the key that all have in common who find it, in hex.
    pub entry: String,
    /// The step that used it last.
    pub step: StepKey,
    /// When that was, in milliseconds since 1970.
    pub last_use_ms: u64,
    /// Until when it is fresh at least.
    pub fresh_until_ms: u64,
    /// For how long a new answer is fresh at least, in milliseconds.
    pub fresh_ms: u64,
    /// The last gaps between uses, oldest first, in milliseconds.
    pub gaps_ms: Vec<u64>,
    /// What making it cost.
    pub cost: NanoUsd,
    /// What was set aside for making it.
    pub most: NanoUsd,
    /// How long making it took, in milliseconds.
    pub took_ms: u64,
    /// What is forecast and not yet decided.
    pub forecast: Option<Forecast>,
    /// When the row may be forgotten.
    pub expires_ms: u64,
}

impl Warming {
    /// So many gaps are kept.
    pub const MOST_GAPS: usize = 8;
}

/// Whether an answer will be used again after it has ended being fresh, and before one made ahead of that would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// When the next use is expected, in milliseconds since 1970.
    pub next_ms: u64,
    /// A use up to here finds the old answer.
    pub opens_ms: u64,
    /// A use after this finds none, also if it is made ahead.
    pub closes_ms: u64,
    /// How likely a use in between is, in thousandths.
    pub permille: u16,
    /// What is done about it.
    pub refresh: Refresh,
}

/// Whether an answer is made ahead of its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// It is not, or was not.
    None,
    /// A run has been started for it.
    Begun,
    /// It was.
    Done,
}

/// What a run is for that makes a stored answer ahead of its next use: one step of an earlier run, done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warms {
    /// The step, of the run whose results it is given.
    pub step: StepKey,
    /// The [`Warming::entry`] of the answer.
    pub entry: String,
}

/// What became of forecasts, and of what was made ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Warmed {
    /// Forecasts made.
    pub forecasts: u64,
    /// The sum of how likely a use was each time, in thousandths: so many thousand uses were expected.
    pub expected_permille: u64,
    /// Forecasts after which there was a use in their time.
    pub used: u64,
    /// Forecasts after which there was none.
    pub unused: u64,
    /// How far from its forecast the use was, in milliseconds, summed over those in their time.
    pub off_ms: u64,
    /// Answers made ahead.
    pub refreshed: u64,
    /// Of the answers made ahead: those used after the old one had ended.
    pub refreshed_used: u64,
    /// And those that were not.
    pub refreshed_vain: u64,
    /// Answers that were to be made ahead and were not, at no cost: gone, purged, made meanwhile, or asked otherwise now.
    pub spared: u64,
    /// Answers that were paid for and not made.
    pub failed: u64,
    /// What it cost, as booked when each run ended.
    pub spent: NanoUsd,
    /// The waiting that was saved, in milliseconds.
    pub waiting_saved_ms: u64,
}

impl Warmed {
    /// True if nothing is counted.
    pub fn is_nothing(&self) -> bool {
        self == &Self::default()
    }
}

impl std::ops::AddAssign<&Warmed> for Warmed {
    fn add_assign(&mut self, other: &Warmed) {
        let Warmed {
            forecasts,
            expected_permille,
            used,
            unused,
            off_ms,
            refreshed,
            refreshed_used,
            refreshed_vain,
            spared,
            failed,
            spent,
            waiting_saved_ms,
        } = other;
        self.forecasts += forecasts;
        self.expected_permille += expected_permille;
        self.used += used;
        self.unused += unused;
        self.off_ms = self.off_ms.saturating_add(*off_ms);
        self.refreshed += refreshed;
        self.refreshed_used += refreshed_used;
        self.refreshed_vain += refreshed_vain;
        self.spared += spared;
        self.failed += failed;
        self.spent += *spent;
        self.waiting_saved_ms = self.waiting_saved_ms.saturating_add(*waiting_saved_ms);
    }
}
