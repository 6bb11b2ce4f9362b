//! An open state folder with every port behind it.

use std::sync::Arc;

use boot::{Config, Lite};
use engine::error::Result;
use engine::ledger_view;
use engine::memory::{MemoryMetrics, MemoryQueues};
use engine::model::{Event, NanoUsd, RunKey};
use engine::ports::Ports;
use futures::channel::mpsc::UnboundedReceiver;

use crate::render::Report;
use crate::state::BriefingFolder;
use crate::workflow::LocalWorkflow;

/// A message not acknowledged in this time comes back; longer than any lease, so that only a lost one does.
const VISIBILITY_MS: u64 = 300_000;
const MAX_RECEIVE_COUNT: u32 = 5;

/// Everything a command needs to work on runs.
pub(super) struct Session {
    pub(super) ports: Ports,
    pub(super) queues: Arc<MemoryQueues>,
    pub(super) workflow: Arc<LocalWorkflow>,
    /// The rows behind the ports. Whatever leaves the process waits until they are settled.
    pub(super) rows: Arc<boot::Owned>,
    /// Every event of every run, once it is stored.
    pub(super) events: UnboundedReceiver<(RunKey, Event)>,
}

/// Opens the folder, which the caller owns.
pub(super) async fn open(config: &Config, folder: &std::path::Path) -> Result<Session> {
    let Lite {
        clock,
        catalogue,
        settings,
        store,
        content,
        cache,
        limits,
        memory,
        model,
        analysers,
        tools,
        platforms,
    } = boot::open_lite(config, folder).await?;
    let random: Arc<dyn engine::ports::Random> = Arc::new(boot::OsRandom);
    let queues = Arc::new(MemoryQueues::new(clock.clone(), VISIBILITY_MS, MAX_RECEIVE_COUNT));
    let workflow = Arc::new(LocalWorkflow::new(clock.clone(), random.clone(), queues.clone())?);
    let events = store.watch();
    let briefings: Arc<dyn engine::ports::Delivery> = Arc::new(BriefingFolder::new(folder.join("briefings")));
    let ports = Ports {
        clock,
        random,
        catalogue,
        settings,
        store: store.clone(),
        content,
        queues: queues.clone(),
        workflow: workflow.clone(),
        cache,
        limits,
        model,
        embedder: None,
        analysers,
        tools,
        platforms,
        memory,
        delivery: Arc::new(boot::Outward::new(briefings, store.clone())),
        metrics: Arc::new(MemoryMetrics::default()),
    };
    Ok(Session { ports, queues, workflow, rows: store, events })
}

/// A run with all its results and its ledger, for rendering. Errors: `NotFound`.
pub(super) async fn report(ports: &Ports, key: &RunKey) -> Result<Report> {
    use engine::error::{Error, ErrorKind};
    let run = engine::load_run(ports, key)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no run {}", key.run)))?;
    let charges = engine::charges(ports, key).await?;
    let costs = ledger_view::cost_by_step(&charges);
    let mut steps = Vec::new();
    for step in ledger_view::steps(ports, key).await? {
        if let Some(result) = ledger_view::result_of(ports, &step).await? {
            let cost = costs.get(&step.key).copied().unwrap_or(NanoUsd::ZERO);
            steps.push((step.key, result, cost));
        }
    }
    let number =
        |agent: &engine::model::AgentId| ports.catalogue.agent(agent).map_or(u32::MAX, |spec| spec.number);
    steps.sort_by_key(|(key, ..)| (number(&key.agent), key.item.clone()));
    Ok(Report { run, steps, charges })
}
