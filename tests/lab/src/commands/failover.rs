//! `cargo lab bench failover`: eight processes and a provider that fails.

use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::failover::{measure, work};

/// Whether for a machine.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// One of the processes: reads what it shall do from its input
    #[arg(long, hide = true)]
    worker: bool,
}

pub(super) fn failover(arguments: &Arguments) -> ExitCode {
    let outcome = match arguments.worker {
        true => work(),
        false => measure().map(|report| {
            if arguments.json {
                print(&format!("{report:#}"));
                return;
            }
            for (name, value) in report["failures"].as_object().into_iter().flatten() {
                print(&format!("{name:<16} {value}"));
            }
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
