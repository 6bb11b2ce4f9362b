//! Money under pressure: runs with two hundred calls in flight, callers that are killed, requests that are repeated. At every
//! instant nothing is spent that was not there, and at the end nearly all of it was of use.

mod contention;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use engine::agent::{Catalogue, ModelSpec};
use engine::error::{Error, ErrorKind, Result};
use engine::memory::virtual_time::{Executor, VirtualTime};
use engine::memory::{
    MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
    MemoryStore, SeededRandom,
};
use engine::model::{
    AgentId, CallId, ChargeState, Depth, ItemId, Lease, NanoUsd, RunKey, Source, Step, StepKey, TenantId,
    Token, Usage,
};
use engine::money::{Ask, Decided, Settlement, reserve, settle};
use engine::ports::{
    Becomes, Change, Clock, Expect, Key, Page, Ports, Random as _, Range, Row, Settings, Store, Versioned,
    Workflow,
};
use serde::Serialize;
use serde_json::Value;

pub use contention::Contention;

/// Calls in flight at once in a run.
const IN_FLIGHT: u64 = 200;
/// Runs of one tenant, one after the other; what calls used is learned from one to the next.
const RUNS_OF_A_TENANT: u64 = 20;
const INPUT_TOKENS: u64 = 500;
const MOST_OUTPUT_TOKENS: u64 = 4_000;
/// Calls give two hundredths of what they may, on the median.
const USUAL_OUTPUT_TOKENS: u64 = MOST_OUTPUT_TOKENS / 50;
const CAP: NanoUsd = NanoUsd::from_milli_usd(150);
/// So often a caller waits for money that may come back.
const MOST_WAITS: u32 = 10;
const AGENT: &str = "verification_director";

/// What was seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Calls that were made and billed.
    pub calls: u64,
    /// Runs.
    pub runs: u64,
    /// Callers killed with a call under way.
    pub kills: u64,
    /// Reservations and settlements made twice.
    pub repeats: u64,
    /// The most that was ever spent beyond what a run, its tenant's day or its month allowed, in nano-dollars, over all instants.
    pub overspend_nano_usd: i64,
    /// Instants looked at: every write of every row of money.
    pub instants: u64,
    /// The least part of its cap a run's calls made use of, by the provider's bill, once twenty calls of a run before it are known.
    pub utilisation_worst: f64,
    /// The mean of that part.
    pub utilisation_mean: f64,
    /// The mean in tenants' first runs, of which nothing is known: their calls are covered whole.
    pub utilisation_first_runs: f64,
    /// Sums that differ: the ledger's from the run's, the run's from its tenant's, settled rows from the bill.
    pub sums_that_differ: u64,
    /// What two runs of one tenant met with, their slices drawn.
    pub between_runs: Contention,
    /// What two callers in one run met with, who share its purse.
    pub within_a_run: Contention,
    /// Worst-case bookings of killed callers over what the provider billed for them, in nano-dollars.
    pub unsettled_beyond_bill_nano_usd: i64,
}

/// Plays runs until so many calls were made.
pub fn play(calls: u64, seed: u64) -> std::result::Result<Figures, String> {
    let catalogue = Arc::new(boot::load_catalogue().map_err(|error| error.to_string())?);
    let mut figures = Figures { utilisation_worst: 1.0, ..Figures::default() };
    let (mut learned, mut first) = (Vec::new(), Vec::new());
    let mut tenant = 0;
    while figures.calls < calls {
        let house = House::new(catalogue.clone(), seed ^ (tenant << 20));
        for number in 0..RUNS_OF_A_TENANT {
            let used = house.play_run(&mut figures, seed ^ (tenant * RUNS_OF_A_TENANT + number))?;
            if number == 0 {
                first.push(used)
            } else {
                learned.push(used)
            }
            figures.runs += 1;
            if figures.calls >= calls {
                break;
            }
        }
        figures.overspend_nano_usd =
            figures.overspend_nano_usd.max(house.watched.over.load(Ordering::Relaxed));
        figures.instants += house.watched.instants.load(Ordering::Relaxed);
        tenant += 1;
    }
    let mean = |parts: &[f64]| parts.iter().sum::<f64>() / parts.len().max(1) as f64;
    figures.utilisation_worst = learned.iter().copied().fold(1.0, f64::min);
    figures.utilisation_mean = mean(&learned);
    figures.utilisation_first_runs = mean(&first);
    figures.between_runs = contention::between(2, true, seed)?;
    figures.within_a_run = contention::between(1, true, seed)?;
    Ok(figures)
}

