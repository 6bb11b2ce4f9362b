use std::sync::Arc;

use engine::contract;
use engine::model::TenantId;
use engine::ports::{Cache, Clock, Entry, Flight, Found, Generation, Lookup, Neighbour};
use redis_ports::{CacheSettings, RedisCache, TrialClock};

use super::outage::{self, How, Spans};
use crate::kept_clock::{KeptClock, block_on};
use crate::rates::fleet::{moment, wait_ms};
use crate::stack::Valkey;

async fn cache_on(clock: &KeptClock, most: usize) -> RedisCache {
    let told = TrialClock { script: KeptClock::SCRIPT.to_owned(), key: Some(KeptClock::KEY.to_owned()) };
    let settings = CacheSettings { clock: Some(told), patience_ms: 5_000, ..CacheSettings::of(most) };
    RedisCache::open(&clock.valkey.url(), settings).await.unwrap()
}

fn entry(bytes: usize, worth: u64, generation: Generation) -> Entry {
    Entry {
        value: Arc::from(vec![b'x'; bytes]),
        fresh_ms: 600_000,
        grace_ms: 0,
        tags: vec!["agent:a".to_owned()],
        generation,
        worth,
    }
}

async fn look(cache: &dyn Cache, tenant: &TenantId, key: &str) -> (Found, Generation) {
    let lookup = Lookup { keys: vec![key.to_owned()], ..Lookup::default() };
    let mut looked = cache.look_up(tenant, &lookup).await.unwrap();
    (looked.found.remove(0), looked.generation)
}

async fn has(cache: &dyn Cache, tenant: &TenantId, key: &str) -> bool {
    matches!(look(cache, tenant, key).await.0, Found::Held(_))
}

#[test]
fn answers_in_valkey_keep_the_contract() {
    let clock = KeptClock::new(&[]);
    block_on(async {
        let cache = cache_on(&clock, 10_000).await;
        contract::cache_contract(&cache, &*clock).await.unwrap();
    });
}

#[test]
fn a_tenant_keeps_so_many_answers_and_those_that_are_worth_it() {
    let clock = KeptClock::new(&[]);
    block_on(async {
        let (cache, tenant) = (cache_on(&clock, 20).await, TenantId::new("one"));
        let other = TenantId::new("other");
        let generation = look(&cache, &tenant, "-").await.1;
        let theirs = look(&cache, &other, "-").await.1;
        cache.put(&other, "key", &entry(10, 0, theirs)).await.unwrap();
        cache.put(&tenant, "dear", &entry(10, 1_000_000, generation)).await.unwrap();
        cache.put(&tenant, "often", &entry(10, 10, generation)).await.unwrap();
        for _ in 0..30 {
            assert!(has(&cache, &tenant, "often").await);
        }
        for number in 0..40 {
            cache.put(&tenant, &format!("once {number}"), &entry(10, 10, generation)).await.unwrap();
        }
        assert!(has(&cache, &tenant, "dear").await && has(&cache, &tenant, "often").await);
        assert!(has(&cache, &other, "key").await, "another tenant's answer was pushed out");
        let size = clock.valkey.say("HLEN cache:{one}:answers").unwrap();
        assert_eq!(size, ":20");
        // What was used often long ago goes in the end.
        for number in 0..2_000 {
            cache.put(&tenant, &format!("later {number}"), &entry(10, 10, generation)).await.unwrap();
        }
        assert!(!has(&cache, &tenant, "often").await);
        for name in ["ranks", "ends"] {
            let size = clock.valkey.say(&format!("ZCARD cache:{{one}}:{name}")).unwrap();
            assert_eq!(size, ":20", "{name}");
        }
        let (first, bytes) = (entry(10, 10, generation), clock.valkey.say("HGET cache:{one}:known bytes"));
        let each = 56 + "agent:a\0".len() + first.value.len();
        assert_eq!(bytes.unwrap().lines().nth(1), Some((20 * each).to_string().as_str()));
    });
}

