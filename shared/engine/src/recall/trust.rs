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
//! **Audits that cannot be made.** The provider may be down, and whoever chooses requests may be right while it answers and wrong
//! while it does not. So an audit that found nothing cannot be let go, nor stand for another that is made later: it counts as
//! wrong until its own answer is known. What keeps an outage cheap is that few are lost. Before the coin is thrown, it is
//! seen whether the model could be asked and paid; where not, no stored answer is served, whatever the coin would have been. The first
//! audit that fails all the same stops serving ([`Trust::unanswered`]) until the model answers again. And an audit that
//! failed is [`Owed`]: its step comes back for a while and makes it, on the same coin. Only what is lost even so counts as wrong
//! for ever: of each outage, at most those that were under way when it began.
//!
//! All is counted in whole numbers, and counts of several processes add up. What is counted belongs to one version of an agent's
//! prompt and one model ([`Earned`]): another one begins in shadow.

use std::collections::BTreeMap;

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

/// So many audits that have not ended are known by their step; of more, the oldest are lost.
const MOST_OWED: usize = 64;

/// So many versions of an agent's prompt and models are known; of more, the one with the fewest candidates is forgotten but for the
/// newest, and begins in shadow again.
const MOST_MAKERS: usize = 16;

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
    /// Audits that have not ended, by the step that makes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<String, Owed>,
    /// An audit could not be made since the model last answered: nothing is served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unanswered: bool,
}

/// An audit that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The place in [`RATES`] of the coin that chose it.
    pub rate: usize,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
}

/// What an agent's stored answers have earned, by what makes them: a version of its prompt and a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earned {
    /// Each one's counts.
    #[serde(default)]
    pub by: BTreeMap<String, Trust>,
    /// The maker that came last: it is not forgotten for having few candidates yet.
    #[serde(default)]
    pub newest: String,
}

impl Earned {
    /// The counts of this maker; a new one has none.
    pub fn of(&mut self, maker: &str) -> &mut Trust {
        if !self.by.contains_key(maker) {
            let old = self.by.iter().filter(|(known, _)| **known != self.newest);
            let fewest =
                old.min_by_key(|(_, trust)| trust.candidates()).filter(|_| self.by.len() >= MOST_MAKERS);
            if let Some(fewest) = fewest.map(|(maker, _)| maker.clone()) {
                self.by.remove(&fewest);
            }
            maker.clone_into(&mut self.newest);
        }
        self.by.entry(maker.to_owned()).or_default()
    }
}

/// What is told of an agent's stored answers: always the bound beside what was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether they are served.
    pub state: State,
    /// At most so many of a million candidates were served wrong: right at every moment at once with a probability of 99 %.
    pub bound_millionths: u64,
    /// What may not be passed, in millionths.
    pub limit_millionths: u64,
    /// Candidates: requests for which there was a stored answer of the same meaning. The bound is a share of these.
    pub candidates: u64,
    /// Of these, served.
    pub served: u64,
    /// Labels that the model's own answers gave, in shadow and in audits.
    pub labels: u64,
    /// Of these, wrong.
    pub labels_wrong: u64,
    /// Of the served, chosen to be audited.
    pub audits: u64,
    /// Of these, without a finding: under way or lost. They count as wrong.
    pub audits_open: u64,
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
    /// They would be, but the model does not answer, so none could be audited.
    Waiting,
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
        match self.may_serve(limit, unseen) {
            None => State::Shadow,
            Some(_) if self.is_unanswered => State::Waiting,
            Some(_) => State::Serving,
        }
    }

    /// What is told of it.
    pub fn standing(&self, limit: Limit) -> Standing {
        let ((labels, labels_wrong), audits) =
            (self.labels(), self.served.iter().map(|rate| rate.audited).sum());
        let ended: u64 = self.served.iter().map(|rate| rate.right + rate.wrong).sum();
        Standing {
            state: self.state(limit, 0),
            bound_millionths: self.bound(),
            limit_millionths: limit.0,
            candidates: self.candidates(),
            served: self.served.iter().map(|rate| rate.served).sum(),
            labels,
            labels_wrong,
            audits,
            audits_open: audits.saturating_sub(ended),
        }
    }

    /// At which of the [`RATES`] of audits the next candidate may be served, if it may.
    pub fn may_serve(&self, limit: Limit, unseen: u64) -> Option<usize> {
        if !self.labels_show(limit) {
            return None;
        }
        let allowed = limit.0.saturating_mul(self.candidates().saturating_add(1));
        let fits = |rate: usize, more: u64| {
            // Counted in full from its first answer: else answers would be served on no more than being few.
            let this = least(&SERVED[rate], self.served[rate].not_right().saturating_add(more));
            let others = Self {
                served: std::array::from_fn(|place| {
                    if place == rate { Served::default() } else { self.served[place] }
                }),
                ..Self::default()
            };
            let next = unseen.saturating_add(1).saturating_mul(MILLION);
            others.wrong_served().saturating_add(this).saturating_add(next) <= allowed
        };
        // A rate at which one wrong or lost audit more would end serving is taken only where there is no other.
        let with_room = (0..RATES.len()).rev().find(|rate| fits(*rate, 1));
        with_room.or_else(|| (0..RATES.len()).rev().find(|rate| fits(*rate, 0)))
    }

    /// What to do with the next candidate; `coin` is a random byte.
    pub fn decide(&self, limit: Limit, unseen: u64, coin: u8) -> Decision {
        match self.may_serve(limit, unseen).filter(|_| !self.is_unanswered) {
            Some(rate) => Decision::Serve { rate, audit: u64::from(coin) < RATES[rate] },
            None => Decision::Shadow,
        }
    }

    /// A candidate was labelled in shadow.
    pub fn label(&mut self, wrong: bool, limit: Limit) {
        let shown = self.labels_show(limit);
        self.is_unanswered = false;
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

    /// An audit begins that this step makes. Whoever makes it again after a failure does so on the same coin.
    pub fn owe(&mut self, step: &str, rate: usize, now_ms: u64) {
        if self.owed.len() >= MOST_OWED {
            let oldest = self.owed.iter().min_by_key(|(_, owed)| owed.since_ms);
            if let Some(oldest) = oldest.map(|(step, _)| step.clone()) {
                self.owed.remove(&oldest);
            }
        }
        self.owed.insert(step.to_owned(), Owed { rate, since_ms: now_ms });
    }

    /// A call for an audit failed. Nothing is served until the model has answered.
    pub fn unanswered(&mut self) {
        self.is_unanswered = true;
    }

    /// What an audit found. One that finds nothing counts as wrong in the bound.
    pub fn found(&mut self, rate: usize, wrong: bool, limit: Limit) {
        let shown = self.labels_show(limit);
        self.is_unanswered = false;
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
        self.owed.extend(other.owed.clone());
        self.is_unanswered |= other.is_unanswered;
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
