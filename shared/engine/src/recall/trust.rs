//! Whether answers found by meaning may be served: what share of an agent's requests got a wrong one, with a bound that holds
//! at every moment.
//!
//! A *candidate* is a request for which a stored answer passed threshold and guards. In shadow the model is asked as on any
//! miss and its answer labels the candidate right or wrong. While serving, the stored answer is given, and a coin decides
//! whether the model is asked as well: an *audit*, which labels it.
//!
//! **What is proved.** Let `n` be the candidates so far, `W` how many of them were served wrong, and `B` what [`Trust::bound`]
//! says. For every stream of requests, however it drifts and whoever chooses it knowing all that has happened, with probability
//! at least 99 % over the audits' coins alone: `W / n <= B` at every moment at once. [`Trust::may_serve`] serves only where
//! `B` stays within the limit even if the next answer is wrong; so `W / n` never passes the limit, either.
//!
//! **Why.** Let served answers be audited with probability `p`, `Y` say whether an answer is wrong and `A` whether it is
//! audited. For `k < -ln(1 - p)` there is `l` with `E exp(k Y - l A Y) = 1`, so the product over all answers, `exp(k W - l N)`
//! with `N` audited wrong ones, is a nonnegative martingale that begins at 1. By Ville's inequality it never reaches `1 / a` but
//! with probability `a`; hence `W <= (l N + ln(1 / a)) / k` at every moment at once. (Ville, *Étude critique de la notion de
//! collectif*, 1939; Howard, Ramdas, McAuliffe, Sekhon, *Time-uniform Chernoff bounds via nonnegative supermartingales*,
//! Probability Surveys 17, 2020; Waudby-Smith, Ramdas, *Estimating means of bounded random variables by betting*, JRSS B 86,
//! 2024.) Answers are audited less the more candidates there are; each of the [`RATES`] has a bound of its own for
//! three values of `k`, and all of them share the 1 %.
//!
//! Before it serves, the labels since its last return to shadow must show the limit too: by the same inequality for labels
//! that are all seen, `exp(sum of E Y (1 - exp(-l)) - l sum of Y)`, the mean chance of a wrong candidate is at most
//! `(l N + ln(1 / a)) / (n (1 - exp(-l)))`, here with 95 %. This keeps an agent that is often wrong from being served at all;
//! what is promised does not rest on it.
//!
//! All is counted in whole numbers, and counts of several processes add up.

use serde::{Deserialize, Serialize};

/// How likely a served answer is audited, in 256ths: less the more is known.
pub const RATES: [u64; 6] = [224, 128, 64, 32, 16, 8];

/// For each rate and each of three `k`: the bound in millionths of an answer without an audited wrong one, and what each of those
/// adds. Rounded up. A test computes them.
const SERVED: [[(u64, u64); 3]; 6] = [
    [(3_794_310, 2_104_364), (5_149_420, 1_435_622), (9_011_485, 1_246_446)],
    [(11_382_928, 5_079_603), (15_448_259, 3_018_763), (27_034_453, 2_388_375)],
    [(27_426_263, 11_473_992), (37_221_357, 6_494_259), (65_137_375, 4_958_312)],
    [(59_087_560, 24_121_280), (80_190_260, 13_387_808), (140_332_955, 10_072_675)],
    [(122_253_253, 49_363_603), (165_915_130, 27_153_644), (290_351_476, 20_291_928)],
    [(248_515_517, 99_825_222), (337_271_058, 54_675_946), (590_224_352, 40_726_256)],
];

/// The same for labels that are all seen.
const LABELLED: [(u64, u64); 3] = [(4_170_735, 4_074_630), (5_270_310, 1_930_826), (10_405_753, 1_270_748)];

/// Labels that did not show the limit are let go after so many, so that bad times do not count for ever.
const MOST_LABELS: u64 = 2_000;

const MILLION: u64 = 1_000_000;

/// The largest share of wrong serves among candidates, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub u64);

impl Default for Limit {
    /// One in a hundred.
    fn default() -> Self {
        Self(10_000)
    }
}

/// Answers served at one rate of audits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Served.
    pub served: u64,
    /// Of these, begun to be audited.
    pub audited: u64,
    /// Of these, found right. The bound counts what is audited and not found right as wrong, also while nobody knows.
    pub right: u64,
    /// Of the audited, found wrong.
    pub wrong: u64,
}

/// What is known of an agent's candidates. Counts only grow; those of several processes are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Candidates labelled in shadow.
    pub shadow: u64,
    /// Of these, wrong.
    pub shadow_wrong: u64,
    /// Served answers by rate of audits, in the order of [`RATES`].
    pub served: [Served; RATES.len()],
    /// Labels, and wrong ones among them, when they last began anew.
    pub since: (u64, u64),
}

/// What to do with a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask the model, and label the candidate by its answer.
    Shadow,
    /// Serve the stored answer.
    Serve {
        /// The place in [`RATES`], to be recorded with it.
        rate: usize,
        /// Whether to ask the model as well, and label the candidate.
        audit: bool,
    },
}

/// Whether an agent's stored answers are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They are only compared.
    Shadow,
    /// They are.
    Serving,
}

