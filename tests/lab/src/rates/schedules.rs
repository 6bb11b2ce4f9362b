//! Random schedules against one rate each, from all processes at once: probes and pauses before a burst, bursts at random
//! moments, mixed weights, estimates that are settled and calls that are refunded.

use std::collections::BTreeMap;
use std::path::Path;

use engine::limits::{Dimension, MINUTE_MS, Rates, Rule, Scope};
use engine::memory::SeededRandom;
use engine::model::{AgentId, TakeId, TenantId};
use engine::ports::{Admission, Backend, Limits, Random as _, Take, Used};
use futures::future::join_all;
use redis_ports::{RedisLimits, Settings};
use serde_json::{Value, json};

use super::fleet::{Order, PROCESSES, Seen, Work, now_us, run, wait_ms, wait_until_ms};
use super::rounded;
use crate::process::ask_script;
use crate::stack::{Result, Valkey};

/// The span of a schedule's rate.
const SPAN_MS: u64 = 1_280;
/// A schedule lasts so many spans.
const SPANS: u64 = 3;
/// Schedules that are played at once.
const AT_ONCE: u64 = 250;
/// Limiters that are crates: they would have to be linked.
const PEERS_NOT_LINKED: [&str; 2] = ["governor", "limitador"];
/// The capacity of the greedy trial's rate.
const GREEDY: u64 = 500;
/// The capacity of the trial of conservation.
const CONSERVED: u64 = 1_000_000_000;

/// The capacity of a schedule's rate.
fn capacity(schedule: u64) -> u64 {
    20 + SeededRandom::new(schedule ^ 0xCA9A).next_u64() % 120
}

pub(super) fn measure(schedules: u64, python: &Path) -> Result<Value> {
    let valkey = Valkey::start(&[])?;
    let (mut worst, mut decisions, mut admissions, mut delays_us) = (0.0_f64, 0_u64, 0_u64, Vec::new());
    let mut from = 0;
    while from < schedules {
        let to = (from + AT_ONCE).min(schedules);
        let mut by_schedule: BTreeMap<u64, Vec<Seen>> = BTreeMap::new();
        for seen in run(&valkey.url(), &Work::Schedules { from, to })?.into_iter().flatten() {
            if seen.by != 'r' {
                return Err(format!("a decision by {} where Redis was there", seen.by).into());
            }
            decisions += 1;
            if seen.units > 0 {
                admissions += 1;
                delays_us.push((seen.answered_us - seen.sent_us) as f64);
                by_schedule.entry(seen.schedule).or_default().push(seen);
            }
        }
        for (schedule, seen) in &mut by_schedule {
            let most = most_in_a_span(seen, SPAN_MS * 1_000);
            worst = worst.max(most as f64 / capacity(*schedule) as f64);
        }
        from = to;
    }
    let greedy_ms = 12 * SPAN_MS;
    let greedy: Vec<Seen> =
        run(&valkey.url(), &Work::Greedy { for_ms: greedy_ms })?.into_iter().flatten().collect();
    let conserved = conservation(&valkey)?;
    let mut overshoot = peers(&valkey, python);
    overshoot["assay"] = rounded(worst).into();
    let greedy_most = most_in_a_span(&mut admitted(&greedy), SPAN_MS * 1_000);
    overshoot["assay_greedy"] = rounded(greedy_most as f64 / GREEDY as f64).into();
    Ok(json!({
        "overshoot": overshoot,
        "schedules": schedules,
        "processes": PROCESSES,
        "decisions": decisions,
        "admissions": admissions,
        "answered_within_us_p50": super::percentile(&mut delays_us, 50.0),
        "answered_within_us_p99": super::percentile(&mut delays_us, 99.0),
        "greedy_share_of_limit": rounded(goodput(&greedy, greedy_ms)),
        "units_lost_or_made": conserved,
    }))
}

fn admitted(seen: &[Seen]) -> Vec<Seen> {
    seen.iter().filter(|seen| seen.units > 0).cloned().collect()
}