#[test]
fn what_has_ended_gives_its_place_back() {
    let clock = KeptClock::new(&[]);
    block_on(async {
        let (cache, tenant) = (cache_on(&clock, 1_000).await, TenantId::new("one"));
        let generation = look(&cache, &tenant, "-").await.1;
        for number in 0..150 {
            cache.put(&tenant, &number.to_string(), &entry(10, 10, generation)).await.unwrap();
        }
        clock.sleep(600_000).await;
        for number in 0..2 {
            cache.put(&tenant, &format!("new {number}"), &entry(10, 10, generation)).await.unwrap();
        }
        assert_eq!(clock.valkey.say("HLEN cache:{one}:answers").unwrap(), ":2");
        assert_ne!(clock.valkey.say("PTTL cache:{one}:answers").unwrap(), ":-1");
    });
}

/// Whoever has forgotten what was purged gives nothing that was there before.
#[test]
fn a_server_that_has_forgotten_its_purges_has_no_answers() {
    let clock = KeptClock::new(&[]);
    block_on(async {
        let (cache, tenant) = (cache_on(&clock, 1_000).await, TenantId::new("one"));
        let generation = look(&cache, &tenant, "-").await.1;
        cache.put(&tenant, "key", &entry(10, 10, generation)).await.unwrap();
        cache.purge(&tenant, "agent:b").await.unwrap();
        assert!(has(&cache, &tenant, "key").await);
        clock.sleep(1).await;
        assert_eq!(clock.valkey.say("DEL cache:{one}:known").unwrap(), ":1");
        assert!(!has(&cache, &tenant, "key").await);
        cache.put(&tenant, "late", &entry(10, 10, generation)).await.unwrap();
        assert!(!has(&cache, &tenant, "late").await, "it was begun in a life that is forgotten");
        let generation = look(&cache, &tenant, "-").await.1;
        cache.put(&tenant, "key", &entry(10, 10, generation)).await.unwrap();
        assert!(has(&cache, &tenant, "key").await);
    });
}

/// The bench says how little it adds on a quiet machine; here the machine may be busy.
#[test]
fn a_silent_redis_fails_no_step_and_is_used_again() {
    for how in [How::Frozen, How::Killed] {
        let seen = outage::measure(how, Spans { well: 700, gone: 1_000, back: 2_500 }).unwrap();
        let number = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
        assert_eq!(number("failed"), 0.0, "{seen}");
        assert!(number("steps_in_outage") > 10.0, "{seen}");
        // Whoever waited for it each time would add its patience to every step.
        assert!(number("outage_p50_ms") < number("usual_p50_ms") + 10.0, "{seen}");
        assert!(number("added_worst_ms") < 200.0, "{seen}");
        assert!(number("used_again_after_ms") < 2_500.0, "{seen}");
    }
}

#[test]
fn a_cluster_of_one_shard_will_do() {
    let valkey = Valkey::start(&["--cluster-enabled", "yes"]).unwrap();
    let slots = valkey.say("CLUSTER ADDSLOTSRANGE 0 16383").unwrap();
    assert_eq!(slots, "+OK");
    block_on(async {
        let settings = CacheSettings { patience_ms: 5_000, ..CacheSettings::of(100) };
        let cache = RedisCache::open(&valkey.url(), settings).await.unwrap();
        let tenant = TenantId::new("one}two{");
        let began = moment();
        // The cluster needs a moment until it says that it is whole.
        let generation = loop {
            let lookup = Lookup { keys: vec!["key".to_owned()], ..Lookup::default() };
            match cache.look_up(&tenant, &lookup).await {
                Ok(looked) => break looked.generation,
                Err(error) => assert!(began.elapsed().as_secs() < 20, "{error}"),
            }
            wait_ms(50).await;
        };
        cache.put(&tenant, "key", &entry(10, 10, generation)).await.unwrap();
        assert!(has(&cache, &tenant, "key").await);
        let neighbour = Neighbour { key: "key".to_owned(), text: Vec::new(), vector: vec![1] };
        cache.add(&tenant, "space}", &neighbour, 1_000).await.unwrap();
        let flight = Flight { holder: "one".to_owned(), holds_ms: 100 };
        assert!(cache.lead(&tenant, "other", &flight).await.unwrap());
        cache.release(&tenant, "other", "one").await.unwrap();
        cache.purge(&tenant, "agent:a").await.unwrap();
        assert!(!has(&cache, &tenant, "key").await);
    });
}
