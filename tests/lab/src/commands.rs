//! `cargo lab`: the simulation, the bundle on this machine, the benches.

mod analysis;
mod api;
mod cache;
mod embed;
mod failover;
mod garbage;
mod limits;
mod money;
mod orchestration;
mod recall;
mod replay;
mod routing;
mod simulate;
mod stack;
mod start;
mod targets;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

use targets::{Must, judge, show_missed};

/// Proves and measures the platform. Nothing here ships.
#[derive(Debug, Parser)]
#[command(name = "lab", bin_name = "cargo lab", max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play whole runs on virtual time with faults at every port, and ask the oracles
    Simulate(simulate::Arguments),
    /// The bundle on this machine: the real template and binaries on an emulator
    #[command(subcommand)]
    Stack(stack::Command),
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// How soon the HTTP API answers under load, and how soon it tells of components that hang
    Api(api::Arguments),
    /// Stored answers on Redis: how fast they are, whether one asks for all, and what happens when Redis is gone
    Cache(cache::Arguments),
    /// What the rules make of labelled links, captions, articles and sentences, with a sample size and an interval each
    Analysis(analysis::Arguments),
    /// Whether calls cost, to the nano-dollar, what rows of providers' usage say they do
    Cost(analysis::Arguments),
    /// Whether budgets hold with two hundred calls in flight, killed callers and repeats, and how much of them is of use
    Money(money::Arguments),
    /// What a new process needs until its first vector, and then for texts of several lengths
    Embed(embed::Arguments),
    /// A provider that fails under eight processes: how often it is asked, and who answers instead
    Failover(failover::Arguments),
    /// A hundred thousand answers that are none: what the platform makes of them, over all agents
    Garbage(garbage::Arguments),
    /// Rates on Redis: whether they hold, how fast they are, and what happens when Redis is gone
    Limits(limits::Arguments),
    /// A comprehensive run against a model that takes 50 ms: makespan, CPU, memory, time to the first line
    Orchestration(orchestration::Arguments),
    /// What learning which model to ask is worth, on pairs of models whose quality and price are known
    Routing(routing::Arguments),
    /// Recall by meaning: traps it must not serve, paraphrases it should, labelled pairs, drifting streams, speed
    Recall(recall::Arguments),
    /// What stored answers save a platform in use, run by run, and whether one is ever wrong
    Replay(replay::Arguments),
    /// How soon each function, built for deployment, asks for its first event, what it weighs and what memory it holds
    Start(start::Arguments),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Simulate(arguments) => simulate::simulate(&arguments),
        Command::Stack(command) => stack::stack(&command),
        Command::Bench(Bench::Analysis(arguments)) => analysis::analysis(&arguments),
        Command::Bench(Bench::Api(arguments)) => api::api(&arguments),
        Command::Bench(Bench::Cache(arguments)) => cache::cache(&arguments),
        Command::Bench(Bench::Cost(arguments)) => analysis::cost(&arguments),
        Command::Bench(Bench::Money(arguments)) => money::money(&arguments),
        Command::Bench(Bench::Embed(arguments)) => embed::embed(&arguments),
        Command::Bench(Bench::Failover(arguments)) => failover::failover(&arguments),
        Command::Bench(Bench::Garbage(arguments)) => garbage::garbage(&arguments),
        Command::Bench(Bench::Limits(arguments)) => limits::limits(&arguments),
        Command::Bench(Bench::Orchestration(arguments)) => orchestration::orchestration(&arguments),
        Command::Bench(Bench::Routing(arguments)) => routing::routing(&arguments),
        Command::Bench(Bench::Recall(arguments)) => recall::recall(&arguments),
        Command::Bench(Bench::Replay(arguments)) => replay::replay(&arguments),
        Command::Bench(Bench::Start(arguments)) => start::start(&arguments),
    }
}

/// A line for people or machines on standard output.
#[expect(clippy::print_stdout, reason = "this is the command line's own output")]
fn print(line: &str) {
    println!("{line}");
}

/// Prints what was measured, as JSON or a name and its value a line, and what of it misses its target, or why nothing was
/// measured. Ends with 1 where something is missed.
fn tell(
    measured: crate::stack::Result<Value>,
    targets: &[(&str, Must)],
    as_json: bool,
    name_width: usize,
) -> ExitCode {
    let mut report = match measured {
        Ok(report) => report,
        Err(error) => return ended(Err(error)),
    };
    let is_met = judge(&mut report, targets.iter().copied());
    if as_json {
        print(&format!("{report:#}"));
    } else {
        for (name, value) in report.as_object().into_iter().flatten().filter(|(name, _)| *name != "missed") {
            print(&format!("{name:<name_width$} {value}"));
        }
        show_missed(&report);
    }
    ExitCode::from(u8::from(!is_met))
}

fn ended(outcome: crate::stack::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
