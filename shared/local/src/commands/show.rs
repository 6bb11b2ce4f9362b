//! `assay runs` and `assay show`.

use std::fmt::Write as _;
use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Run, RunKey, TenantId};
use engine::ports::{Range, Row};
use render::{Form, Report, moment};

use super::session;
use crate::cli::{ShowArguments, StateArguments};
use crate::state::State;

/// Lists the runs of a tenant, newest first.
pub(super) async fn runs(config: &Config, arguments: &StateArguments) -> Result<ExitCode> {
    let runs = stored_runs(config, arguments).await?;
    if runs.is_empty() {
        super::say(&format!(
            "no runs in {} yet; start one with: cargo assay run FILE",
            arguments.folder.display()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "{:<26}  {:<20}  {:<10}  {:<13}  {:>12}  SOURCE\n",
        "RUN", "ACCEPTED (UTC)", "STATUS", "DEPTH", "COST"
    );
    for run in runs {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<26}  {:<20}  {:<10}  {:<13}  {:>12}  {}{}",
            run.key.run,
            moment(run.created_ms),
            run.status.name(),
            run.depth.name(),
            run.cost.to_string(),
            render::safe(&run.source.name),
            ahead(&run),
        );
    }
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What is said of a run that makes a stored answer ahead, beside its source.
fn ahead(run: &Run) -> String {
    let agent = run.warms.as_ref().map(|warms| &warms.step.agent);
    agent.map_or_else(String::new, |agent| format!(" (an answer of {agent} made ahead)"))
}

/// Prints a run's briefing again.
pub(super) async fn show(config: &Config, arguments: &ShowArguments) -> Result<ExitCode> {
    let form = arguments.out.as_deref().map(Form::of_file).transpose()?;
    let key = find_run(config, &arguments.state, &arguments.run).await?;
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let report = Report::load(&session.ports, &key).await?;
    if !report.run.status.is_final() {
        super::say("this run has not ended; the command that started it goes on with it");
    }
    if let (Some(form), Some(path)) = (form, &arguments.out) {
        super::run::write_out(&report, form, path)?;
    }
    super::run::show(config, &report, arguments.json, false)?;
    Ok(ExitCode::SUCCESS)
}

/// The run whose id ends so.
pub(super) async fn find_run(config: &Config, state: &StateArguments, run: &str) -> Result<RunKey> {
    let wanted = run.to_ascii_uppercase();
    let runs = stored_runs(config, state).await?;
    let mut found = runs.iter().filter(|run| run.key.run.as_str().ends_with(&wanted));
    match (found.next(), found.next()) {
        (Some(run), None) => Ok(run.key.clone()),
        (None, _) => {
            let what = format!("there is no run {run}; list them with: cargo assay runs");
            Err(Error::new(ErrorKind::NotFound, what))
        }
        (Some(_), Some(_)) => {
            let what = format!("several runs end in {run}; give more of the id");
            Err(Error::new(ErrorKind::InvalidInput, what))
        }
    }
}

async fn stored_runs(config: &Config, arguments: &StateArguments) -> Result<Vec<Run>> {
    if !arguments.folder.join("lock").exists() {
        return Ok(Vec::new());
    }
    let mut state = State::open(&arguments.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let range = Range::Runs(TenantId::new(&arguments.tenant));
    let (mut runs, mut from) = (Vec::new(), None::<String>);
    loop {
        let page = session.ports.store.list(&range, from.as_deref(), 100).await?;
        runs.extend(page.rows.into_iter().filter_map(|(_, versioned)| match versioned.row {
            Row::Run(run) => Some(run),
            _ => None,
        }));
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(runs),
        }
    }
}
