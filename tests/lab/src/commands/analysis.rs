//! `cargo lab bench analysis`: how well the deterministic parts do on labelled rows, and `cargo lab bench cost`: whether
//! what calls cost is exact.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::content::{self, Figure, Measured};

/// The folder of rows, seen from the root of the workspace: they lie beside it, not in it.
const ROWS: &str = "../shared/data/content/dev";

/// What to score.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder with the rows; without it, the one that lies beside this workspace
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also print the first rows that were not as labelled
    #[arg(long)]
    rows: bool,
}

/// Scores everything; ends with 1 if rows cannot be read.
pub(super) fn analysis(arguments: &Arguments) -> ExitCode {
    measure(arguments, content::measure)
}

/// Prices every call; ends with 1 if rows cannot be read.
pub(super) fn cost(arguments: &Arguments) -> ExitCode {
    measure(arguments, content::measure_costs)
}

fn measure(arguments: &Arguments, measure: fn(&Path) -> Result<Vec<Measured>, String>) -> ExitCode {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(ROWS);
    let folder = arguments.data.clone().unwrap_or_else(beside);
    let folder = folder.canonicalize().unwrap_or(folder);
    let measured = match measure(&folder) {
        Ok(measured) => measured,
        Err(what) => {
            complain(&format!("error: {what}"));
            return ExitCode::FAILURE;
        }
    };
    if arguments.json {
        print(&format!("{:#}", content::report(&measured)));
        return ExitCode::SUCCESS;
    }
    print(&format!("{:<30} {:>8} {:>6}  95 % interval", "measure", "value", "n"));
    for (name, outcome) in &measured {
        match outcome {
            Ok(figure) => print_figure(name, figure, arguments.rows),
            Err(why) => print(&format!("{name:<30}  not run ({why})")),
        }
    }
    ExitCode::SUCCESS
}

fn print_figure(name: &str, figure: &Figure, rows: bool) {
    let interval = figure
        .interval
        .map_or_else(|| "none            ".to_owned(), |(low, high)| format!("{low:.4} to {high:.4}"));
    let mut line = format!("{name:<30} {:>8.4} {:>6}  {interval}", figure.value, figure.sample);
    for (name, value) in &figure.also {
        match value.as_f64().filter(|_| value.is_f64()) {
            Some(value) => line.push_str(&format!("  {name} {value:.4}")),
            None => line.push_str(&format!("  {name} {value}")),
        }
    }
    print(&line);
    for row in figure.failing.iter().filter(|_| rows) {
        print(&format!("    {}", row.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
}

/// A line on standard error.
#[expect(clippy::print_stderr, reason = "this is the command line's own output")]
fn complain(line: &str) {
    eprintln!("{line}");
}
