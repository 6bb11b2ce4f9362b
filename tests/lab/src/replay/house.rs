//! A platform in one process, with everything in memory, on virtual time: it stays up from run to run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use boot::RecallConfig;
use engine::RunRequest;
use engine::error::{Error, ErrorKind};
use engine::memory::virtual_time::Executor;
use engine::memory::{
    Broken, Fault, MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics,
    MemoryQueues, MemoryStore, SeededRandom, VirtualTime,
};
use engine::model::{AgentId, Depth, NanoUsd, Outcome, RunKey, Source, StepResult, TenantId};
use engine::ports::{
    Becomes, Cache, Change, Clock, ContentStore as _, Embedder, Expect, Key, Ports, Range, Row, Settings,
    Store as _,
};
use engine::recall::SealingKey;
use engine::recall::trust::{RATES, Trust};
use local::host::{self, Concurrency};
use local::workflow::LocalWorkflow;

use super::Earned;
use super::judge::Judge;
use super::shows::{Facts, Show};
use crate::recall::embedded::Embedded;
use crate::scripted::{Script, ScriptedModel};
use crate::sim;
use crate::stack::Result;

/// Results of a run by agent and item.
pub(super) type Steps = BTreeMap<(String, String), StepResult>;

const START_MS: u64 = 1_795_305_600_000;
/// So many answers are kept: all of them.
const MOST_ANSWERS: usize = 50_000;
/// One run begins so long after the other.
const EACH_MS: u64 = 120_000;

pub(super) struct House {
    time: Arc<VirtualTime>,
    executor: Executor<'static>,
    ports: Ports,
    queues: Arc<MemoryQueues>,
    delivery: Arc<MemoryDelivery>,
    content: Arc<MemoryContent>,
    store: Arc<MemoryStore>,
    vectors: Option<Arc<Vectors>>,
    runs: Vec<RunKey>,
}

impl House {
    /// With stored answers or without, by meaning if there are vectors to find them by.
    pub(super) fn new(
        seed: u64,
        is_on: bool,
        embedded: Option<Arc<Embedded>>,
        facts: Arc<Facts>,
    ) -> Result<Self> {
        let time = VirtualTime::new(START_MS);
        let clock: Arc<dyn Clock> = time.clone();
        let queues = Arc::new(MemoryQueues::new(clock.clone(), 60_000, 5));
        let random = Arc::new(SeededRandom::new(seed));
        let workflow = Arc::new(LocalWorkflow::new(clock.clone(), random, queues.clone())?);
        let (store, content): (Arc<MemoryStore>, Arc<MemoryContent>) = Default::default();
        let delivery = Arc::new(MemoryDelivery::default());
        let script = Script::new(vec![sim::model()]).without_tools().with_latency_ms(500);
        let vectors = embedded.map(|embedded| Arc::new(Vectors { embedded, missing: AtomicU64::new(0) }));
        let recall = RecallConfig {
            is_on: true,
            most: MOST_ANSWERS,
            share: Default::default(),
            threshold: Default::default(),
            key: None,
            key_of_model: None,
        };
        let place = Arc::new(MemoryCache::new(clock.clone(), MOST_ANSWERS));
        let stored = recall.over(place, SealingKey::from_text("the replay's own key"), clock.clone());
        // What is asked is the same in both, only that nothing is found in one.
        let cache: Arc<dyn Cache> =
            if is_on { stored } else { Arc::new(Broken::new(stored, clock.clone(), Fault::Down)) };
        let ports = Ports {
            random: Arc::new(SeededRandom::new(seed ^ 1)),
            catalogue: Arc::new(recall.applied_to(boot::load_catalogue()?)),
            settings: Settings {
                daily_budget: NanoUsd::from_usd(100_000),
                monthly_budget: None,
                run_cap: None,
                waiting_hour: NanoUsd::ZERO,
            },
            store: store.clone(),
            content: content.clone(),
            queues: queues.clone(),
            workflow: workflow.clone(),
            cache,
            limits: Arc::new(MemoryLimits::new(clock.clone(), 1_000_000, 1_000_000)),
            model: Some(Arc::new(Judge { model: ScriptedModel::new(script, clock.clone()), facts })),
            embedder: vectors.clone().map(|vectors| vectors as Arc<dyn Embedder>),
            namespaces: Default::default(),
            read_back: Default::default(),
            analysers: Arc::new(analysis::analysers()),
            tools: Arc::new(tools::tools()),
            platforms: Arc::new(vec![Arc::new(platforms::Upload)]),
            memory: Arc::new(MemoryMemories::default()),
            delivery: delivery.clone(),
            metrics: Arc::new(MemoryMetrics::default()),
            clock,
        };
        let mut executor = Executor::new(time.clone(), seed);
        executor.spawn(async move { workflow.run().await });
        let (serving, served) = (ports.clone(), queues.clone());
        executor.spawn(async move { host::serve(&serving, &served, Concurrency(8)).await });
        let sweeping = ports.clone();
        executor.spawn(async move { host::sweep(&sweeping).await });
        Ok(Self { time, executor, ports, queues, delivery, content, store, vectors, runs: Vec::new() })
    }

