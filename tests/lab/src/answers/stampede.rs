//! Many steps in several processes that ask the same at once; and what happens when the one that asks is killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::steps::{End, Place};
use crate::rates::fleet::{now_us, wait_until_ms};
use crate::stack::{Result, Valkey};

/// How many processes there are.
const PROCESSES: usize = 8;
/// How long the model takes.
const MODEL_MS: u64 = 2_000;
/// How long after it asked the first asker is killed.
const KILL_AFTER_MS: u64 = 800;
/// What a process prints when it calls the model.
const CALL: &str = "call";

/// What one process is told.
#[derive(Serialize, Deserialize)]
struct Order {
    url: String,
    process: u64,
    begins_ms: u64,
    steps: usize,
}

/// What became of a process's steps.
#[derive(Default, Serialize, Deserialize)]
struct Ended {
    asked: usize,
    away: usize,
    recalled: usize,
    failed: usize,
    open: usize,
    longest_ms: u64,
}

/// Calls of the model, and how the steps ended.
pub(super) fn measure(askers: usize, kills_leader: bool) -> Result<Value> {
    let valkey = Valkey::start(&[])?;
    let begins_ms = now_us() / 1_000 + 4_000;
    let (tell, told) = mpsc::channel();
    let mut fleet = Vec::new();
    for process in 0..PROCESSES {
        let steps = askers / PROCESSES;
        let order = Order { url: valkey.url(), process: process as u64, begins_ms, steps };
        fleet.push(start(&order, tell.clone())?);
    }
    drop(tell);
    let (mut calls, mut sum, mut lost) = (0, Ended::default(), 0);
    // Until every process has closed its output.
    while let Ok((process, line)) = told.recv() {
        if line == CALL {
            calls += 1;
            if kills_leader && calls == 1 {
                std::thread::sleep(std::time::Duration::from_millis(KILL_AFTER_MS));
                let leader: &mut Child = fleet.get_mut(process).ok_or("an unknown process")?;
                leader.kill()?;
                lost = askers / PROCESSES;
            }
        } else {
            let ended: Ended = serde_json::from_str(&line)?;
            sum.asked += ended.asked;
            sum.away += ended.away;
            sum.recalled += ended.recalled;
            sum.failed += ended.failed;
            sum.open += ended.open;
            sum.longest_ms = sum.longest_ms.max(ended.longest_ms);
        }
    }
    for child in &mut fleet {
        child.wait()?;
    }
    Ok(json!({
        "processes": PROCESSES,
        "steps": askers / PROCESSES * PROCESSES,
        "steps_of_killed_process": lost,
        "calls": calls,
        "answered_by_model": sum.asked,
        "without_redis": sum.away,
        "answered_from_cache": sum.recalled,
        "failed": sum.failed + sum.open,
        "longest_ms": sum.longest_ms,
    }))
}

fn start(order: &Order, tell: mpsc::Sender<(usize, String)>) -> Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bench", "cache", "--worker"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("a process without an input")?;
    serde_json::to_writer(&mut input, order)?;
    let output = child.stdout.take().ok_or("a process without an output")?;
    let process = usize::try_from(order.process)?;
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
            if tell.send((process, line)).is_err() {
                return;
            }
        }
    });
    Ok(child)
}

/// What one of the processes does: reads its order, runs its steps at once, prints what became of them.
pub(crate) fn work() -> Result<()> {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(ask(&order))?;
    line(&serde_json::to_string(&ended)?);
    Ok(())
}

async fn ask(order: &Order) -> Result<Ended> {
    let place = Place::open(&order.url, order.process, MODEL_MS, || line(CALL)).await?;
    let mut runs = Vec::new();
    for _ in 0..order.steps {
        runs.push(place.accept("acme").await?);
    }
    wait_until_ms(order.begins_ms).await;
    place.steps(&runs).await?;
    let mut ended = Ended::default();
    for run in &runs {
        match place.end(run).await? {
            None => ended.open += 1,
            Some((End::Failed, _)) => ended.failed += 1,
            Some((End::Recalled, _)) => ended.recalled += 1,
            Some((End::Asked { away }, _)) => {
                ended.asked += 1;
                ended.away += usize::from(away);
            }
        }
    }
    ended.longest_ms = now_us() / 1_000 - order.begins_ms;
    Ok(ended)
}

fn line(text: &str) {
    let mut output = std::io::stdout().lock();
    // Whoever reads it may be gone.
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}
