//! A site: services, functions, clients, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::agent::{Catalogue, ModelSpec};
use engine::error::{Error, ErrorKind, Result};
use engine::limits::Rates;
use engine::memory::virtual_time::Executor;
use engine::memory::{MemoryContent, MemoryDelivery, MemoryQueues, MemoryStore, SeededRandom, VirtualTime};
use engine::model::{NanoUsd, Price, RunKey};
use engine::ports::{
    Analyser, Clock, ContentStore, Delivery, Llm, Message, Ports, Queue, Queues, Random, Settings, Store,
    Tool, Workflow,
};
use engine::step_input::{Analysis, StepInput};
use lab::scripted::{Fault, Script, ScriptedModel};
use lambda::Emf;
use local::workflow::{LocalWorkflow, WorkflowPorts, machine};
use serde_json::Value;
use store::lite::{LiteCache, LiteLimits, LiteMemory};

use super::cause::{Cause, Causes};
use super::clients::Traffic;
use super::deployed::{Deployed, Function};
use super::gates::Gate;
use crate::figures::{Figures, Metric};

/// A Monday at midnight (UTC).
pub const START_MS: u64 = 1_795_392_000_000;
const MINUTE_MS: u64 = 60_000;
/// After so long without a message a queue writes no figures.
const ACTIVE_MS: u64 = 6 * 3_600_000;
/// The clock calls for the first time after this.
const CALLED_MS: u64 = 12_000;
/// What talks are made of.
pub(super) const TRANSCRIPT: &str = include_str!("../../../lab/data/short.vtt");

/// Which profile is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// No network and no Redis.
    Lite,
    /// Both.
    Full,
}

/// What is played.
#[derive(Clone)]
pub struct Plan {
    /// Decides what is left to chance.
    pub seed: u64,
    /// Which profile.
    pub profile: Profile,
    /// When it begins, in milliseconds.
    pub start_ms: u64,
    /// How long.
    pub minutes: u64,
    /// Who uses it.
    pub traffic: Traffic,
    /// What is wrong from which second to which.
    pub causes: Vec<(Cause, u64, u64)>,
    /// How often in ten thousand a call to the model fails by itself, once.
    pub model_faults: u64,
    /// How many times a usual model the model costs.
    pub dear: i64,
    /// What a tenant may spend a day, in dollars.
    pub daily_budget_usd: i64,
}

/// What was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// All that CloudWatch was told.
    pub figures: Figures,
    /// When it began.
    pub start_ms: u64,
    /// When it ended.
    pub end_ms: u64,
    /// How many runs were delivered.
    pub delivered: usize,
}

/// What all sites share.
pub struct Common {
    pub(super) deployed: Deployed,
    catalogue: Arc<Catalogue>,
    analysers: Arc<BTreeMap<&'static str, Arc<dyn Analyser>>>,
    tools: Arc<BTreeMap<&'static str, Arc<dyn Tool>>>,
}

impl Common {
    /// Reads the catalogue; the templates have been read.
    ///
    /// # Errors
    /// As [`boot::load_catalogue`].
    pub fn new(deployed: Deployed) -> Result<Arc<Self>> {
        let catalogue = Arc::new(boot::load_catalogue()?);
        let (analysers, tools) = (Arc::new(analysis::analysers()), Arc::new(tools::tools()));
        Ok(Arc::new(Self { deployed, catalogue, analysers, tools }))
    }
}

pub(crate) struct Site {
    pub(super) profile: Profile,
    pub(super) time: Arc<VirtualTime>,
    pub(super) causes: Arc<Causes>,
    pub(super) queues: Arc<MemoryQueues>,
    dead: Arc<MemoryQueues>,
    daily_budget: NanoUsd,
    store: Arc<MemoryStore>,
    content: Arc<MemoryContent>,
    delivery: Arc<MemoryDelivery>,
    workflow: Arc<LocalWorkflow>,
    model: Arc<dyn Llm>,
    pub(super) common: Arc<Common>,
    random: Arc<SeededRandom>,
    turn: Arc<AtomicU64>,
    figures: Arc<Mutex<Figures>>,
    parked: Arc<AtomicU64>,
}

