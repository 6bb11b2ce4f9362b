//! The engine's ports over Redis or Valkey: rates. Every call is one script on one hash tag, so it works on a cluster too.

mod limits;
mod link;

pub use limits::{RedisLimits, Settings, Spare};
