//! The lite profile: cache, limits and memory kept as rows, with no Redis and no further service.

mod cache;
mod limits;
mod memory;
mod window;

pub use cache::LiteCache;
pub use limits::{LiteLimits, Rates};
pub use memory::LiteMemory;
