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

/// What one arm did: calls a second, and each call's microseconds.
struct Arm {
    per_second: f64,
    took_us: Vec<f64>,
}

pub(super) fn measure(for_ms: u64) -> Result<Value> {
    let valkey = Valkey::start(&[])?;
    valkey.say("SET bare value")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let turn = Duration::from_millis((for_ms / TURNS).max(1));
        let mut report = serde_json::Map::new();
        let mut ratios = Vec::new();
        for connections in [1, CONNECTIONS] {
            let client = redis::Client::open(valkey.url())?;
            let (mut bare, mut limits) = (Vec::new(), Vec::new());
            for number in 0..connections {
                bare.push(client.get_multiplexed_async_connection().await?);
                let settings = Settings { patience_ms: 10_000, ..Settings::of(&format!("{connections}/{number}")) };
                limits.push(RedisLimits::open(&valkey.url(), rates()?, settings, None).await?);
            }
            let (mut get, mut take) = (Vec::new(), Vec::new());
            for number in 0..TURNS {
                get.push(gets(&bare, turn).await?);
                take.push(takes(&limits, turn, number).await?);
            }
            let ratio = |at: usize| take[at].per_second / get[at].per_second;
            let mut each: Vec<f64> = (0..take.len()).map(ratio).collect();
            let p50 = |arms: &mut [Arm]| percentile(&mut arms.iter_mut().flat_map(|arm| arm.took_us.drain(..)).collect::<Vec<_>>(), 50.0);
            let rate = |arms: &[Arm]| arms.iter().map(|arm| arm.per_second).sum::<f64>() / arms.len() as f64;
            let (get_rate, take_rate) = (rate(&get), rate(&take));
            let (get_p50, take_p50) = (p50(&mut get), p50(&mut take));
            let name = format!("connections_{connections}");
            report.insert(
                name,
                json!({
                    "get_per_s": get_rate.round(), "take_per_s": take_rate.round(), "ratio": rounded(percentile(&mut each, 50.0)),
                    "get_p50_us": get_p50.round(), "take_p50_us": take_p50.round(),
                }),
            );
            ratios.push((percentile(&mut each, 50.0), take_rate, take_p50 / get_p50));
        }
        report.insert("limits_per_call".to_owned(), json!(8));
        report.insert("server_us_per_take".to_owned(), server_us(&valkey)?);
        report.insert("get_ratio".to_owned(), json!(rounded(ratios[1].0)));
        report.insert("decisions_per_s".to_owned(), json!(ratios[1].1.round()));
        report.insert("p50_ratio".to_owned(), json!(rounded(ratios[0].2)));
        Ok(Value::Object(report))
    })
}

/// What the server itself says each call of the script took it.
fn server_us(valkey: &Valkey) -> Result<Value> {
    let told = valkey.say("INFO commandstats")?;
    let line = told.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap_or_default();
    let number = line.split("usec_per_call=").nth(1).and_then(|rest| rest.split(',').next());
    Ok(number.and_then(|number| number.parse::<f64>().ok()).map_or(Value::Null, Value::from))
}

async fn gets(connections: &[redis::aio::MultiplexedConnection], turn: Duration) -> Result<Arm> {
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
    arm(join_all(each).await, began.elapsed())
}

async fn takes(limits: &[RedisLimits], turn: Duration, number: u64) -> Result<Arm> {
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
    arm(join_all(each).await, began.elapsed())
}

/// Calls of one limiter never have an id that another's have.
fn limits_id(limits: &RedisLimits) -> usize {
    std::ptr::from_ref(limits).addr()
}

fn arm(took: Vec<Result<Vec<f64>>>, elapsed: Duration) -> Result<Arm> {
    let took_us: Vec<f64> = took.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    Ok(Arm { per_second: took_us.len() as f64 / elapsed.as_secs_f64(), took_us })
}
