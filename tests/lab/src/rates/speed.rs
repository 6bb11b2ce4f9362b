//! How fast one Valkey decides over eight limits in one call, against a bare GET of the same client on the same server.

use std::time::Duration;

use engine::limits::{AT_ONCE_SPAN_MS, Dimension, MINUTE_MS, Rates, Rule, Scope};
use engine::model::{AgentId, TakeId, TenantId};
use engine::ports::{Limits as _, Take};
use futures::future::join_all;
use redis_ports::{RedisLimits, Settings};
use serde_json::{Value, json};

use super::fleet::moment;
use super::{percentile, rounded};
use crate::stack::{Result, Valkey};

const CONNECTIONS: usize = 16;
/// Both are measured in turns, so that whatever else this machine does meets both.
const TURNS: u64 = 6;

/// Eight limits of one tenant, none of which refuses here.
fn rates() -> Result<Rates> {
    const MOST: u64 = 1_000_000_000;
    let mut rules = Vec::new();
    for scope in [Scope::Tenant, Scope::Agent] {
        for dimension in
            [Dimension::Requests, Dimension::InputTokens, Dimension::OutputTokens, Dimension::AtOnce]
        {
            let span_ms = if dimension == Dimension::AtOnce { AT_ONCE_SPAN_MS } else { MINUTE_MS };
            rules.push(Rule { scope, of: None, dimension, capacity: MOST, span_ms });
        }
    }
    Ok(Rates::new(rules)?)
}

/// What one arm did: calls a second, calls per second of the server's own processor time, and each call's microseconds.
struct Arm {
    per_second: f64,
    per_cpu_second: f64,
    took_us: Vec<f64>,
}

pub(super) fn measure(for_ms: u64) -> Result<Value> {
    let valkey = Valkey::start(&[])?;
    valkey.say("SET bare value")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let turn = Duration::from_millis((for_ms / TURNS).max(1));
        let mut report = serde_json::Map::new();
        for connections in [1, CONNECTIONS] {
            let client = redis::Client::open(valkey.url())?;
            let (mut bare, mut limits) = (Vec::new(), Vec::new());
            for number in 0..connections {
                bare.push(client.get_multiplexed_async_connection().await?);
                let settings =
                    Settings { patience_ms: 10_000, ..Settings::of(&format!("{connections}/{number}")) };
                limits.push(RedisLimits::open(&valkey.url(), rates()?, settings, None).await?);
            }
            let (mut get, mut take) = (Vec::new(), Vec::new());
            for number in 0..TURNS {
                get.push(arm(&valkey, gets(&bare, turn)).await?);
                take.push(arm(&valkey, takes(&limits, turn, number)).await?);
            }
            let median_ratio = |of: fn(&Arm) -> f64| {
                let mut each: Vec<f64> =
                    get.iter().zip(&take).map(|(get, take)| of(take) / of(get)).collect();
                percentile(&mut each, 50.0)
            };
            let mean =
                |arms: &[Arm], of: fn(&Arm) -> f64| arms.iter().map(of).sum::<f64>() / arms.len() as f64;
            let p50 = |arms: &[Arm]| {
                let mut all: Vec<f64> = arms.iter().flat_map(|arm| arm.took_us.iter().copied()).collect();
                percentile(&mut all, 50.0)
            };
            let row = json!({
                "get_per_s": mean(&get, |arm| arm.per_second).round(),
                "take_per_s": mean(&take, |arm| arm.per_second).round(),
                "ratio": rounded(median_ratio(|arm| arm.per_second)),
                "get_per_server_cpu_s": mean(&get, |arm| arm.per_cpu_second).round(),
                "take_per_server_cpu_s": mean(&take, |arm| arm.per_cpu_second).round(),
                "server_cpu_ratio": rounded(median_ratio(|arm| arm.per_cpu_second)),
                "get_p50_us": p50(&get).round(),
                "take_p50_us": p50(&take).round(),
                "p50_ratio": rounded(p50(&take) / p50(&get)),
            });
            report.insert(format!("connections_{connections}"), row);
        }
        report.insert("limits_per_call".to_owned(), json!(8));
        let of = |connections: usize, name: &str| report[&format!("connections_{connections}")][name].clone();
        let chosen = [
            ("get_ratio", of(CONNECTIONS, "ratio")),
            ("get_ratio_by_server_cpu", of(CONNECTIONS, "server_cpu_ratio")),
            ("decisions_per_s", of(CONNECTIONS, "take_per_s")),
            ("decisions_per_server_cpu_s", of(CONNECTIONS, "take_per_server_cpu_s")),
            ("p50_ratio", of(1, "p50_ratio")),
        ];
        report.extend(chosen.map(|(name, value)| (name.to_owned(), value)));
        Ok(Value::Object(report))
    })
}

/// Processor time of the server so far, in seconds, by its own word.
fn server_cpu_seconds(valkey: &Valkey) -> Result<f64> {
    let told = valkey.say("INFO cpu")?;
    let used = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|seconds| seconds.trim().parse::<f64>().ok())
            .ok_or("the server does not say what it used")
    };
    Ok(used("used_cpu_user:")? + used("used_cpu_sys:")?)
}

/// Measures one turn of an arm, which gives the microseconds of each of its calls.
async fn arm(valkey: &Valkey, turn: impl Future<Output = Result<Vec<f64>>>) -> Result<Arm> {
    let (cpu, began) = (server_cpu_seconds(valkey)?, moment());
    let took_us = turn.await?;
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), server_cpu_seconds(valkey)? - cpu);
    let calls = took_us.len() as f64;
    Ok(Arm { per_second: calls / elapsed, per_cpu_second: calls / cpu, took_us })
}

async fn gets(connections: &[redis::aio::MultiplexedConnection], turn: Duration) -> Result<Vec<f64>> {
    let began = moment();
    let each = connections.iter().map(|connection| async move {
        let (mut connection, mut took_us) = (connection.clone(), Vec::new());
        while began.elapsed() < turn {
            let sent = moment();
            let _: String = redis::cmd("GET").arg("bare").query_async(&mut connection).await?;
            took_us.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        Ok(took_us)
    });
    all(join_all(each).await)
}

async fn takes(limits: &[RedisLimits], turn: Duration, number: u64) -> Result<Vec<f64>> {
    let began = moment();
    let each = limits.iter().enumerate().map(|(place, limits)| async move {
        let (mut took_us, mut calls) = (Vec::new(), 0);
        while began.elapsed() < turn {
            calls += 1;
            let take = Take {
                id: TakeId::new(format!("{number}/{place}/{calls}/{}", limits_id(limits))),
                tenant: TenantId::new("acme"),
                agent: AgentId::new("planner"),
                model: "model".to_owned(),
                provider: "provider".to_owned(),
                input_tokens: 1_200,
                output_tokens: 300,
            };
            let sent = moment();
            if !limits.take(&take).await?.allowed {
                return Err("refused where nothing is full".into());
            }
            took_us.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        Ok(took_us)
    });
    all(join_all(each).await)
}

/// Calls of one limiter never have an id that another's have.
fn limits_id(limits: &RedisLimits) -> usize {
    std::ptr::from_ref(limits).addr()
}

fn all(took: Vec<Result<Vec<f64>>>) -> Result<Vec<f64>> {
    Ok(took.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}
