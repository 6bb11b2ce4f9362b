//! A world: services in memory that outlive processes, and processes that are killed and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine::RunRequest;
use engine::agent::Catalogue;
use engine::memory::virtual_time::{Executor, Stopped};
use engine::memory::{
    MemoryCache, MemoryContent, MemoryDelivery, MemoryMemories, MemoryMetrics, MemoryQueues, MemoryStore,
    SeededRandom, VirtualTime,
};
use engine::model::{Depth, NanoUsd, Outcome, RunKey, Source, StepResult, TenantId};
use engine::ports::{
    Clock, ContentStore as _, Limits, Platform, Ports, Queues, Random, Settings, Tool, Workflow,
};
use engine::recall::{Near, Sealed, SealingKey};
use futures::FutureExt as _;
use local::host::{self, Concurrency};
use local::workflow::LocalWorkflow;

use super::ahead;
use super::faults::{Excuse, Faults, KillPoint, Rates, VISIBILITY_MS};
use super::late_disk::{LateDisk, Sheet};
use super::models::{cheaper, either, model, model_fault};
use super::oracles::{self, Violation};
use super::ports::{Faulty, FromOutside, Log, Trace};
use super::refusing::Refusing;
use super::tally::Figures;
use super::watched::{Watched, rates_of};
use crate::garbage::{Garbage, Spoilt};
use crate::scripted::{Bill, Script, ScriptedModel};

const START_MS: u64 = 1_795_305_600_000;
const MAX_RECEIVE_COUNT: u32 = 8;
/// So long after a process goes on that stood still, what it does has shown.
const STILL_SHOWS_MS: u64 = 60_000;

/// Where the platform runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Queues and workflow are services of their own; a kill takes a worker.
    Cloud,
    /// One process with a journal, that stores its rows late; a kill takes queues and workflow with it, and the next process takes
    /// the run over.
    Laptop,
}

/// What is simulated.
#[derive(Clone)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Where.
    pub place: Place,
    /// How deep.
    pub depth: Depth,
    /// Whether things go wrong at random.
    pub faults: bool,
    /// Where the process dies, once.
    pub kill_at: Option<KillPoint>,
    /// After how many polls the process stands still, and for how many milliseconds. Another one works meanwhile, and goes on
    /// beside it.
    pub stands_still: Option<(u64, u64)>,
    /// How often the limiter refuses this agent, one second each, before it admits it.
    pub refusals: Option<(&'static str, u32)>,
    /// Whether the owner cancels after so many milliseconds.
    pub cancel_after_ms: Option<u64>,
    /// How long a call to the model takes.
    pub latency_ms: u64,
    /// What a tenant may spend in a day.
    pub daily_budget: NanoUsd,
    /// What the run may spend, if less than its depth allows.
    pub run_cap: Option<NanoUsd>,
    /// Whether two models serve every tier, so that one is chosen.
    pub two_models: bool,
    /// Whether one of the run's stored answers is made ahead of a next use.
    pub ahead: bool,
    /// What spoils the model's answers on their way.
    pub garbage: Option<Arc<Garbage>>,
}

