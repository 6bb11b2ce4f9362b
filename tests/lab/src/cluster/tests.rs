use std::sync::Arc;

use engine::contract;
use engine::model::TenantId;
use engine::ports::{Backend, Cache as _, Entry, Found, Limits as _, Lookup, Used};
use futures::future::join_all;
use redis_ports::{CacheSettings, RedisCache, RedisLimits, Settings, TrialClock};

use super::{Cluster, ClusterClock, answers_key, rates, rates_key, take};
use crate::kept_clock::block_on;

#[test]
fn limits_in_three_primaries_keep_the_contract() {
    let clock = ClusterClock::new();
    block_on(async {
        let script = Some(ClusterClock::SCRIPT.to_owned());
        let settings = Settings { clock: script, patience_ms: 5_000, ..Settings::of("one") };
        let rates = contract::contract_rates(7);
        let limits = RedisLimits::open(&clock.cluster.url(0), rates, settings, None).await.unwrap();
        contract::limits_contract(&limits, clock.as_ref(), 7).await.unwrap();
    });
}

#[test]
fn answers_in_three_primaries_keep_the_contract() {
    let clock = ClusterClock::new();
    block_on(async {
        let told = Some(TrialClock { script: ClusterClock::SCRIPT.to_owned(), key: None });
        let settings = CacheSettings { clock: told, patience_ms: 5_000, ..CacheSettings::of(10_000) };
        let cache = RedisCache::open(&clock.cluster.url(1), settings).await.unwrap();
        contract::cache_contract(&cache, clock.as_ref()).await.unwrap();
    });
}

/// Three processes, each of which was told of another server, ask for many tenants at once.
#[test]
fn many_tenants_on_all_primaries_are_each_admitted_their_rate_and_find_their_answers() {
    const CAPACITY: u64 = 20;
    let cluster = Cluster::new();
    let of_each = |key: fn(&str) -> String| -> Vec<String> {
        (0..3).flat_map(|place| cluster.tenants(place, 7, key)).collect()
    };
    block_on(async {
        let opened = (0..3).map(|place| {
            let url = cluster.url(place);
            // All ask at once, and every call is to be decided by its server.
            let settings = Settings { patience_ms: 5_000, ..Settings::of(&place.to_string()) };
            async move { RedisLimits::open(&url, rates(CAPACITY), settings, None).await.unwrap() }
        });
        let processes = join_all(opened).await;
        let each = of_each(rates_key).into_iter().map(|tenant| {
            let processes = &processes;
            async move {
                let calls = (0..2 * CAPACITY).map(|number| {
                    let (process, tenant) = (&processes[number as usize % 3], &tenant);
                    async move {
                        let call = take(&format!("{tenant}/{number}"), tenant);
                        let admission = process.take(&call).await.unwrap();
                        assert_eq!(admission.backend, Backend::Redis, "{tenant}");
                        if admission.allowed {
                            process.settle(&call, &Used { input_tokens: 1, output_tokens: 1 }).await.unwrap();
                        }
                        u64::from(admission.allowed)
                    }
                });
                assert_eq!(join_all(calls).await.into_iter().sum::<u64>(), CAPACITY, "{tenant}");
            }
        });
        join_all(each).await;

        let cache = RedisCache::open(&cluster.url(0), CacheSettings::of(100)).await.unwrap();
        let lookup = Lookup { keys: vec!["key".to_owned()], ..Lookup::default() };
        for tenant in of_each(answers_key) {
            let name = TenantId::new(&tenant);
            let looked = loop {
                // It may take a moment longer to open than its opening waits.
                match cache.look_up(&name, &lookup).await {
                    Ok(looked) => break looked,
                    Err(_) => crate::rates::fleet::wait_ms(10).await,
                }
            };
            let entry = Entry {
                value: Arc::from(tenant.as_bytes()),
                fresh_ms: 60_000,
                grace_ms: 0,
                tags: vec!["agent:a".to_owned()],
                generation: looked.generation,
                worth: 1,
            };
            cache.put(&name, "key", &entry).await.unwrap();
            let found = cache.look_up(&name, &lookup).await.unwrap().found.remove(0);
            assert!(
                matches!(&found, Found::Held(held) if held.entry.value == entry.value),
                "{tenant}: {found:?}"
            );
            cache.purge(&name, "agent:a").await.unwrap();
            let found = cache.look_up(&name, &lookup).await.unwrap().found.remove(0);
            assert!(!matches!(found, Found::Held(_)), "{tenant}: {found:?}");
        }
    });
}
