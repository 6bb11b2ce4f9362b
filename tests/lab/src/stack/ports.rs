//! The engine's ports over a stack, by the adapters that the functions use, past the gateway and its faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Connection, Place, S3, Sqs, StepFunctions};
use boot::{OsRandom, SystemClock};
use engine::agent::Profile;
use engine::memory::{MemoryCache, MemoryLimits, MemoryMemories, MemoryMetrics};
use engine::model::NanoUsd;
use engine::ports::{Ports, Queue, Settings};
use store::Dynamo;

use super::Result;
use super::deploy::Deployed;
use super::servers::{REGION, ROOT_KEY, ROOT_SECRET};

/// The template's outputs that name a queue.
const QUEUES: [(Queue, &str); 5] = [
    (Queue::Runs, "RunsQueueUrl"),
    (Queue::Agents(Profile::Light), "AgentLightQueueUrl"),
    (Queue::Agents(Profile::Tools), "AgentToolsQueueUrl"),
    (Queue::Agents(Profile::Semantic), "AgentSemanticQueueUrl"),
    (Queue::Deliveries, "DeliveriesQueueUrl"),
];

/// Ports for reading runs and for starting and stopping them as the API does. No model, no analysers, no tools.
pub(super) fn ports(endpoint: &str, deployed: &Deployed) -> Result<Ports> {
    let connection = connection(endpoint)?;
    let clock = Arc::new(SystemClock);
    let bucket = Arc::new(S3::new(&connection, deployed.output("BucketName")?, clock.clone())?);
    let machine = deployed.outputs.get("StateMachineArn").cloned().unwrap_or_default();
    let urls = QUEUES.iter().filter_map(|(queue, name)| Some((*queue, deployed.outputs.get(*name)?.clone())));
    Ok(Ports {
        clock: clock.clone(),
        random: Arc::new(OsRandom),
        catalogue: Arc::new(boot::load_catalogue()?),
        settings: Settings { daily_budget: NanoUsd::ZERO, run_cap: None },
        store: Arc::new(rows(&connection, deployed.output("TableName")?)),
        content: bucket.clone(),
        queues: Arc::new(Sqs::new(&connection, urls.collect())),
        workflow: Arc::new(StepFunctions::new(&connection, machine)),
        cache: Arc::new(MemoryCache::new(clock.clone(), 1)),
        limits: Arc::new(MemoryLimits::new(clock, 1, 1)),
        model: None,
        embedder: None,
        analysers: Arc::new(BTreeMap::new()),
        tools: Arc::new(BTreeMap::new()),
        platforms: Arc::new(Vec::new()),
        memory: Arc::new(MemoryMemories::default()),
        delivery: bucket,
        metrics: Arc::new(MemoryMetrics::default()),
    })
}

/// The services at `endpoint` as the emulator's owner sees them: allowed everything.
pub(super) fn connection(endpoint: &str) -> Result<Connection> {
    let place = Place {
        region: REGION.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        access_key_id: ROOT_KEY.to_owned(),
        secret_access_key: ROOT_SECRET.to_owned(),
        session_token: None,
        caller: "lab".to_owned(),
    };
    Ok(Connection::new(place)?)
}

pub(super) fn rows(connection: &Connection, table: &str) -> Dynamo {
    Dynamo::connect(connection.sdk_config(), table)
}
