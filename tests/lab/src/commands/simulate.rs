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
    if let Some(seed) = arguments.seed {
        let ended = play(&Plan::of_seed(seed));
        describe(seed, &ended);
        return ExitCode::from(u8::from(!ended.violations.is_empty()));
    }
    let plans = if arguments.kill_points {
        kill_plans(arguments.every)
    } else {
        let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
        let drawn = seeds.map(|seed| (format!("cargo lab simulate --seed {seed}"), Plan::of_seed(seed)));
        fixed_plans().into_iter().chain(drawn).collect()
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
        print(&format!("  replay: {name}"));
    }
    print(&totals.line(plans.len(), failed.len(), started.elapsed()));
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Plans every simulation begins with.
fn fixed_plans() -> Vec<(String, Plan)> {
    let refused = Plan { refusals: Some(("analysis_cartographer", 200)), ..Plan::calm(1) };
    let poor = Plan { daily_budget: engine::model::NanoUsd(3_000_000), ..Plan::calm(1) };
    let either = Plan { two_models: true, ..Plan::calm(1) };
    let ahead = Plan { ahead: true, ..Plan::calm(1) };
    let named = |what: &str| format!("cargo lab simulate --seeds 0 ({what})");
    vec![
        (named("nothing goes wrong"), Plan::calm(1)),
        (named("200 refusals of one step"), refused),
        (named("little money"), poor),
        (named("two models"), either),
        (named("an answer made ahead"), ahead),
    ]
}

/// A calm run counts its port calls; then one run for each side of each of them.
fn kill_plans(every: u64) -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    for place in [Place::Cloud, Place::Laptop] {
        let calm = Plan { place, ..Plan::calm(1) };
        let calls = play(&calm).calls;
        for call in (1..=calls).step_by(usize::try_from(every.max(1)).unwrap_or(1)) {
            for side in [Side::Before, Side::After] {
                let name = format!("a kill {side:?} call {call} of {calls} ({place:?})");
                plans.push((name, Plan { kill_at: Some(KillPoint { call, side }), ..calm.clone() }));
            }
        }
    }
    plans
}

fn describe(seed: u64, ended: &Ended) {
    let plan = Plan::of_seed(seed);
    print(&format!(
        "seed {seed}: {} in {:?}, {} port calls, {} polls, {} kills, {} dead letters, {} ms of virtual time",
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