impl Plan {
    /// A comprehensive run in the cloud in which nothing goes wrong.
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            place: Place::Cloud,
            depth: Depth::Comprehensive,
            faults: false,
            kill_at: None,
            stands_still: None,
            refusals: None,
            cancel_after_ms: None,
            latency_ms: 50,
            daily_budget: NanoUsd::from_usd(20),
            run_cap: None,
            two_models: false,
            ahead: false,
            garbage: None,
        }
    }

    /// The same, but the process stands still after so many polls until another one is at work on what it had in hand.
    pub fn standstill(polls: u64) -> Self {
        Self { stands_still: Some((polls, 70_000)), latency_ms: 20_000, ..Self::calm(1) }
    }

    /// A run whose depth, place and faults the seed draws.
    pub fn of_seed(seed: u64) -> Self {
        let random = SeededRandom::new(seed);
        let draw = |most: u64| random.next_u64() % most;
        let plan = Self {
            place: if draw(3) == 0 { Place::Laptop } else { Place::Cloud },
            depth: Depth::ALL[usize::try_from(draw(5)).unwrap_or(0)],
            faults: true,
            cancel_after_ms: (draw(10) == 0).then(|| draw(5_000)),
            latency_ms: 50 + draw(2_000),
            daily_budget: if draw(8) == 0 {
                NanoUsd(draw(200_000_000).cast_signed())
            } else {
                NanoUsd::from_usd(20)
            },
            two_models: draw(3) == 0,
            ahead: draw(4) == 0,
            ..Self::calm(seed)
        };
        let stands_still = (plan.place == Place::Cloud && !plan.ahead && draw(3) == 0)
            .then(|| (draw(1_500), 40_000 + draw(60_000)));
        let run_cap = (draw(8) == 0).then(|| NanoUsd(draw(20_000_000).cast_signed()));
        Self { stands_still, run_cap, ..plan }
    }
}

/// What is left when a run has ended.
pub struct Ended {
    /// The run.
    pub run: RunKey,
    /// The rows.
    pub store: Arc<MemoryStore>,
    /// The provider's bill.
    pub bill: Arc<Bill>,
    /// The posts.
    pub delivery: Arc<MemoryDelivery>,
    /// Port calls made.
    pub calls: u64,
    /// Polls made.
    pub polls: u64,
    /// How often a process was killed.
    pub kills: u32,
    /// Messages that died.
    pub dead_letters: usize,
    /// Virtual milliseconds from acceptance to the end of everything.
    pub virtual_ms: u64,
    /// Whether nothing was made to go wrong.
    pub calm: bool,
    /// Where the process was to die.
    pub kill_at: Option<KillPoint>,
    /// Whether nothing was made to go wrong but that the process died once or stood still.
    pub(super) only_lost: bool,
    /// How long the run would take if every step took two calls, one after the other.
    pub(super) calm_ms: u64,
    /// When the faults may have made the run wait.
    pub(super) excuses: Vec<Excuse>,
    /// The processes that stood still, by number.
    pub(super) stood_still: BTreeSet<u32>,
    /// Whether an answer was to be made ahead.
    pub(super) ahead: bool,
    /// The tenant's figures.
    pub figures: Figures,
    /// What should not have happened.
    pub violations: Vec<Violation>,
    pub(super) content: Arc<MemoryContent>,
    pub(super) told: Arc<MemoryMetrics>,
    pub(super) log: Arc<Log>,
    pub(super) limits: Arc<Watched>,
    pub(super) queues: Arc<MemoryQueues>,
    pub(super) workflow: Arc<LocalWorkflow>,
}

/// The services of a world that outlive processes.
struct World {
    plan: Plan,
    time: Arc<VirtualTime>,
    catalogue: Arc<Catalogue>,
    store: Arc<MemoryStore>,
    /// The journal of a laptop.
    journal: Sheet,
    content: Arc<MemoryContent>,
    cache: Arc<MemoryCache>,
    memories: Arc<MemoryMemories>,
    limits: Arc<Watched>,
    delivery: Arc<MemoryDelivery>,
    bill: Arc<Bill>,
    faults: Arc<Faults>,
    log: Arc<Log>,
    /// What all processes told the operator.
    metrics: Arc<MemoryMetrics>,
    accepted: Mutex<Option<RunKey>>,
    /// What was to be made ahead has been looked at.
    looked_ahead: AtomicBool,
}

/// The services that live outside the process in the cloud and inside it on a laptop.
#[derive(Clone)]
struct Services {
    queues: Arc<MemoryQueues>,
    workflow: Arc<LocalWorkflow>,
}

