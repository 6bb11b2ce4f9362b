//! What a process that lives long measures: counts in memory, and spans that a thread of their own sends each second and once
//! more at the end.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ::telemetry::{Destination, Traces};
use engine::error::{Error, ErrorKind, Result};
use engine::memory::MemoryMetrics;
use engine::ports::Metrics;
use engine::trace::Span;

const EACH: Duration = Duration::from_secs(1);
const WITHIN_MS: u64 = 2_000;

/// Counts of this process, and its spans where they go anywhere.
pub struct Measures {
    counts: MemoryMetrics,
    spans: Option<SpanThread>,
}

impl Measures {
    /// Spans go to `destination`. Errors: `Configuration` for an address that cannot be asked.
    pub fn new(destination: Option<&Destination>) -> Result<Self> {
        let spans = destination.map(SpanThread::start).transpose()?;
        Ok(Self { counts: MemoryMetrics::default(), spans })
    }
}

impl Metrics for Measures {
    fn count(&self, name: &'static str, by: u64) {
        self.counts.count(name, by);
    }

    fn duration_ms(&self, name: &'static str, milliseconds: u64) {
        self.counts.duration_ms(name, milliseconds);
    }

    fn held(&self, name: &'static str) -> Option<u64> {
        self.counts.held(name)
    }

    fn span(&self, span: Span) {
        if let Some(spans) = &self.spans {
            spans.traces.record(span);
        }
    }
}

/// Sends spans until it is dropped.
struct SpanThread {
    traces: Arc<Traces>,
    end: Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>,
}

impl SpanThread {
    fn start(destination: &Destination) -> Result<Self> {
        let traces = Arc::new(Traces::new("assay", destination)?);
        let failed = |error| Error::new(ErrorKind::Internal, "no thread for spans").because(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (end, ended) = sync_channel(0);
        let sends = traces.clone();
        let send_for_ever = move || {
            while ended.recv_timeout(EACH) == Err(RecvTimeoutError::Timeout) {
                runtime.block_on(sends.send(WITHIN_MS));
            }
            runtime.block_on(sends.send(WITHIN_MS));
        };
        let thread =
            std::thread::Builder::new().name("spans".to_owned()).spawn(send_for_ever).map_err(failed)?;
        Ok(Self { traces, end: Mutex::new(Some((end, thread))) })
    }
}

impl Drop for SpanThread {
    fn drop(&mut self) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((end, thread)) = end {
            drop(end);
            // A thread that panicked has sent what it could.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_held() {
        let measures = Measures::new(None).unwrap();
        assert_eq!(measures.held("probe_measurements"), None);
        measures.count("probe_measurements", 1);
        measures.count("probe_measurements", 2);
        assert_eq!(measures.held("probe_measurements"), Some(3));
    }
}