/// Plays a plan.
///
/// # Errors
/// If the catalogue or the workflow file cannot be read.
pub fn play(plan: &Plan, common: &Arc<Common>) -> Result<Played> {
    let time = VirtualTime::new(plan.start_ms);
    let site = Site::new(plan, common, time.clone())?;
    let mut executor = Executor::new(time.clone(), plan.seed);
    executor.spawn(site.workflow.run());
    let consumers = [
        ("start", Queue::Runs),
        ("agent-light", Queue::Agents(engine::agent::Profile::Light)),
        ("agent-tools", Queue::Agents(engine::agent::Profile::Tools)),
        ("agent-semantic", Queue::Agents(engine::agent::Profile::Semantic)),
        ("deliver", Queue::Deliveries),
    ];
    for (name, queue) in consumers {
        executor.spawn(site.consume(name, queue, &site.queues));
    }
    executor.spawn(site.consume("dead-letter", Queue::Runs, &site.dead));
    executor.spawn(site.schedule("sweep", CALLED_MS));
    executor.spawn(site.schedule("health", CALLED_MS));
    executor.spawn(site.sample_queues());
    executor.spawn(site.serve_clients(&plan.traffic));
    executor.spawn(site.strangers());
    let end_ms = plan.start_ms + plan.minutes * MINUTE_MS;
    executor.run_until(|_| time.now_ms() >= end_ms);
    drop(executor);
    let figures = lock(&site.figures).clone();
    let delivered = site.delivery.posts().len();
    Ok(Played { figures, start_ms: plan.start_ms, end_ms, delivered })
}

