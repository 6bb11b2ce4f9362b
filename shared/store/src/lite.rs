//! The lite profile: cache, limits and memory kept as rows, with no Redis and no further service.

mod cache;
mod limits;
mod memory;

pub use cache::LiteCache;
pub use limits::LiteLimits;
pub use memory::LiteMemory;
