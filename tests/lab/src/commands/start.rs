//! `cargo lab bench start`: how soon a function asks for its first event, what it weighs, what memory it holds.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Map, Value, json};

use super::print;
use crate::binary::{build_for_deployment, root};
use crate::stack::Result;

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How often each function is started; the median counts
    #[arg(long, default_value_t = 51)]
    starts: usize,
}

/// A function that asks for nothing within this time never will.
const ASKS_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn start(arguments: &Arguments) -> ExitCode {
    match measure(arguments) {
        Ok(report) if arguments.json => {
            print(&format!("{report:#}"));
            ExitCode::SUCCESS
        }
        Ok(report) => {
            print("FUNCTION         FIRST POLL ms (median, p99)   ZIP MB   BINARY MB   MEMORY MB");
            for (name, row) in report.as_object().into_iter().flatten() {
                let number = |key: &str| row[key].as_f64().unwrap_or_default();
                print(&format!(
                    "{name:<16} {:>10.2} {:>10.2}          {:>8.2} {:>10.2} {:>10.1}",
                    number("first_poll_ms_median"),
                    number("first_poll_ms_p99"),
                    number("zip_mb"),
                    number("binary_mb"),
                    number("memory_mb")
                ));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Value> {
    let mut names = Vec::new();
    for entry in root().join("functions").read_dir()? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let folder = build_for_deployment(&names)?;
    let mut report = Map::new();
    for name in names {
        let binary = folder.join(&name);
        let mut polls_ms = Vec::new();
        let mut memory_kb = 0;
        for _ in 0..arguments.starts.max(1) {
            let (poll_ms, resident_kb) = first_poll(&binary, &name)?;
            polls_ms.push(poll_ms);
            memory_kb = memory_kb.max(resident_kb);
        }
        polls_ms.sort_by(f64::total_cmp);
        let at = |share: f64| polls_ms[((polls_ms.len() - 1) as f64 * share).round() as usize];
        let bytes = std::fs::read(&binary)?;
        let row = json!({
            "first_poll_ms_median": at(0.5),
            "first_poll_ms_p99": at(0.99),
            "zip_mb": deflated(&bytes)? as f64 / 1e6,
            "binary_mb": bytes.len() as f64 / 1e6,
            "memory_mb": memory_kb as f64 / 1e3,
            "starts": polls_ms.len(),
        });
        report.insert(name, row);
    }
    Ok(Value::Object(report))
}

/// Starts the function against a runtime interface of this process's own. From its start to its first request, in
/// milliseconds, and what memory it holds then, in kilobytes.
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is measured")]
fn first_poll(binary: &Path, name: &str) -> Result<(f64, u64)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut command = Command::new(binary);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let address = listener.local_addr()?.to_string();
    for (variable, value) in [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ] {
        command.env(variable, value);
    }
    listener.set_nonblocking(true)?;
    let began = Instant::now();
    let mut child = command.spawn()?;
    let asked = loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(ASKS_WITHIN))?;
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line)?;
                let took_ms = began.elapsed().as_secs_f64() * 1e3;
                // Held while memory is read: a function whose poll breaks off ends.
                let memory_kb = resident_kb(child.id());
                break line.contains("/runtime/invocation/next").then_some((took_ms, memory_kb));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && began.elapsed() < ASKS_WITHIN => {
                std::thread::yield_now();
            }
            Err(_) => break None,
        }
    };
    // One that has ended is no worry.
    let _ = child.kill();
    child.wait()?;
    asked.ok_or_else(|| format!("{name} did not ask for an event within {ASKS_WITHIN:?}").into())
}

fn resident_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// How many bytes a zip of it has, but for its directory's few hundred.
fn deflated(bytes: &[u8]) -> io::Result<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

/// A line for people on standard error.
#[expect(clippy::print_stderr, reason = "this is the command line's own output")]
fn complain(line: &str) {
    eprintln!("{line}");
}
