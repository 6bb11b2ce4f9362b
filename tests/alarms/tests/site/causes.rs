//! Every cause rings the alarm that is meant, in time, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use alarms::site::Played;
use alarms::{Assumptions, Metric, State, Statistic, Watch};

use super::scenarios::{self, FROM_S, Scenario};
use super::{BUDGET_USD, STACK, short, template};

/// In this time the alarm that is meant must ring, from when somebody can know.
const IN_TIME_S: u64 = 300;
/// A watch begins when everything has been called once.
const BEGINS_MS: u64 = 300_000;
/// Rings until a person has looked at what is parked.
const PARKED: &str = "parked-messages";
/// The composite alarm.
const UNWELL: &str = "unwell";

/// What AWS leaves open is taken in several ways; the alarms must not hang on it.
pub(crate) const ASSUMPTIONS: [Assumptions; 3] = [
    Assumptions { more_points: 2, aws_late_minutes: 0, logs_late_minutes: 0, fills_nothing: false },
    Assumptions { more_points: 2, aws_late_minutes: 1, logs_late_minutes: 1, fills_nothing: true },
    Assumptions { more_points: 5, aws_late_minutes: 1, logs_late_minutes: 0, fills_nothing: false },
];

/// Every scenario, played once, on two threads.
pub(crate) fn played() -> &'static [(Scenario, Played)] {
    static PLAYED: std::sync::OnceLock<Vec<(Scenario, Played)>> = std::sync::OnceLock::new();
    PLAYED.get_or_init(|| {
        let scenarios = scenarios::all();
        let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some((at, scenario)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        scenarios.get(at).map(|scenario| (at, scenario))
                    } {
                        let played = scenario.play();
                        done.lock().unwrap().insert(at, played);
                    }
                });
            }
        });
        scenarios.into_iter().zip(done.into_inner().unwrap().into_values()).collect()
    })
}

/// What is wrong with the alarms in one scenario.
pub(crate) fn faults(
    watch: &Watch,
    scenario: &Scenario,
    played: &Played,
    assumptions: Assumptions,
) -> Vec<String> {
    let begin_ms = played.start_ms + BEGINS_MS;
    let changes = watch.play(&played.figures, begin_ms, played.end_ms, assumptions);
    let mut faults = Vec::new();
    let mut rung: BTreeMap<&str, u64> = BTreeMap::new();
    let mut ringing: BTreeSet<&str> = BTreeSet::new();
    for (at, change) in changes.iter().enumerate() {
        let name = short(&change.alarm);
        let after_s = (change.at_ms - played.start_ms) / 1_000;
        if change.to == State::Alarm {
            ringing.insert(name);
            if name != UNWELL && rung.insert(name, after_s).is_some() {
                faults.push(format!("{name} rings again after {after_s} s"));
            }
        } else {
            ringing.remove(name);
        }
        if change.to != State::InsufficientData && name != UNWELL && change.told != ["Topic"] {
            faults.push(format!("nobody is told of {name}"));
        }
        let minute_ends = changes.get(at + 1).is_none_or(|next| next.at_ms != change.at_ms);
        if minute_ends && ringing.contains(UNWELL) != ringing.iter().any(|name| *name != UNWELL) {
            faults.push(format!("after {after_s} s ring {ringing:?}"));
        }
    }
    let expected: BTreeSet<&str> =
        scenario.also.iter().map(|(name, _)| *name).chain([scenario.means]).collect();
    let actual: BTreeSet<&str> = rung.keys().copied().collect();
    if actual != expected {
        faults.push(format!("{rung:?} ring, not {expected:?}"));
    }
    let known_s = match scenario.means {
        "cost-burn" => spent_s(played),
        _ => FROM_S + scenario.known.0,
    };
    match rung.get(scenario.means) {
        Some(after_s) if *after_s > known_s + IN_TIME_S => {
            faults.push(format!("{} rings {} s after it can be known", scenario.means, after_s - known_s));
        }
        Some(after_s) if *after_s < FROM_S => {
            faults.push(format!("{} rings before its cause", scenario.means))
        }
        _ => {}
    }
    if ringing.remove(PARKED) {
        ringing.remove(UNWELL);
    }
    if !ringing.is_empty() {
        faults.push(format!("{ringing:?} still ring at the end"));
    }
    faults
}

/// When a quarter of the day's budget was spent: in seconds, the end of that minute.
fn spent_s(played: &Played) -> u64 {
    let spent = Metric::new("Assay", "RunCostUsd", Some(("Stack", STACK)));
    let begin = played.start_ms / 60_000;
    let value = |to: u64| played.figures.value(&spent, Statistic::Sum, begin, to).unwrap_or_default();
    let minute = (begin..played.end_ms / 60_000).find(|minute| 4.0 * value(*minute) > BUDGET_USD as f64);
    (minute.unwrap() - begin) * 60
}

#[test]
fn each_cause_rings_its_alarm_in_time_and_no_other() {
    let watch = Watch::of(&template()).unwrap();
    let mut faulty = Vec::new();
    for (scenario, played) in played() {
        for assumptions in ASSUMPTIONS {
            for fault in faults(&watch, scenario, played, assumptions) {
                faulty.push(format!("{}: {fault} ({assumptions:?})", scenario.name));
            }
        }
    }
    println!("{} causes", played().len());
    assert!(played().len() >= 40);
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
}
