//! The whole command line on a talk of three hours, without a model.

use std::path::Path;
use std::process::Command;

use super::{Figure, Trouble};
use crate::binary::build_assay;
use crate::long_transcript;
use crate::process::{Watched, watch};

const RUNS: usize = 3;

/// Seconds from the start of the process to its end: the median, with the fastest and the slowest.
pub(super) fn seconds(_: &Path) -> Result<Figure, Trouble> {
    figure(|run| run.took.as_secs_f64())
}

/// The most memory it held, in megabytes.
pub(super) fn memory_mb(_: &Path) -> Result<Figure, Trouble> {
    figure(|run| run.peak_memory_kb as f64 / 1_024.0)
}

fn figure(of: impl Fn(&Watched) -> f64) -> Result<Figure, Trouble> {
    let runs = runs().map_err(|error| Trouble::NotRun(error.to_string()))?;
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    Ok(Figure {
        value: at(values.len() / 2),
        sample: values.len(),
        interval: Some((at(0), at(values.len() - 1))),
        failing: Vec::new(),
        also: std::collections::BTreeMap::new(),
    })
}

fn runs() -> crate::stack::Result<Vec<Watched>> {
    let binary = build_assay(false)?;
    let folder = tempfile::tempdir()?;
    let talk = folder.path().join("talk.vtt");
    std::fs::write(&talk, long_transcript::vtt(1))?;
    let mut runs = Vec::with_capacity(RUNS);
    for run in 0..RUNS {
        let state = folder.path().join(format!("state-{run}"));
        let mut command = Command::new(&binary);
        let run = watch(command.env_clear().args(["run", "--json", "--state"]).arg(state).arg(&talk))?;
        if !run.output.status.success() {
            return Err(String::from_utf8_lossy(&run.output.stderr).into_owned().into());
        }
        runs.push(run);
    }
    Ok(runs)
}
