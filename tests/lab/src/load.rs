//! Requests at a fixed rate, whether or not earlier ones were answered: a slow answer is counted from the moment its request
//! was due, and slows nobody else's.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    milliseconds: Vec<f64>,
    errors: usize,
    took: Duration,
}

impl Measured {
    /// Adds an answer that took so long, and whether it was right.
    pub(crate) fn add(&mut self, took: Duration, right: bool) {
        self.milliseconds.push(took.as_secs_f64() * 1_000.0);
        self.errors += usize::from(!right);
    }

    /// The duration in milliseconds that a share of all answers does not pass.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let mut sorted = self.milliseconds.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// Its figures.
    pub(crate) fn report(&self) -> Value {
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        let rate = self.milliseconds.len() as f64 / self.took.as_secs_f64();
        json!({
            "requests": self.milliseconds.len(),
            "errors": self.errors,
            "answered_per_second": Some(rounded(rate)).filter(|rate| rate.is_finite()),
            "p50_ms": rounded(self.at(0.5)),
            "p95_ms": rounded(self.at(0.95)),
            "p99_ms": rounded(self.at(0.99)),
            "most_ms": rounded(self.at(1.0)),
        })
    }
}

/// Sends `count` requests, `per_second` of them each second; `send` says whether the answer to the nth was right.
pub(crate) async fn at_rate<F: Future<Output = bool>>(
    per_second: u32,
    count: u32,
    mut send: impl FnMut(u32) -> F,
) -> Measured {
    let began = now();
    let due = |nth: u32| began + Duration::from_secs_f64(f64::from(nth) / f64::from(per_second));
    let (mut sent, mut measured) = (0, Measured::default());
    let mut under_way = FuturesUnordered::new();
    while sent < count || !under_way.is_empty() {
        let next = async {
            if sent < count {
                tokio::time::sleep_until(due(sent).into()).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            Some((took, right)) = under_way.next() => measured.add(took, right),
            () = next => {
                let (due, answer) = (due(sent), send(sent));
                under_way.push(async move {
                    let right = answer.await;
                    (now().saturating_duration_since(due), right)
                });
                sent += 1;
            }
        }
    }
    measured.took = now() - began;
    measured
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
