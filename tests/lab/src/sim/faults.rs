//! Where and how port calls go wrong. One value is shared by all ports of a world; it counts their calls.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine::error::{Error, ErrorKind, Result};
use engine::memory::SeededRandom;
use engine::ports::{Clock, Random};

/// On which side of a call the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The call is not made.
    Before,
    /// The call is made, its answer never seen.
    After,
}

/// A call at which the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillPoint {
    /// The number of the call, from 1.
    pub call: u64,
    /// Which side of it.
    pub side: Side,
}

/// How often, in thousandths, a call goes wrong in each way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) fails: u64,
    pub(super) done_but_failed: u64,
    pub(super) conflict: u64,
    pub(super) slow: u64,
    pub(super) duplicate: u64,
    pub(super) delay: u64,
    pub(super) refuse_rate: u64,
    pub(super) model: u64,
    pub(super) kill_every_polls: u64,
}

impl Rates {
    /// Each seed enables a random half of the faults, so that rare combinations are not drowned by common ones.
    pub(super) fn of_seed(random: &SeededRandom) -> Self {
        let rate =
            |most: u64| if random.next_u64().is_multiple_of(2) { 1 + random.next_u64() % most } else { 0 };
        Self {
            fails: rate(40),
            done_but_failed: rate(40),
            conflict: rate(60),
            slow: rate(80),
            duplicate: rate(200),
            delay: rate(300),
            refuse_rate: rate(300),
            model: rate(120),
            kill_every_polls: match rate(6) {
                0 => 0,
                scale => 80 * scale,
            },
        }
    }
}

/// So long a message stays with a worker that was lost.
pub(super) const VISIBILITY_MS: u64 = 60_000;
/// At most so long a message that failed stays away.
const AGAIN_MS: u64 = 32_000;

/// A stretch of time in which a run may wait for what the world did to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Excuse {
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
}

impl Excuse {
    pub(super) fn lasting(from_ms: u64, for_ms: u64) -> Self {
        Self { from_ms, until_ms: from_ms + for_ms }
    }
}

/// The faults of one world.
pub struct Faults {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: SeededRandom,
    pub(super) rates: Rates,
    calls: AtomicU64,
    kill_at: Option<KillPoint>,
    kill_wanted: AtomicBool,
    excuses: Mutex<Vec<Excuse>>,
}

impl Faults {
    pub(super) fn new(clock: Arc<dyn Clock>, seed: u64, rates: Rates, kill_at: Option<KillPoint>) -> Self {
        Self {
            clock,
            random: SeededRandom::new(seed),
            rates,
            calls: AtomicU64::new(0),
            kill_at,
            kill_wanted: AtomicBool::new(false),
            excuses: Mutex::default(),
        }
    }

    /// How many port calls were made so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// True once, when a kill point was reached.
    pub(super) fn take_kill(&self) -> bool {
        self.kill_wanted.swap(false, Ordering::Relaxed)
    }

    /// From now on a run may wait for so long.
    pub(super) fn excuse(&self, for_ms: u64) {
        self.excuse_after(0, for_ms);
    }

    /// The same, beginning so much later.
    pub(super) fn excuse_after(&self, delay_ms: u64, for_ms: u64) {
        self.note(Excuse::lasting(self.clock.now_ms() + delay_ms, for_ms));
    }

    /// From now on a run may wait until what this gives is dropped, but no longer than given.
    #[must_use]
    pub(super) fn excusing(&self, most_ms: u64) -> impl Drop {
        Excusing { faults: self, from_ms: self.clock.now_ms(), most_ms }
    }

    fn note(&self, excuse: Excuse) {
        self.excuses.lock().unwrap_or_else(PoisonError::into_inner).push(excuse);
    }

    /// When the faults so far may make a run wait.
    pub(super) fn excuses(&self) -> Vec<Excuse> {
        self.excuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn chance(&self, thousandths: u64) -> bool {
        thousandths > 0 && self.random.next_u64() % 1_000 < thousandths
    }

    /// Makes a call, or fails it before, or fails it after it was made, or lets the process die around it.
    pub(super) async fn around<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.around_for(AGAIN_MS, call).await
    }

    /// The same for a call to the workflow: where it fails, others look after it, and that takes longer.
    pub(super) async fn around_workflow<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.around_for(VISIBILITY_MS, call).await
    }

    async fn around_for<T>(&self, excuse_ms: u64, call: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.enter().await;
        self.fail_before(excuse_ms)?;
        let answer = call.await;
        self.leave(number).await;
        self.fail_after(answer, excuse_ms)
    }

    /// The same for who does not die with the process; the call is not counted.
    pub(super) async fn around_outside<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.be_slow().await;
        self.fail_before(VISIBILITY_MS)?;
        self.fail_after(call.await, VISIBILITY_MS)
    }

    /// Counts a call; the process may die before it, and it may be slow.
    pub(super) async fn enter(&self) -> u64 {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.die_if(KillPoint { call: number, side: Side::Before }).await;
        self.be_slow().await;
        number
    }

    /// The process may die after the call of that number, which it has just made.
    pub(super) async fn leave(&self, number: u64) {
        self.die_if(KillPoint { call: number, side: Side::After }).await;
    }

    async fn be_slow(&self) {
        if self.chance(self.rates.slow) {
            let slow_ms = 1 + self.random.next_u64() % 400;
            self.excuse(slow_ms);
            self.clock.sleep(slow_ms).await;
        }
    }

    fn fail_before(&self, excuse_ms: u64) -> Result<()> {
        if self.chance(self.rates.fails) {
            self.excuse(excuse_ms);
            return Err(Error::new(ErrorKind::Storage, "simulated: failed before"));
        }
        Ok(())
    }

    fn fail_after<T>(&self, answer: Result<T>, excuse_ms: u64) -> Result<T> {
        if answer.is_ok() && self.chance(self.rates.done_but_failed) {
            self.excuse(excuse_ms);
            return Err(Error::new(ErrorKind::Storage, "simulated: done, but reported as failed"));
        }
        answer
    }

    async fn die_if(&self, point: KillPoint) {
        if self.kill_at == Some(point) {
            self.kill_wanted.store(true, Ordering::Relaxed);
            pending::<()>().await;
        }
    }
}

/// Notes an excuse when it is dropped, also with a process that dies.
struct Excusing<'a> {
    faults: &'a Faults,
    from_ms: u64,
    most_ms: u64,
}

impl Drop for Excusing<'_> {
    fn drop(&mut self) {
        let for_ms = self.faults.clock.now_ms() - self.from_ms;
        self.faults.note(Excuse::lasting(self.from_ms, for_ms.min(self.most_ms)));
    }
}
