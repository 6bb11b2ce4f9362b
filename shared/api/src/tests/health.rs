//! What is told of the components and of the runs' figures.

use std::sync::Arc;

use boot::Config;
use engine::health::Watch;
use engine::memory::{Broken, Fault};
use engine::model::{Counters, Scope, TenantId};
use engine::ports::{Becomes, Change, Expect, Key, Ports, Row, Store};
use serde_json::Value;

use super::house::{Ask, House, send};
use crate::{Api, router};

const COMPONENTS: [&str; 10] = [
    "step_result",
    "monitoring",
    "performance_validator",
    "cost_optimizer",
    "distributed_rate_limiter",
    "advanced_cache",
    "llm_router",
    "vector_database",
    "agent_coordination",
    "mcp_tools",
];

#[test]
fn each_component_is_told_with_its_time_and_trend_and_tried_once_in_ten_seconds() {
    let house = House::new();
    let key = house.key("acme", &[Scope::Read], None).text;
    let ask = Ask::new("GET", "/health/components").key(&key);
    let answer = house.check(&ask, (200, "-"));
    assert_eq!(answer.headers["content-type"], "application/health+json");
    for component in COMPONENTS {
        let check = &answer.body["checks"][format!("{component}:responseTime")][0];
        assert_eq!(check["componentId"], component);
        assert_eq!(check["time"], "2026-11-22T00:00:00.000Z");
        assert_eq!(check["trend"]["since"], check["time"]);
        let passed = check["status"] == "pass";
        assert_eq!(
            (check["output"].is_string(), check["evidence"].is_string()),
            (!passed, passed),
            "{check}"
        );
    }
    assert_eq!(answer.body["checks"]["llm_router:responseTime"][0]["status"], "unknown");
    house.store.take_asked();
    let again = house.check(&ask, (200, "-"));
    assert_eq!(again.body, answer.body);
    assert_eq!(house.store.take_asked().len(), 1, "nothing but the key's own row");
}

/// A house whose store is broken that way, asked after its components.
fn components_of(fault: Fault, concerns: fn(&Key) -> bool) -> (u16, Value) {
    let house = House::new();
    let key = house.key("acme", &[Scope::Read], None).text;
    let store: Arc<dyn Store> = house.store.clone();
    let store = Arc::new(Broken::new(store, house.ports.clock.clone(), fault).only(concerns));
    let ports = Ports { store, ..house.ports.clone() };
    let (config, health) = (Config::from(|_| None).unwrap(), Watch::probing());
    let router = router(&Arc::new(Api { ports, config, longest_wait_ms: 20_000, health }));
    let request = Ask::new("GET", "/health/components").key(&key).request();
    let began_ms = house.ports.clock.now_ms();
    let answer = house.block_on(send(router, request));
    let took_ms = house.ports.clock.now_ms() - began_ms;
    assert!(took_ms <= 280, "{took_ms} ms");
    (answer.status, answer.body)
}

#[test]
fn a_broken_store_is_told_in_time() {
    let but_keys = |key: &Key| !matches!(key, Key::ApiKey(_));
    for fault in [Fault::Down, Fault::Slow(3_600_000), Fault::ReadOnly] {
        let (status, body) = components_of(fault, but_keys);
        assert_eq!((status, &body["status"]), (503, &Value::from("fail")), "{fault:?}");
        assert_eq!(body["checks"]["step_result:responseTime"][0]["status"], "fail");
        // Where no key can be read nobody learns more than that.
        if fault != Fault::ReadOnly {
            let (status, body) = components_of(fault, |_| true);
            assert_eq!((status, &body["kind"]), (503, &Value::from("Storage")), "{fault:?}: {body}");
            assert!(body["checks"].is_null());
        }
    }
}

#[test]
fn the_figures_are_those_of_the_callers_own_runs() {
    let house = House::new();
    let put = |tenant: &str, shard: u32, counters: Counters| Change {
        key: Key::Counters(TenantId::new(tenant), shard),
        expect: Expect::Absent,
        to: Becomes::Row(Row::Counters(counters)),
        due_ms: None,
    };
    let recalled = |hits: u64| Counters {
        recall_lookups: 100,
        cache_hits: [("l1".to_owned(), hits)].into(),
        ..Counters::default()
    };
    let changes =
        [put("acme", 0, recalled(70)), put("acme", 15, recalled(80)), put("other", 3, recalled(100))];
    let store = house.ports.store.clone();
    house.block_on(async move { store.write(&changes).await }).unwrap();
    let figures = |tenant: &str| {
        let key = house.key(tenant, &[Scope::Read], None).text;
        house.check(&Ask::new("GET", "/optimizations").key(&key), (200, "-")).body
    };
    let acme = figures("acme");
    let hit_rate = &acme["figures"][0];
    assert_eq!(
        (&hit_rate["name"], &hit_rate["value"], &hit_rate["samples"], &hit_rate["verdict"]),
        (&"hit_rate".into(), &75.0.into(), &200.into(), &"missed".into())
    );
    assert_eq!(acme["recommendations"].as_array().unwrap().len(), 1);
    assert_eq!(acme["counters"]["cache_hits"]["l1"], 150);
    assert_eq!(figures("other")["figures"][0]["verdict"], "met");
    let nobody = figures("nobody");
    let verdicts = nobody["figures"].as_array().unwrap().iter().map(|figure| &figure["verdict"]);
    assert_eq!(verdicts.collect::<Vec<_>>(), ["unknown"; 5]);
    assert_eq!(nobody["recommendations"].as_array().unwrap().len(), 0);
}