/// What is admitted in the later spans of a greedy trial, as a part of what the rate allows in them.
fn goodput(seen: &[Seen], for_ms: u64) -> f64 {
    let Some(first_us) = seen.iter().map(|seen| seen.sent_us).min() else { return 0.0 };
    // The first burst comes at once; its span is left out, and whole spans are counted.
    let (from_us, to_us) = (first_us + SPAN_MS * 1_000, first_us + for_ms * 1_000);
    let spans = (to_us - from_us) as f64 / (SPAN_MS * 1_000) as f64;
    let inside = seen.iter().filter(|seen| (from_us..to_us).contains(&seen.answered_us));
    inside.map(|seen| seen.units).sum::<u64>() as f64 / (GREEDY as f64 * spans)
}

/// The most units that were certainly admitted within one span: asked and answered in it.
pub(super) fn most_in_a_span(seen: &mut [Seen], span_us: u64) -> u64 {
    seen.sort_by_key(|seen| seen.sent_us);
    let inside = |first: usize| {
        let ends_us = seen[first].sent_us + span_us;
        let later = seen[first..].iter().take_while(|seen| seen.sent_us < ends_us);
        later.filter(|seen| seen.answered_us < ends_us).map(|seen| seen.units).sum()
    };
    (0..seen.len()).map(inside).max().unwrap_or(0)
}

fn rates(rules: &[(&str, u64, u64)]) -> Result<Rates> {
    let rule = |(of, capacity, span_ms): &(&str, u64, u64)| Rule {
        scope: Scope::Tenant,
        of: Some((*of).to_owned()),
        dimension: Dimension::OutputTokens,
        capacity: *capacity,
        span_ms: *span_ms,
    };
    Ok(Rates::new(rules.iter().map(rule).collect())?)
}

async fn open(order: &Order, rates: Rates) -> Result<RedisLimits> {
    let settings = Settings { patience_ms: 10_000, ..Settings::of(&order.process.to_string()) };
    Ok(RedisLimits::open(&order.url, rates, settings, None).await?)
}

fn take(tenant: &str, id: String, units: u64) -> Take {
    Take {
        id: TakeId::new(id),
        tenant: TenantId::new(tenant),
        agent: AgentId::new("agent"),
        model: "model".to_owned(),
        provider: "provider".to_owned(),
        input_tokens: 0,
        output_tokens: units,
    }
}

pub(super) fn letter(backend: Backend) -> char {
    match backend {
        Backend::Redis => 'r',
        Backend::Share => 's',
        Backend::Memory | Backend::Table | Backend::Spare => 'x',
    }
}

/// Asks once and notes the answer.
async fn ask(limits: &RedisLimits, schedule: u64, take: &Take, seen: &mut Vec<Seen>) -> Result<Admission> {
    let sent_us = now_us();
    let admission = limits.take(take).await?;
    let units = if admission.allowed { take.output_tokens } else { 0 };
    seen.push(Seen { schedule, sent_us, answered_us: now_us(), units, by: letter(admission.backend) });
    Ok(admission)
}