impl Trust {
    /// Candidates so far.
    pub fn candidates(&self) -> u64 {
        self.shadow.saturating_add(self.served.iter().map(|rate| rate.served).sum())
    }

    /// How many answers that were served are wrong, at most, in millionths of an answer: with a probability of 99 % this is
    /// right at every moment at once.
    pub fn wrong_served(&self) -> u64 {
        let rates = self.served.iter().zip(&SERVED);
        rates
            .map(|(rate, bounds)| least(bounds, rate.not_right()).min(rate.served.saturating_mul(MILLION)))
            .fold(0, u64::saturating_add)
    }

    /// The bound on the share of candidates that were served wrong, in millionths. 0 before anything is served.
    pub fn bound(&self) -> u64 {
        self.wrong_served().div_ceil(self.candidates().max(1))
    }

    /// Whether stored answers are served now. `unseen` is how many others may be serving meanwhile without it being in these
    /// counts: processes that share them, less this one.
    pub fn state(&self, limit: Limit, unseen: u64) -> State {
        if self.may_serve(limit, unseen).is_some() { State::Serving } else { State::Shadow }
    }

    /// At which of the [`RATES`] of audits the next candidate may be served, if it may.
    pub fn may_serve(&self, limit: Limit, unseen: u64) -> Option<usize> {
        if !self.labels_show(limit) {
            return None;
        }
        let allowed = limit.0.saturating_mul(self.candidates().saturating_add(1));
        let fits = |rate: &usize| {
            // Counted in full from its first answer: else answers would be served on no more than being few.
            let this = least(&SERVED[*rate], self.served[*rate].not_right());
            let others = Self {
                served: std::array::from_fn(|place| {
                    if place == *rate { Served::default() } else { self.served[place] }
                }),
                ..Self::default()
            };
            let next = unseen.saturating_add(1).saturating_mul(MILLION);
            others.wrong_served().saturating_add(this).saturating_add(next) <= allowed
        };
        (0..RATES.len()).rev().find(fits)
    }

    /// What to do with the next candidate; `coin` is a random byte.
    pub fn decide(&self, limit: Limit, unseen: u64, coin: u8) -> Decision {
        match self.may_serve(limit, unseen) {
            Some(rate) => Decision::Serve { rate, audit: u64::from(coin) < RATES[rate] },
            None => Decision::Shadow,
        }
    }

    /// A candidate was labelled in shadow.
    pub fn label(&mut self, wrong: bool, limit: Limit) {
        let shown = self.labels_show(limit);
        self.shadow += 1;
        self.shadow_wrong += u64::from(wrong);
        self.begin_anew(shown, limit);
    }

    /// An answer is being served, and audited or not. To be recorded before it is, so that a dead process hides nothing.
    pub fn serve(&mut self, rate: usize, audit: bool) {
        if let Some(served) = self.served.get_mut(rate) {
            served.served += 1;
            served.audited += u64::from(audit);
        }
    }

    /// What an audit found. One that finds nothing is not recorded, and counts as wrong in the bound.
    pub fn found(&mut self, rate: usize, wrong: bool, limit: Limit) {
        let shown = self.labels_show(limit);
        if let Some(served) = self.served.get_mut(rate) {
            served.wrong += u64::from(wrong);
            served.right += u64::from(!wrong);
        }
        self.begin_anew(shown, limit);
    }

    /// Labels begin anew where they have just stopped showing the limit, or have not shown it for long.
    fn begin_anew(&mut self, shown: bool, limit: Limit) {
        let (labels, wrong) = self.labels();
        let many = labels.saturating_sub(self.since.0) >= MOST_LABELS;
        if (shown || many) && !self.labels_show(limit) {
            self.since = (labels, wrong);
        }
    }

    /// Adds what another process counted since it last did.
    pub fn add(&mut self, other: &Self) {
        self.shadow += other.shadow;
        self.shadow_wrong += other.shadow_wrong;
        for (ours, theirs) in self.served.iter_mut().zip(&other.served) {
            ours.served += theirs.served;
            ours.audited += theirs.audited;
            ours.right += theirs.right;
            ours.wrong += theirs.wrong;
        }
        self.since = self.since.max(other.since);
    }

    /// Labels of any kind, and wrong ones among them.
    fn labels(&self) -> (u64, u64) {
        let (right, wrong) =
            self.served.iter().fold((0, 0), |sum, rate| (sum.0 + rate.right, sum.1 + rate.wrong));
        (self.shadow + right + wrong, self.shadow_wrong + wrong)
    }

    /// Whether the labels since the last return to shadow show the limit.
    fn labels_show(&self, limit: Limit) -> bool {
        let (labels, wrong) = self.labels();
        let labels = labels.saturating_sub(self.since.0);
        least(&LABELLED, wrong.saturating_sub(self.since.1)) <= limit.0.saturating_mul(labels)
    }
}

impl Served {
    /// Audited and not found right.
    fn not_right(&self) -> u64 {
        self.audited.saturating_sub(self.right)
    }
}

/// The smallest of three bounds for so many wrong ones seen.
fn least(bounds: &[(u64, u64); 3], wrong: u64) -> u64 {
    bounds
        .iter()
        .map(|(none, each)| none.saturating_add(each.saturating_mul(wrong)))
        .min()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
