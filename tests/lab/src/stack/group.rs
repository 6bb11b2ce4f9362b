//! A server in a process group of its own that cannot outlive whoever started it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::processes::members;

/// The group's first process. It runs the server, and kills the whole group, itself included, when the server ends or
/// when its own input does: the other end of that pipe lies with the owner, and a pipe closes however its owner ends.
const LEASHED: &str = r#"{ "$@"; kill -KILL 0; } </dev/null & read -r _; kill -KILL 0"#;
/// How long the kernel may take to end killed processes.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EACH: Duration = Duration::from_millis(5);

/// A server and its children; killed when dropped, and when this process ends.
#[derive(Debug)]
pub(crate) struct Group {
    first: Child,
    leash: Option<ChildStdin>,
}

impl Group {
    /// Starts `command` with nothing but `environment`. `owner` is shown in the process list, so that a leftover can be
    /// told from a stranger with the same id.
    pub(crate) fn start(
        command: &[OsString],
        environment: &[(&str, OsString)],
        owner: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut shell = Command::new("/bin/sh");
        shell.args([OsStr::new("-c"), OsStr::new(LEASHED), owner.as_os_str()]).args(command);
        shell.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        shell.current_dir(owner).process_group(0);
        shell.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut first = shell.spawn()?;
        let leash = first.stdin.take();
        Ok(Self { first, leash })
    }

    /// The id of the group.
    pub(crate) fn id(&self) -> u32 {
        self.first.id()
    }

    /// Whether the server has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.first.try_wait(), Ok(None))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        kill_group(self.first.id());
        drop(self.leash.take());
        let _ = self.first.wait();
        wait_until_gone(self.first.id());
    }
}

/// Kills every process of a group. One that is gone is no error.
pub(crate) fn kill_group(id: u32) {
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

/// Sends a signal to one process. `false` if it is gone.
pub(crate) fn signal(id: u32, signal: Signal) -> bool {
    let process = i32::try_from(id).ok().and_then(Pid::from_raw);
    process.is_some_and(|process| rustix::process::kill_process(process, signal).is_ok())
}

/// Waits until no process of the group runs. `false` if some still do after a while.
pub(crate) fn wait_until_gone(id: u32) -> bool {
    let mut waited = Duration::ZERO;
    while !members(id).is_empty() {
        if waited >= GONE_WITHIN {
            return false;
        }
        std::thread::sleep(LOOK_EACH);
        waited += LOOK_EACH;
    }
    true
}