/// Plays a plan to its end and says what was left and what was wrong.
///
/// # Panics
/// If the catalogue or the workflow file cannot be read: then nothing can be simulated.
pub fn simulate(plan: &Plan) -> Ended {
    let time = VirtualTime::new(START_MS);
    let world = Arc::new(World::new(plan.clone(), time.clone()));
    let mut executor = Executor::new(time.clone(), plan.seed ^ 0xA55A);
    let mut services = world.services();
    if plan.place == Place::Cloud {
        let workflow = services.workflow.clone();
        executor.spawn(async move { workflow.run().await });
    }
    let mut begun = 1;
    let mut process = executor.spawn(process(world.clone(), services.clone(), begun));
    let end_ms = START_MS + plan.depth.deadline_ms() + if plan.ahead { 2 } else { 1 } * 3_600_000;
    let random = SeededRandom::new(plan.seed ^ 0x5EED);
    let mut kills = 0;
    let mut dead_letters = 0;
    let mut next_kill = world.next_kill(&random, 0);
    let mut stands_still = plan.stands_still;
    let mut stood_still = BTreeSet::new();
    // Who stands still until when; and when what it does then has shown.
    let mut still: Option<(u64, u64)> = None;
    let mut shown_ms = 0;
    loop {
        let (mut dies, mut stops, mut goes_on) = (false, false, false);
        let stopped = executor.run_until(|executor| {
            dies = world.faults.take_kill() || executor.polls() >= next_kill;
            // A transaction is the store's: it does not stand still with who asked for it.
            stops =
                stands_still.is_some_and(|(polls, _)| executor.polls() >= polls) && world.store.is_quiet();
            goes_on = still.is_some_and(|(_, until_ms)| time.now_ms() >= until_ms);
            let is_done = || still.is_none() && time.now_ms() >= shown_ms && world.is_done(&services);
            dies || stops || goes_on || (executor.polls() % 32 == 0 && (is_done() || time.now_ms() > end_ms))
        });
        if let Some((task, _)) = still.take_if(|_| goes_on) {
            executor.resume(task);
            shown_ms = time.now_ms() + STILL_SHOWS_MS;
            world.faults.excuse(VISIBILITY_MS);
            if !dies {
                continue;
            }
        }
        if stopped != Stopped::Reached || !(dies || stops) {
            break;
        }
        if let Some((_, for_ms)) = stands_still.take_if(|_| stops) {
            executor.suspend(process);
            world.faults.excuse(VISIBILITY_MS);
            still = Some((process, time.now_ms() + for_ms));
            stood_still.insert(begun);
        } else {
            executor.kill(process);
            world.faults.excuse(VISIBILITY_MS);
            kills += 1;
        }
        if plan.place == Place::Laptop {
            dead_letters += services.queues.died();
            services = world.services();
        }
        begun += 1;
        process = executor.spawn(self::process(world.clone(), services.clone(), begun));
        next_kill = world.next_kill(&random, executor.polls());
    }
    dead_letters += services.queues.died();
    // Whoever still holds a lease or a message when all is done lets go of it.
    executor.run_until(|_| time.now_ms() > end_ms + 600_000 || services.queues.is_empty());
    let accepted = world.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let run = accepted.unwrap_or(RunKey { tenant: TenantId::new("-"), run: engine::model::RunId::new("-") });
    let as_it_should = !plan.faults && plan.garbage.is_none() && plan.cancel_after_ms.is_none();
    let is_lost = plan.kill_at.is_some() || plan.stands_still.is_some();
    let mut ended = Ended {
        run,
        store: world.store.clone(),
        bill: world.bill.clone(),
        delivery: world.delivery.clone(),
        calls: world.faults.calls(),
        polls: executor.polls(),
        kills,
        dead_letters,
        virtual_ms: time.now_ms() - START_MS,
        calm: as_it_should && !is_lost,
        kill_at: plan.kill_at,
        only_lost: as_it_should && is_lost,
        calm_ms: plan.latency_ms * 2 * world.catalogue.agents.len() as u64,
        excuses: world.faults.excuses(),
        stood_still,
        ahead: plan.ahead,
        figures: Figures::of(&world.store.all_rows(), &world.catalogue),
        told: world.metrics.clone(),
        violations: Vec::new(),
        content: world.content.clone(),
        log: world.log.clone(),
        limits: world.limits.clone(),
        queues: services.queues.clone(),
        workflow: services.workflow.clone(),
    };
    ended.violations = oracles::check(&ended, &world.catalogue);
    ended
}

