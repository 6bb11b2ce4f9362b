//! The thread that brings rows to the store and reads them from there.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Change, Key, Page, Range, Store, Versioned};
use futures::channel::oneshot;

use super::rows::Rows;
use super::{Disk, Reply, answered, ended, lock};

/// When nothing was written, or read from the store, for so long, there is little else to do: what waits is stored.
pub(super) const QUIET: Duration = Duration::from_millis(250);

/// What the thread is asked.
enum Job {
    Read(Vec<Key>, Reply<Vec<Option<Versioned>>>),
    List(Range, Option<String>, usize, Reply<Page>),
    /// Nothing but to look at what waits to be stored, and for whom.
    Store,
}

/// The thread; dropped, it stores what waits and ends.
pub struct StoreThread {
    jobs: Option<Sender<Job>>,
    handle: Option<JoinHandle<()>>,
    rows: Arc<Mutex<Rows>>,
}

impl StoreThread {
    pub(super) fn start(store: Arc<dyn Store>, rows: Arc<Mutex<Rows>>) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Storage, "the store's thread cannot be started").because(error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let (jobs, waiting) = channel();
        let end = End(rows.clone());
        let handle = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || runtime.block_on(serve(store.as_ref(), &end.0, &waiting)))
            .map_err(failed)?;
        Ok(Self { jobs: Some(jobs), handle: Some(handle), rows })
    }

    /// Has the thread do a job and waits for what comes of it.
    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job + Send) -> Result<T> {
        let (reply, replied) = oneshot::channel();
        self.send(job(reply));
        answered(replied).await
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs
            && jobs.send(job).is_err()
        {
            lock(&self.rows).end(ended());
        }
    }
}

#[async_trait]
impl Disk for StoreThread {
    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<Versioned>>> {
        self.ask(|reply| Job::Read(keys, reply)).await
    }

    async fn list(&self, range: Range, from: Option<String>, limit: usize) -> Result<Page> {
        self.ask(|reply| Job::List(range, from, limit, reply)).await
    }

    fn wake(&self) {
        self.send(Job::Store);
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

/// Tells everybody who waits when the thread ends, also by a panic.
struct End(Arc<Mutex<Rows>>);

impl Drop for End {
    fn drop(&mut self) {
        lock(&self.0).end(ended());
    }
}

/// Works until nobody can ask any more and nothing waits. Whoever reads, waits for the answer, so reads go first. The journal
/// holds what is written meanwhile, so there is time to bring it to the store: a row that is written ten times goes there once.
async fn serve(store: &dyn Store, rows: &Mutex<Rows>, jobs: &Receiver<Job>) {
    // What was written before it was last quiet.
    let mut before = 0;
    loop {
        let (has_waiting, is_urgent, accepted) = {
            let rows = lock(rows);
            (rows.has_waiting(), rows.is_urgent() || rows.stored() < before, rows.accepted())
        };
        let job = match (has_waiting, is_urgent) {
            (false, _) => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            (true, true) => jobs.try_recv().map_err(|_| RecvTimeoutError::Disconnected),
            (true, false) => jobs.recv_timeout(QUIET),
        };
        match job {
            Ok(Job::Read(keys, reply)) => drop(reply.send(store.read(&keys).await)),
            Ok(Job::List(range, from, limit, reply)) => {
                drop(reply.send(store.list(&range, from.as_deref(), limit).await));
            }
            Ok(Job::Store) => {}
            Err(RecvTimeoutError::Timeout) if lock(rows).accepted() == accepted => before = accepted,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if has_waiting => store_batch(store, rows).await,
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

async fn store_batch(store: &dyn Store, rows: &Mutex<Rows>) {
    let Some(batch) = lock(rows).take_batch() else { return };
    let outcome = write(store, &batch.transactions()).await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let what = format!("what was decided cannot be stored in the state folder: {cause}");
        tracing::warn!(cause = %cause, "rows cannot be brought to the store; they stay in the journal");
        Error::new(ErrorKind::Storage, what).because(error)
    });
    lock(rows).batch_ended(&batch, outcome);
}

/// Writes a batch, each transaction again if it fails: the disk may be full for a moment. This thread has nothing else to do
/// meanwhile.
async fn write(store: &dyn Store, transactions: &[Vec<Change>]) -> Result<()> {
    for changes in transactions {
        let mut waits_ms = store::RETRIES_MS.iter();
        while let Err(error) = store.write(changes).await {
            match waits_ms.next() {
                Some(wait_ms) if error.is_retryable() => std::thread::sleep(Duration::from_millis(*wait_ms)),
                _ => return Err(error),
            }
        }
    }
    Ok(())
}
