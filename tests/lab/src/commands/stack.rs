//! `cargo lab stack`: the bundle on this machine, for people.

mod keep;
mod run;
mod up;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::stack::{Folder, Options, Profile, Result};

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build, start and deploy; print the API's address and a key
    Up(UpArguments),
    /// Say whether it is up, and where
    Status(NameArguments),
    /// End it and everything it started
    Down(NameArguments),
    /// Analyse a file or a link on it and print the briefing
    Run(run::Arguments),
    /// Be the process that runs it; `up` starts this
    #[command(hide = true)]
    Keep(UpArguments),
}

#[derive(Debug, Args)]
pub(super) struct NameArguments {
    /// Which stack, where there are several
    #[arg(long, default_value = "default", value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct UpArguments {
    #[command(flatten)]
    stack: NameArguments,
    /// The template's profile
    #[arg(long, default_value = "lite")]
    profile: Profile,
    /// Hold each call against the role of its function
    #[arg(long)]
    authorised: bool,
    /// The base URL of a model instead of the scripted one that answers at once and costs nothing real; `none` for rules only
    #[arg(long, value_name = "URL", requires = "model")]
    model_url: Option<String>,
    /// The model's name
    #[arg(long, value_name = "NAME", requires = "model_url")]
    model: Option<String>,
    /// Its price in dollars per million tokens
    #[arg(long, value_name = "INPUT/OUTPUT", requires = "model_url", default_value = "0/0")]
    model_price: String,
    /// Use no model
    #[arg(long, conflicts_with = "model_url")]
    no_model: bool,
    /// Addresses that are not public, with ports, that links may lead to all the same
    #[arg(long, value_name = "ADDRESSES", default_value = "")]
    fetch_allow: String,
    /// Another template than the bundle's
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Where the functions' binaries are; they are not built then
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
    /// Another parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// Does what is asked with a stack.
pub(super) fn stack(command: &Command) -> ExitCode {
    let done = match command {
        Command::Up(arguments) => up::up(arguments),
        Command::Status(arguments) => status(&arguments.name),
        Command::Down(arguments) => up::down(&arguments.name),
        Command::Run(arguments) => run::run(arguments),
        Command::Keep(arguments) => keep::keep(arguments),
    };
    done.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        ExitCode::from(BAD_INPUT)
    })
}

impl UpArguments {
    fn options(&self) -> Result<Options> {
        let mut options = Options::new(&self.stack.name).profile(self.profile).authorised(self.authorised);
        if let Some(template) = &self.template {
            options.template = std::path::absolute(template)?;
        }
        if let Some(binaries) = &self.binaries {
            options.binaries = Some(std::path::absolute(binaries)?);
            options.build = false;
        }
        if !self.fetch_allow.is_empty() {
            options = options.parameter("FetchAllow", &self.fetch_allow);
        }
        for parameter in &self.parameters {
            let (name, value) = parameter
                .split_once('=')
                .ok_or_else(|| format!("--parameter {parameter}: say NAME=VALUE"))?;
            options = options.parameter(name, value);
        }
        Ok(options)
    }
}

fn status(name: &str) -> Result<ExitCode> {
    let folder = Folder::of(name)?;
    let running = folder.processes();
    if !folder.is_owned()? {
        if !running.is_empty() {
            say(&format!("{} processes without an owner; `cargo lab stack down` ends them", running.len()));
        }
        super::print("down");
        return Ok(ExitCode::from(FAILED));
    }
    match folder.status() {
        Some(status) => up::tell(&folder, &status),
        None => super::print("starting"),
    }
    super::print(&format!("processes  {}", running.len()));
    Ok(ExitCode::SUCCESS)
}

/// A line for people on standard error. A reader that has gone away stops nothing.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
