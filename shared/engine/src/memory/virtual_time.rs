//! Time that passes only when nothing else can happen, and an executor that runs tasks on it in an order a seed
//! decides. Same seed, same run.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;

use super::lock;
use super::random::SeededRandom;
use crate::ports::{Clock, Random};

/// A clock that stands still until the executor moves it.
pub struct VirtualTime(Mutex<Timers>);

struct Timers {
    now_ms: u64,
    next: u64,
    sleeping: BTreeMap<(u64, u64), Waker>,
}

impl VirtualTime {
    /// A clock that starts at `now_ms`.
    pub fn new(now_ms: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timers { now_ms, next: 0, sleeping: BTreeMap::new() })))
    }

    /// Moves to the earliest end of a sleep and wakes its sleeper. False if nobody sleeps.
    pub fn advance(&self) -> bool {
        let waker = {
            let mut timers = lock(&self.0);
            let Some(((at_ms, _), waker)) = timers.sleeping.pop_first() else {
                return false;
            };
            timers.now_ms = timers.now_ms.max(at_ms);
            waker
        };
        waker.wake();
        true
    }
}

#[async_trait]
impl Clock for VirtualTime {
    fn now_ms(&self) -> u64 {
        lock(&self.0).now_ms
    }

    async fn sleep(&self, milliseconds: u64) {
        let (id, until_ms) = {
            let mut timers = lock(&self.0);
            timers.next += 1;
            (timers.next, timers.now_ms.saturating_add(milliseconds))
        };
        let sleep = Sleep { time: self, at: (until_ms, id) };
        poll_fn(|context| {
            let mut timers = lock(&sleep.time.0);
            if timers.now_ms >= until_ms {
                return Poll::Ready(());
            }
            timers.sleeping.insert(sleep.at, context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Takes its timer with it when it is dropped, so that abandoned sleeps do not move time.
struct Sleep<'a> {
    time: &'a VirtualTime,
    at: (u64, u64),
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        lock(&self.time.0).sleeping.remove(&self.at);
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tasks on one thread and one virtual clock. Which ready task is polled next is drawn from the seed.
pub struct Executor<'a> {
    time: Arc<VirtualTime>,
    random: SeededRandom,
    tasks: BTreeMap<u64, Task<'a>>,
    suspended: BTreeMap<u64, Task<'a>>,
    next: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
    polls: u64,
}

struct TaskWaker {
    id: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        lock(&self.ready).insert(self.id);
    }
}

/// Why the executor stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every task ended.
    Done,
    /// Nobody can go on and nobody sleeps.
    Stuck,
    /// The condition given to [`Executor::run_until`] holds.
    Reached,
}

impl<'a> Executor<'a> {
    /// An executor without tasks.
    pub fn new(time: Arc<VirtualTime>, seed: u64) -> Self {
        Self {
            time,
            random: SeededRandom::new(seed),
            tasks: BTreeMap::new(),
            suspended: BTreeMap::new(),
            next: 0,
            ready: Arc::default(),
            polls: 0,
        }
    }

    /// Adds a task; returns its id.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'a) -> u64 {
        self.next += 1;
        self.tasks.insert(self.next, Box::pin(task));
        lock(&self.ready).insert(self.next);
        self.next
    }

    /// Drops a task where it stands, as a kill does. False if it had ended.
    pub fn kill(&mut self, task: u64) -> bool {
        lock(&self.ready).remove(&task);
        self.tasks.remove(&task).is_some()
    }

    /// Polls a task no more until it is [resumed](Self::resume), as if its machine stood still. Its sleeps go on.
    pub fn suspend(&mut self, task: u64) {
        self.suspended.extend(self.tasks.remove_entry(&task));
    }

    /// Polls a suspended task again.
    pub fn resume(&mut self, task: u64) {
        self.tasks.extend(self.suspended.remove_entry(&task));
        lock(&self.ready).insert(task);
    }

    /// True while the task has not ended.
    pub fn is_alive(&self, task: u64) -> bool {
        self.tasks.contains_key(&task) || self.suspended.contains_key(&task)
    }

    /// How many polls were made so far: the clock of "kill at any await".
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// Runs until every task has ended, nobody can go on, or `reached` holds after a poll.
    pub fn run_until(&mut self, mut reached: impl FnMut(&Self) -> bool) -> Stopped {
        loop {
            if reached(self) {
                return Stopped::Reached;
            }
            if self.tasks.is_empty() {
                return Stopped::Done;
            }
            match self.pick() {
                Some(id) => self.poll(id),
                None if self.time.advance() => {}
                None => return Stopped::Stuck,
            }
        }
    }

    /// Runs one future to its end beside the other tasks. `None` if nobody can go on before that.
    pub fn block_on<T: Send + 'a>(&mut self, future: impl Future<Output = T> + Send + 'a) -> Option<T> {
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        let task = self.spawn(async move {
            let value = future.await;
            *lock(&slot) = Some(value);
        });
        self.run_until(|executor| !executor.is_alive(task));
        let mut value = lock(&answer);
        value.take()
    }

    fn pick(&self) -> Option<u64> {
        let mut ready = lock(&self.ready);
        let count = u64::try_from(ready.len()).ok().filter(|count| *count > 0)?;
        let nth = usize::try_from(self.random.next_u64() % count).ok()?;
        let id = ready.iter().nth(nth).copied()?;
        ready.remove(&id);
        Some(id)
    }

    fn poll(&mut self, id: u64) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        self.polls += 1;
        let waker = Waker::from(Arc::new(TaskWaker { id, ready: self.ready.clone() }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleepers_wake_in_order_and_time_stands_still_between() {
        let time = VirtualTime::new(1_000);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut executor = Executor::new(time.clone(), 7);
        for wait in [50, 10, 30] {
            let (time, woken) = (time.clone(), woken.clone());
            executor.spawn(async move {
                time.sleep(wait).await;
                lock(&woken).push((wait, time.now_ms()));
            });
        }
        assert_eq!(executor.run_until(|_| false), Stopped::Done);
        assert_eq!(*lock(&woken), [(10, 1_010), (30, 1_030), (50, 1_050)]);
    }

    #[test]
    fn a_suspended_task_stands_still_while_time_goes_on() {
        let time = VirtualTime::new(0);
        let mut executor = Executor::new(time.clone(), 1);
        let done_ms = Arc::new(Mutex::new(None));
        let task = {
            let (time, done_ms) = (time.clone(), done_ms.clone());
            executor.spawn(async move {
                time.sleep(10).await;
                *lock(&done_ms) = Some(time.now_ms());
            })
        };
        let other = time.clone();
        executor.spawn(async move { other.sleep(100).await });
        executor.run_until(|executor| executor.polls() == 2);
        executor.suspend(task);
        assert!(executor.is_alive(task));
        assert_eq!(executor.run_until(|_| false), Stopped::Done);
        assert_eq!((time.now_ms(), *lock(&done_ms)), (100, None));
        executor.resume(task);
        assert_eq!(executor.run_until(|_| false), Stopped::Done);
        assert_eq!(*lock(&done_ms), Some(100));
    }

    #[test]
    fn a_killed_task_leaves_no_timer() {
        let time = VirtualTime::new(0);
        let mut executor = Executor::new(time.clone(), 1);
        let sleeper = {
            let time = time.clone();
            executor.spawn(async move { time.sleep(1_000_000).await })
        };
        executor.run_until(|executor| executor.polls() == 1);
        assert!(executor.kill(sleeper));
        assert_eq!(executor.run_until(|_| false), Stopped::Done);
        assert_eq!(time.now_ms(), 0);
    }
}
