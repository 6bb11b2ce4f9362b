//! `cargo lab bench embed`: what a new process needs until its first vector, and then for texts of several lengths.

use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;
use serde_json::{Map, Value, json};

use super::print;
use crate::binary::{EMBEDDING_MODEL, build_example_for_deployment, root};
use crate::stack::Result;

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How many processes are started; the medians count
    #[arg(long, default_value_t = 21)]
    starts: usize,
}

pub(super) fn embed(arguments: &Arguments) -> ExitCode {
    match measure(arguments.starts.max(1)) {
        Ok(report) if arguments.json => {
            print(&format!("{report:#}"));
            ExitCode::SUCCESS
        }
        Ok(report) => {
            let number = |key: &str| report[key].as_f64().unwrap_or_default();
            print(&format!("processes            {}", report["starts"]));
            print(&format!("opened after         {:.2} ms of a processor", number("open_ms")));
            print(&format!(
                "first vector after   {:.1} ms, {:.1} at most",
                number("first_ms"),
                number("first_ms_most")
            ));
            print(&format!("memory then          {:.0} MB", number("memory_mb")));
            print(&format!("a question           {:.2} ms", number("question_ms")));
            let mut lengths: Vec<_> = report["tokens_ms"].as_object().into_iter().flatten().collect();
            lengths.sort_by_key(|(tokens, _)| tokens.parse::<usize>().unwrap_or_default());
            for (tokens, milliseconds) in lengths {
                let milliseconds = milliseconds.as_f64().unwrap_or_default();
                print(&format!("{tokens:>3} tokens           {milliseconds:.2} ms"));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Medians over the processes, in milliseconds of the processor and megabytes.
fn measure(starts: usize) -> Result<Value> {
    let binary = build_example_for_deployment("measure")?;
    let reports = (0..starts).map(|_| report(&binary)).collect::<Result<Vec<_>>>()?;
    let of = |pointer: &str| {
        let mut numbers: Vec<f64> = reports.iter().filter_map(|row| row.pointer(pointer)?.as_f64()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    };
    let median = |pointer: &str| of(pointer).get(starts / 2).copied();
    let mut tokens_ms = Map::new();
    for (name, _) in
        reports[0]["embed_ms"].as_object().into_iter().flatten().filter(|(name, _)| *name != "question")
    {
        tokens_ms.insert(name.clone(), json!(median(&format!("/embed_ms/{name}/median"))));
    }
    Ok(json!({
        "starts": starts,
        "open_ms": median("/open_ms"),
        "first_ms": median("/first_ms"),
        "first_ms_most": of("/first_ms").last(),
        "memory_mb": median("/memory_mb"),
        "peak_mb": median("/peak_mb"),
        "question_ms": median("/embed_ms/question/median"),
        "tokens_ms": tokens_ms,
    }))
}

/// What one process says of itself.
fn report(binary: &Path) -> Result<Value> {
    let output = Command::new(binary).env_clear().arg(root().join(EMBEDDING_MODEL)).output()?;
    if !output.status.success() {
        return Err(format!("it cannot be measured: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A line for people on standard error.
#[expect(clippy::print_stderr, reason = "this is the command line's own output")]
fn complain(line: &str) {
    eprintln!("{line}");
}
