//! Valkey killed or frozen under eight processes that ask all the time.

use engine::limits::{Dimension, Rates, Rule, Scope};
use engine::model::{AgentId, TakeId, TenantId};
use engine::ports::{Limits, Take};
use redis_ports::{RedisLimits, Settings};
use serde_json::{Value, json};

use super::fleet::{Order, PROCESSES, Seen, Work, end, now_us, start, wait_ms, wait_until_ms};
use super::schedules::{letter, most_in_a_span};
use super::{percentile, rounded};
use crate::stack::{Result, Valkey};

/// The span of the rate.
const SPAN_MS: u64 = 1_280;
/// Calls in a span.
const CAPACITY: u64 = 4_000;
/// How long Valkey is there before and after.
const WELL_MS: u64 = 4_000;
/// How long a process waits for an answer at most before it lives on its share.
const PATIENCE_US: u64 = 100_000;
/// A decision is in time if it takes no longer.
const IN_TIME_US: u64 = 150_000;

/// Not a decision: from when a pause should have ended to when it did, which tells how busy the machine is.
const PAUSE: char = 'p';

/// What becomes of Valkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Its process is killed and started again: all it knew is gone.
    Killed,
    /// Its process stands still: connections stay open.
    Frozen,
}

pub(super) fn measure(how: How, outage_ms: u64) -> Result<Value> {
    let mut valkey = Valkey::start(&[])?;
    let begins_ms = now_us() / 1_000 + 1_500;
    let fleet = start(&valkey.url(), &Work::Outage { for_ms: 2 * WELL_MS + outage_ms }, begins_ms)?;
    let until = |at_ms: u64| {
        std::thread::sleep(std::time::Duration::from_millis(at_ms.saturating_sub(now_us() / 1_000)))
    };
    until(begins_ms + WELL_MS);
    let lost_us = now_us();
    match how {
        How::Killed => valkey.kill(),
        How::Frozen => valkey.freeze(),
    }
    until(begins_ms + WELL_MS + outage_ms);
    match how {
        How::Killed => valkey.start_again()?,
        How::Frozen => valkey.thaw(),
    }
    let back_us = now_us();
    let seen: Vec<Vec<Seen>> = fleet.into_iter().map(end).collect::<Result<_>>()?;
    let counted = recorded(&valkey)?;
    Ok(report(&seen, lost_us, back_us, counted))
}

/// What the server says was taken in the last span, and the moments between which it said so.
fn recorded(valkey: &Valkey) -> Result<(u64, u64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = Settings { patience_ms: 2_000, ..Settings::of("reader") };
        let limits = RedisLimits::open(&valkey.url(), rates()?, settings, None).await?;
        let asked_us = now_us();
        let admission = limits.take(&Take { output_tokens: 0, ..call("reader".to_owned()) }).await?;
        let left = admission.remaining.output_tokens.ok_or("no answer says what is left")?;
        Ok((CAPACITY - left, asked_us))
    })
}

fn rates() -> Result<Rates> {
    let dimension = Dimension::OutputTokens;
    let rule = Rule { scope: Scope::Tenant, of: None, dimension, capacity: CAPACITY, span_ms: SPAN_MS };
    Ok(Rates::new(vec![rule])?)
}

fn call(id: String) -> Take {
    Take {
        id: TakeId::new(id),
        tenant: TenantId::new("acme"),
        agent: AgentId::new("agent"),
        model: "model".to_owned(),
        provider: "provider".to_owned(),
        input_tokens: 0,
        output_tokens: 1,
    }
}

/// Asks as soon as it may, and at least each 10 ms; every decision is noted, refusals too.
pub(super) async fn ask(order: &Order, for_ms: u64) -> Result<Vec<Seen>> {
    let limits =
        RedisLimits::open(&order.url, rates()?, Settings::of(&order.process.to_string()), None).await?;
    wait_until_ms(order.begins_ms).await;
    let (mut seen, mut number) = (Vec::new(), 0);
    while now_us() < (order.begins_ms + for_ms) * 1_000 {
        number += 1;
        let sent_us = now_us();
        let admission = limits.take(&call(format!("{}/{number}", order.process))).await?;
        let units = u64::from(admission.allowed);
        seen.push(Seen { schedule: 0, sent_us, answered_us: now_us(), units, by: letter(admission.backend) });
        let pause_ms = match admission.allowed {
            false => admission.retry_after_ms.clamp(2, 10),
            true if number % 8 == 0 => 1,
            true => continue,
        };
        let due_us = now_us() + pause_ms * 1_000;
        wait_ms(pause_ms).await;
        seen.push(Seen {
            schedule: 0,
            sent_us: due_us,
            answered_us: now_us().max(due_us),
            units: 0,
            by: PAUSE,
        });
    }
    Ok(seen)
}

