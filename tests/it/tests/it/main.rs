//! The one black-box test binary: the house's own rules, the command line, crashes, whole runs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "this binary is tests only")]

mod a_dead_provider;
mod agents;
mod agreement;
mod assay;
mod bench;
mod bundle;
mod cli;
mod collector;
mod crash;
mod forms;
mod http;
mod layering;
mod limits;
mod links;
mod metrics;
mod serve;
mod simulation;
mod stack;
mod template;
mod three_hours;
mod tidy;
mod traces;
mod validate;
