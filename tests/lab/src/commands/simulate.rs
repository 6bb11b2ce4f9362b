//! `cargo lab simulate`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use engine::model::Counters;

use super::print;
use crate::sim::{Ended, KillPoint, Place, Plan, Side, simulate as play};

/// What to play.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed, with all it does
    #[arg(long, conflicts_with_all = ["seeds", "from", "kill_points"])]
    seed: Option<u64>,
    /// Only this one of the plans every simulation begins with
    #[arg(long, conflicts_with_all = ["seeds", "from", "kill_points", "seed"])]
    plan: Option<String>,
    /// Only this kill, such as cloud:after:12
    #[arg(long, conflicts_with_all = ["seeds", "from", "kill_points", "seed", "plan"], value_parser = kill_of)]
    kill_point: Option<(Place, KillPoint)>,
    /// Stop at the first violation
    #[arg(long)]
    stop: bool,
    /// Instead of random faults: one kill before and after every port call of a comprehensive run
    #[arg(long)]
    kill_points: bool,
    /// With --kill-points: take only every so-many-th call
    #[arg(long, default_value_t = 1, requires = "kill_points")]
    every: u64,
}

/// Plays the plans on all processors; ends with 1 if an oracle saw something.
pub(super) fn simulate(arguments: &Arguments) -> ExitCode {
    let one = match (&arguments.plan, arguments.kill_point) {
        (Some(name), _) => {
            let Some((_, plan)) = fixed_plans().into_iter().find(|(known, _)| known == name) else {
                let known: Vec<String> = fixed_plans().into_iter().map(|(known, _)| known).collect();
                print(&format!("there is no plan {name}, but {}", known.join(", ")));
                return ExitCode::from(2);
            };
            Some((name.clone(), plan))
        }
        (None, Some((place, point))) => Some((name_of(place, point), killed(place, point))),
        (None, None) => arguments.seed.map(|seed| (format!("seed {seed}"), Plan::of_seed(seed))),
    };
    if let Some((name, plan)) = one {
        let ended = play(&plan);
        describe(&name, &plan, &ended);
        return ExitCode::from(u8::from(!ended.violations.is_empty()));
    }
    let plans: Vec<(String, Plan)> = if arguments.kill_points {
        kill_plans(arguments.every)
            .into_iter()
            .map(|(place, point)| (format!("--kill-point {}", name_of(place, point)), killed(place, point)))
            .collect()
    } else {
        let fixed = fixed_plans().into_iter().map(|(name, plan)| (format!("--plan {name}"), plan));
        let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
        let drawn = seeds.map(|seed| (format!("--seed {seed}"), Plan::of_seed(seed)));
        fixed.chain(drawn).collect()
    };
    let totals = Totals::default();
    let failed = Mutex::new(Vec::new());
    let next = AtomicU64::new(0);
    #[expect(clippy::disallowed_methods, reason = "the time it took is what is printed")]
    let started = std::time::Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((name, plan)) =
                    usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|at| plans.get(at))
                {
                    let ended = play(plan);
                    totals.add(&ended);
                    if !ended.violations.is_empty() {
                        if arguments.stop {
                            next.store(u64::MAX / 2, Ordering::Relaxed);
                        }
                        let found = (name.clone(), ended.violations);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(found);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (name, violations) in &failed {
        for violation in violations.iter().take(3) {
            print(&format!("{}: {}", violation.oracle, violation.what));
        }
        print(&format!("  replay: cargo lab simulate {name}"));
    }
    print(&totals.line(plans.len(), failed.len(), started.elapsed()));
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Plans every simulation begins with, by name.
fn fixed_plans() -> Vec<(String, Plan)> {
    let named = |name: &str, plan: Plan| (name.to_owned(), plan);
    // At work on one step, on many, on a step with several calls; between a claim and its reservation, which is seldom met.
    let standstills = (1..=40).map(|nth| named(&format!("standstill-{nth}"), Plan::standstill(nth * 24)));
    let others = vec![
        named("calm", Plan::calm(1)),
        named("refused", Plan { refusals: Some(("analysis_cartographer", 200)), ..Plan::calm(1) }),
        named("poor", Plan { daily_budget: engine::model::NanoUsd(3_000_000), ..Plan::calm(1) }),
        named("two-models", Plan { two_models: true, ..Plan::calm(1) }),
        named("ahead", Plan { ahead: true, ..Plan::calm(1) }),
    ];
    others.into_iter().chain(standstills).collect()
}

fn killed(place: Place, point: KillPoint) -> Plan {
    Plan { place, kill_at: Some(point), ..Plan::calm(1) }
}

/// A calm run counts its port calls; then one kill on each side of each of them.
fn kill_plans(every: u64) -> Vec<(Place, KillPoint)> {
    let mut points = Vec::new();
    for place in [Place::Cloud, Place::Laptop] {
        let calls = play(&Plan { place, ..Plan::calm(1) }).calls;
        for call in (1..=calls).step_by(usize::try_from(every.max(1)).unwrap_or(1)) {
            points.extend([Side::Before, Side::After].map(|side| (place, KillPoint { call, side })));
        }
    }
    points
}

/// As [`kill_of`] reads it.
fn name_of(place: Place, KillPoint { call, side }: KillPoint) -> String {
    format!("{place:?}:{side:?}:{call}").to_lowercase()
}

fn kill_of(text: &str) -> Result<(Place, KillPoint), String> {
    let mut parts = text.split(':');
    let place = match parts.next() {
        Some("cloud") => Place::Cloud,
        Some("laptop") => Place::Laptop,
        _ => return Err("it begins with cloud: or laptop:".to_owned()),
    };
    let side = match parts.next() {
        Some("before") => Side::Before,
        Some("after") => Side::After,
        _ => return Err("its second part is before or after".to_owned()),
    };
    let call = parts.next().and_then(|call| call.parse().ok()).filter(|call| *call > 0);
    match (call, parts.next()) {
        (Some(call), None) => Ok((place, KillPoint { call, side })),
        _ => Err("its third part is the number of the call, from 1, and there is no fourth".to_owned()),
    }
}

fn describe(name: &str, plan: &Plan, ended: &Ended) {
    print(&format!(
        "{name}: {} in {:?}, {} port calls, {} polls, {} kills, {} dead letters, {} ms of virtual time",
        plan.depth.name(),
        plan.place,
        ended.calls,
        ended.polls,
        ended.kills,
        ended.dead_letters,
        ended.virtual_ms
    ));
    for line in ended.story() {
        print(&format!("  {line}"));
    }
    for line in ended.bill.lines() {
        print(&format!(
            "  billed {}/{}: {} ({})",
            line.agent,
            line.item,
            line.cost_nano_usd.unwrap_or(0),
            line.outcome
        ));
    }
    for (_, row) in ended.store.all_rows() {
        if let engine::ports::Row::Charge(charge) = row {
            let engine::model::CallId { step, epoch, call } = &charge.call;
            print(&format!(
                "  ledger {}/{} {epoch}.{call}: {} ({:?})",
                step.agent, step.item, charge.cost.0, charge.state
            ));
        }
    }
    for violation in &ended.violations {
        print(&format!("{}: {}", violation.oracle, violation.what));
    }
}

#[derive(Default)]
struct Totals {
    calls: AtomicU64,
    kills: AtomicU64,
    dead_letters: AtomicU64,
    virtual_ms: AtomicU64,
    /// Figures as they are kept, and as reckoned from what the runs left.
    figures: Mutex<(Counters, Counters)>,
}

impl Totals {
    fn add(&self, ended: &Ended) {
        self.calls.fetch_add(ended.calls, Ordering::Relaxed);
        self.kills.fetch_add(u64::from(ended.kills), Ordering::Relaxed);
        self.dead_letters.fetch_add(ended.dead_letters as u64, Ordering::Relaxed);
        self.virtual_ms.fetch_add(ended.virtual_ms, Ordering::Relaxed);
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures.0 += &ended.figures.kept;
        figures.1 += &ended.figures.reckoned;
    }

    fn line(&self, runs: usize, failed: usize, took: Duration) -> String {
        format!(
            "{runs} runs, {failed} with violations; {} port calls, {} kills, {} dead letters, {:.1} h of virtual time in {:.1} s\n\
             figures: {}",
            self.calls.load(Ordering::Relaxed),
            self.kills.load(Ordering::Relaxed),
            self.dead_letters.load(Ordering::Relaxed),
            self.virtual_ms.load(Ordering::Relaxed) as f64 / 3_600_000.0,
            took.as_secs_f64(),
            self.figures_line()
        )
    }

    fn figures_line(&self) -> String {
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, reckoned) = (&figures.0, &figures.1);
        let verdict = if kept == reckoned { "equal to" } else { "NOT EQUAL TO" };
        let all = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        format!(
            "{} runs, {} steps, {} calls, {}: {verdict} events, ledgers and results",
            all(&kept.runs),
            all(&kept.steps),
            all(&kept.calls),
            kept.cost
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_named_as_it_is_read() {
        for place in [Place::Cloud, Place::Laptop] {
            for side in [Side::Before, Side::After] {
                let point = KillPoint { call: 12, side };
                assert_eq!(kill_of(&name_of(place, point)), Ok((place, point)));
            }
        }
        for text in [
            "",
            "cloud",
            "cloud:after",
            "cloud:after:0",
            "cloud:after:x",
            "cloud:during:1",
            "sea:after:1",
            "cloud:after:1:2",
        ] {
            assert!(kill_of(text).is_err(), "{text}");
        }
    }
}
