//! Readings, how they are kept, and what they leave behind. What breaks which check is told in `tests/lab`, over every port
//! there is.

use std::sync::Arc;

use futures::future::join_all;

use super::history::{History, Share};
use super::*;
use crate::memory::virtual_time::Executor;
use crate::memory::{Broken, Fault};
use crate::model::{Depth, TenantId};
use crate::ports::{Clock as _, Key, Store};
use crate::scenarios::house::House;

fn statuses(readings: &[Reading]) -> Vec<(&str, Status)> {
    readings.iter().map(|reading| (reading.component.as_str(), reading.status)).collect()
}

#[test]
fn what_is_not_there_is_unknown_and_what_is_there_passes() {
    let house = House::new(None, None);
    let ports = house.ports.clone();
    let readings = house.block_on(async move { probe(&ports, MOST_MS).await });
    assert_eq!(
        statuses(&readings),
        [
            ("step_result", Status::Pass),
            ("monitoring", Status::Pass),
            ("performance_validator", Status::Pass),
            ("cost_optimizer", Status::Pass),
            ("distributed_rate_limiter", Status::Pass),
            ("advanced_cache", Status::Pass),
            ("llm_router", Status::Unknown),
            ("vector_database", Status::Unknown),
            ("agent_coordination", Status::Unknown),
            // Its one tool has no example.
            ("mcp_tools", Status::Warn),
        ],
        "{readings:#?}"
    );
}

#[test]
fn checks_leave_nothing_and_what_is_cut_off_expires() {
    let house = House::new(None, None);
    let before = house.store.all_rows().len();
    let ports = house.ports.clone();
    house.block_on(async move { probe(&ports, MOST_MS).await });
    assert_eq!(house.store.all_rows().len(), before);

    // A store so slow that every check is cut off after what it wrote first.
    let slow = Broken::new(house.ports.store.clone(), house.ports.clock.clone(), Fault::Slow(150));
    let ports = Ports { store: Arc::new(slow), ..house.ports.clone() };
    let readings = house.block_on(async move { probe(&ports, MOST_MS).await });
    assert!(readings.iter().take(4).all(|reading| reading.status == Status::Fail));
    let rows = house.store.all_rows();
    let left: Vec<_> = rows.iter().filter_map(|(key, _)| expires_ms(key)).collect();
    assert_eq!((rows.len(), left.len()), (before + left.len(), left.len()), "whatever is left expires");
    assert!(!left.is_empty());
    let soon = house.time.now_ms() + 3_600_000;
    assert!(left.iter().all(|expires_ms| *expires_ms <= soon));
    let own = crate::RunRequest {
        depth: Depth::Quick,
        ..house.block_on({
            let ports = house.ports.clone();
            async move { crate::scenarios::house::request(&ports, None).await }
        })
    };
    assert_eq!(expires_ms(&Key::Counters(own.tenant, 3)), None);
    assert_eq!(expires_ms(&Key::Counters(TenantId::new("~health/x"), 3)), None);
}

#[test]
fn the_components_are_tried_once_however_many_ask() {
    let house = House::new(None, None);
    let watch = Watch::probing();
    let asks = |count: usize| {
        let (ports, watch) = (&house.ports, &watch);
        let reports = async move { join_all((0..count).map(|_| watch.report(ports))).await };
        Executor::new(house.time.clone(), 1).block_on(reports).unwrap()
    };
    let tried = || house.ports.metrics.held("probe_measurements").unwrap();
    let reports = asks(50);
    assert_eq!(tried(), 1);
    assert!(reports.iter().all(|report| Arc::ptr_eq(report, &reports[0])));
    wait(&house, 9_000);
    assert!(Arc::ptr_eq(&asks(1)[0], &reports[0]), "it is ten seconds old at most");
    wait(&house, 1_500);
    assert!(!Arc::ptr_eq(&asks(1)[0], &reports[0]));
    assert_eq!(tried(), 2);
    let entry = &asks(1)[0].entries[0];
    assert_eq!(entry.trend.unwrap().since_ms, entry.reading.at_ms - 10_500);
}