/// What one process does: accept or take over the run, then serve until it is killed.
async fn process(world: Arc<World>, services: Services, number: u32) {
    let disk = world.disk().await;
    let ports = world.ports(&services, number, disk.as_ref());
    let storing = async {
        match &disk {
            Some(disk) => disk.store_for_ever().await,
            None => std::future::pending().await,
        }
    };
    let work = work(&world, &services, &ports);
    let (storing, work) = (std::pin::pin!(storing), std::pin::pin!(work));
    futures::future::select(work, storing).await;
}

/// Accepts or takes over the run, then serves.
async fn work(world: &World, services: &Services, ports: &Ports) {
    let tenant = TenantId::new("tenant");
    let request = RunRequest {
        tenant: tenant.clone(),
        workspace: "default".to_owned(),
        source: Source {
            name: "short.vtt".to_owned(),
            media_type: "text/vtt".to_owned(),
            bytes: TRANSCRIPT.len() as u64,
            content: engine::model::ContentRef::new(blake3::hash(TRANSCRIPT.as_bytes()).to_hex().as_str()),
            link: None,
        },
        depth: world.plan.depth,
        use_cache: true,
        idempotency_key: Some("the one request".to_owned()),
        trace: None,
    };
    // A client repeats its request until it is answered.
    let key = loop {
        let accepted = async {
            ports.content.put(&tenant, TRANSCRIPT.as_bytes()).await?;
            engine::start_run(ports, &request).await
        };
        match accepted.await {
            Ok((key, _)) => break key,
            Err(error) if error.is_retryable() => ports.clock.sleep(1_000).await,
            Err(error) => {
                // A request refused for its budget is an answer too.
                world.log.push(Trace::Refused(error.to_string()));
                return;
            }
        }
    };
    *world.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
    if world.plan.place == Place::Laptop {
        while let Err(error) = engine::resume_run(ports, &key).await {
            tracing::debug!(%error, "not taken over yet");
            ports.clock.sleep(1_000).await;
        }
    }
    let cancel = async {
        if let Some(after_ms) = world.plan.cancel_after_ms {
            ports.clock.sleep(after_ms).await;
            while engine::cancel_run(ports, &key).await.is_err() {
                ports.clock.sleep(1_000).await;
            }
        }
    };
    let ahead = async {
        if world.plan.ahead {
            ahead::leave(ports, &key).await;
            world.looked_ahead.store(true, Ordering::SeqCst);
        }
    };
    let workflow = async {
        if world.plan.place == Place::Laptop {
            services.workflow.run().await;
        }
    };
    futures::join!(
        host::serve(ports, &services.queues, Concurrency(8)),
        host::sweep(ports),
        cancel,
        ahead,
        workflow
    );
}

impl World {
    fn new(plan: Plan, time: Arc<VirtualTime>) -> Self {
        let clock: Arc<dyn Clock> = time.clone();
        let random = SeededRandom::new(plan.seed ^ 0xFA17);
        let rates = if plan.faults { Rates::of_seed(&random) } else { Rates::default() };
        Self {
            catalogue: ahead::catalogue(&plan),
            store: Arc::default(),
            journal: Sheet::default(),
            content: Arc::default(),
            cache: Arc::new(MemoryCache::new(clock.clone(), 10_000)),
            memories: Arc::default(),
            limits: Arc::new(Watched::new(clock.clone(), rates_of(&plan, &random))),
            delivery: Arc::default(),
            bill: Arc::default(),
            faults: Arc::new(Faults::new(clock, plan.seed ^ 0xFA07, rates, plan.kill_at)),
            log: Arc::default(),
            metrics: Arc::default(),
            accepted: Mutex::default(),
            looked_ahead: AtomicBool::new(!plan.ahead),
            plan,
            time,
        }
    }

