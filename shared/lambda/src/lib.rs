//! What every function of the bundle is made of: the ports put together from what the template tells it, and one entry
//! per kind of event. A function's own `main.rs` says which of them it is.
//!
//! - [`messages`] takes a queue's messages, [`steps`] those of agents, [`schedule`] is called by the clock, [`calls`] by it and by others, [`http`] answers the API, [`fetching`]
//!   fetches links for others.
//! - Nothing is opened before the first event, one HTTP client serves a process, and when an answer has been given no work
//!   is left running.
//!
//! Deliberately not here: any rule of the platform. To add a function: a folder under `functions/` whose `main.rs` calls
//! one of the entries, and its row in the template.

mod burial;
mod entry;
mod failure;
mod fetching;
mod health;
mod http;
mod messages;
mod metrics;
mod operator;
mod parts;
mod platform;
mod remote_fetch;
mod remote_purge;
mod schedule;
mod signature;
mod steps;

pub use burial::bury;
pub use failure::Failure;
pub use fetching::fetching;
pub use health::{CHECK_MS, check_health};
pub use http::http;
pub use messages::{FIRST_RETRY_S, INVISIBLE_S, RENEW_MS, SPARE_MS, messages};
pub use metrics::Emf;
pub use parts::{OpenEmbedder, Parts, Recipe, WITH_PLATFORMS, WITH_STEPS, WITHOUT_STEPS};
pub use platform::{Opened, Platform, Reached};
pub use remote_purge::check_health_or_purge;
pub use schedule::{calls, schedule};
pub use steps::steps;