#[test]
fn another_process_tells_what_was_recorded_as_long_as_it_is_recent() {
    let house = House::new(None, None);
    let told = || {
        let watch = Watch::recorded();
        let ports = &house.ports;
        Executor::new(house.time.clone(), 1).block_on(async move { watch.report(ports).await }).unwrap()
    };
    assert!(told().entries.iter().all(|entry| entry.reading.status == Status::Unknown));
    assert_eq!(told().status(), Status::Warn, "nobody knows of the critical ones");
    let ports = house.ports.clone();
    let readings = house.block_on(async move {
        let readings = probe(&ports, MOST_MS).await;
        history::record(&ports, &readings).await.unwrap();
        readings
    });
    wait(&house, 6 * 60_000);
    let found: Vec<Reading> = told().entries.iter().map(|entry| entry.reading.clone()).collect();
    let expected = readings.iter().zip(&CHECKS).map(|(reading, check)| match reading.status {
        Status::Pass => Reading { output: check.about.to_owned(), ..reading.clone() },
        _ => reading.clone(),
    });
    assert_eq!(found, expected.collect::<Vec<_>>(), "with the time it was read at");
    wait(&house, 60_000);
    assert!(told().entries.iter().all(|entry| entry.reading.status == Status::Unknown));

    let down: Arc<dyn Store> =
        Arc::new(Broken::new(house.ports.store.clone(), house.ports.clock.clone(), Fault::Down));
    let ports = Ports { store: down, ..house.ports.clone() };
    let report = house.block_on(async move { Watch::recorded().report(&ports).await });
    assert_eq!((report.status(), report.failing()), (Status::Fail, 1));
}

#[test]
fn a_history_counts_what_passed_and_stays_small() {
    let reading = |at_ms: u64, status: Status| Reading {
        component: "cache".to_owned(),
        status,
        output: String::new(),
        took_ms: 1,
        observed: None,
        at_ms,
    };
    const MINUTE_MS: u64 = 60_000;
    let mut history = History::default();
    let start_ms = 1_795_305_600_000;
    // Five days, each five minutes; in the last half hour every second one fails.
    let readings: Vec<Reading> = (0..5 * 288)
        .map(|nth| {
            let fails = nth >= 5 * 288 - 6 && nth % 2 == 1;
            reading(start_ms + nth * 5 * MINUTE_MS, if fails { Status::Fail } else { Status::Pass })
        })
        .collect();
    for reading in &readings {
        assert!(history.add(std::slice::from_ref(reading)));
    }
    let now_ms = readings.last().unwrap().at_ms;
    let trend = history.trend("cache", now_ms).unwrap();
    assert_eq!(trend.since_ms, now_ms, "it failed only just now");
    assert_eq!(trend.last_hour, Share { passed: 9, readings: 12 });
    assert_eq!(trend.last_day, Share { passed: 285, readings: 288 });
    assert!(serde_json::to_string(&history).unwrap().len() < 600);
    assert!(!history.add(&[reading(now_ms + MINUTE_MS - 1, Status::Fail)]), "it says the same");
    assert!(history.add(&[reading(now_ms + MINUTE_MS - 1, Status::Unknown)]), "it says something else");
    assert_eq!(history.trend("cache", now_ms).unwrap().last_hour, trend.last_hour, "unknown is no reading");
    let later = history.trend("cache", now_ms + 2 * 86_400_000).unwrap();
    assert_eq!((later.last_hour, later.last_day), (Share::default(), Share::default()));
}

#[test]
fn a_component_that_is_not_critical_warns_only() {
    let report = |broken: Option<&str>, status: Status| {
        let readings = CHECKS.iter().map(|check| Reading {
            component: check.name.to_owned(),
            status: if broken == Some(check.name) { status } else { Status::Pass },
            output: String::new(),
            took_ms: 1,
            observed: None,
            at_ms: 1,
        });
        Report::new(readings.collect(), None, 1).status()
    };
    assert_eq!(report(None, Status::Fail), Status::Pass);
    for check in &CHECKS {
        let expected = if check.critical {
            [Status::Warn, Status::Fail, Status::Warn]
        } else {
            [Status::Warn, Status::Warn, Status::Pass]
        };
        let found =
            [Status::Warn, Status::Fail, Status::Unknown].map(|status| report(Some(check.name), status));
        assert_eq!(found, expected, "{}", check.name);
    }
}

fn wait(house: &House, milliseconds: u64) {
    let clock = house.ports.clock.clone();
    house.block_on(async move { clock.sleep(milliseconds).await });
}
