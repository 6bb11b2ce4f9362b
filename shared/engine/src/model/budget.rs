//! What a tenant may spend in a window, and what is learned of how much calls use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AgentId, Arm, NanoUsd, Price};

/// What a tenant may spend in a window: a day or a month, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The most; `None` is no limit.
    pub limit: Option<NanoUsd>,
    /// Drawn by runs that have not ended.
    pub allotted: NanoUsd,
    /// Spent by runs that have ended.
    pub spent: NanoUsd,
    /// The percentage that was last told of, 0 before the first.
    #[serde(default)]
    pub alerted_percent: u8,
}

impl Budget {
    /// An unspent budget.
    pub fn of(limit: Option<NanoUsd>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// What may still be drawn.
    pub fn left(&self) -> NanoUsd {
        self.limit.map_or(NanoUsd(i64::MAX), |limit| limit - self.allotted - self.spent)
    }

    /// Which part of the limit is spent or drawn, in percent, rounded down; 0 without a limit.
    pub fn committed_percent(&self) -> u8 {
        self.percent(self.allotted + self.spent)
    }

    /// Which part of the limit is spent, in percent, rounded down; 0 without a limit.
    pub fn spent_percent(&self) -> u8 {
        self.percent(self.spent)
    }

    fn percent(&self, amount: NanoUsd) -> u8 {
        match self.limit {
            Some(limit) if limit > NanoUsd::ZERO => {
                let percent = i128::from(amount.0.max(0)) * 100 / i128::from(limit.0);
                u8::try_from(percent).unwrap_or(u8::MAX)
            }
            Some(_) => 100,
            None => 0,
        }
    }
}

/// What a tenant wants done before a budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftLimit {
    /// From how much of the day's or the month's budget on, in percent; what runs have drawn counts.
    pub percent: u8,
    /// What.
    pub action: SoftAction,
}

/// What is done beyond a soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoftAction {
    /// Results say so.
    Warn,
    /// The cheapest model that serves the agent's tier is used, and results say so.
    Downgrade,
}

impl SoftAction {
    /// Every action.
    pub const ALL: [SoftAction; 2] = [SoftAction::Warn, SoftAction::Downgrade];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            SoftAction::Warn => "warn",
            SoftAction::Downgrade => "downgrade",
        }
    }
}

/// Prices that were read after the catalogue was made, by `provider/model`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceList {
    /// Each with its date and source.
    pub prices: BTreeMap<String, DatedPrice>,
}

/// A price, when it was read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedPrice {
    /// The price.
    pub price: Price,
    /// The day, as `2026-11-22`.
    pub as_of: String,
    /// The page.
    pub source: String,
}

/// How much output a tenant's calls gave, by agent and model; how models did that were chosen from among several; and what steps
/// and runs usually cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// By `agent/model`.
    pub output_tokens: BTreeMap<String, TokenCounts>,
    /// By `agent/provider/model`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arms: BTreeMap<String, Arm>,
    /// What steps that paid for a call cost, by agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, Usual>,
    /// What runs that paid for a call cost, by the name of their depth.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<String, Usual>,
}

/// What something usually costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// How many steps or runs are known.
    pub count: u32,
    /// How many paid calls they made together.
    pub calls: u64,
    /// What they cost together.
    pub cost: NanoUsd,
    /// What the dearest of them cost.
    pub most: NanoUsd,
}

impl Usual {
    /// Beyond so many old ones fade.
    const FADES_FROM: u32 = 2_000;
    /// Under so many nothing counts as usual.
    const LEAST: u32 = 20;
    /// What costs so many times the mean, and so many times the dearest, is not usual.
    const TIMES: (i64, i64) = (10, 3);

    /// One more.
    pub fn add(&mut self, calls: u64, cost: NanoUsd) {
        self.count += 1;
        self.calls += calls;
        self.cost += cost;
        self.most = self.most.max(cost);
        if self.count > Self::FADES_FROM {
            self.count /= 2;
            self.calls /= 2;
            self.cost.0 /= 2;
            self.most = NanoUsd(self.most.0 / 2).max(cost);
        }
    }

