//! The engine's ports over Redis or Valkey: rates and stored answers.
//!
//! Every call is one script on one hash tag, so no keys of a call ever lie on two slots. The server stands alone, with standbys,
//! or in cluster mode with any number of primaries. In a cluster each primary has a connection of its own, found by the slot,
//! and its own outages: what lies on one that is gone lives on shares, and the rest goes on as usual. A provider's or a model's
//! rate lies on one of them, for all tenants. A process that begins while the server at its address is gone knows no other, so
//! the address is best a name of several of them. A slot that moves takes with
//! it all that is counted there; while it is on its way its calls are held up, at most a second, and then live on shares too.
//! Stored answers cannot be purged, nor most of them be found, while their slot is on its way.
//! A copy that takes a primary's place may not have heard the last of it, and is told again; a purge it has not heard is lost. A cluster that refuses every
//! slot when one is lost (`cluster-require-full-coverage`, on by default) is gone for all then.
//!
//! A process that cannot reach Redis does not know whether others can. One that is cut off alone from a healthy Redis spends
//! its share on top of what the others are admitted, and tells it when it is back; one without a share spends of the spare.

mod cache;
mod limits;
mod link;
mod servers;
mod told;

pub use cache::{CacheSettings, RedisCache, TrialClock};
pub use limits::{RedisLimits, Settings, Spare};