pub(super) async fn play(order: &Order, from: u64, to: u64) -> Result<Vec<Seen>> {
    let names: Vec<String> = (from..to).map(|schedule| format!("s{schedule}")).collect();
    let rules: Vec<(&str, u64, u64)> = names
        .iter()
        .zip(from..to)
        .map(|(name, schedule)| (name.as_str(), capacity(schedule), SPAN_MS))
        .collect();
    let limits = open(order, rates(&rules)?).await?;
    wait_until_ms(order.begins_ms).await;
    let played = join_all((from..to).map(|schedule| one(order, &limits, schedule))).await;
    Ok(played.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// One process's part of one schedule.
async fn one(order: &Order, limits: &RedisLimits, schedule: u64) -> Result<Vec<Seen>> {
    let random = SeededRandom::new(schedule * 64 + order.process as u64);
    let draw = |most: u64| random.next_u64() % most.max(1);
    let style = SeededRandom::new(schedule).next_u64() % 4;
    let tenant = format!("s{schedule}");
    let (mut seen, mut number) = (Vec::new(), 0);
    let ends_us = (order.begins_ms + SPANS * SPAN_MS) * 1_000;
    if style == 0 {
        // A probe, a pause, then all that can be had.
        if order.process == 0 {
            ask(limits, schedule, &take(&tenant, format!("{tenant}/probe"), 1), &mut seen).await?;
        }
        wait_until_ms(order.begins_ms + SPAN_MS * 6 / 10).await;
    }
    while now_us() < ends_us {
        number += 1;
        let units = if style == 2 { 1 + draw(capacity(schedule) / 2) } else { 1 };
        let take = take(&tenant, format!("{tenant}/{}/{number}", order.process), units);
        let admission = ask(limits, schedule, &take, &mut seen).await?;
        if !admission.allowed {
            wait_ms(admission.retry_after_ms.clamp(20, 200) + draw(60)).await;
        } else if style == 3 && draw(2) == 0 {
            let kept = draw(units + 1);
            if kept == 0 {
                limits.refund(&take).await?;
            } else {
                limits.settle(&take, &Used { input_tokens: 0, output_tokens: kept }).await?;
            }
            if let Some(last) = seen.last_mut() {
                last.units = kept;
            }
        }
        if style == 1 {
            wait_ms(draw(80)).await;
        }
    }
    Ok(seen)
}

/// Asks as soon as it may, all the time.
pub(super) async fn be_greedy(order: &Order, for_ms: u64) -> Result<Vec<Seen>> {
    let limits = open(order, rates(&[("greedy", GREEDY, SPAN_MS)])?).await?;
    wait_until_ms(order.begins_ms).await;
    let (mut seen, mut number) = (Vec::new(), 0);
    while now_us() < (order.begins_ms + for_ms) * 1_000 {
        number += 1;
        let take = take("greedy", format!("greedy/{}/{number}", order.process), 1);
        let admission = ask(&limits, 0, &take, &mut seen).await?;
        if !admission.allowed {
            wait_ms(admission.retry_after_ms.min(50)).await;
        }
    }
    Ok(seen)
}

/// Calls that are taken, settled and refunded at random, each of it sometimes twice; notes what should be left of each.
pub(super) async fn conserve(order: &Order, calls: u64) -> Result<Vec<Seen>> {
    let limits = open(order, rates(&[("kept", CONSERVED, 10 * MINUTE_MS)])?).await?;
    wait_until_ms(order.begins_ms).await;
    let random = SeededRandom::new(order.process as u64 ^ 0xC0);
    let draw = |most: u64| random.next_u64() % most;
    let mut seen = Vec::new();
    for number in 0..calls {
        let units = draw(2_000);
        let take = take("kept", format!("kept/{}/{number}", order.process), units);
        let mut left = 0;
        for _ in 0..=draw(2) {
            left = if limits.take(&take).await?.allowed { units } else { 0 };
        }
        let real = draw(3_000);
        match draw(3) {
            0 => {
                limits.refund(&take).await?;
                limits.settle(&take, &Used { input_tokens: 0, output_tokens: real }).await?;
                left = 0;
            }
            1 => {
                for _ in 0..=draw(2) {
                    limits.settle(&take, &Used { input_tokens: 0, output_tokens: real }).await?;
                }
                limits.refund(&take).await?;
                left = real;
            }
            _ => {}
        }
        seen.push(Seen { schedule: 0, sent_us: 0, answered_us: 0, units: left, by: 'r' });
    }
    Ok(seen)
}

/// By how many units the server's count differs from what all processes should have left.
fn conservation(valkey: &Valkey) -> Result<i64> {
    const CALLS: u64 = 1_500;
    let seen = run(&valkey.url(), &Work::Conserve { calls: CALLS })?;
    let expected: u64 = seen.iter().flatten().map(|seen| seen.units).sum();
    let order =
        Order { url: valkey.url(), process: PROCESSES, begins_ms: 0, work: Work::Conserve { calls: 0 } };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let left = runtime.block_on(async {
        let limits = open(&order, rates(&[("kept", CONSERVED, 10 * MINUTE_MS)])?).await?;
        let admission = limits.take(&take("kept", "kept/end".to_owned(), 0)).await?;
        admission.remaining.output_tokens.ok_or_else(|| "no answer says what is left".into())
    });
    let left: u64 = left.map_err(|error: crate::stack::Error| error)?;
    Ok((CONSERVED - left) as i64 - expected as i64)
}

/// What limiters of other projects admit at most in a span over the limit, where Python has them; `not run` where it has not.
fn peers(valkey: &Valkey, python: &Path) -> Value {
    let request = json!({"url": valkey.url(), "limit": 100, "span_s": 2});
    let mut found = ask_script(python, "limiters.py", &request)
        .unwrap_or_else(|_| json!({"limits": "not run", "throttled-py": "not run", "litellm": "not run"}));
    for name in PEERS_NOT_LINKED {
        found[name] = json!("not run");
    }
    found
}