    /// The mean; nothing of none.
    pub fn mean(&self) -> NanoUsd {
        NanoUsd(self.cost.0 / i64::from(self.count.max(1)))
    }

    /// What costs more than this has run away, where the next call costs up to `call`; `None` as long as too few are known, and
    /// where nothing costs anything.
    ///
    /// Those before may have asked a cheaper model: the bar is never under what as many calls would cost as many times over with
    /// the one that is asked now.
    pub fn runaway_from(&self, call: NanoUsd) -> Option<NanoUsd> {
        let (of_mean, of_most) = Self::TIMES;
        let far = self.mean().0.saturating_mul(of_mean).max(self.most.0.saturating_mul(of_most));
        let of_calls =
            i128::from(call.0) * i128::from(self.calls.max(self.count.into())) * i128::from(of_mean)
                / i128::from(self.count.max(1));
        let far = far.max(i64::try_from(of_calls).unwrap_or(i64::MAX));
        (self.count >= Self::LEAST && far > 0).then_some(NanoUsd(far))
    }
}

impl Learned {
    /// So many pairs of agent and model are kept; a tenant that uses more is not learned about further.
    const MOST_PAIRS: usize = 200;

    /// What is known of an agent with a model.
    pub fn of(&self, agent: &AgentId, model: &str) -> Option<&TokenCounts> {
        self.output_tokens.get(&format!("{agent}/{model}"))
    }

    /// One more call.
    pub fn add(&mut self, agent: &AgentId, model: &str, tokens: u64) {
        let name = format!("{agent}/{model}");
        if self.output_tokens.len() < Self::MOST_PAIRS || self.output_tokens.contains_key(&name) {
            self.output_tokens.entry(name).or_default().add(tokens);
        }
    }

    /// How a model, as `provider/model`, did at an agent's steps.
    pub fn arm(&self, agent: &AgentId, model: &str) -> Option<&Arm> {
        self.arms.get(&format!("{agent}/{model}"))
    }

    /// One more step that a model, as `provider/model`, gave its end.
    pub fn observe(&mut self, agent: &AgentId, model: &str, at_once: bool, cost: NanoUsd, took_ms: u64) {
        let name = format!("{agent}/{model}");
        if self.arms.len() < Self::MOST_PAIRS || self.arms.contains_key(&name) {
            self.arms.entry(name).or_default().add(at_once, cost, took_ms);
        }
    }
}

/// Counts of calls by how many tokens they used. A bucket's bound is at most a quarter above the one below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenCounts {
    buckets: BTreeMap<u8, u32>,
}

impl TokenCounts {
    /// Fewer calls say nothing.
    const LEAST_CALLS: u64 = 20;
    /// Beyond so many calls all counts are halved: what was long ago weighs less.
    const MOST_CALLS: u64 = 2_000;
    const HIGHEST_BUCKET: u8 = 80;

    /// One more call.
    pub fn add(&mut self, tokens: u64) {
        let bucket = (0..Self::HIGHEST_BUCKET).find(|bucket| bound(*bucket) >= tokens);
        *self.buckets.entry(bucket.unwrap_or(Self::HIGHEST_BUCKET)).or_default() += 1;
        if self.calls() > Self::MOST_CALLS {
            self.buckets.values_mut().for_each(|count| *count /= 2);
            self.buckets.retain(|_, count| *count > 0);
        }
    }

    /// How many calls are counted.
    pub fn calls(&self) -> u64 {
        self.buckets.values().map(|count| u64::from(*count)).sum()
    }

    /// The bound that so many of a thousand calls stay under; `None` as long as too few calls are known.
    pub fn at_most(&self, permille: u64) -> Option<u64> {
        let calls = self.calls();
        if calls < Self::LEAST_CALLS {
            return None;
        }
        let wanted = (calls * permille).div_ceil(1000);
        let mut seen = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            seen += u64::from(*count);
            (seen >= wanted).then(|| bound(*bucket))
        })
    }
}

