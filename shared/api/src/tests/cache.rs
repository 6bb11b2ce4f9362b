//! What is told of stored answers, and how they are made void.

use std::sync::Arc;

use engine::model::{AgentId, Counters, NanoUsd, Scope, TenantId};
use engine::ports::{Becomes, Change, Entry, Expect, Found, Generation, Key, Lookup, Row};
use engine::recall::trust::{Earned, Trust};

use super::house::{Ask, House};

#[test]
fn hits_savings_and_the_bound_are_told_together() {
    let house = House::new();
    let counters = Counters {
        recall_lookups: 200,
        cache_hits: [("l1".to_owned(), 50), ("l3".to_owned(), 10)].into(),
        saved: NanoUsd(7),
        saved_tokens: 9_000,
        spared_tokens: 25,
        ..Counters::default()
    };
    let mut earned = Earned::default();
    *earned.of("3 p/m") = Trust { shadow: 1_000, ..Trust::default() };
    earned.of("3 p/m").serve(0, true);
    let put = |key, row| Change { key, expect: Expect::Absent, to: Becomes::Row(row), due_ms: None };
    let changes = [
        put(Key::Counters(TenantId::new("acme"), 0), Row::Counters(counters)),
        put(Key::Trust(AgentId::new("verification_director")), Row::Trust(earned)),
    ];
    let store = house.ports.store.clone();
    house.block_on(async move { store.write(&changes).await }).unwrap();
    let key = house.key("acme", &[Scope::Read], None).text;
    let told = house.check(&Ask::new("GET", "/cache").key(&key), (200, "-")).body;
    assert_eq!((&told["levels"]["l1"]["share"], &told["levels"]["l3"]["hits"]), (&0.25.into(), &10.into()));
    assert_eq!((&told["saved_tokens"], &told["saved_nano_usd"]), (&9_000.into(), &7.into()));
    assert_eq!(told["spared_tokens"], 25);
    let standing = &told["by_meaning"][0];
    assert_eq!((&standing["agent"], &standing["maker"]), (&"verification_director".into(), &"3 p/m".into()));
    assert_eq!((&standing["state"], &standing["audits_open"]), (&"serving".into(), &1.into()));
    // What is served can be wrong once at most, of a thousand and one.
    assert_eq!(standing["bound_millionths"], 1_000_000_u64.div_ceil(1_001));
    let other = house.key("other", &[Scope::Read], None).text;
    let told = house.check(&Ask::new("GET", "/cache").key(&other), (200, "-")).body;
    assert_eq!((&told["lookups"], &told["levels"]["l1"]["share"]), (&0.into(), &serde_json::Value::Null));
}

#[test]
fn whoever_may_all_makes_answers_void_of_his_own_tenant() {
    let house = House::new();
    let entry = Entry {
        value: Arc::from(*b"answer"),
        fresh_ms: 60_000,
        grace_ms: 0,
        tags: vec!["agent:a".to_owned()],
        generation: Generation::default(),
        worth: 0,
    };
    let tenants = ["acme", "other"].map(TenantId::new);
    let cache = house.ports.cache.clone();
    let put = {
        let (cache, tenants) = (cache.clone(), tenants.clone());
        async move {
            for tenant in &tenants {
                cache.put(tenant, "key", &entry).await.unwrap();
            }
        }
    };
    house.block_on(put);
    let ask =
        |path: &str, scopes: &[Scope]| Ask::new("DELETE", path).key(&house.key("acme", scopes, None).text);
    house.check(&ask("/cache?tag=agent:a", &[Scope::Run, Scope::Read]), (403, "Forbidden"));
    for wrong in ["/cache", "/cache?tag=agent", "/cache?tag=agent:", "/cache?tag=colour:red", "/cache?key=x"]
    {
        house.check(&ask(wrong, &[Scope::Admin]), (400, "InvalidInput"));
    }
    let found = |tenant: &TenantId| {
        let (cache, tenant) = (cache.clone(), tenant.clone());
        let lookup = Lookup { keys: vec!["key".to_owned()], ..Lookup::default() };
        let looked = house.block_on(async move { cache.look_up(&tenant, &lookup).await });
        looked.unwrap().found.remove(0)
    };
    assert!(matches!(found(&tenants[0]), Found::Held(_)));
    let told = house.check(&ask("/cache?tag=agent:a", &[Scope::Admin]), (200, "-")).body;
    assert_eq!(told["tag"], "agent:a");
    assert_eq!(found(&tenants[0]), Found::Void("agent:a".to_owned()));
    assert!(matches!(found(&tenants[1]), Found::Held(_)));
}
