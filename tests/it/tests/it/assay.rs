//! The command line, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use engine::model::{Run, RunId, RunKey, StepResult, TenantId};
use engine::ports::{Becomes, Change, ContentStore, Expect, Range, Row, Store, Versioned};
use serde_json::Value;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A sample transcript.
pub(crate) fn sample(name: &str) -> PathBuf {
    root().join("tests/data/samples").join(name)
}

/// The command with a clean environment.
pub(crate) fn assay(arguments: &[&str]) -> Command {
    let mut command = Command::new(lab::assay_binary());
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Starts it with its output kept.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Standard output as JSON.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {}\n{text}", String::from_utf8_lossy(&output.stdout))
    })
}

/// Every result of a run in a state folder, by agent and item.
pub(crate) fn stored(state: &Path, run: &RunId) -> Vec<(String, StepResult)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> =
            Arc::new(store::Embedded::open(&state.join("assay.sqlite")).unwrap().store().await.unwrap());
        let content: Arc<dyn ContentStore> = Arc::new(store::Files::open(&state.join("content")).unwrap());
        let ports = lab::stack::reading_ports(store, content).unwrap();
        let key = RunKey { tenant: TenantId::new("local"), run: run.clone() };
        let mut results = Vec::new();
        for step in engine::ledger_view::steps(&ports, &key).await.unwrap() {
            if let Some(result) = engine::ledger_view::result_of(&ports, &step).await.unwrap() {
                results.push((format!("{}/{}", step.key.agent, step.key.item), result));
            }
        }
        results
    })
}

/// Puts the deadline of a state folder's only run an hour before its beginning; the run.
pub(crate) fn overdue(state: &Path) -> RunId {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(std::fs::metadata(state.join("journal")).unwrap().len(), 0, "the store has all of it");
    runtime.block_on(async {
        let store = store::Embedded::open(&state.join("assay.sqlite")).unwrap().store().await.unwrap();
        let runs = store.list(&Range::Runs(TenantId::new("local")), None, 2).await.unwrap().rows;
        let [(key, Versioned { row: Row::Run(run), version })] = &runs[..] else { panic!("{runs:?}") };
        let late = Row::Run(Run { deadline_ms: run.created_ms - 3_600_000, ..run.clone() });
        let (expect, to) = (Expect::Version(*version), Becomes::Row(late));
        store.write(&[Change { key: key.clone(), expect, to, due_ms: Some(1) }]).await.unwrap();
        run.key.run.clone()
    })
}