    #[expect(clippy::expect_used, reason = "nothing can be simulated without the workflow file")]
    fn services(&self) -> Services {
        let clock: Arc<dyn Clock> = self.time.clone();
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(self.plan.seed ^ 0x3A1));
        let queues = Arc::new(MemoryQueues::new(clock.clone(), VISIBILITY_MS, MAX_RECEIVE_COUNT));
        let sends = self.faulty::<dyn Queues>(0, queues.clone());
        let sends: Arc<dyn Queues> = match self.plan.place {
            Place::Cloud => Arc::new(FromOutside(sends)),
            Place::Laptop => Arc::new(sends),
        };
        let workflow =
            Arc::new(LocalWorkflow::new(clock, random, sends).expect("the workflow file is valid"));
        Services { queues, workflow }
    }

    fn faulty<T: ?Sized>(&self, process: u32, inner: Arc<T>) -> Faulty<T> {
        Faulty { faults: self.faults.clone(), log: self.log.clone(), process, inner }
    }

    /// The disk as a new process finds it, where it has one of its own.
    #[expect(clippy::expect_used, reason = "no process goes on without its disk")]
    async fn disk(&self) -> Option<LateDisk> {
        if self.plan.place == Place::Cloud {
            return None;
        }
        let random = SeededRandom::new(self.plan.seed ^ self.faults.calls() ^ 0x1A7E);
        let disk = LateDisk::open(self.store.clone(), self.journal.clone(), self.time.clone(), random).await;
        Some(disk.expect("the journal and the store can be read"))
    }

    /// The ports of a new process, on a laptop over its disk.
    fn ports(&self, services: &Services, number: u32, disk: Option<&LateDisk>) -> Ports {
        let clock: Arc<dyn Clock> = self.time.clone();
        let rates = self.faults.rates;
        let seed = self.plan.seed;
        let models = if self.plan.two_models { vec![model(), cheaper()] } else { vec![model()] };
        let script = Script::new(models)
            .with_latency_ms(self.plan.latency_ms)
            .with_faults(move |call| model_fault(seed, rates.model, call));
        let model: Arc<dyn engine::ports::Llm> =
            Arc::new(ScriptedModel::on_bill(script, clock.clone(), self.bill.clone()));
        let model: Arc<dyn engine::ports::Llm> = match &self.plan.garbage {
            Some(garbage) => {
                let (catalogue, bill) = (self.catalogue.clone(), self.bill.clone());
                Arc::new(Spoilt::new(model, garbage.clone(), catalogue, bill, seed))
            }
            None => model,
        };
        let model = if self.plan.two_models { either(model) } else { model };
        let limits: Arc<dyn Limits> = match self.plan.refusals {
            Some((agent, times)) => Arc::new(Refusing::new(agent, times)),
            None => self.limits.clone(),
        };
        let model = Arc::new(self.faulty::<dyn engine::ports::Llm>(number, model));
        let delivery = self.faulty::<dyn engine::ports::Delivery>(number, self.delivery.clone());
        let store: Arc<dyn engine::ports::Store> = match disk {
            Some(disk) => Arc::new(disk.owned()),
            None => self.store.clone(),
        };
        let place = Arc::new(self.faulty::<dyn engine::ports::Cache>(number, self.cache.clone()));
        let nonces = Arc::new(SeededRandom::new(self.plan.seed ^ self.faults.calls() ^ 0x5EA1));
        let sealed = Sealed::new(place, SealingKey::from_text("one key of all processes"), nonces);
        Ports {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(self.plan.seed ^ self.faults.calls())),
            catalogue: self.catalogue.clone(),
            settings: Settings {
                daily_budget: self.plan.daily_budget,
                monthly_budget: None,
                run_cap: self.plan.run_cap,
                waiting_hour: if self.plan.ahead { NanoUsd::from_usd(10_000) } else { NanoUsd::ZERO },
            },
            store: Arc::new(self.faulty(number, store)),
            content: Arc::new(self.faulty::<dyn engine::ports::ContentStore>(number, self.content.clone())),
            queues: Arc::new(self.faulty::<dyn Queues>(number, services.queues.clone())),
            workflow: Arc::new(self.faulty::<dyn Workflow>(number, services.workflow.clone())),
            cache: Arc::new(Near::new(Arc::new(sealed), clock.clone(), 100)),
            limits: Arc::new(self.faulty::<dyn Limits>(number, limits)),
            model: Some(model),
            embedder: None,
            namespaces: Default::default(),
            read_back: Default::default(),
            analysers: Arc::new(analysis::analysers()),
            tools: Arc::new(
                tools::tools()
                    .into_iter()
                    .map(|(name, tool)| (name, Arc::new(self.faulty(number, tool)) as Arc<dyn Tool>))
                    .collect(),
            ),
            platforms: Arc::new(vec![Arc::new(
                self.faulty::<dyn Platform>(number, Arc::new(platforms::Upload)),
            )]),
            memory: Arc::new(self.faulty::<dyn engine::ports::Memory>(number, self.memories.clone())),
            delivery: Arc::new(delivery),
            metrics: self.metrics.clone(),
        }
    }

    /// Delivered, nothing in the outbox, no message left, and all in the store.
    fn is_done(&self, services: &Services) -> bool {
        !self.delivery.posts().is_empty()
            && self.looked_ahead.load(Ordering::SeqCst)
            && self.store.due_rows().iter().all(|(key, _)| oracles::is_forecast(key))
            && services.queues.is_empty()
            && self.journal.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn next_kill(&self, random: &SeededRandom, polls: u64) -> u64 {
        match self.faults.rates.kill_every_polls {
            0 => u64::MAX,
            // Kills become rarer, so that every world comes to an end.
            every => polls + 1 + random.next_u64() % (every + polls),
        }
    }
}

