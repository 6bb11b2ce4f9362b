//! Several processes that ask one limiter, each with a connection of its own, and what each of them saw.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{outage, schedules};
use crate::stack::Result;

/// How many processes there are.
pub(super) const PROCESSES: usize = 8;

/// What one process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) url: String,
    pub(super) process: usize,
    /// When it begins, in milliseconds since 1970.
    pub(super) begins_ms: u64,
    pub(super) work: Work,
}

/// What there is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Work {
    /// Plays random schedules of these numbers at once.
    Schedules { from: u64, to: u64 },
    /// Asks one rate as fast as it may for so long.
    Greedy { for_ms: u64 },
    /// Takes, settles and refunds at random, some of it twice.
    Conserve { calls: u64 },
    /// Asks for so long, whatever becomes of the server.
    Outage { for_ms: u64 },
}

/// One decision: who asked, of which schedule, when it was asked and answered (microseconds since 1970), for how many units in
/// the end (0 where it was refused), and what decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) schedule: u64,
    pub(super) sent_us: u64,
    pub(super) answered_us: u64,
    pub(super) units: u64,
    pub(super) by: char,
}

/// Runs the same work in all processes at once.
pub(super) fn run(url: &str, work: &Work) -> Result<Vec<Vec<Seen>>> {
    let begins_ms = now_us() / 1_000 + 1_500;
    let fleet = start(url, work, begins_ms)?;
    fleet.into_iter().map(end).collect()
}

/// Starts the processes; they begin at that moment.
pub(super) fn start(url: &str, work: &Work, begins_ms: u64) -> Result<Vec<Child>> {
    let mut fleet = Vec::new();
    for process in 0..PROCESSES {
        let order = Order { url: url.to_owned(), process, begins_ms, work: work.clone() };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "limits", "--worker"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().ok_or("a process without an input")?;
        serde_json::to_writer(&mut input, &order)?;
        fleet.push(child);
    }
    Ok(fleet)
}

/// What a process saw, once it has ended.
pub(super) fn end(mut child: Child) -> Result<Vec<Seen>> {
    let output = child.stdout.take().ok_or("a process without an output")?;
    let mut seen = Vec::new();
    for line in BufReader::new(output).lines() {
        let (schedule, sent_us, answered_us, units, by) = serde_json::from_str(&line?)?;
        seen.push(Seen { schedule, sent_us, answered_us, units, by });
    }
    let status = child.wait()?;
    if status.success() { Ok(seen) } else { Err(format!("a process ended with {status}").into()) }
}

/// What one of the processes does: reads its order, works, prints what it saw.
pub(crate) fn work() -> Result<()> {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = runtime.block_on(async {
        match order.work {
            Work::Schedules { from, to } => schedules::play(&order, from, to).await,
            Work::Greedy { for_ms } => schedules::be_greedy(&order, for_ms).await,
            Work::Conserve { calls } => schedules::conserve(&order, calls).await,
            Work::Outage { for_ms } => outage::ask(&order, for_ms).await,
        }
    })?;
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    for Seen { schedule, sent_us, answered_us, units, by } in seen {
        serde_json::to_writer(&mut output, &(schedule, sent_us, answered_us, units, by))?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

/// Microseconds since 1970, the same clock in all processes of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "what several processes saw is put in one order by the time of day"
)]
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The moment, to measure how long something takes.
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is measured")]
pub(crate) fn moment() -> Instant {
    Instant::now()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "the bench waits in real time")]
pub(crate) async fn wait_ms(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Waits until a moment in milliseconds since 1970.
pub(crate) async fn wait_until_ms(at_ms: u64) {
    wait_ms(at_ms.saturating_sub(now_us() / 1_000)).await;
}