    /// Runs a talk to its end; what its steps came to.
    pub(super) fn run(&mut self, show: &Show) -> Result<Steps> {
        let (ports, bytes, name) = (self.ports.clone(), show.vtt(), show.name.clone());
        let begin_ms = START_MS + (1 + self.runs.len() as u64) * EACH_MS;
        let posts = self.delivery.posts().len();
        let started = self.executor.block_on(async move {
            ports.clock.sleep(begin_ms.saturating_sub(ports.clock.now_ms())).await;
            let tenant = TenantId::new("tenant");
            let content = ports.content.put(&tenant, bytes.as_bytes()).await?;
            let request = RunRequest {
                tenant,
                workspace: "replay".to_owned(),
                source: Source {
                    name,
                    media_type: "text/vtt".to_owned(),
                    bytes: bytes.len() as u64,
                    content,
                    link: None,
                },
                depth: Depth::Comprehensive,
                use_cache: true,
                idempotency_key: None,
                trace: None,
            };
            engine::start_run(&ports, &request).await
        });
        let run = started.ok_or("a run was not accepted")??.0;
        self.runs.push(run.clone());
        let (queues, delivery, time) = (self.queues.clone(), self.delivery.clone(), self.time.clone());
        self.executor.run_until(|_| {
            queues.is_empty() && (delivery.posts().len() > posts || time.now_ms() > begin_ms + EACH_MS)
        });
        if self.delivery.posts().len() == posts {
            return Err(format!("the run of {} did not end", show.name).into());
        }
        self.steps(&run)
    }

    fn steps(&mut self, run: &RunKey) -> Result<Steps> {
        let (store, content, run) = (self.store.clone(), self.content.clone(), run.clone());
        let read = self.executor.block_on(async move {
            let mut steps = Steps::new();
            for (_, versioned) in store.list(&Range::Steps(run), None, 10_000).await?.rows {
                let Row::Step(step) = versioned.row else { continue };
                let Some(mut result) = step.result.clone() else { continue };
                if let Some(kept) = &step.data_ref {
                    let bytes = content.get(&step.key.run.tenant, kept).await?;
                    let data = serde_json::from_slice(&bytes)
                        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
                    if let Outcome::Ok(place) = &mut result.outcome {
                        *place = data;
                    }
                }
                steps.insert((step.key.agent.to_string(), step.key.item.to_string()), result);
            }
            Ok::<_, Error>(steps)
        });
        Ok(read.ok_or("results were not read")??)
    }

    /// The text with the number of each run in the place of its id.
    pub(super) fn numbered(&self, text: &str) -> String {
        let runs = self.runs.iter().enumerate();
        runs.fold(text.to_owned(), |text, (number, key)| match text.contains(key.run.as_str()) {
            true => text.replace(key.run.as_str(), &format!("run {number}")),
            false => text,
        })
    }

    /// The fields of an agent's answer; only those that make two answers the same, if `only_same`.
    pub(super) fn answer_fields(&self, agent: &str, only_same: bool) -> Vec<String> {
        let spec = self.ports.catalogue.agent(&AgentId::new(agent));
        spec.map(|spec| if only_same { spec.same_answer.clone() } else { spec.answer.clone() })
            .unwrap_or_default()
    }

    /// An agent's answers are told apart by its prompt and the model that gives them.
    fn maker(&self, agent: &str) -> String {
        let spec = self.ports.catalogue.agent(&AgentId::new(agent));
        let prompt = spec.map_or("", |spec| &spec.prompt_version);
        let model = sim::model();
        format!("{prompt} {}/{}", model.provider, model.id)
    }

    /// Takes so many answers of an agent as found right.
    pub(super) fn take_as_earned(&mut self, agent: &str, right: u64) -> Result<()> {
        let mut earned = engine::recall::trust::Earned::default();
        *earned.of(&self.maker(agent)) = Trust { shadow: right, ..Trust::default() };
        let row = Row::Trust(earned);
        let key = Key::Trust(AgentId::new(agent));
        let change = Change { key, expect: Expect::Anything, to: Becomes::Row(row), due_ms: None };
        let store = self.store.clone();
        let written = self.executor.block_on(async move { store.write(&[change]).await });
        Ok(written.ok_or("what is earned was not written")??)
    }

    /// What an agent's stored answers have earned.
    pub(super) fn earned(&mut self, agent: &str) -> Result<Earned> {
        let (store, key) = (self.store.clone(), Key::Trust(AgentId::new(agent)));
        let read = self.executor.block_on(async move { store.read(&[key]).await });
        let row = read.ok_or("what was earned was not read")??.pop().flatten();
        let trust = match row.map(|versioned| versioned.row) {
            Some(Row::Trust(mut earned)) => earned.of(&self.maker(agent)).clone(),
            _ => Trust::default(),
        };
        let rate = trust.may_serve(Default::default(), 0);
        Ok(Earned {
            candidates: trust.candidates(),
            bound: trust.bound() as f64 / 1e6,
            audited: rate.map_or(1.0, |rate| RATES[rate] as f64 / 256.0),
        })
    }

    /// Texts that were to be embedded and have no vector.
    pub(super) fn not_embedded(&self) -> u64 {
        self.vectors.as_ref().map_or(0, |vectors| vectors.missing.load(Ordering::Relaxed))
    }
}

/// The real model's vectors, made beforehand.
struct Vectors {
    embedded: Arc<Embedded>,
    missing: AtomicU64,
}

#[async_trait]
impl Embedder for Vectors {
    async fn embed(&self, texts: &[String]) -> engine::error::Result<Vec<Vec<f32>>> {
        let vector = |text: &String| {
            self.embedded.vector(text).map(<[f32]>::to_vec).ok_or_else(|| {
                self.missing.fetch_add(1, Ordering::Relaxed);
                Error::new(ErrorKind::InvalidInput, "this text was not embedded beforehand")
            })
        };
        texts.iter().map(vector).collect()
    }
}
