//! The truth matrix: each port is broken four ways, and exactly the checks that stand on it must see it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::error::Result;
use engine::health::{MOST_MS, Reading, Status, history, probe};
use engine::memory::virtual_time::Executor;
use engine::memory::{Broken, Fault, SeededRandom, VirtualTime};
use engine::ports::{
    Becomes, Change, Clock as _, Key, Page, Ports, Random as _, Range, Row, Store, Versioned,
};

use crate::healthy::{House, Profile};

/// A house on virtual time.
fn house(profile: Profile) -> (House, Arc<VirtualTime>) {
    let time = VirtualTime::new(1_795_305_600_000);
    (House::on(profile, time.clone()).unwrap(), time)
}

/// What can be broken. A store carries several components, so it is broken in parts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Store,
    Counters,
    Steps,
    Money,
    Content,
    Metrics,
    Limits,
    Cache,
    Model,
    Embedder,
    Memory,
    Queues,
    Workflow,
    Tools,
}

const PARTS: [Part; 14] = [
    Part::Store,
    Part::Counters,
    Part::Steps,
    Part::Money,
    Part::Content,
    Part::Metrics,
    Part::Limits,
    Part::Cache,
    Part::Model,
    Part::Embedder,
    Part::Memory,
    Part::Queues,
    Part::Workflow,
    Part::Tools,
];

/// Longer than any check has.
const SLOW: Fault = Fault::Slow(10_000);
/// What an answer takes at most of a service that is well.
const SLOWEST_WELL_MS: u64 = 15;
const FAULTS: [Fault; 4] = [Fault::Down, SLOW, Fault::Wrong, Fault::ReadOnly];

/// The checks that must see it.
fn expected(profile: Profile, part: Part, fault: Fault) -> BTreeSet<&'static str> {
    let seen: &[&str] = match (part, fault) {
        // Nothing is written through these, so whoever only reads is well.
        (Part::Model | Part::Embedder | Part::Tools, Fault::ReadOnly) => &[],
        // Measurements wait for nobody.
        (Part::Metrics, Fault::Slow(_)) => &[],
        (Part::Store, _) if profile == Profile::Lite => &[
            "step_result",
            "monitoring",
            "performance_validator",
            "cost_optimizer",
            "distributed_rate_limiter",
            "advanced_cache",
            "vector_database",
        ],
        (Part::Store, _) => &["step_result", "monitoring", "performance_validator", "cost_optimizer"],
        (Part::Counters, _) => &["monitoring", "performance_validator"],
        // A call is reserved for a step that is held by its caller.
        (Part::Steps, _) => &["step_result", "cost_optimizer"],
        (Part::Money, _) => &["cost_optimizer"],
        (Part::Content, _) => &["step_result"],
        (Part::Metrics, _) => &["monitoring"],
        (Part::Limits, _) => &["distributed_rate_limiter"],
        (Part::Cache, _) => &["advanced_cache"],
        (Part::Model, _) => &["llm_router"],
        (Part::Embedder | Part::Memory, _) => &["vector_database"],
        (Part::Queues | Part::Workflow, _) => &["agent_coordination"],
        (Part::Tools, _) => &["mcp_tools"],
    };
    seen.iter().copied().collect()
}

/// The house's ports with one part of them broken.
fn broken(house: &House, part: Part, fault: Fault) -> Ports {
    let mut ports = house.ports.clone();
    break_part(house, &mut ports, part, fault);
    ports
}