/// 16, 20, 24, 28, 32, 40, 48, 56, 64 ...
fn bound(bucket: u8) -> u64 {
    let (doublings, quarters) = (u32::from(bucket / 4), u64::from(bucket % 4));
    (4 * (4 + quarters)) << doublings
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_calls_use_stays_under_the_learned_bound(tokens in proptest::collection::vec(0..100_000u64, 20..300), permille in 500..1000u64) {
            let mut counts = TokenCounts::default();
            tokens.iter().for_each(|tokens| counts.add(*tokens));
            let bound = counts.at_most(permille).unwrap();
            let under = tokens.iter().filter(|tokens| **tokens <= bound).count() as u64;
            prop_assert!(under * 1000 >= tokens.len() as u64 * permille);
            let mut sorted = tokens.clone();
            sorted.sort_unstable();
            let exact = sorted[(tokens.len() * permille as usize).div_ceil(1000) - 1];
            prop_assert!(bound <= exact.max(13) * 5 / 4, "{bound} for {exact}");
        }

        #[test]
        fn percentages_never_overflow(limit in 0..i64::MAX, spent in 0..i64::MAX) {
            let budget = Budget { spent: NanoUsd(spent), ..Budget::of(Some(NanoUsd(limit))) };
            prop_assert_eq!(budget.spent_percent() >= 100, spent >= limit || limit == 0);
        }
    }

    #[test]
    fn few_calls_say_nothing_and_old_ones_fade() {
        let mut counts = TokenCounts::default();
        for _ in 0..19 {
            counts.add(10);
        }
        assert_eq!(counts.at_most(980), None);
        for _ in 0..2_500 {
            counts.add(10);
        }
        assert!(counts.calls() <= 2_000);
        assert_eq!(counts.at_most(980), Some(16));
        for _ in 0..6_000 {
            counts.add(900);
        }
        assert_eq!(counts.at_most(500), Some(1_024));
        assert_eq!(Learned::default().of(&AgentId::new("a"), "m"), None);
    }

    #[test]
    fn nothing_is_usual_of_few_and_the_dearest_fades_like_the_rest() {
        let mut usual = Usual::default();
        (0..19).for_each(|_| usual.add(1, NanoUsd(100)));
        assert_eq!(usual.runaway_from(NanoUsd::ZERO), None);
        usual.add(3, NanoUsd(500));
        assert_eq!((usual.count, usual.calls, usual.mean()), (20, 22, NanoUsd(120)));
        assert_eq!(
            usual.runaway_from(NanoUsd(100)),
            Some(NanoUsd(1_500)),
            "three times the dearest is more than ten times the mean"
        );
        (0..10_000).for_each(|_| usual.add(1, NanoUsd(100)));
        assert_eq!((usual.most, usual.runaway_from(NanoUsd(1))), (NanoUsd(100), Some(NanoUsd(1_000))));
    }

    #[test]
    fn what_is_usual_of_a_cheap_model_is_no_bar_for_a_dear_one() {
        let check = |each: i64, call: i64, expected: Option<i64>| {
            let mut usual = Usual::default();
            (0..20).for_each(|_| usual.add(2, NanoUsd(each)));
            assert_eq!(usual.runaway_from(NanoUsd(call)), expected.map(NanoUsd));
        };
        check(0, 0, None);
        check(0, 7_000, Some(140_000));
        check(100, 7_000, Some(140_000));
        check(100, 0, Some(1_000));
        check(i64::MAX / 40, i64::MAX, Some(i64::MAX));
    }

    #[test]
    fn a_budget_of_before_is_readable() {
        let budget: Budget = serde_json::from_str(r#"{"limit":5,"allotted":1,"spent":2}"#).unwrap();
        assert_eq!((budget.left(), budget.committed_percent(), budget.spent_percent()), (NanoUsd(2), 60, 40));
        assert_eq!(Budget::of(None).left(), NanoUsd(i64::MAX));
    }
}