struct House {
    ports: Ports,
    time: Arc<VirtualTime>,
    watched: Arc<Watched>,
    model: ModelSpec,
}

/// What the provider and the callers know of a run.
#[derive(Default)]
struct Bill {
    of_settled: AtomicI64,
    of_killed: AtomicI64,
    calls: AtomicU64,
    repeats: AtomicU64,
}

impl House {
    fn new(catalogue: Arc<Catalogue>, seed: u64) -> Self {
        let time = VirtualTime::new(1_795_305_600_000);
        let clock: Arc<dyn Clock> = time.clone();
        let watched = Arc::new(Watched::default());
        let model = ModelSpec::clone(&crate::sim::model());
        let ports = Ports {
            random: Arc::new(SeededRandom::new(seed)),
            catalogue,
            settings: Settings {
                daily_budget: NanoUsd::from_usd(1_000),
                monthly_budget: Some(NanoUsd::from_usd(2_000)),
                run_cap: Some(CAP),
                waiting_hour: NanoUsd::ZERO,
            },
            store: watched.clone(),
            content: Arc::new(MemoryContent::default()),
            queues: Arc::new(MemoryQueues::new(clock.clone(), 60_000, 5)),
            workflow: Arc::new(NoWorkflow),
            cache: Arc::new(MemoryCache::new(clock.clone(), 1)),
            limits: Arc::new(MemoryLimits::new(clock.clone(), 1, 1)),
            model: None,
            embedder: None,
            namespaces: Default::default(),
            read_back: Default::default(),
            analysers: Arc::default(),
            tools: Arc::default(),
            platforms: Arc::default(),
            memory: Arc::new(MemoryMemories::default()),
            delivery: Arc::new(MemoryDelivery::default()),
            metrics: Arc::new(MemoryMetrics::default()),
            clock,
        };
        Self { ports, time, watched, model }
    }

    /// One run to its end; the part of its cap that was of use.
    fn play_run(&self, figures: &mut Figures, seed: u64) -> std::result::Result<f64, String> {
        let random = Arc::new(SeededRandom::new(seed));
        let bill = Arc::new(Bill::default());
        let mut executor = Executor::new(self.time.clone(), seed);
        let run = executor
            .block_on(start(self.ports.clone()))
            .ok_or("the run was not accepted in time")?
            .map_err(|error| error.to_string())?;
        let mut callers = Vec::new();
        let mut items = 0;
        let mut next_kill = 2_000;
        for _ in 0..IN_FLIGHT {
            callers.push(self.spawn(&mut executor, &run, &random, &bill, &mut items));
        }
        // Every so often a caller is killed where it stands, and another takes its place with a step of its own.
        loop {
            let stopped = executor.run_until(|executor| executor.polls() >= next_kill);
            if stopped != engine::memory::virtual_time::Stopped::Reached {
                break;
            }
            next_kill += 20_000 + random.next_u64() % 20_000;
            let at = usize::try_from(random.next_u64()).unwrap_or_default() % callers.len();
            if executor.kill(callers[at]) {
                figures.kills += 1;
                callers[at] = self.spawn(&mut executor, &run, &random, &bill, &mut items);
            }
        }
        let ports = self.ports.clone();
        let (ended, key) = (run.clone(), run.clone());
        executor
            .block_on(async move { engine::finish_run(&ports, &ended, None).await })
            .ok_or("the run did not end")?
            .map_err(|error| error.to_string())?;
        self.audit(&key, &bill, figures)?;
        let billed = bill.of_settled.load(Ordering::Relaxed) + bill.of_killed.load(Ordering::Relaxed);
        figures.calls += bill.calls.load(Ordering::Relaxed);
        figures.repeats += bill.repeats.load(Ordering::Relaxed);
        Ok(billed as f64 / CAP.0 as f64)
    }

