//! The simulation: whole runs on one thread and a virtual clock, with the real engine, catalogue, workflow file, walker
//! and consumer, over services in memory that fail as real ones do. A seed decides everything.

mod ahead;
mod faults;
mod late_disk;
mod models;
mod oracles;
mod ports;
mod refusing;
mod tally;
mod watched;
mod world;

pub use faults::{Faults, KillPoint, Side};
pub use models::model;
pub use oracles::Violation;
pub use tally::Figures;
pub use world::{Ended, Place, Plan, calls_by_agent, simulate};