fn report(seen: &[Vec<Seen>], lost_us: u64, back_us: u64, (counted, asked_us): (u64, u64)) -> Value {
    let (pauses, all): (Vec<Seen>, Vec<Seen>) =
        seen.iter().flatten().cloned().partition(|seen| seen.by == PAUSE);
    let mut admitted: Vec<Seen> = all.iter().filter(|seen| seen.units > 0).cloned().collect();
    let span_us = SPAN_MS * 1_000;
    let most = most_in_a_span(&mut admitted, span_us);
    let took = |seen: &Seen| (seen.answered_us - seen.sent_us) as f64;
    let in_time = all.iter().filter(|seen| took(seen) <= IN_TIME_US as f64).count();
    let outage = |seen: &&Seen| (lost_us..back_us).contains(&seen.sent_us);
    // The first decision of each process in the outage is the one that finds out.
    let mut after_first: Vec<f64> = Vec::new();
    let mut first: Vec<f64> = Vec::new();
    for process in seen {
        let decisions = process.iter().filter(|seen| seen.by != PAUSE);
        let mut decisions = decisions.filter(outage).skip_while(|seen| seen.by == 'r');
        first.extend(decisions.next().map(took));
        after_first.extend(decisions.map(took));
    }
    let mut late: Vec<f64> = pauses.iter().filter(outage).map(took).collect();
    // The first span ends with its last sub-span, and a span of a share, spent at once, comes again when it has left: so many
    // spans of that length are counted as fit into the rest.
    let counted_us = span_us + span_us / 64;
    let from_us = lost_us + span_us + span_us / 32 + PATIENCE_US;
    let spans = back_us.saturating_sub(from_us) / counted_us;
    let counted_until = from_us + spans * counted_us;
    let inside = admitted.iter().filter(|seen| (from_us..counted_until).contains(&seen.answered_us)).count();
    let spans = (spans * counted_us) as f64 / span_us as f64;
    let reconciled: Vec<f64> = seen
        .iter()
        .filter_map(|process| {
            let here = process.iter().find(|seen| seen.sent_us >= back_us && seen.by == 'r')?;
            Some((here.answered_us - back_us) as f64 / 1_000.0)
        })
        .collect();
    let last_spans_us = span_us + span_us / 64;
    let at_least = admitted.iter().filter(|seen| seen.sent_us + span_us > asked_us).count() as u64;
    let at_most =
        admitted.iter().filter(|seen| seen.answered_us + last_spans_us + 25_000 > asked_us).count() as u64;
    serde_json::json!({
        "overshoot": rounded(most as f64 / CAPACITY as f64),
        "availability": rounded(in_time as f64 / all.len() as f64),
        "goodput_after_first_span": rounded(inside as f64 / (CAPACITY as f64 * spans)),
        "first_decision_ms_worst": first.iter().copied().fold(0.0, f64::max) / 1_000.0,
        "decision_p99_ms": rounded(percentile(&mut after_first.clone(), 99.0) / 1_000.0),
        "pauses_late_p99_ms": rounded(percentile(&mut late, 99.0) / 1_000.0),
        "decision_p50_ms": rounded(percentile(&mut after_first, 50.0) / 1_000.0),
        "reconciled_within_ms": if reconciled.len() == PROCESSES { json!(reconciled.iter().copied().fold(0.0, f64::max).round()) } else { Value::Null },
        "counted_by_server": counted,
        "admitted_in_that_span": [at_least, at_most],
        "decisions": all.len(),
        "admitted": admitted.len(),
        "outage_ms": (back_us - lost_us) / 1_000,
    })
}