    fn spawn(
        &self,
        executor: &mut Executor<'_>,
        run: &RunKey,
        random: &Arc<SeededRandom>,
        bill: &Arc<Bill>,
        items: &mut u64,
    ) -> u64 {
        *items += 1;
        let step = run.step(&AgentId::new(AGENT), &ItemId::new(format!("c{items}")));
        let (ports, model, random, bill) =
            (self.ports.clone(), self.model.clone(), random.clone(), bill.clone());
        executor.spawn(async move {
            // A caller ends when no money is left for it.
            let _ = call_until_refused(&ports, &model, &step, &random, &bill).await;
        })
    }

    /// The sums of a run that has ended, against each other and against the bill.
    fn audit(&self, run: &RunKey, bill: &Bill, figures: &mut Figures) -> std::result::Result<(), String> {
        let (mut settled, mut unsettled, mut reserved) = (0, 0, 0);
        let (mut of_run, mut of_ended, mut windows) = (0, 0, Vec::new());
        for (key, row) in self.watched.rows.all_rows() {
            match row {
                Row::Charge(charge) if charge.call.step.run == *run => match charge.state {
                    ChargeState::Settled => settled += charge.cost.0,
                    ChargeState::Unsettled => unsettled += charge.cost.0,
                    ChargeState::Reserved => reserved += charge.worst_case.0,
                    ChargeState::Void => {}
                },
                Row::Run(row) => {
                    of_ended += row.cost.0;
                    if row.key == *run {
                        of_run = row.cost.0;
                    }
                }
                Row::Budget(budget) => windows.push((key, budget)),
                _ => {}
            }
        }
        let of_settled = bill.of_settled.load(Ordering::Relaxed);
        let of_killed = bill.of_killed.load(Ordering::Relaxed);
        let mut holds = |what: bool| figures.sums_that_differ += u64::from(!what);
        holds(settled == of_settled);
        holds(reserved == 0);
        holds(unsettled >= of_killed);
        holds(of_run == settled + unsettled);
        holds(windows.len() == 2);
        for (_, budget) in &windows {
            holds(budget.spent.0 == of_ended && budget.allotted == NanoUsd::ZERO);
        }
        figures.unsettled_beyond_bill_nano_usd += unsettled - of_killed;
        Ok(())
    }
}

async fn start(ports: Ports) -> Result<RunKey> {
    let tenant = TenantId::new("t");
    let content = ports.content.put(&tenant, b"content").await?;
    let source =
        Source { name: "a.txt".into(), media_type: "text/plain".into(), bytes: 7, content, link: None };
    let request = engine::RunRequest {
        tenant,
        workspace: "w".into(),
        source,
        depth: Depth::Comprehensive,
        use_cache: true,
        idempotency_key: None,
        trace: None,
    };
    Ok(engine::start_run(&ports, &request).await?.0)
}

