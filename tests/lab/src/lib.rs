//! What tests, benches and the simulation share. Nothing here ships.

mod binary;
#[cfg(test)]
mod cluster;
mod commands;
mod content;
mod failover;
pub mod garbage;
mod healthy;
#[cfg(test)]
mod kept_clock;
mod load;

pub use binary::assay_binary;
pub use commands::main;
mod answers;
pub mod long_transcript;
pub mod money;
mod one_claim;
pub mod process;
mod rates;
pub mod recall;
pub mod replay;
pub mod rouge;
pub mod routing;
pub mod score;
pub mod scripted;
pub mod sim;
pub mod stack;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod validated;

/// A fifth of a simulated run's CPU went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
