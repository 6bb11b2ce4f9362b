//! The choice itself: a pure function of what is known and of the draws.

use super::{Bounds, Draws};
use crate::model::{KnownArm, Why};

/// Another model is used only if it gives at least this part of the first one's share of usable answers.
pub const FLOOR: f64 = 0.95;
/// At most this share of steps goes to models of which that is not known.
pub const EXPLORED_SHARE: f64 = 0.2;
/// How often the first model's bounds may fail, and those of all others together: 0.05.
const ALPHA: (f64, f64) = (0.01, 0.04);
/// How much the money counts against the time, of 1.
const MONEY_WEIGHT: f64 = 0.8;

/// Which model is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place.
    pub picked: usize,
    /// Why it.
    pub why: Why,
}

/// How a model stands against the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// The first one, which sets the floor.
    SetsTheFloor(Bounds),
    /// Shown to hold it.
    Holds(Bounds),
    /// Shown to be under it: not asked unless the others cannot be.
    Under(Bounds),
    /// Too little is known.
    Unknown(Bounds),
}

/// How the models stand, best first, and the share of usable answers that is the floor.
pub fn standings(arms: &[KnownArm]) -> (Vec<Standing>, f64) {
    let of_each_other = ALPHA.1 / arms.len().saturating_sub(1).max(1) as f64;
    let alpha = |place| if place == 0 { ALPHA.0 } else { of_each_other };
    let bounds: Vec<Bounds> = arms
        .iter()
        .enumerate()
        .map(|(place, arm)| Bounds::of(arm.known.good, arm.known.bad, alpha(place)))
        .collect();
    let Some(first) = bounds.first().copied() else {
        return (Vec::new(), 0.0);
    };
    let floor = FLOOR * first.upper;
    let standing = |(place, bounds): (usize, &Bounds)| match *bounds {
        bounds if place == 0 => Standing::SetsTheFloor(bounds),
        bounds if bounds.lower >= floor => Standing::Holds(bounds),
        bounds if bounds.upper < FLOOR * first.lower => Standing::Under(bounds),
        bounds => Standing::Unknown(bounds),
    };
    (bounds.iter().enumerate().map(standing).collect(), floor)
}

/// Chooses. The first of `arms` is the tier's best.
pub fn choose(draws: &mut Draws, arms: &[KnownArm]) -> Choice {
    let (standings, _) = standings(arms);
    let explores = draws.uniform() < EXPLORED_SHARE;
    let prices = drawn_prices(draws, arms);
    let least = |places: &mut dyn Iterator<Item = usize>| {
        places.min_by(|one, other| prices[*one].total_cmp(&prices[*other]))
    };
    let places = || 0..arms.len();
    if explores {
        let unknown = |place: &usize| matches!(standings[*place], Standing::Unknown(_));
        let found = least(&mut places().filter(unknown));
        if let Some(picked) = found.filter(|place| prices[*place] < prices[0]) {
            return Choice { picked, why: Why::Explored };
        }
    }
    let usable = |place: &usize| matches!(standings[*place], Standing::SetsTheFloor(_) | Standing::Holds(_));
    let picked = least(&mut places().filter(usable)).unwrap_or(0);
    Choice { picked, why: if picked == 0 { Why::Best } else { Why::HoldsTheFloor } }
}

/// What a usable answer of each model costs in money and time, as drawn from what is known, in parts of the dearest and slowest.
fn drawn_prices(draws: &mut Draws, arms: &[KnownArm]) -> Vec<f64> {
    let drawn: Vec<(f64, f64, f64)> = arms
        .iter()
        .map(|arm| {
            let steps = f64::from(arm.known.steps());
            let quality = draws.beta(1.0 + f64::from(arm.known.good), 1.0 + f64::from(arm.known.bad));
            // The mean of what is spread exponentially, after so many steps; real costs are spread less.
            let (of_cost, of_time) = (draws.gamma(steps.max(1.0)), draws.gamma(steps.max(1.0)));
            let usual = arm.usual_cost.0.max(0) as f64;
            if steps == 0.0 {
                return (quality, usual / of_cost, 0.0);
            }
            (quality, arm.known.cost.0 as f64 / of_cost, arm.known.took_ms as f64 / of_time)
        })
        .collect();
    let most =
        |part: fn(&(f64, f64, f64)) -> f64| drawn.iter().map(part).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let (dearest, slowest) = (most(|arm| arm.1), most(|arm| arm.2));
    let price = |(quality, cost, time): &(f64, f64, f64)| {
        (MONEY_WEIGHT * cost / dearest + (1.0 - MONEY_WEIGHT) * time / slowest) / quality.max(1e-9)
    };
    drawn.iter().map(price).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentId, Arm, ItemId, NanoUsd, RunId};

    fn arm(good: u32, bad: u32, cost_each: i64) -> KnownArm {
        let steps = good + bad;
        let known =
            Arm { good, bad, cost: NanoUsd(cost_each * i64::from(steps)), took_ms: 1_000 * u64::from(steps) };
        KnownArm { model: "provider/model".to_owned(), usual_cost: NanoUsd(cost_each), known }
    }

    /// How often each model is picked in two thousand steps.
    fn shares(arms: &[KnownArm]) -> Vec<f64> {
        let mut picked = vec![0.0; arms.len()];
        for step in 0..2_000u32 {
            let run = RunId::new(step.to_string());
            let mut draws = Draws::of(&run, &AgentId::new("agent"), &ItemId::none(), 1);
            picked[choose(&mut draws, arms).picked] += 1.0 / 2_000.0;
        }
        picked
    }

    #[test]
    fn a_cheaper_model_is_explored_a_little_used_once_it_is_shown_to_hold_the_floor_and_dropped_if_it_does_not()
     {
        let dear = arm(480, 10, 10_000_000);
        let check = |cheap: KnownArm, least: f64, most: f64| {
            let share = shares(&[dear.clone(), cheap])[1];
            assert!((least..=most).contains(&share), "{share}");
        };
        check(arm(0, 0, 1_000_000), 0.08, 0.23);
        check(arm(50, 0, 1_000_000), 0.15, 0.23);
        check(arm(600, 8, 1_000_000), 0.95, 1.0);
        check(arm(300, 100, 1_000_000), 0.0, 0.0);
        // One that is no better buy is left alone, however good.
        check(arm(600, 8, 40_000_000), 0.0, 0.02);
        check(arm(0, 0, 400_000_000), 0.0, 0.1);
    }

    #[test]
    fn models_that_cost_nothing_are_told_apart_by_time_and_quality() {
        let mut slow = arm(480, 0, 0);
        slow.known.took_ms *= 20;
        let share = shares(&[slow, arm(480, 0, 0)])[1];
        assert!(share > 0.9, "{share}");
    }
}