/// Calls again and again under one lease until the money is gone for good.
async fn call_until_refused(
    ports: &Ports,
    model: &ModelSpec,
    step: &StepKey,
    random: &SeededRandom,
    bill: &Bill,
) -> Result<()> {
    let leased = Step {
        key: step.clone(),
        attempt: 1,
        refusals: 0,
        hop: 0,
        epoch: 1,
        lease: Some(Lease { epoch: 1, owner: 1, until_ms: u64::MAX }),
        token: Some(Token::new("t")),
        result: None,
        data_ref: None,
        first_claimed_ms: ports.clock.now_ms(),
    };
    let change = Change {
        key: Key::Step(step.clone()),
        expect: Expect::Absent,
        to: Becomes::Row(Row::Step(Arc::new(leased))),
        due_ms: None,
    };
    ports.store.write(&[change]).await?;
    let run = engine::load_run(ports, &step.run)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "the run is gone"))?;
    for number in 1.. {
        let call = CallId { step: step.clone(), epoch: 1, call: number };
        let ask = Ask {
            call: &call,
            model,
            input_tokens: INPUT_TOKENS,
            output_tokens: MOST_OUTPUT_TOKENS,
            step_left: NanoUsd::from_usd(1_000),
            step_spent: NanoUsd::ZERO,
            whole: false,
            is_cheapest: true,
            has_alternative: false,
            may_give_way: false,
        };
        let mut waits = 0;
        let grant = loop {
            match reserve(ports, &run, &ask).await {
                Ok(Decided::Granted(grant)) => break grant,
                Ok(Decided::CheapestOnly(_) | Decided::OpenUntil(_) | Decided::Unproven) => return Ok(()),
                // What a killed caller had set aside is booked when the run ends; nobody waits for that here.
                Err(error) => match error.retry_after_ms().filter(|_| waits < MOST_WAITS) {
                    Some(after_ms) => {
                        waits += 1;
                        ports.clock.sleep(after_ms).await;
                    }
                    None => return Err(error),
                },
            }
        };
        if random.next_u64().is_multiple_of(20) {
            bill.repeats.fetch_add(1, Ordering::Relaxed);
            reserve(ports, &run, &ask).await?;
        }
        let wanted = USUAL_OUTPUT_TOKENS / 2 + random.next_u64() % USUAL_OUTPUT_TOKENS;
        let usage = Usage {
            input_tokens: INPUT_TOKENS,
            output_tokens: wanted.min(grant.output_tokens),
            ..Usage::default()
        };
        let cost = grant.price.cost(&usage);
        // From here on the provider bills it, whatever becomes of the caller.
        bill.calls.fetch_add(1, Ordering::Relaxed);
        let mut billed = Billed { bill, cost, is_settled: false };
        ports.clock.sleep(500 + random.next_u64() % 2_000).await;
        settle(ports, &run, &call, Settlement::Used(usage, cost)).await?;
        billed.is_settled = true;
        drop(billed);
        if random.next_u64().is_multiple_of(20) {
            bill.repeats.fetch_add(1, Ordering::Relaxed);
            settle(ports, &run, &call, Settlement::Used(usage, cost)).await?;
        }
    }
    Ok(())
}

/// A call the provider bills; where its caller ends decides under which heading.
struct Billed<'a> {
    bill: &'a Bill,
    cost: NanoUsd,
    is_settled: bool,
}

impl Drop for Billed<'_> {
    fn drop(&mut self) {
        let of = if self.is_settled { &self.bill.of_settled } else { &self.bill.of_killed };
        of.fetch_add(self.cost.0, Ordering::Relaxed);
    }
}

/// A store that looks at every row of money as it is written.
#[derive(Default)]
struct Watched {
    rows: MemoryStore,
    over: AtomicI64,
    instants: AtomicU64,
}

impl Watched {
    fn look(&self, change: &Change) {
        let over = match &change.to {
            Becomes::Row(Row::Purse(purse)) => {
                let uses = purse.spent + purse.reserved;
                (uses - purse.cap)
                    .0
                    .max((purse.drawn - purse.cap).0)
                    .max((uses + purse.available - purse.drawn).0)
            }
            Becomes::Row(Row::Budget(budget)) => -budget.left().0.min(0),
            _ => return,
        };
        self.instants.fetch_add(1, Ordering::Relaxed);
        self.over.fetch_max(over, Ordering::Relaxed);
    }
}

#[async_trait]
impl Store for Watched {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.rows.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.rows.write(changes).await?;
        changes.iter().for_each(|change| self.look(change));
        Ok(())
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.rows.list(range, from, limit).await
    }
}

/// A workflow that nobody asks anything of.
struct NoWorkflow;

#[async_trait]
impl Workflow for NoWorkflow {
    async fn start(&self, _: &RunKey, _: Value) -> Result<()> {
        Ok(())
    }

    async fn succeed(&self, _: &Token, _: Value) -> Result<()> {
        Ok(())
    }

    async fn fail(&self, _: &Token, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    async fn stop(&self, _: &RunKey, _: &str) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overspent_and_nearly_all_of_it_is_of_use() {
        let figures = play(3_000, 7).unwrap();
        assert!(figures.kills > 0 && figures.repeats > 0 && figures.runs >= 2, "{figures:?}");
        assert_eq!((figures.overspend_nano_usd, figures.sums_that_differ), (0, 0), "{figures:?}");
        assert!(figures.utilisation_worst >= 0.95, "{figures:?}");
    }
}
