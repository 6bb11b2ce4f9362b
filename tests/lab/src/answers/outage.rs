//! Redis frozen or killed while steps go on: what that adds to a step, and how soon stored answers are used again.

use std::time::Duration;

use serde_json::{Value, json};

use super::steps::{End, Place};
use crate::rates::fleet::{moment, now_us, wait_ms};
use crate::rates::{percentile, rounded};
use crate::stack::{Result, Valkey};

/// What becomes of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Its process is killed and started again: all it knew is gone.
    Killed,
    /// Its process stands still: connections stay open.
    Frozen,
}

/// How long Redis is there, then gone, then there again, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    pub(super) well: u64,
    pub(super) gone: u64,
    pub(super) back: u64,
}

const MODEL_MS: u64 = 5;

/// One step: when it began, by the machine's clock, how long it took, and how it ended.
struct Seen {
    began_us: u64,
    took_ms: f64,
    end: End,
}

pub(super) fn measure(how: How, spans: Spans) -> Result<Value> {
    let mut valkey = Valkey::start(&[])?;
    let url = valkey.url();
    let worker = std::thread::spawn(move || {
        steps(&url, spans.well + spans.gone + spans.back).map_err(|error| error.to_string())
    });
    let sleep = |milliseconds| std::thread::sleep(Duration::from_millis(milliseconds));
    sleep(spans.well);
    let lost_us = now_us();
    match how {
        How::Killed => valkey.kill(),
        How::Frozen => valkey.freeze(),
    }
    sleep(spans.gone);
    match how {
        How::Killed => valkey.start_again()?,
        How::Frozen => valkey.thaw(),
    }
    let back_us = now_us();
    let seen = worker.join().map_err(|_| "the steps ended in a panic")??;
    Ok(report(&seen, lost_us, back_us))
}

/// Runs steps one after the other for so long; no two of them ask the same.
fn steps(url: &str, for_ms: u64) -> Result<Vec<Seen>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let place = Place::open(url, 1, MODEL_MS, || {}).await?;
        let (began, mut seen) = (moment(), Vec::new());
        while began.elapsed().as_millis() < u128::from(for_ms) {
            let run = place.accept(&format!("tenant {}", seen.len())).await?;
            let (step, began_us) = (moment(), now_us());
            place.step(&run).await?;
            let took_ms = step.elapsed().as_secs_f64() * 1_000.0;
            let end = place.end(&run).await?.map_or(End::Failed, |(end, _)| end);
            seen.push(Seen { began_us, took_ms, end });
            wait_ms(2).await;
        }
        Ok(seen)
    })
}

fn report(seen: &[Seen], lost_us: u64, back_us: u64) -> Value {
    let took = |wanted: &dyn Fn(&Seen) -> bool| -> Vec<f64> {
        seen.iter().filter(|step| wanted(step)).map(|step| step.took_ms).collect()
    };
    let ends_us = |step: &Seen| step.began_us + (step.took_ms * 1_000.0) as u64;
    let mut well = took(&|step| ends_us(step) < lost_us);
    let mut out = took(&|step| ends_us(step) >= lost_us && step.began_us < back_us);
    let usual_ms = percentile(&mut well, 50.0);
    let worst_ms = out.iter().copied().fold(0.0, f64::max);
    let again = seen
        .iter()
        .find(|step| step.began_us >= back_us && step.end == End::Asked { away: false })
        .map(|step| step.began_us.saturating_sub(back_us) / 1_000);
    json!({
        "steps": seen.len(),
        "steps_in_outage": out.len(),
        "failed": seen.iter().filter(|step| step.end == End::Failed).count(),
        "usual_p50_ms": rounded(usual_ms),
        "usual_p99_ms": rounded(percentile(&mut well, 99.0)),
        "outage_p50_ms": rounded(percentile(&mut out, 50.0)),
        "outage_p99_ms": rounded(percentile(&mut out, 99.0)),
        "outage_worst_ms": rounded(worst_ms),
        "added_worst_ms": rounded(worst_ms - usual_ms),
        "used_again_after_ms": again,
    })
}
