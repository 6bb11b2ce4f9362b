//! A provider that fails, and eight processes that have nothing in common but the table: how often they ask it, who answers
//! instead, and how many calls a request makes.
//!
//! Time runs faster than real: a minute of the platform's clock is a few seconds, the same for all processes. Calls go over real
//! sockets, through the wiring that a configuration gives.

mod worker;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scripted::{Script, ScriptedServer};
use crate::stack::Result;

pub(crate) use worker::work;

/// How many processes there are.
const PROCESSES: usize = 8;
/// Requests of the fleet in the minute.
const REQUESTS: usize = 15;
/// From one request to the next, by the platform's clock.
const APART_MS: u64 = 4_000;
/// How much faster than real the platform's clock runs.
const SPEED: u64 = 8;

/// How a provider fails: a name, and what it answers to every call; nothing is a connection that closes.
const FAILURES: [(&str, &str); 7] = [
    ("gone", ""),
    (
        "out_of_credit",
        "HTTP/1.1 402 Payment Required\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Insufficient credits\",\"code\":402}}",
    ),
    (
        "429",
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\"}}",
    ),
    (
        "429_retry_after",
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\"}}",
    ),
    ("500", "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html\r\n\r\n<html>oops</html>"),
    (
        "503",
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Overloaded\"}}",
    ),
    (
        "error_in_200",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Provider returned error\",\"code\":503}}",
    ),
];

/// What one process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    /// The file of the table.
    table: String,
    /// Whom to ask first, and then.
    primary: String,
    fallback: String,
    /// The requests, by number, and when each is made by the platform's clock, in milliseconds since `begins_ms`.
    requests: Vec<(usize, u64)>,
    /// When the platform's clock and the real one are equal.
    begins_ms: u64,
    speed: u64,
}

/// What became of one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answered {
    request: usize,
    /// Calls it made, to whomever.
    calls: usize,
    /// `model` if a model answered.
    basis: String,
    /// Why its calls failed.
    failures: Vec<String>,
}

/// Plays every failure, a fleet in which everybody fails, and one in which all ask at once.
pub(crate) fn measure() -> Result<Value> {
    let mut report = serde_json::Map::new();
    let spread = |request: usize| request as u64 * APART_MS;
    for (name, answer) in FAILURES {
        let fallback = ScriptedServer::start(Script::new(Vec::new()).without_tools())?;
        report.insert(name.to_owned(), play(answer, &fallback.url(), spread)?);
    }
    let dead = Failing::start("")?;
    report.insert("nobody_answers".to_owned(), play("", &dead.url, spread)?);
    let fallback = ScriptedServer::start(Script::new(Vec::new()).without_tools())?;
    report.insert("all_at_once".to_owned(), play("", &fallback.url(), |_| 0)?);
    Ok(
        json!({ "processes": PROCESSES, "requests": REQUESTS, "minute_ms": REQUESTS as u64 * APART_MS, "speed": SPEED,
        "most_calls_of_a_request_allowed": engine::MAX_ATTEMPTS, "failures": report }),
    )
}

fn play(answer: &'static str, fallback: &str, at_ms: impl Fn(usize) -> u64) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table.sqlite").to_string_lossy().into_owned();
    // The table is there before anybody asks for it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { store::Embedded::open(table.as_ref())?.store().await })?;
    let primary = Failing::start(answer)?;
    let begins_ms = now_ms() + 1_000;
    let mut fleet = Vec::new();
    for process in 0..PROCESSES {
        let own = (0..REQUESTS).filter(|request| request % PROCESSES == process);
        let order = Order {
            table: table.clone(),
            primary: primary.url.clone(),
            fallback: fallback.to_owned(),
            requests: own.map(|request| (request, at_ms(request))).collect(),
            begins_ms,
            speed: SPEED,
        };
        fleet.push(start(&order)?);
    }
    let mut answered = Vec::new();
    for child in fleet {
        answered.extend(end(child)?);
    }
    let mut failures: Vec<String> = answered.iter().flat_map(|one| one.failures.clone()).collect();
    failures.sort_unstable();
    failures.dedup();
    Ok(json!({
        "calls_to_the_dead": primary.calls.load(Ordering::Relaxed),
        "answered_by_a_model": answered.iter().filter(|one| one.basis == "model").count(),
        "ended": answered.len(),
        "most_calls_of_a_request": answered.iter().map(|one| one.calls).max(),
        "recognised_as": failures,
    }))
}

fn start(order: &Order) -> Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bench", "failover", "--worker"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("a process without an input")?;
    serde_json::to_writer(&mut input, order)?;
    Ok(child)
}

fn end(mut child: Child) -> Result<Vec<Answered>> {
    let output = child.stdout.take().ok_or("a process without an output")?;
    let lines = BufReader::new(output).lines().map(|line| {
        let line = line?;
        serde_json::from_str(&line).map_err(|_| line.into())
    });
    let answered = lines.collect::<Result<Vec<Answered>>>()?;
    let status = child.wait()?;
    if status.success() { Ok(answered) } else { Err(format!("a process ended with {status}").into()) }
}

/// A provider that answers every call in the same way, and counts them.
struct Failing {
    url: String,
    calls: Arc<AtomicU64>,
}

impl Failing {
    /// Listens on a free port until this process ends.
    fn start(answer: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let calls = Arc::new(AtomicU64::new(0));
        let counted = calls.clone();
        std::thread::Builder::new().name("failing-provider".to_owned()).spawn(move || {
            for connection in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                // A client that goes away meanwhile is no concern of a provider that fails anyhow.
                let _ = refuse(connection, answer);
            }
        })?;
        Ok(Self { url, calls })
    }
}

/// Reads the request to its end, for an answer to half of one is a reset; then answers.
fn refuse(mut connection: TcpStream, answer: &str) -> std::io::Result<()> {
    if answer.is_empty() {
        return Ok(());
    }
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut request, mut part) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = connection.read(&mut part)?;
        request.extend_from_slice(&part[..read]);
        let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let announced = head.map(|end| {
            let text = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            end + 4 + length.unwrap_or(0)
        });
        if read == 0 || announced.is_some_and(|whole| request.len() >= whole) {
            break;
        }
    }
    connection.write_all(answer.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "processes of this machine begin at one time of day")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