/// Breaks one part of a house's `ports`; a store before what stands on it.
fn break_part(house: &House, ports: &mut Ports, part: Part, fault: Fault) {
    fn broken<P: ?Sized>(port: &Arc<P>, house: &House, fault: Fault) -> Arc<Broken<P>> {
        Arc::new(Broken::new(port.clone(), house.ports.clock.clone(), fault))
    }
    let rows = |concerns: fn(&Key) -> bool| -> Arc<dyn Store> {
        let store: Arc<dyn Store> = house.ports.store.clone();
        Arc::new(Broken::new(store, house.ports.clock.clone(), fault).only(concerns))
    };
    match part {
        // What stands on rows stands on the broken ones.
        Part::Store => *ports = house.over(rows(|_| true)).unwrap(),
        Part::Counters => ports.store = rows(|key| matches!(key, Key::Counters(..))),
        Part::Steps => ports.store = rows(|key| matches!(key, Key::Step(_))),
        Part::Money => {
            ports.store = rows(|key| matches!(key, Key::Purse(_) | Key::Charge(_) | Key::Budget(..)))
        }
        Part::Content => ports.content = broken(&ports.content, house, fault),
        Part::Metrics => ports.metrics = broken(&ports.metrics, house, fault),
        Part::Limits => ports.limits = broken(&ports.limits, house, fault),
        Part::Cache => ports.cache = broken(&ports.cache, house, fault),
        Part::Model => {
            ports.model = ports.model.as_ref().map(|model| broken(model, house, fault) as _);
        }
        Part::Embedder => {
            ports.embedder = ports.embedder.as_ref().map(|embedder| broken(embedder, house, fault) as _);
        }
        Part::Memory => ports.memory = broken(&ports.memory, house, fault),
        Part::Queues => ports.queues = broken(&ports.queues, house, fault),
        Part::Workflow => ports.workflow = broken(&ports.workflow, house, fault),
        Part::Tools => {
            let tools = ports.tools.iter().map(|(name, tool)| (*name, broken(tool, house, fault) as _));
            ports.tools = Arc::new(tools.collect());
        }
    }
}

/// The house's ports, each of which takes its time for an answer, in milliseconds, as services do that are well.
fn unhurried(house: &House, profile: Profile, random: &SeededRandom) -> Ports {
    let mut ports = house.ports.clone();
    let services = [
        Part::Store,
        Part::Content,
        Part::Model,
        Part::Embedder,
        Part::Queues,
        Part::Workflow,
        Part::Tools,
        Part::Limits,
        Part::Cache,
        Part::Memory,
    ];
    // In lite the last three are rows of the store, which takes its time already.
    let own = if profile == Profile::Lite { services.len() - 3 } else { services.len() };
    for part in &services[..own] {
        break_part(house, &mut ports, *part, Fault::Slow(1 + random.next_u64() % SLOWEST_WELL_MS));
    }
    ports
}

/// Counts the units of a table that a store's calls would take.
struct Metered {
    store: Arc<dyn Store>,
    /// Written and read.
    units: Mutex<(u64, u64)>,
}

impl Metered {
    fn bytes(row: &Row) -> u64 {
        serde_json::to_string(row).unwrap().len() as u64 + 150
    }

    fn read(&self, units: impl Iterator<Item = u64>) {
        self.units.lock().unwrap().1 += units.sum::<u64>();
    }
}

#[async_trait]
impl Store for Metered {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        let rows = self.store.read(keys).await?;
        let unit =
            |row: &Option<Versioned>| row.as_ref().map_or(1, |found| Self::bytes(&found.row).div_ceil(4_096));
        self.read(rows.iter().map(unit));
        Ok(rows)
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        // What is written together costs twice as much, also what is only looked at. A run is listed in an index.
        let together = if changes.len() > 1 { 2 } else { 1 };
        let units = changes.iter().map(|change| {
            let kilobytes = match &change.to {
                Becomes::Row(row) => Self::bytes(row).div_ceil(1_024),
                Becomes::Gone | Becomes::Same => 1,
            };
            let listed = matches!(change.key, Key::Run(_)) && change.to != Becomes::Same;
            kilobytes * together + u64::from(listed)
        });
        self.units.lock().unwrap().0 += units.sum::<u64>();
        self.store.write(changes).await
    }

    fn forgets(&self) -> bool {
        true
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        let page = self.store.list(range, from, limit).await?;
        let bytes: u64 = page.rows.iter().map(|(_, found)| Self::bytes(&found.row)).sum();
        self.read(std::iter::once(bytes.div_ceil(4_096).max(1)));
        Ok(page)
    }
}

