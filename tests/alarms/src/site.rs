//! The platform on virtual time: the real engine, catalogue, analysers, workflow file and walker, the measurements of
//! `lambda` as their log lines, over services in memory. What AWS writes by itself is derived from what happens here:
//! invocations, throttles and failed invocations of functions, depths of queues once a minute, ends of executions, answers of
//! the API.
//!
//! Taken as given: a queue's depth is a sample at each minute's end, a queue writes none when it was empty for six hours,
//! and a refused call of a queue's message is made again without being another reception.

mod cause;
mod clients;
mod deployed;
mod gates;
mod invocations;
mod world;

pub use cause::Cause;
pub use clients::{Request, Traffic};
pub use deployed::{Deployed, Function};
pub(crate) use world::Site;
pub use world::{Common, Plan, Played, Profile, START_MS, play};

/// The API, as its figures name it.
pub const API_ID: &str = "api";
/// The state machine, as its figures name it.
pub const MACHINE: &str = "arn:machine";
/// A message about this run stands for a text that is no message.
pub(crate) const GARBAGE: &str = "garbage";
