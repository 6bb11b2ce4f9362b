//! The ports that keep or carry something, in memory: real code, for tests, simulation and as a fallback. They keep what real
//! services promise and no more: queues deliver at least once, and of two overlapping transactions one is cancelled.

mod broken;
mod cache;
mod content;
mod delivery;
mod limits;
mod memories;
mod metrics;
mod queues;
mod random;
mod store;
pub mod virtual_time;

pub use broken::{Broken, Fault};
pub use cache::MemoryCache;
pub use content::MemoryContent;
pub use delivery::MemoryDelivery;
pub use limits::MemoryLimits;
pub use memories::MemoryMemories;
pub use metrics::MemoryMetrics;
pub use queues::{MemoryQueues, Received};
pub use random::SeededRandom;
pub use store::MemoryStore;
pub use virtual_time::VirtualTime;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, whatever happened to its last owner: every holder leaves the state whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