/// What `tests/it/tests/it/template/cost.rs` takes for a probing in lite.
const UNITS: (u64, u64) = (61, 66);

#[test]
fn a_probing_takes_as_much_of_the_table_as_the_bill_says() {
    let (house, time) = house(Profile::Lite);
    let metered = Arc::new(Metered { store: house.ports.store.clone(), units: Mutex::default() });
    let ports = house.over(metered.clone()).unwrap();
    let mut units = (0, 0);
    // Until the history of a day is full.
    for _ in 0..300 {
        *metered.units.lock().unwrap() = (0, 0);
        let ports = ports.clone();
        let round = async move {
            let readings = probe(&ports, MOST_MS).await;
            history::record(&ports, &readings).await.unwrap();
            ports.clock.sleep(5 * 60_000).await;
        };
        Executor::new(time.clone(), 1).block_on(round).unwrap();
        units = *metered.units.lock().unwrap();
    }
    println!("a probing writes {} units and reads {}", units.0, units.1);
    assert_eq!(units, UNITS);
}

fn probed(time: &Arc<VirtualTime>, ports: &Ports) -> Vec<Reading> {
    Executor::new(time.clone(), 1).block_on(probe(ports, MOST_MS)).expect("the checks got stuck")
}

/// The checks that do not pass.
fn flipped(readings: &[Reading]) -> BTreeSet<&str> {
    let not_well = readings.iter().filter(|reading| reading.status != Status::Pass);
    not_well.map(|reading| reading.component.as_str()).collect()
}

fn check_matrix(profile: Profile) {
    let (mut cells, mut wrong) = (0, Vec::new());
    for part in PARTS {
        for fault in FAULTS {
            let (house, time) = house(profile);
            assert_eq!(flipped(&probed(&time, &house.ports)), BTreeSet::new(), "before anything is broken");
            let readings = probed(&time, &broken(&house, part, fault));
            if flipped(&readings) != expected(profile, part, fault) {
                wrong.push(format!("{part:?} {fault:?}: {:?}", flipped(&readings)));
            }
            // A number of messages that cannot be is no failure of the queues, but somebody must look.
            let may_warn = part == Part::Queues && fault == Fault::Wrong;
            for reading in readings.iter().filter(|reading| reading.status != Status::Pass) {
                let word = if may_warn { Status::Warn } else { Status::Fail };
                assert_eq!(reading.status, word, "{part:?} {fault:?}: {reading:?}");
                assert!(!reading.output.is_empty());
            }
            assert_eq!(
                flipped(&probed(&time, &house.ports)),
                BTreeSet::new(),
                "{part:?} {fault:?} is mended"
            );
            cells += 1;
        }
    }
    println!("{profile:?}: {cells} cells, {} wrong", wrong.len());
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn exactly_the_right_checks_see_what_is_broken() {
    check_matrix(Profile::Full);
}

#[test]
fn in_lite_one_store_carries_seven_components() {
    check_matrix(Profile::Lite);
}

#[test]
fn ten_thousand_healthy_probes_find_nothing() {
    const PROBES: usize = 10_000;
    for profile in [Profile::Full, Profile::Lite] {
        let (house, time) = house(profile);
        let random = SeededRandom::new(3);
        let (mut flips, mut longest_ms) = (0, 0);
        for _ in 0..PROBES / 2 {
            let began_ms = time.now_ms();
            let readings = probed(&time, &unhurried(&house, profile, &random));
            longest_ms = longest_ms.max(time.now_ms() - began_ms);
            flips += usize::from(!flipped(&readings).is_empty());
            let clock = house.ports.clock.clone();
            Executor::new(time.clone(), 1).block_on(async move { clock.sleep(10_000).await });
        }
        println!("{profile:?}: {} probes, the longest took {longest_ms} ms, {flips} flips", PROBES / 2);
        assert_eq!(flips, 0);
        assert!(longest_ms > SLOWEST_WELL_MS, "nothing took its time");
    }
}
