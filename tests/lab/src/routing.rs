//! Pairs of models whose quality and price are known, and what becomes of steps whose model is chosen by the platform's own rule:
//! against always asking the strong one, against a coin, and against somebody who knows the truth.

use std::time::Instant;

use engine::memory::SeededRandom;
use engine::model::{AgentId, ItemId, KnownArm, Learned, NanoUsd, RunId, Why};
use engine::ports::Random as _;
use engine::routing::{Draws, FLOOR, choose};
use serde::Serialize;

/// Steps of one run: what they teach is known when it ends, as in the platform.
const STEPS_OF_A_RUN: u32 = 25;
const AGENT: &str = "agent";

/// A model as it truly is.
#[derive(Clone, Copy, Debug)]
struct Truth {
    name: &'static str,
    /// The share of steps whose first answer can be used.
    quality: f64,
    cost: i64,
    took_ms: u64,
}

/// A strong model, and a cheaper one.
struct Pair {
    name: &'static str,
    models: [Truth; 2],
}

const STRONG: Truth = Truth { name: "provider/strong", quality: 0.97, cost: 10_000_000, took_ms: 4_000 };

fn cheap(quality: f64) -> Truth {
    Truth { name: "provider/cheap", quality, cost: 1_000_000, took_ms: 1_500 }
}

fn pairs() -> Vec<Pair> {
    let pair = |name, models| Pair { name, models };
    vec![
        pair("as_good", [STRONG, cheap(0.97)]),
        pair("a_little_worse", [STRONG, cheap(0.95)]),
        pair("just_under_the_floor", [STRONG, cheap(0.915)]),
        pair("worse", [STRONG, cheap(0.80)]),
        pair("weak_strong", [Truth { quality: 0.80, ..STRONG }, cheap(0.78)]),
        pair("no_cheaper", [STRONG, Truth { cost: 12_000_000, took_ms: 4_000, ..cheap(0.99) }]),
    ]
}

/// What became of the steps under one way of choosing, on the mean over seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Which part of the steps asked the strong model first.
    pub strong_share: f64,
    /// Which part of the first answers could be used.
    pub quality: f64,
    /// Dollars per thousand steps.
    pub usd_per_1000: f64,
    /// What a usable answer cost beyond what it costs somebody who knows the truth, in parts of the latter.
    pub regret: f64,
}

/// A pair and its outcomes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The pair's name.
    pub pair: &'static str,
    /// The shares of usable answers, the strong model's first.
    pub true_quality: [f64; 2],
    /// The prices of a step in dollars, the strong model's first.
    pub usd: [f64; 2],
    /// True if the cheaper one truly gives 0.95 of the strong one's share of usable answers.
    pub holds_the_floor: bool,
    /// The platform's choice.
    pub learned: Outcome,
    /// The same over the last quarter of the steps.
    pub learned_in_the_end: Outcome,
    /// The strong model always.
    pub always_strong: Outcome,
    /// Either, by a coin.
    pub random: Outcome,
    /// The better buy that truly holds the floor, always.
    pub oracle: Outcome,
    /// Seeds in which a model that is truly under the floor was ever used as one that holds it.
    pub seeds_under_the_floor: u64,
    /// The largest part of a seed's steps that went to exploring.
    pub explored_share_at_most: f64,
}