impl Site {
    fn new(plan: &Plan, common: &Arc<Common>, time: Arc<VirtualTime>) -> Result<Self> {
        let clock: Arc<dyn Clock> = time.clone();
        let at = |second: u64| plan.start_ms + second * 1_000;
        let windows = plan.causes.iter().map(|(cause, from, to)| (*cause, at(*from), at(*to))).collect();
        let causes = Arc::new(Causes { clock: clock.clone(), windows });
        let most = common.deployed.most_receives;
        let queues = Arc::new(MemoryQueues::new(clock.clone(), MINUTE_MS, most));
        let dead = Arc::new(MemoryQueues::new(clock.clone(), MINUTE_MS, u32::MAX));
        let random = Arc::new(SeededRandom::new(plan.seed ^ 0x517E));
        let (figures, parked) = (Arc::new(Mutex::new(Figures::default())), Arc::new(AtomicU64::new(0)));
        let sends = Arc::new(Tasks {
            causes: causes.clone(),
            queues: queues.clone(),
            figures: figures.clone(),
            parked: parked.clone(),
            told: Mutex::default(),
        });
        let file = machine(local::workflow::CONTENT_INTELLIGENCE).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the workflow file cannot be walked").because(error)
        })?;
        let ports = WorkflowPorts {
            queues: sends,
            clock: clock.clone(),
            random: random.clone(),
            observer: Arc::new(()),
        };
        Ok(Self {
            profile: plan.profile,
            causes: causes.clone(),
            queues,
            dead,
            daily_budget: NanoUsd::from_usd(plan.daily_budget_usd),
            store: Arc::default(),
            content: Arc::default(),
            delivery: Arc::default(),
            workflow: Arc::new(LocalWorkflow::walking(file, ports)),
            model: model(plan, causes, clock),
            common: common.clone(),
            random,
            turn: Arc::default(),
            figures,
            parked,
            time,
        })
    }

    pub(super) fn function(&self, name: &str) -> Function {
        self.common.deployed.functions.get(name).cloned().unwrap_or(Function {
            timeout_ms: 1_000,
            concurrency: 0,
            every_ms: u64::MAX / 4,
            event_age_ms: 0,
            failures: None,
        })
    }

    pub(super) fn full_name(&self, name: &str) -> String {
        format!("{}-{name}", self.common.deployed.stack)
    }

    /// How long the queue of a function hides a message that was received.
    pub(super) fn visibility_ms(&self, name: &str) -> u64 {
        let id = match name {
            "start" => "RunsQueue",
            "agent-light" => "AgentLightQueue",
            "agent-tools" => "AgentToolsQueue",
            "agent-semantic" => "AgentSemanticQueue",
            "deliver" => "DeliveriesQueue",
            _ => "DeadLetters",
        };
        self.common.deployed.visibility_ms.get(id).copied().unwrap_or(MINUTE_MS)
    }

    pub(super) fn draw(&self) -> u64 {
        self.random.next_u64()
    }

    pub(super) fn record(&self, metric: Metric, value: f64) {
        lock(&self.figures).record(metric, self.time.now_ms(), value);
    }

    pub(super) fn record_line(&self, line: &Value) {
        if let Err(error) = lock(&self.figures).record_line(line) {
            tracing::error!(error, "a line of a log was not understood");
        }
    }

    pub(super) fn park(&self) {
        self.parked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// The ports of an invocation, as `shared/lambda/src/platform.rs` puts them together.
    pub(super) fn ports(&self, function: &'static str, metrics: Arc<Emf>) -> Ports {
        let clock: Arc<dyn Clock> = self.time.clone();
        let store: Arc<dyn Store> = Arc::new(self.gate::<dyn Store>(function, self.store.clone()));
        let limits = Rates::requests_per_minute(600, 600);
        Ports {
            random: self.random.clone(),
            catalogue: self.common.catalogue.clone(),
            settings: Settings {
                daily_budget: self.daily_budget,
                monthly_budget: None,
                run_cap: None,
                waiting_hour: NanoUsd::ZERO,
            },
            content: Arc::new(self.gate::<dyn ContentStore>(function, self.content.clone())),
            queues: Arc::new(self.gate::<dyn Queues>(function, self.queues.clone())),
            workflow: Arc::new(self.gate::<dyn Workflow>(function, self.workflow.clone())),
            cache: Arc::new(LiteCache::new(store.clone(), clock.clone())),
            namespaces: Arc::default(),
            read_back: Arc::default(),
            limits: match limits {
                Ok(rates) => Arc::new(LiteLimits::new(store.clone(), clock.clone(), rates)),
                Err(_) => Arc::new(engine::memory::MemoryLimits::new(clock.clone(), 600, 600)),
            },
            model: Some(Arc::new(self.gate::<dyn Llm>(function, self.model.clone()))),
            embedder: None,
            analysers: self.analysers(),
            tools: self.common.tools.clone(),
            platforms: Arc::new(vec![Arc::new(platforms::Upload)]),
            memory: Arc::new(LiteMemory::new(store.clone())),
            delivery: Arc::new(self.gate::<dyn Delivery>(function, self.delivery.clone())),
            metrics,
            store,
            clock,
        }
    }

    fn analysers(&self) -> Arc<BTreeMap<&'static str, Arc<dyn Analyser>>> {
        let broken = |name: &&&'static str| self.causes.are(Cause::AnalyserBroken(name));
        let Some(name) = self.common.analysers.keys().find(broken) else {
            return self.common.analysers.clone();
        };
        let mut analysers = (*self.common.analysers).clone();
        analysers.insert(name, Arc::new(Broken));
        Arc::new(analysers)
    }

    fn gate<T: ?Sized>(&self, function: &'static str, inner: Arc<T>) -> Gate<T> {
        Gate { causes: self.causes.clone(), function, turn: self.turn.clone(), inner }
    }

    /// Messages that were received too often go to the dead letters.
    pub(super) async fn collect_dead(&self) {
        for (_, message) in self.queues.take_dead() {
            // A queue in memory takes every message.
            let _ = self.dead.send(Queue::Runs, &message, 0).await;
        }
    }

    /// Once a minute, how deep the queues are that should be empty.
    async fn sample_queues(&self) {
        let (mut dead_ms, mut parked_ms) = (None, None);
        loop {
            let now = self.time.now_ms();
            self.time.sleep(MINUTE_MS - now % MINUTE_MS - 1).await;
            let now = self.time.now_ms();
            let waiting = self.dead.len() as f64;
            let hidden = self.dead.next_visible_ms(Queue::Runs).is_none_or(|at| at > now);
            if waiting > 0.0 {
                dead_ms = Some(now);
            }
            if dead_ms.is_some_and(|at| now - at < ACTIVE_MS) {
                let (visible, invisible) = if hidden { (0.0, waiting) } else { (waiting, 0.0) };
                self.record(self.depth("Visible", "dead-letters"), visible);
                self.record(self.depth("NotVisible", "dead-letters"), invisible);
            }
            let parked = self.parked.load(std::sync::atomic::Ordering::Relaxed) as f64;
            if parked > 0.0 {
                parked_ms = Some(now);
            }
            if parked_ms.is_some_and(|at| now - at < ACTIVE_MS) {
                self.record(self.depth("Visible", "parked"), parked);
            }
            self.time.sleep(1).await;
        }
    }

    fn depth(&self, which: &str, queue: &str) -> Metric {
        let name = format!("ApproximateNumberOfMessages{which}");
        Metric::new("AWS/SQS", &name, Some(("QueueName", &self.full_name(queue))))
    }
}

