//! Steps of the planning agent over everything in memory but the cache.

use std::sync::Arc;

use async_trait::async_trait;
use boot::{RecallConfig, SystemClock};
use engine::agent::{ModelSpec, Tier};
use engine::memory::{MemoryLimits, MemoryQueues, SeededRandom};
use engine::model::{
    Basis, CacheLevel, Depth, ItemId, NanoUsd, Outcome, RunKey, Source, StepResult, TenantId, Token, Told,
};
use engine::ports::{
    Clock, Key, Llm, LlmError, Message, ModelReply, ModelRequest, Ports, Queue, Row, Settings, StepMessage,
};
use engine::recall::SealingKey;
use engine::recall::compress::DroppableShare;
use engine::{RunRequest, run_step, start_run};
use redis_ports::{CacheSettings, RedisCache};

use crate::healthy::{House, Profile};
use crate::scripted::{Script, ScriptedModel};
use crate::sim;
use crate::stack::Result;

/// A place in which steps are run.
pub(super) struct Place {
    pub(super) ports: Ports,
    queues: Arc<MemoryQueues>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a model's answer; the cache did not answer if that is so.
    Asked { away: bool },
    /// With a stored answer.
    Recalled,
    /// Otherwise.
    Failed,
}

impl Place {
    /// Steps whose cache is the Redis at `url`, as functions have it, and whose model takes so long; `number` tells processes
    /// apart. Each call of the model is told to `on_call` when it begins.
    pub(super) async fn open(url: &str, number: u64, model_ms: u64, on_call: fn()) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let queues = Arc::new(MemoryQueues::new(clock.clone(), 600_000, 5));
        let redis = Arc::new(RedisCache::open(url, CacheSettings::of(10_000)).await?);
        let cache = recall().over(redis, SealingKey::from_text("one key of all processes"), clock.clone());
        let script = Script::new(vec![sim::model()]).with_latency_ms(model_ms);
        let model = Telling { model: ScriptedModel::new(script, clock.clone()), on_call };
        let ports = Ports {
            random: Arc::new(SeededRandom::new(number)),
            settings: Settings {
                daily_budget: NanoUsd::from_usd(10_000),
                ..House::on(Profile::Full, clock.clone())?.ports.settings
            },
            queues: queues.clone(),
            cache,
            limits: Arc::new(MemoryLimits::new(clock.clone(), 1_000_000, 1_000_000)),
            model: Some(Arc::new(model)),
            analysers: Arc::new(analysis::analysers()),
            ..House::on(Profile::Full, clock)?.ports
        };
        Ok(Self { ports, queues })
    }

    /// Accepts a run of a tenant; all runs of a tenant ask the same.
    pub(super) async fn accept(&self, tenant: &str) -> Result<RunKey> {
        let tenant = TenantId::new(tenant);
        let content = self.ports.content.put(&tenant, b"Ann: It rained on Monday.").await?;
        let request = RunRequest {
            tenant,
            workspace: "bench".to_owned(),
            source: Source {
                name: "talk.txt".to_owned(),
                media_type: "text/plain".to_owned(),
                bytes: 25,
                content,
                link: None,
            },
            depth: Depth::Standard,
            use_cache: true,
            idempotency_key: None,
            trace: None,
        };
        let run = start_run(&self.ports, &request).await?.0;
        while let Some(received) = self.queues.receive(Queue::Runs) {
            self.queues.acknowledge(Queue::Runs, received.receipt);
        }
        Ok(run)
    }

    /// Runs the planning step of a run, until its message is done with; it may come back.
    pub(super) async fn step(&self, run: &RunKey) -> Result<()> {
        Ok(run_step(&self.ports, &self.message(run)?).await?)
    }

    /// Runs the steps of these runs at once, and again those that come back, until none is left.
    pub(super) async fn steps(&self, runs: &[RunKey]) -> Result<()> {
        const LOOK_EACH_MS: u64 = 20;
        let mut messages = Vec::new();
        for run in runs {
            messages.push(self.message(run)?);
        }
        loop {
            let each = messages.iter().map(|message| run_step(&self.ports, message));
            for ended in futures::future::join_all(each).await {
                ended?;
            }
            messages.clear();
            for queue in Queue::ALL {
                while let Some(received) = self.queues.receive(queue) {
                    self.queues.acknowledge(queue, received.receipt);
                    if let Message::Step(step) = received.message {
                        messages.push(step);
                    }
                }
            }
            if messages.is_empty() {
                if self.queues.is_empty() {
                    return Ok(());
                }
                self.ports.clock.sleep(LOOK_EACH_MS).await;
            }
        }
    }

    /// How the step of a run ended; `None` if it has not.
    pub(super) async fn end(&self, run: &RunKey) -> Result<Option<(End, StepResult)>> {
        let step = self.message(run)?.step();
        let found = self.ports.store.read(&[Key::Step(step)]).await?.remove(0);
        let Some(Row::Step(step)) = found.map(|versioned| versioned.row) else { return Ok(None) };
        Ok(step.result.clone().map(|result| (end_of(&result), result)))
    }

    fn message(&self, run: &RunKey) -> Result<StepMessage> {
        let planner = self.ports.catalogue.planner().ok_or("no agent plans")?;
        Ok(StepMessage {
            run: run.clone(),
            agent: planner.id.clone(),
            item: ItemId::none(),
            hop: 0,
            task_token: Token::new("nobody"),
        })
    }
}

fn end_of(result: &StepResult) -> End {
    let away =
        result.meta.recall.as_ref().is_some_and(|note| note.levels.get(&CacheLevel::L1) == Some(&Told::Away));
    match (&result.outcome, result.meta.basis) {
        (Outcome::Ok(_), Basis::Model) => End::Asked { away },
        (Outcome::Ok(_), Basis::Cache { .. }) => End::Recalled,
        _ => End::Failed,
    }
}

/// What functions have where nothing is said.
fn recall() -> RecallConfig {
    RecallConfig {
        is_on: true,
        most: 10_000,
        share: DroppableShare::default(),
        threshold: Default::default(),
        key: None,
        key_of_model: None,
    }
}

/// A model that tells of each call when it begins.
struct Telling {
    model: ScriptedModel,
    on_call: fn(),
}

#[async_trait]
impl Llm for Telling {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.model.candidates(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> std::result::Result<ModelReply, LlmError> {
        (self.on_call)();
        self.model.complete(request).await
    }
}
