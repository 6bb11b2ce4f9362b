//! The commands, and how they end: 0 done, 1 no briefing, 2 bad input or usage, 130 interrupted.

mod agents;
mod cache;
mod doctor;
mod keys;
mod limits;
mod models;
mod run;
mod serve;
pub(crate) mod session;
mod show;
mod usage;
mod validate;
mod warming;

use std::io::Write as _;
use std::process::ExitCode;

use boot::Config;
use clap::Parser as _;
use engine::error::{Error, ErrorKind, Result};

use crate::cli::{Cli, Command};

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = Config::from_env().and_then(|config| {
        boot::start_log(&config.log);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
                Error::new(ErrorKind::Internal, "the runtime could not be started").because(error)
            })?;
        runtime.block_on(dispatch(&config, cli.command))
    });
    match ended {
        Ok(ended) => ended,
        Err(error) => {
            say(&format!("error: {}", error.message()));
            for (name, value) in error.context() {
                say(&format!("  {name}: {value}"));
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

async fn dispatch(config: &Config, command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(arguments) => run::run(config, &arguments).await,
        Command::Runs(arguments) => show::runs(config, &arguments).await,
        Command::Show(arguments) => show::show(config, &arguments).await,
        Command::Serve(arguments) => serve::serve(config, &arguments).await,
        Command::Keys(arguments) => keys::keys(config, &arguments.command).await,
        Command::Limits(arguments) => limits::limits(config, &arguments).await,
        Command::Usage(arguments) => usage::usage(config, &arguments).await,
        Command::Cache(arguments) => cache::cache(config, &arguments.command).await,
        Command::Models(arguments) => models::models(config, &arguments).await,
        Command::Agents(arguments) => agents::agents(&arguments),
        Command::Doctor(arguments) => doctor::doctor(config, &arguments).await,
        Command::Validate(arguments) => validate::validate(config, &arguments).await,
    }
}

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::InvalidInput
        | ErrorKind::NotFound
        | ErrorKind::TooLarge
        | ErrorKind::UnsupportedMedia
        | ErrorKind::Configuration
        | ErrorKind::Conflict
        | ErrorKind::Budget => BAD_INPUT,
        _ => FAILED,
    }
}

/// A line for people on standard error. A reader that has gone away stops nothing.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Text on standard output. A reader that has gone away, as in `| head`, is no error.
fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Internal, "standard output cannot be written").because(error))
        }
        _ => Ok(()),
    }
}
