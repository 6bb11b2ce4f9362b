//! `stack up` and `stack down`: a process that keeps the stack is started, watched, and asked to end.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, ExitCode, Stdio};

use boot::SystemClock;
use engine::ports::Clock as _;
use rustix::process::Signal;

use super::{FAILED, INTERRUPTED, UpArguments, say};
use crate::stack::{Folder, Result, Status, build, signal};

const LOOK_EACH_MS: u64 = 50;
/// How long a stack may take to end when it is asked to, before it is made to.
const ENDS_WITHIN_MS: u64 = 10_000;

/// Starts a stack that stays when this returns.
pub(super) fn up(arguments: &UpArguments) -> Result<ExitCode> {
    let folder = Folder::of(&arguments.stack.name)?;
    if folder.is_owned()? {
        return Err(format!("the stack `{}` is up already", arguments.stack.name).into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Where this program lies: the build may put a newer one there.
    let program = std::env::current_exe()?;
    build(&arguments.options()?, &mut say)?;
    let log = log_of(&folder)?;
    // Whoever keeps it is given the arguments of this very command.
    let given = std::env::args_os().skip(1).map(|given| if given == "up" { "keep".into() } else { given });
    let mut keeper = Command::new(program);
    keeper.args(given).process_group(0).stdin(Stdio::null());
    File::create(&log)?;
    let written = File::options().append(true).open(&log)?;
    keeper.stdout(written.try_clone()?).stderr(written);
    let mut keeper = keeper.spawn()?;
    let ended = runtime.block_on(async {
        let ready = pin!(until_up(&folder, &mut keeper, &log));
        tokio::select! {
            ready = ready => ready.map(Some),
            interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None).map_err(Into::into),
        }
    });
    match ended {
        Ok(Some(status)) => {
            tell(&folder, &status);
            Ok(ExitCode::SUCCESS)
        }
        Ok(None) => {
            say("interrupted; ending what was started");
            end(&arguments.stack.name, Some(&mut keeper))?;
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => {
            end(&arguments.stack.name, Some(&mut keeper))?;
            say(&format!("error: {error}"));
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// Ends a stack, and what one left whose process is gone.
pub(super) fn down(name: &str) -> Result<ExitCode> {
    let was_up = Folder::of(name)?.is_owned()?;
    let left = end(name, None)?;
    let text = match (was_up, left) {
        (true, _) => "ended".to_owned(),
        (false, 0) => "was not up".to_owned(),
        (false, left) => format!("ended {left} processes that a stack without an owner left"),
    };
    super::super::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// Prints where it is and what it lacks.
pub(super) fn tell(folder: &Folder, status: &Status) {
    let print = super::super::print;
    print(&format!("API        {}", status.api_url));
    print(&format!("key        {}", status.key));
    print(&format!("AWS        {} (any credentials, us-east-1)", status.aws_url));
    print(&format!("table      {}", status.table));
    print(&format!("logs       {}", folder.path().display()));
    for left in &status.left_out {
        print(&format!("left out   {} (condition {})", left.resources.join(", "), left.condition));
    }
}

/// Waits until the keeper says that it is up, and passes on what it says meanwhile.
async fn until_up(folder: &Folder, keeper: &mut Child, log: &PathBuf) -> Result<Status> {
    let (mut log, mut told) = (File::open(log)?, 0);
    loop {
        let ended = keeper.try_wait()?;
        let mut said = String::new();
        log.seek(SeekFrom::Start(told))?;
        log.read_to_string(&mut said)?;
        told += said.len() as u64;
        let mut lines = said.lines();
        if let Some(status) = folder.status().filter(|status| status.owner == keeper.id()) {
            return Ok(status);
        }
        if ended.is_some() {
            let said: Vec<&str> = lines.collect();
            return Err(said.join("\n").trim_start_matches("error: ").to_owned().into());
        }
        lines.by_ref().for_each(say);
        SystemClock.sleep(LOOK_EACH_MS).await;
    }
}

/// Ends the stack's process and everything it started. Gives how many processes had no owner.
fn end(name: &str, keeper: Option<&mut Child>) -> Result<usize> {
    let mut folder = Folder::of(name)?;
    if !folder.path().exists() && keeper.is_none() {
        return Ok(0);
    }
    let owner = keeper.as_ref().map(|keeper| keeper.id()).or_else(|| folder.owner());
    if let Some(owner) = owner {
        signal(owner, Signal::TERM);
    }
    if let Some(keeper) = keeper {
        keeper.wait()?;
    }
    let deadline_ms = SystemClock.now_ms() + ENDS_WITHIN_MS;
    let mut killed = false;
    loop {
        let left = folder.processes().len();
        if folder.try_own()? {
            folder.remove()?;
            return Ok(left);
        }
        if SystemClock.now_ms() > deadline_ms && !killed {
            killed = owner.is_some_and(|owner| signal(owner, Signal::KILL));
            if !killed {
                return Err(format!(
                    "the stack `{name}` does not end; its folder is {}",
                    folder.path().display()
                )
                .into());
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(LOOK_EACH_MS));
    }
}

fn log_of(folder: &Folder) -> Result<PathBuf> {
    if let Some(parent) = folder.path().parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(folder.path().with_extension("log"))
}
