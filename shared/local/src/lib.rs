//! The lite profile in one process: the command line `assay`, the workflow's walker, the queues' consumer, and what is
//! shown to people. No rule of the platform is decided here.

pub mod asl;
pub mod cli;
pub mod commands;
pub mod host;
pub mod input;
pub mod live;
pub mod state;
pub mod terminal;
pub mod validate;
pub mod workflow;