/// All pairs, so many seeds of so many steps each.
pub fn measure(seeds: u64, steps: u32) -> Vec<Report> {
    let pairs = pairs();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            pairs.iter().map(|pair| scope.spawn(move || report(pair, seeds, steps))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// How long a choice takes in microseconds: the median and the 99th of a hundred.
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is measured")]
pub fn choice_us() -> [f64; 2] {
    let mut learned = Learned::default();
    (0..500).for_each(|step| observe(&mut learned, &STRONG, step % 40 > 0));
    (0..300).for_each(|step| observe(&mut learned, &cheap(0.9), step % 40 > 0));
    let arms = known(&learned, &[STRONG, cheap(0.9)]);
    let mut took: Vec<f64> = (0..5_000u32)
        .map(|number| {
            let begun = Instant::now();
            let choice = choose(&mut draws(&number.to_string()), &arms);
            let took = begun.elapsed().as_secs_f64() * 1e6;
            assert_place(choice.picked, &arms);
            took
        })
        .collect();
    took.sort_by(f64::total_cmp);
    [took[took.len() / 2], took[took.len() * 99 / 100]]
}

/// What the steps of one seed came to.
#[derive(Clone, Copy, Default)]
struct Sum {
    steps: f64,
    strong: f64,
    usable: f64,
    cost: f64,
    explored: f64,
}

fn report(pair: &Pair, seeds: u64, steps: u32) -> Report {
    let [strong, other] = pair.models;
    let holds_the_floor = other.quality >= FLOOR * strong.quality;
    let is_better_buy = price(&other) < price(&strong);
    let best = if holds_the_floor && is_better_buy { other } else { strong };
    let (mut learned, mut in_the_end, mut coin) = (Sum::default(), Sum::default(), Sum::default());
    let (mut under, mut explored_most) = (0, 0.0f64);
    for seed in 0..seeds {
        let played = play(pair, seed, steps);
        under += u64::from(played.used_other && !holds_the_floor);
        explored_most = explored_most.max(played.all.explored / played.all.steps);
        add(&mut learned, played.all);
        add(&mut in_the_end, played.last_quarter);
        let random = SeededRandom::new(seed ^ 0xC01);
        for _ in 0..steps {
            let first = random.next_u64().is_multiple_of(2);
            step(&mut coin, pair, usize::from(!first), &random);
        }
    }
    let fixed = |model: Truth| Sum {
        steps: 1.0,
        strong: f64::from(u8::from(model.name == strong.name)),
        usable: model.quality,
        cost: model.cost as f64,
        explored: 0.0,
    };
    let outcome = |sum: Sum| Outcome {
        strong_share: sum.strong / sum.steps,
        quality: sum.usable / sum.steps,
        usd_per_1000: sum.cost / sum.steps / 1e6,
        regret: sum.cost / sum.usable / price(&best) - 1.0,
    };
    Report {
        pair: pair.name,
        true_quality: pair.models.map(|model| model.quality),
        usd: pair.models.map(|model| model.cost as f64 / 1e9),
        holds_the_floor,
        learned: outcome(learned),
        learned_in_the_end: outcome(in_the_end),
        always_strong: outcome(fixed(strong)),
        random: outcome(coin),
        oracle: outcome(fixed(best)),
        seeds_under_the_floor: under,
        explored_share_at_most: explored_most,
    }
}

struct Played {
    all: Sum,
    last_quarter: Sum,
    /// The other model was ever asked as one that holds the floor.
    used_other: bool,
}

fn play(pair: &Pair, seed: u64, steps: u32) -> Played {
    let random = SeededRandom::new(seed);
    let mut learned = Learned::default();
    let mut played = Played { all: Sum::default(), last_quarter: Sum::default(), used_other: false };
    for run in 0..steps.div_ceil(STEPS_OF_A_RUN) {
        let arms = known(&learned, &pair.models);
        for item in 0..STEPS_OF_A_RUN {
            let choice = choose(&mut draws(&format!("{seed}/{run}/{item}")), &arms);
            let mut one = Sum::default();
            let usable = step(&mut one, pair, choice.picked, &random);
            one.explored = f64::from(u8::from(choice.why == Why::Explored));
            played.used_other |= choice.why == Why::HoldsTheFloor;
            observe(&mut learned, &pair.models[choice.picked], usable);
            add(&mut played.all, one);
            if run * STEPS_OF_A_RUN >= steps / 4 * 3 {
                add(&mut played.last_quarter, one);
            }
        }
    }
    played
}

/// One step with a model; whether its answer could be used.
fn step(sum: &mut Sum, pair: &Pair, picked: usize, random: &SeededRandom) -> bool {
    let model = pair.models[picked];
    let usable = (random.next_u64() >> 11) as f64 / ((1u64 << 53) as f64) < model.quality;
    add(
        sum,
        Sum {
            steps: 1.0,
            strong: f64::from(u8::from(picked == 0)),
            usable: f64::from(u8::from(usable)),
            cost: model.cost as f64,
            explored: 0.0,
        },
    );
    usable
}

fn add(sum: &mut Sum, one: Sum) {
    sum.steps += one.steps;
    sum.strong += one.strong;
    sum.usable += one.usable;
    sum.cost += one.cost;
    sum.explored += one.explored;
}

/// What a usable answer costs.
fn price(model: &Truth) -> f64 {
    model.cost as f64 / model.quality
}

fn observe(learned: &mut Learned, model: &Truth, usable: bool) {
    learned.observe(&AgentId::new(AGENT), model.name, usable, NanoUsd(model.cost), model.took_ms);
}

fn known(learned: &Learned, models: &[Truth; 2]) -> Vec<KnownArm> {
    let arm = |model: &Truth| KnownArm {
        model: model.name.to_owned(),
        usual_cost: NanoUsd(model.cost),
        known: learned.arm(&AgentId::new(AGENT), model.name).copied().unwrap_or_default(),
    };
    models.iter().map(arm).collect()
}

fn draws(run: &str) -> Draws {
    Draws::of(&RunId::new(run), &AgentId::new(AGENT), &ItemId::none(), 1)
}

/// Keeps the choice from being optimised away.
fn assert_place(picked: usize, arms: &[KnownArm]) {
    assert!(picked < arms.len(), "a choice is among the models there are");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_holds_over_seeds_and_the_better_buy_is_found() {
        for report in measure(24, 4_000) {
            let Report { pair, learned, learned_in_the_end: end, always_strong, random, .. } = &report;
            assert!(report.seeds_under_the_floor <= 1, "{report:?}");
            assert!(report.explored_share_at_most < 0.22, "{report:?}");
            match *pair {
                "as_good" => {
                    assert!(
                        end.regret < random.regret / 2.0 && learned.regret < always_strong.regret,
                        "{report:?}"
                    );
                }
                "no_cheaper" => assert!(learned.regret < 0.02, "{report:?}"),
                "worse" => assert!(end.strong_share > 0.99, "{report:?}"),
                _ => assert!(learned.regret <= always_strong.regret + 0.02, "{report:?}"),
            }
        }
    }
}
