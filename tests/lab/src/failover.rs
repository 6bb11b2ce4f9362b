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
pub(crate) const REQUESTS: usize = 15;
/// From one request to the next, by the platform's clock.
const APART_MS: u64 = 4_000;
/// How much faster than real the platform's clock runs.
const SPEED: u64 = 8;

/// A way in which a provider fails.
pub(crate) struct Failure {
    pub(crate) name: &'static str,
    does: Does,
    /// What it is recognised as.
    kind: &'static str,
    /// So many calls are answered well before it fails.
    good_calls: u64,
    /// From one request to the next, by the platform's clock.
    apart_ms: u64,
    /// How much faster than real the platform's clock runs.
    speed: u64,
}

/// What a provider does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Closes the connection.
    HangUp,
    /// Sends this, and then nothing; the connection stays open as long as the client wants.
    Hang(&'static str),
    /// Sends this and closes.
    Say(&'static str),
}

/// A minute of requests from each of these. In the last all ask at once.
pub(crate) const FAILURES: [Failure; 11] = [
    failure("gone", Does::HangUp, "Network"),
    failure("silent", Does::Hang(""), "Timeout"),
    failure(
        "silent_after_its_head",
        Does::Hang("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"),
        "Timeout",
    ),
    // Slower, for here seconds count: that nothing comes is told by a caller that is still waiting.
    Failure { good_calls: 1, speed: 3, ..failure("silent_after_an_answer", Does::Hang(""), "Timeout") },
    failure(
        "out_of_credit",
        Does::Say(
            "HTTP/1.1 402 Payment Required\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Insufficient credits\",\"code\":402}}",
        ),
        "Quota",
    ),
    failure("429", Does::Say(BUSY), "RateLimited"),
    failure(
        "429_retry_after",
        Does::Say(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\"}}",
        ),
        "RateLimited",
    ),
    failure(
        "500",
        Does::Say("HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html\r\n\r\n<html>oops</html>"),
        "ModelUnavailable",
    ),
    failure(
        "503",
        Does::Say(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Overloaded\"}}",
        ),
        "ModelUnavailable",
    ),
    failure(
        "error_in_200",
        Does::Say(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Provider returned error\",\"code\":503}}",
        ),
        "ModelUnavailable",
    ),
    Failure { apart_ms: 0, ..failure("all_at_once", Does::HangUp, "Network") },
];

/// Both providers fail: whether they are only busy.
pub(crate) const TOGETHER: [(&str, bool); 2] = [("nobody_answers", false), ("everybody_is_busy", true)];

const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\"}}";

const fn failure(name: &'static str, does: Does, kind: &'static str) -> Failure {
    Failure { name, does, kind, good_calls: 0, apart_ms: APART_MS, speed: SPEED }
}

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

/// Plays every failure whose name begins so, and fleets in which everybody fails.
pub(crate) fn measure(only: &str) -> Result<Value> {
    let mut report = serde_json::Map::new();
    for failure in FAILURES.iter().filter(|failure| failure.name.starts_with(only)) {
        let fallback = ScriptedServer::start(Script::new(Vec::new()).without_tools())?;
        let mut found = play(failure, &fallback.url())?;
        found["recognised"] = json!(u8::from(found["recognised_as"] == json!([failure.kind])));
        report.insert(failure.name.to_owned(), found);
    }
    for (name, is_busy) in TOGETHER.into_iter().filter(|(name, _)| name.starts_with(only)) {
        let does = if is_busy { Does::Say(BUSY) } else { Does::HangUp };
        let dead = Failing::start(does, 0, None)?;
        report.insert(name.to_owned(), play(&failure(name, does, ""), &dead.url)?);
    }
    Ok(json!({ "processes": PROCESSES, "requests": REQUESTS, "minute_ms": REQUESTS as u64 * APART_MS,
        "most_failing_calls_allowed": engine::MAX_ATTEMPTS, "most_with_refusals_allowed": engine::MAX_FAILING_CALLS,
        "failures": report }))
}

fn play(failure: &Failure, fallback: &str) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table.sqlite").to_string_lossy().into_owned();
    // The table is there before anybody asks for it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { store::Embedded::open(table.as_ref())?.store().await })?;
    let healthy = ScriptedServer::start(Script::new(Vec::new()).without_tools())?;
    let primary = Failing::start(failure.does, failure.good_calls, Some(&healthy.url()))?;
    let begins_ms = now_ms() + 1_000;
    let mut fleet = Vec::new();
    for process in 0..PROCESSES {
        let own = (0..REQUESTS).filter(|request| request % PROCESSES == process);
        let order = Order {
            table: table.clone(),
            primary: primary.url.clone(),
            fallback: fallback.to_owned(),
            requests: own.map(|request| (request, request as u64 * failure.apart_ms)).collect(),
            begins_ms,
            speed: failure.speed,
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
    let calls = primary.calls.load(Ordering::Relaxed);
    Ok(json!({
        "calls_to_the_dead": calls.saturating_sub(failure.good_calls),
        "answered_by_a_model": answered.iter().filter(|one| one.basis == "model").count(),
        "ended": answered.len(),
        "most_calls_of_a_request": answered.iter().map(|one| one.calls).max(),
        "most_failing_calls_of_a_request": answered.iter().map(|one| one.failures.len()).max(),
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

/// A provider that fails every call in the same way, but for the first so many, and counts them.
struct Failing {
    url: String,
    calls: Arc<AtomicU64>,
}

impl Failing {
    /// Listens on a free port until this process ends. The first so many calls are handed on to `healthy`.
    fn start(does: Does, good_calls: u64, healthy: Option<&str>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let calls = Arc::new(AtomicU64::new(0));
        let counted = calls.clone();
        let healthy =
            healthy.and_then(|url| url.strip_prefix("http://")?.strip_suffix("/v1").map(str::to_owned));
        std::thread::Builder::new().name("failing-provider".to_owned()).spawn(move || {
            for connection in listener.incoming().flatten() {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let healthy = healthy.clone().filter(|_| number < good_calls);
                std::thread::spawn(move || {
                    // A client that goes away meanwhile is no concern of a provider that fails anyhow.
                    let _ = match healthy {
                        Some(address) => hand_on(connection, &address),
                        None => fail(connection, does),
                    };
                });
            }
        })?;
        Ok(Self { url, calls })
    }
}

/// Copies both ways until the server has answered.
fn hand_on(client: TcpStream, address: &str) -> std::io::Result<()> {
    let server = TcpStream::connect(address)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    let (mut from_server, mut to_client) = (server, client);
    std::io::copy(&mut from_server, &mut to_client)?;
    Ok(())
}

fn fail(mut connection: TcpStream, does: Does) -> std::io::Result<()> {
    match does {
        Does::HangUp => Ok(()),
        Does::Say(answer) => {
            read_request(&mut connection)?;
            connection.write_all(answer.as_bytes())
        }
        Does::Hang(beginning) => {
            read_request(&mut connection)?;
            connection.write_all(beginning.as_bytes())?;
            // Until the client has had enough.
            connection.set_read_timeout(None)?;
            while connection.read(&mut [0; 1024])? > 0 {}
            Ok(())
        }
    }
}

/// Reads a request to its end, for an answer to half of one is a reset.
fn read_request(connection: &mut TcpStream) -> std::io::Result<()> {
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
            return Ok(());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "processes of this machine begin at one time of day")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