/// An analyser of a release that should not have been made.
struct Broken;

impl Analyser for Broken {
    fn analyse(&self, _: &StepInput) -> Analysis {
        Analysis::Fail(Error::new(ErrorKind::Internal, "simulated: the analyser is broken"))
    }
}

/// Where the workflow sends: the agents' queues, and through the rule on executions' ends the deliveries.
struct Tasks {
    causes: Arc<Causes>,
    queues: Arc<MemoryQueues>,
    figures: Arc<Mutex<Figures>>,
    parked: Arc<AtomicU64>,
    told: Mutex<BTreeSet<RunKey>>,
}

#[async_trait]
impl Queues for Tasks {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        if let Message::Finish { run, cause: Some(status) } = message {
            let name = match status.as_str() {
                "FAILED" => "ExecutionsFailed",
                "TIMED_OUT" => "ExecutionsTimedOut",
                _ => "ExecutionsAborted",
            };
            if lock(&self.told).insert(run.clone()) {
                let metric = Metric::new("AWS/States", name, Some(("StateMachineArn", super::MACHINE)));
                lock(&self.figures).record(metric, self.causes.clock.now_ms(), 1.0);
            }
            if self.causes.are(Cause::RuleDenied) {
                self.parked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                return Ok(());
            }
        } else if self.causes.are(Cause::TaskDenied(queue)) || self.causes.are(Cause::QueueGone(queue)) {
            return Err(Error::new(ErrorKind::Storage, "simulated: the workflow may not send there"));
        }
        self.queues.send(queue, message, delay_ms).await
    }
}

/// The scripted model with a price, slow and wrong as the causes say.
fn model(plan: &Plan, causes: Arc<Causes>, clock: Arc<dyn Clock>) -> Arc<dyn Llm> {
    let mut spec = ModelSpec::clone(&lab::sim::model());
    if let Some(Price { base, .. }) = &mut spec.price {
        for price in [&mut base.input, &mut base.cached_input, &mut base.cache_write, &mut base.output] {
            *price *= plan.dear;
        }
    }
    let (seed, faults) = (plan.seed, plan.model_faults);
    let slow = causes.clone();
    let script = Script::new(vec![Arc::new(spec)])
        .with_latency(move |call| {
            if slow.are(Cause::ModelSlow) {
                return 100_000;
            }
            let random = SeededRandom::new(seed ^ call.number.wrapping_mul(0x9E37_79B9));
            2_000 + random.next_u64() % 8_000 + if random.next_u64().is_multiple_of(50) { 20_000 } else { 0 }
        })
        .with_faults(move |call| {
            let random = SeededRandom::new(seed ^ call.number.wrapping_mul(0x51_7CC1));
            match () {
                () if causes.are(Cause::ModelDown) => Some(Fault::Unavailable),
                () if causes.are(Cause::CreditSpent) => Some(Fault::Quota),
                () if causes.are(Cause::ModelSilent) => Some(Fault::Timeout),
                () if causes.are(Cause::ModelBabbles) => Some(Fault::WrongSchema),
                () if random.next_u64() % 10_000 < faults => Some(Fault::Unavailable),
                () => None,
            }
        });
    Arc::new(ScriptedModel::new(script, clock))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
