//! The engine's ports over Redis or Valkey: rates and stored answers.
//!
//! Every call is one script on one hash tag, so no keys of a call ever lie on two slots. The connection is one to a single
//! node, which follows no redirections: the server stands alone, with standbys, or in cluster mode with one shard.
//!
//! A process that cannot reach Redis does not know whether others can. One that is cut off alone from a healthy Redis spends
//! its share on top of what the others are admitted, and tells it when it is back; one without a share spends of the spare.

mod cache;
mod limits;
mod link;

pub use cache::{CacheSettings, RedisCache, TrialClock};
pub use limits::{RedisLimits, Settings, Spare};
