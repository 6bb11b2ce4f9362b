//! The stack's rows and content, read and written as the platform does, past the gateway and its faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws::{Connection, Place, S3};
use boot::{OsRandom, SystemClock};
use engine::error::{Error, ErrorKind};
use engine::memory::{
    MemoryCache, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
};
use engine::model::{NanoUsd, RunKey, Token};
use engine::ports::{ContentStore, Ports, Settings, Store, Workflow};
use serde_json::Value;
use store::Dynamo;

use super::Result;
use super::servers::{REGION, ROOT_KEY, ROOT_SECRET};

/// The services of the emulator at `endpoint`, asked by its root.
pub fn connection(endpoint: &str) -> Result<Connection> {
    Ok(Connection::new(Place {
        region: REGION.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        access_key_id: ROOT_KEY.to_owned(),
        secret_access_key: ROOT_SECRET.to_owned(),
        session_token: None,
        caller: "lab".to_owned(),
    })?)
}

/// The engine's ports over the stack's table and bucket.
pub(super) fn ports(connection: &Connection, table: &str, bucket: &str) -> Result<Ports> {
    let rows = Arc::new(Dynamo::connect(connection.sdk_config(), table));
    reading_ports(rows, Arc::new(S3::new(connection, bucket, Arc::new(SystemClock))?))
}

/// The engine's ports over rows and content. Runs are read with them, and keys made; nothing is started or stopped through
/// them.
pub fn reading_ports(store: Arc<dyn Store>, content: Arc<dyn ContentStore>) -> Result<Ports> {
    let clock = Arc::new(SystemClock);
    Ok(Ports {
        clock: clock.clone(),
        random: Arc::new(OsRandom),
        catalogue: Arc::new(boot::load_catalogue()?),
        settings: Settings {
            daily_budget: NanoUsd::ZERO,
            monthly_budget: None,
            run_cap: None,
            waiting_hour: NanoUsd::ZERO,
        },
        store,
        content,
        queues: Arc::new(MemoryQueues::new(clock.clone(), 0, 1)),
        workflow: Arc::new(NoWorkflow),
        cache: Arc::new(MemoryCache::new(clock.clone(), 1)),
        limits: Arc::new(MemoryLimits::new(clock, 1, 1)),
        model: None,
        embedder: None,
        namespaces: Default::default(),
        read_back: Default::default(),
        analysers: Arc::new(BTreeMap::new()),
        tools: Arc::new(BTreeMap::new()),
        platforms: Arc::new(Vec::new()),
        memory: Arc::new(MemoryMemories::default()),
        delivery: Arc::new(MemoryDelivery::default()),
        metrics: Arc::new(MemoryMetrics::default()),
    })
}

/// Whoever reads a stack's rows from outside has no workflow.
struct NoWorkflow;

fn no_workflow() -> engine::error::Result<()> {
    Err(Error::new(ErrorKind::Internal, "rows are read from outside the stack; its workflow is not reached"))
}

#[async_trait]
impl Workflow for NoWorkflow {
    async fn start(&self, _: &RunKey, _: Value) -> engine::error::Result<()> {
        no_workflow()
    }

    async fn succeed(&self, _: &Token, _: Value) -> engine::error::Result<()> {
        no_workflow()
    }

    async fn fail(&self, _: &Token, _: &str, _: &str) -> engine::error::Result<()> {
        no_workflow()
    }

    async fn stop(&self, _: &RunKey, _: &str) -> engine::error::Result<()> {
        no_workflow()
    }
}
