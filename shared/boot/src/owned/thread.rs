//! The thread that brings rows to the disk and reads them from there.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Change, Key, Page, Range, Store, Versioned};
use futures::channel::oneshot;

use super::rows::{Rows, Waits};
use super::{Reply, ended, lock};

/// The waits before a batch that could not be stored is tried again.
const RETRIES_MS: [u64; 5] = [10, 50, 200, 500, 1_000];

/// A write that nobody waits for goes to the disk after no more than this without another.
const COMPANY_MS: u64 = 20;

/// What the thread is asked.
pub(super) enum Job {
    Read(Vec<Key>, Reply<Vec<Option<Versioned>>>),
    List(Range, Option<String>, usize, Reply<Page>),
    /// Nothing but to look at what waits to be stored.
    Store,
}

/// The thread; dropped, it stores what waits and ends.
pub(super) struct StoreThread {
    jobs: Option<Sender<Job>>,
    handle: Option<JoinHandle<()>>,
}

impl StoreThread {
    pub(super) fn start(store: Arc<dyn Store>, rows: Arc<Mutex<Rows>>) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Storage, "the store's thread cannot be started").because(error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let (jobs, waiting) = channel();
        let handle = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || runtime.block_on(serve(store.as_ref(), &rows, &waiting)))
            .map_err(failed)?;
        Ok(Self { jobs: Some(jobs), handle: Some(handle) })
    }

    /// Has the thread do a job and waits for what comes of it.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T> {
        let (reply, replied) = oneshot::channel();
        self.send(job(reply));
        replied.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Tells the thread that something waits.
    pub(super) fn wake(&self) {
        self.send(Job::Store);
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // A thread that has ended drops the job, and with it the reply that somebody waits for.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

/// Works until nobody can ask any more and nothing waits.
async fn serve(store: &dyn Store, rows: &Mutex<Rows>, jobs: &Receiver<Job>) {
    loop {
        let waits = lock(rows).waits();
        let job = match waits {
            Waits::Nothing => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Waits::ForCompany => jobs.recv_timeout(Duration::from_millis(COMPANY_MS)),
            Waits::NoLonger => jobs.try_recv().map_err(|_| RecvTimeoutError::Timeout),
        };
        match job {
            Ok(Job::Read(keys, reply)) => drop(reply.send(store.read(&keys).await)),
            Ok(Job::List(range, from, limit, reply)) => {
                drop(reply.send(store.list(&range, from.as_deref(), limit).await));
            }
            Ok(Job::Store) => {}
            Err(_) if waits == Waits::Nothing => return,
            Err(_) => store_batch(store, rows).await,
        }
    }
}

async fn store_batch(store: &dyn Store, rows: &Mutex<Rows>) {
    let Some(batch) = lock(rows).take_batch() else { return };
    let outcome = write(store, &batch.changes()).await;
    if let Err(error) = &outcome {
        tracing::error!(%error, "what was decided cannot be stored");
    }
    lock(rows).batch_ended(&batch, outcome);
}

/// Writes a batch, again if it fails: the disk may be full for a moment. This thread has nothing else to do meanwhile.
async fn write(store: &dyn Store, changes: &[Change]) -> Result<()> {
    for wait_ms in RETRIES_MS {
        match store.write(changes).await {
            Err(error) if error.is_retryable() => std::thread::sleep(Duration::from_millis(wait_ms)),
            outcome => return outcome,
        }
    }
    store.write(changes).await
}
