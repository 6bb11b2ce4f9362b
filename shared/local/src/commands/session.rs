//! An open state folder with every port behind it.

use std::path::Path;
use std::sync::Arc;

use boot::{Config, Lite};
use engine::error::{Error, ErrorKind, Result};
use engine::memory::MemoryQueues;
use engine::model::{Event, RunKey};
use engine::ports::Ports;
use futures::channel::mpsc::UnboundedReceiver;

use crate::state::BriefingFolder;
use crate::workflow::LocalWorkflow;

/// A message not acknowledged in this time comes back; longer than any lease, so that only a lost one does.
const VISIBILITY_MS: u64 = 300_000;
const MAX_RECEIVE_COUNT: u32 = 5;

/// Everything a command needs to work on runs.
pub(crate) struct Session {
    pub(crate) ports: Ports,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) workflow: Arc<LocalWorkflow>,
    /// The rows behind the ports.
    pub(crate) rows: Arc<boot::Owned>,
    /// Where briefings are posted.
    pub(crate) briefings: Arc<BriefingFolder>,
    /// Every event of every run, once it is written.
    pub(crate) events: UnboundedReceiver<(RunKey, Event)>,
}

/// Opens the folder, which the caller owns.
pub(crate) async fn open(config: &Config, folder: &Path) -> Result<Session> {
    open_ports(config, folder).await.map_err(|error| in_folder(error, folder))
}

/// What the store says names no path, because tenants of a server may see it; on the command line the folder is told beside it.
pub(crate) fn in_folder(error: Error, folder: &Path) -> Error {
    if error.kind() != ErrorKind::Storage {
        return error;
    }
    let remedy = "a folder that is whole and can be written to, on a disk with room; another one is given with --state";
    error.with("state folder", folder.display()).with("what would work", remedy)
}

async fn open_ports(config: &Config, folder: &Path) -> Result<Session> {
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
    let briefings = Arc::new(BriefingFolder::new(folder.join("briefings")));
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
        namespaces: Default::default(),
        read_back: Default::default(),
        analysers,
        tools,
        platforms,
        memory,
        delivery: briefings.clone(),
        metrics: Arc::new(boot::Measures::new(config.spans.as_ref())?),
    };
    Ok(Session { ports, queues, workflow, rows: store, briefings, events })
}
