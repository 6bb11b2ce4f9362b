//! Spans leave the process: to a collector as OTLP over HTTP in JSON, or to X-Ray's daemon. A function records spans while it
//! works and sends them before it answers; what is not taken in time is kept for the next answer, and nothing of this ever
//! fails work.
//!
//! Own code instead of OpenTelemetry's crates: what is sent is one JSON object over the HTTP client that is linked anyway. To
//! add a destination: one file beside [`otlp`] and a variant of [`Destination`].

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::error::{Error, Result};
use engine::trace::Span;

mod http;
pub mod otlp;
pub mod xray;

use http::Collector;

/// So many spans wait at most; those beyond are dropped and counted.
const MOST_PENDING: usize = 2_048;

/// Where spans go.
#[derive(Clone)]
pub enum Destination {
    /// A collector: its address without `/v1/traces`, and headers that go with every request, such as a credential.
    Otlp {
        /// The address.
        endpoint: String,
        /// Names and values.
        headers: Vec<(String, String)>,
    },
    /// X-Ray's daemon, which takes datagrams.
    XRay(SocketAddr),
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Destination::Otlp { endpoint, headers } => {
                let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                formatter.debug_struct("Otlp").field("endpoint", endpoint).field("headers", &names).finish()
            }
            Destination::XRay(address) => formatter.debug_tuple("XRay").field(address).finish(),
        }
    }
}

/// Spans on their way.
pub struct Traces {
    service: String,
    sender: Sender,
    pending: Mutex<Pending>,
}

enum Sender {
    Otlp(Collector),
    XRay(SocketAddr),
}

#[derive(Default)]
struct Pending {
    spans: Vec<Span>,
    dropped: u64,
}

impl Traces {
    /// Spans of `service` go to `destination`. Errors: `Configuration` for an address that cannot be asked.
    pub fn new(service: &str, destination: &Destination) -> Result<Self> {
        let sender = match destination {
            Destination::Otlp { endpoint, headers } => Sender::Otlp(Collector::new(endpoint, headers)?),
            Destination::XRay(address) => Sender::XRay(*address),
        };
        Ok(Self { service: service.to_owned(), sender, pending: Mutex::default() })
    }

    /// Keeps a span until it is sent.
    pub fn record(&self, span: Span) {
        let mut pending = self.lock();
        if pending.spans.len() < MOST_PENDING {
            pending.spans.push(span);
        } else {
            pending.dropped += 1;
        }
    }

    /// Sends what was recorded, for so many milliseconds at most. What was not taken, but may be next time, stays recorded.
    pub async fn send(&self, within_ms: u64) {
        let Pending { spans, dropped } = std::mem::take(&mut *self.lock());
        if dropped > 0 {
            tracing::warn!(dropped, "spans were dropped: nobody takes them as fast as they come");
        }
        if spans.is_empty() {
            return;
        }
        let sent = tokio::time::timeout(Duration::from_millis(within_ms), self.send_all(&spans)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) if !error.is_retryable() => {
                tracing::warn!(%error, causes = error.causes(), spans = spans.len(), "spans were refused");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, causes = error.causes(), spans = spans.len(), "spans were not taken");
                self.keep(spans);
            }
            Err(_) => {
                tracing::warn!(spans = spans.len(), "spans were not taken in {within_ms} ms");
                self.keep(spans);
            }
        }
    }

    async fn send_all(&self, spans: &[Span]) -> Result<(), Error> {
        match &self.sender {
            Sender::Otlp(collector) => collector.post(otlp::request(&self.service, spans).to_string()).await,
            Sender::XRay(daemon) => xray::send(*daemon, &self.service, spans).await,
        }
    }

    /// Puts spans back before those recorded since.
    fn keep(&self, mut spans: Vec<Span>) {
        let mut pending = self.lock();
        spans.append(&mut pending.spans);
        pending.dropped += spans.len().saturating_sub(MOST_PENDING) as u64;
        spans.truncate(MOST_PENDING);
        pending.spans = spans;
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
