//! How soon an answer is found: in this process, from the request to the answer as read; and in Redis, from the request to the
//! answer's bytes, against a bare GET of as many, asked in turn over connections of one kind. Caches of other projects find theirs
//! in the same run, where Python has them.

use std::path::Path;
use std::sync::Arc;

use boot::{OsRandom, SystemClock};
use engine::memory::MemoryCache;
use engine::model::TenantId;
use engine::ports::{Cache, Clock, Entry, Found, Generation, Lookup};
use engine::recall::{Near, Sealed, SealingKey};
use redis::cmd;
use redis_ports::{CacheSettings, RedisCache};
use serde_json::{Value, json};

use crate::process::ask_script;
use crate::rates::fleet::moment;
use crate::rates::{percentile, rounded};
use crate::stack::{Result, Valkey};

/// A request, as it is hashed, and an answer.
const REQUEST_BYTES: usize = 2_048;
const ANSWER_BYTES: usize = 1_024;

/// Look-ups of other projects' caches.
const LOOK_UPS_OF_PEERS: usize = 2_000;

pub(super) fn measure(look_ups: usize, python: &Path) -> Result<Value> {
    let valkey = Valkey::start(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let near = near(look_ups).await?;
        let (get, found) = redis(&valkey, look_ups).await?;
        let peers = peers(&valkey, python, (&near, &found));
        Ok(json!({
            "peers": peers,
            "near_us": near,
            "get_us": get,
            "redis_us": found,
            "p50_ratio": rounded(number(&found, "p50") / number(&get, "p50")),
            "p99_ratio": rounded(number(&found, "p99") / number(&get, "p99")),
        }))
    })
}

/// How soon caches of other projects find an answer, and how many times as long as ours that is.
fn peers(valkey: &Valkey, python: &Path, (near, found): (&Value, &Value)) -> Value {
    let request = json!({
        "host": valkey.address.ip().to_string(), "port": valkey.address.port(), "look_ups": LOOK_UPS_OF_PEERS,
        "request_bytes": REQUEST_BYTES, "answer_bytes": ANSWER_BYTES,
    });
    let mut peers = ask_script(python, "caches.py", &request)
        .unwrap_or_else(|_| json!({"gptcache": "not run", "litellm": "not run"}));
    for (name, peer) in peers.as_object_mut().into_iter().flatten() {
        let ours = if name.ends_with("redis") { found } else { near };
        if peer["p50"].is_number() {
            peer["ratio"] = json!(rounded(number(peer, "p50") / number(ours, "p50")));
        }
    }
    peers
}

fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or(f64::NAN)
}

/// An answer of JSON, as a model gives it.
fn answer() -> Vec<u8> {
    let mut answer = json!({"answer": {"claims": []}, "model": "m", "usage": {}, "cost": 1_000_000});
    for number in 0.. {
        if answer.to_string().len() >= ANSWER_BYTES {
            break;
        }
        if let Some(claims) = answer["answer"]["claims"].as_array_mut() {
            claims.push(
                json!({"id": format!("c{number}"), "text": "the council votes on the budget", "score": 0.93}),
            );
        }
    }
    answer.to_string().into_bytes()
}

fn entry(generation: Generation) -> Entry {
    Entry {
        value: Arc::from(answer()),
        fresh_ms: 600_000,
        grace_ms: 0,
        tags: ["agent:a", "model:m", "prompt:0123456789abcdef", "content:0123456789abcdef", "run:01"]
            .map(str::to_owned)
            .to_vec(),
        generation,
        worth: 1_000_000,
    }
}

/// The key of a request, hashed as the engine hashes it.
fn key(number: usize, request: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(&[7; 32]);
    hasher.update(&number.to_le_bytes()).update(request);
    hasher.finalize().to_hex().to_string()
}

/// From a request to the bytes of its answer.
async fn find(cache: &dyn Cache, tenant: &TenantId, number: usize, request: &[u8]) -> Result<Arc<[u8]>> {
    let lookup = Lookup { keys: vec![key(number, request)], ..Lookup::default() };
    match cache.look_up(tenant, &lookup).await?.found.remove(0) {
        Found::Held(held) => Ok(held.entry.value),
        other => Err(format!("an answer that was stored: {other:?}").into()),
    }
}

const ANSWERS: usize = 200;

async fn fill(cache: &dyn Cache, tenant: &TenantId, request: &[u8]) -> Result<()> {
    let generation = cache.look_up(tenant, &Lookup::default()).await?.generation;
    for number in 0..ANSWERS {
        cache.put(tenant, &key(number, request), &entry(generation)).await?;
    }
    Ok(())
}

async fn near(look_ups: usize) -> Result<Value> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bare = Arc::new(MemoryCache::new(clock.clone(), 1_000));
    let sealed = Arc::new(Sealed::new(bare, SealingKey::from_text("bench"), Arc::new(OsRandom)));
    let near = Near::new(sealed, clock, 512);
    let (tenant, request) = (TenantId::new("acme"), vec![b'x'; REQUEST_BYTES]);
    fill(&near, &tenant, &request).await?;
    let mut took_us = Vec::with_capacity(look_ups);
    let mut renewed = moment();
    for at in 0..look_ups {
        if at % ANSWERS == 0 || renewed.elapsed().as_millis() > 1_000 {
            // All are read once, so that what follows is found near.
            for number in 0..ANSWERS {
                find(&near, &tenant, number, &request).await?;
            }
            renewed = moment();
        }
        let began = moment();
        let _: Value = serde_json::from_slice(&find(&near, &tenant, at % ANSWERS, &request).await?)?;
        took_us.push(began.elapsed().as_nanos() as f64 / 1_000.0);
    }
    Ok(told(&mut took_us))
}

async fn redis(valkey: &Valkey, look_ups: usize) -> Result<(Value, Value)> {
    let settings = CacheSettings { patience_ms: 5_000, ..CacheSettings::of(10_000) };
    let redis = Arc::new(RedisCache::open(&valkey.url(), settings).await?);
    let cache = Sealed::new(redis, SealingKey::from_text("bench"), Arc::new(OsRandom));
    let (tenant, request) = (TenantId::new("acme"), vec![b'x'; REQUEST_BYTES]);
    fill(&cache, &tenant, &request).await?;
    let mut connection = redis::Client::open(valkey.url())?.get_multiplexed_async_connection().await?;
    for number in 0..ANSWERS {
        let _: () = cmd("SET").arg(key(number, &request)).arg(answer()).query_async(&mut connection).await?;
    }
    let (mut get_us, mut find_us) = (Vec::with_capacity(look_ups), Vec::with_capacity(look_ups));
    for at in 0..look_ups {
        let number = at % ANSWERS;
        let began = moment();
        let value: Vec<u8> = cmd("GET").arg(key(number, &request)).query_async(&mut connection).await?;
        get_us.push(began.elapsed().as_nanos() as f64 / 1_000.0);
        if value.len() < ANSWER_BYTES {
            return Err("a GET gave something else".into());
        }
        let began = moment();
        find(&cache, &tenant, number, &request).await?;
        find_us.push(began.elapsed().as_nanos() as f64 / 1_000.0);
    }
    Ok((told(&mut get_us), told(&mut find_us)))
}

fn told(took_us: &mut [f64]) -> Value {
    json!({
        "p50": rounded(percentile(took_us, 50.0)),
        "p99": rounded(percentile(took_us, 99.0)),
        "n": took_us.len(),
    })
}
