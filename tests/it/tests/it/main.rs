//! The one black-box test binary: the house's own rules, the command line, crashes, whole runs.

mod agents;
mod agreement;
mod assay;
mod cli;
mod crash;
mod layering;
mod simulation;
mod tidy;