/// A little of everything the agents look for.
const TRANSCRIPT: &str = include_str!("../../data/short.vtt");

/// The number of calls to the model per agent.
pub fn calls_by_agent(ended: &Ended) -> BTreeMap<String, u64> {
    ended.bill.calls_by_agent()
}

impl Ended {
    /// All results, with their data.
    pub fn results(&self) -> Vec<StepResult> {
        let rows = self.store.all_rows();
        let steps = rows.iter().filter_map(|(_, row)| match row {
            engine::ports::Row::Step(step) => Some(step),
            _ => None,
        });
        let ports = self.content.clone();
        steps
            .filter_map(|step| {
                let result = step.result.clone()?;
                let Some(content) = &step.data_ref else { return Some(result) };
                let bytes = ports.get(&step.key.run.tenant, content).now_or_never()?.ok()?;
                let data = serde_json::from_slice(&bytes).ok()?;
                let outcome = match result.outcome {
                    Outcome::Uncertain { reason, .. } => Outcome::Uncertain { reason, data: Some(data) },
                    _ => Outcome::Ok(data),
                };
                Some(StepResult { outcome, ..result })
            })
            .collect()
    }

    /// The run's events, a line each.
    pub fn story(&self) -> Vec<String> {
        let rows = self.store.all_rows();
        rows.iter()
            .filter_map(|(_, row)| match row {
                engine::ports::Row::Event(event) => {
                    Some(format!("{:>9} ms {:?}", event.at_ms.saturating_sub(START_MS), event.kind))
                }
                _ => None,
            })
            .collect()
    }
}
