//! `cargo lab bench garbage`: whole runs whose model answers with garbage.

use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::garbage::play;

/// How much, and whether for a machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Garbage answers; those that can be used although they were spoilt do not count
    #[arg(long, default_value_t = 100_000)]
    answers: u64,
    /// Which runs, and which spoilings
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Plays and prints; ends with 1 if anything panicked, or an oracle saw something.
pub(super) fn garbage(arguments: &Arguments) -> ExitCode {
    let figures = play(arguments.answers, arguments.seed);
    if arguments.json {
        print(&serde_json::json!(figures).to_string());
    } else {
        print(&format!(
            "{} garbage answers among {} to {} agents in {} runs: {} panics, {} usages misread, {} of {} results with data against their schema, {} other violations",
            figures.garbage,
            figures.answers,
            figures.agents,
            figures.runs,
            figures.panics,
            figures.seen.misread_usages,
            figures.results_against_schema,
            figures.results,
            figures.violations.len() as u64 - figures.results_against_schema
        ));
        for (result, count) in &figures.seen.by_result {
            print(&format!("  {result:<18} {count}"));
        }
        figures.violations.iter().take(5).for_each(|violation| print(violation));
    }
    let is_wrong = figures.panics + figures.seen.misread_usages > 0 || !figures.violations.is_empty();
    ExitCode::from(u8::from(is_wrong))
}
