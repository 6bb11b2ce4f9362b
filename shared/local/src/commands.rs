//! The commands, and how they end: 0 done, 1 no briefing or one that could not be posted, 2 bad input or usage, 130 interrupted.

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
        to_its_end(dispatch(&config, cli.command))
    });
    match ended {
        Ok(ended) => ended,
        Err(error) => {
            say(&format!("error: {}", error.message()));
            for detail in details(&error) {
                say(&format!("  {detail}"));
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

/// What the command comes to. A name that is still being looked up for somebody who has given up does not hold the process.
fn to_its_end<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(ErrorKind::Internal, "the runtime could not be started").because(error)
    })?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended
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

/// What is known of an error beside its message: its causes, where nothing else says them, and its facts.
fn details(error: &Error) -> Vec<String> {
    let facts = error.context().iter().map(|(name, value)| format!("{name}: {value}"));
    let mut details: Vec<String> = facts.collect();
    let causes = error.causes();
    if !error.message().contains(&causes) && !details.iter().any(|fact| fact.contains(&causes)) {
        details.insert(0, format!("cause: {}", render::safe(&causes)));
    }
    details
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_nobody_waits_for_does_not_hold_the_process() {
        const HELD: Duration = Duration::from_secs(20);
        let (release, held) = mpsc::channel::<()>();
        let (begin, begun) = futures::channel::oneshot::channel();
        let (tell, told) = mpsc::channel();
        let ended = to_its_end(async move {
            // As the system's own look-up of a name, which cannot be called off.
            tokio::task::spawn_blocking(move || {
                let _ = begin.send(());
                tell.send(held.recv_timeout(HELD))
            });
            Ok(begun.await.is_ok())
        });
        assert!(ended.unwrap(), "it never began");
        // It is still held when the command has ended.
        drop(release);
        assert_eq!(told.recv_timeout(HELD), Ok(Err(mpsc::RecvTimeoutError::Disconnected)));
    }
}
