//! Thirty days on which nothing is wrong ring nothing: busy hours, idle nights, now and then a call that fails and is made
//! again, content that is of no use, deployments that start every function anew.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use alarms::site::{Cause, Plan, Played, Profile, START_MS, Traffic, play};
use alarms::{Change, Figures, State, Watch};

use super::causes::ASSUMPTIONS;
use super::{common, template};

const DAYS: u64 = 30;
const DAY_MS: u64 = 24 * 3_600_000;
/// A deployment keeps the clock from one function for some seconds.
const DEPLOY_S: u64 = 50;

/// A day begins with an empty table, so that thirty can be played at once; the figures go on from one to the next.
fn day(profile: Profile, number: u64) -> Played {
    let seed = number + if profile == Profile::Full { 100 } else { 0 };
    let deployed_s = (9 + number % 9) * 3_600 + seed * 17;
    let deployment = |function| (Cause::RuleOff(function), deployed_s, deployed_s + DEPLOY_S);
    let plan = Plan {
        seed,
        profile,
        start_ms: START_MS + number * DAY_MS,
        minutes: 24 * 60,
        traffic: Traffic::day(seed),
        causes: if number.is_multiple_of(3) {
            vec![deployment("sweep"), deployment("health")]
        } else {
            Vec::new()
        },
        model_faults: 100,
        dear: 1,
        daily_budget_usd: super::BUDGET_USD,
    };
    play(&plan, common()).unwrap()
}

/// The figures of a month, and how many runs were delivered.
pub(crate) fn month(profile: Profile) -> &'static (Figures, usize) {
    static MONTHS: [OnceLock<(Figures, usize)>; 2] = [OnceLock::new(), OnceLock::new()];
    MONTHS[usize::from(profile == Profile::Full)].get_or_init(|| {
        let (next, figures) = (AtomicUsize::new(0), Mutex::new((Figures::default(), 0)));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed) as u64;
                        if number >= DAYS {
                            break;
                        }
                        let played = day(profile, number);
                        let mut all = figures.lock().unwrap();
                        all.0.add(played.figures);
                        all.1 += played.delivered;
                    }
                });
            }
        });
        figures.into_inner().unwrap()
    })
}

/// What rings in the month of a profile.
pub(crate) fn rings(watch: &Watch, profile: Profile) -> Vec<Change> {
    let (figures, _) = month(profile);
    let (begin_ms, end_ms) = (START_MS + 300_000, START_MS + DAYS * DAY_MS);
    let changes =
        ASSUMPTIONS.iter().flat_map(|assumptions| watch.play(figures, begin_ms, end_ms, *assumptions));
    changes.filter(|change| change.to == State::Alarm).collect()
}

#[test]
fn thirty_healthy_days_ring_nothing() {
    let watch = Watch::of(&template()).unwrap();
    for profile in [Profile::Lite, Profile::Full] {
        let rung = rings(&watch, profile);
        let delivered = month(profile).1;
        println!("{profile:?}: {DAYS} days, {delivered} runs");
        assert!(delivered > 200, "{delivered} runs");
        assert!(rung.is_empty(), "{profile:?}: {rung:#?}");
    }
}
