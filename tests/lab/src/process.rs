//! A process watched while it runs: how long it takes, and the most memory it holds.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often memory is looked at; the kernel keeps the peak itself, so only the end of a process can be missed.
const LOOK_EACH: Duration = Duration::from_millis(10);

/// What a process did.
#[derive(Debug)]
pub struct Watched {
    /// What it printed, and how it ended.
    pub output: Output,
    /// From its start to its end.
    pub took: Duration,
    /// The most memory it held.
    pub peak_memory_kb: u64,
}

/// Runs a command to its end.
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is measured")]
pub fn watch(command: &mut Command) -> io::Result<Watched> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let child = command.spawn()?;
    let process = child.id();
    let (output, peak_memory_kb) = peak_while(process, || child.wait_with_output());
    Ok(Watched { output: output?, took: started.elapsed(), peak_memory_kb })
}

/// What a script of `tests/bench` answers to a request, both JSON. What it complains of nobody hears.
pub(crate) fn ask_script(
    python: &Path,
    name: &str,
    request: &serde_json::Value,
) -> crate::stack::Result<serde_json::Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench").join(name);
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    child.stdin.take().ok_or("a script without an input")?.write_all(request.to_string().as_bytes())?;
    Ok(serde_json::from_slice(&child.wait_with_output()?.stdout)?)
}

/// What `work` gives, and the most memory the process held meanwhile, in kilobytes.
pub(crate) fn peak_while<T>(process: u32, work: impl FnOnce() -> T) -> (T, u64) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak_memory_kb(process).unwrap_or(0).max(peak);
                std::thread::sleep(LOOK_EACH);
            }
            peak
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        (done, watcher.join().unwrap_or(0))
    })
}

/// The most memory a process has held so far, in kilobytes; `None` once it is gone.
fn peak_memory_kb(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
