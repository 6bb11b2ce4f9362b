//! `cargo lab bench api`: how soon the HTTP API of this machine answers under load, and how soon it tells of components that
//! all hang. It ends with 1 if a figure misses its target.

use std::future::IntoFuture as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use api::Api;
use axum::body::Bytes;
use axum::http::Request;
use boot::Config;
use clap::Args;
use engine::health::Watch;
use engine::memory::{Broken, Fault};
use engine::model::{Scope, TenantId};
use engine::ports::{Key, Ports, Store};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::print;
use crate::binary::build_assay;
use crate::healthy::{House, Profile};
use crate::load::{Measured, at_rate, now};
use crate::stack::{Answer, Http, Result};

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How long each load is kept up, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Requests for a run, each second
    #[arg(long, default_value_t = 200)]
    gets: u32,
    /// New runs, each second
    #[arg(long, default_value_t = 50)]
    posts: u32,
    /// How often components that hang are asked after
    #[arg(long, default_value_t = 40)]
    rounds: u32,
    /// Measure the optimised build
    #[arg(long)]
    release: bool,
    /// Measure this `assay` instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// How the rows are judged that begin so: which figure, and how many milliseconds it may be at most. No row may have errors.
const TARGETS: [(&str, &str, f64); 5] = [
    ("GET /health/components,", "p99_ms", 300.0),
    ("GET /health,", "p99_ms", 2.0),
    ("GET /health at", "p95_ms", 20.0),
    ("GET /runs", "p95_ms", 20.0),
    ("POST /runs", "p95_ms", 50.0),
];

pub(super) fn api(arguments: &Arguments) -> ExitCode {
    match measure(arguments).map(judged) {
        Ok((report, met)) if arguments.json => {
            print(&format!("{report:#}"));
            ended(met)
        }
        Ok((report, met)) => {
            print(
                "WHAT                                  REQUESTS  ERRORS  PER SECOND  p50 ms  p95 ms  p99 ms  most ms  TARGET",
            );
            for (name, row) in report.as_object().into_iter().flatten() {
                let number = |key: &str| row[key].as_f64().unwrap_or_default();
                print(&format!(
                    "{name:<36} {:>9} {:>7} {:>11.1} {:>7.2} {:>7.2} {:>7.2} {:>8.2}  {}: {}",
                    number("requests"),
                    number("errors"),
                    number("answered_per_second"),
                    number("p50_ms"),
                    number("p95_ms"),
                    number("p99_ms"),
                    number("most_ms"),
                    row["target"].as_str().unwrap_or("-"),
                    if row["met"] == true { "met" } else { "MISSED" }
                ));
            }
            ended(met)
        }
        Err(error) => {
            print(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn ended(met: bool) -> ExitCode {
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The report with each row's target and whether it is met, and whether all are. A row without a target meets none.
fn judged(mut report: Value) -> (Value, bool) {
    let mut all = true;
    for (name, row) in report.as_object_mut().into_iter().flatten() {
        let target = TARGETS.iter().find(|(row, ..)| name.starts_with(row));
        let right = row["errors"] == 0;
        let met =
            right && target.is_some_and(|(_, key, most)| row[*key].as_f64().is_some_and(|ms| ms <= *most));
        let figure =
            |(_, key, most): &(&str, &str, f64)| format!("{} at most {most} ms", key.trim_end_matches("_ms"));
        row["target"] = json!(format!("{}, 0 errors", target.map_or_else(|| "none".to_owned(), figure)));
        row["met"] = json!(met);
        all &= met;
    }
    (report, all)
}

fn measure(arguments: &Arguments) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = runtime.block_on(hanging(arguments.rounds))?;
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => build_assay(arguments.release)?,
    };
    let loaded = runtime.block_on(loaded(&binary, arguments))?;
    for (name, row) in loaded.as_object().into_iter().flatten() {
        report[name] = row.clone();
    }
    Ok(report)
}

/// A client of one server, with a key.
struct Client {
    http: Http,
    base: String,
    key: String,
}

impl Client {
    async fn ask(&self, method: &str, path: &str, body: Bytes) -> Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(body)?;
        self.http.answer(request).await
    }

    async fn gives(&self, method: &str, path: &str, body: Bytes, status: u16) -> bool {
        self.ask(method, path, body).await.is_ok_and(|answer| answer.status == status)
    }
}

/// The real server with its real store, under load.
async fn loaded(binary: &Path, arguments: &Arguments) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let state = ["--state", folder.path().to_str().ok_or("a folder whose name is no text")?];
    let made = Command::new(binary).args(["keys", "create", "--scopes", "run,read"]).args(state).output()?;
    let key = String::from_utf8(made.stdout)?.trim().to_owned();
    let server = Server::start(Command::new(binary).args(["serve", "--port", "0"]).args(state))?;
    let client = Client { http: Http::new(), base: server.base.clone(), key };
    let run = |nth: u32| {
        let text = format!(
            "Note {nth}. The council votes on the flood wall. It costs {nth} pounds more than planned."
        );
        Bytes::from(json!({ "text": text, "depth": "quick" }).to_string())
    };
    let started = client.ask("POST", "/runs", run(0)).await?;
    let id = started.json()["run_id"].as_str().ok_or("no run could be started")?.to_owned();
    let path = format!("/runs/{id}");
    while client.ask("GET", &path, Bytes::new()).await?.json()["status"] == "running" {
        tokio::task::yield_now().await;
    }
    let health = at_rate(arguments.gets, arguments.gets * arguments.seconds, |_| {
        client.gives("GET", "/health", Bytes::new(), 200)
    });
    let health = health.await.report();
    let gets = at_rate(arguments.gets, arguments.gets * arguments.seconds, |_| {
        client.gives("GET", &path, Bytes::new(), 200)
    });
    let gets = gets.await.report();
    let posts = at_rate(arguments.posts, arguments.posts * arguments.seconds, |nth| {
        client.gives("POST", "/runs", run(nth + 1), 202)
    });
    let posts = posts.await.report();
    Ok(json!({
        format!("GET /health at {}/s", arguments.gets): health,
        format!("GET /runs/{{id}} at {}/s", arguments.gets): gets,
        format!("POST /runs at {}/s", arguments.posts): posts,
    }))
}

/// A process that is ended with this.
struct Server {
    child: Child,
    base: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut base = String::new();
        let output = child.stdout.take().ok_or("no output")?;
        let read = BufReader::new(output).read_line(&mut base);
        let server = Self { child, base: base.trim().to_owned() };
        if read? == 0 {
            return Err("the server did not start".into());
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended is no worry.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server over ports that all hang for ever: once with keys that can be read, once without.
async fn hanging(rounds: u32) -> Result<Value> {
    let mut report = json!({});
    let cases: [(&str, Profile, Rows); 2] = [
        ("all but keys", Profile::Full, |key| !matches!(key, Key::ApiKey(_))),
        ("everything", Profile::Lite, |_| true),
    ];
    for (name, profile, rows) in cases {
        let (mut components, mut health) = (Measured::default(), Measured::default());
        // A new server each time: the last report would be given out again for ten seconds.
        for _ in 0..rounds {
            let (server, key) = Hanging::start(profile, rows)?;
            let client = Client { http: Http::new(), base: server.base.clone(), key };
            let mut asked = Vec::new();
            for _ in 0..5 {
                asked.push(async {
                    let began = now();
                    let right = client.gives("GET", "/health/components", Bytes::new(), 503).await;
                    (now() - began, right)
                });
            }
            for (took, right) in futures::future::join_all(asked).await {
                components.add(took, right);
            }
            for _ in 0..5 {
                let began = now();
                let right = client.gives("GET", "/health", Bytes::new(), 200).await;
                health.add(now() - began, right);
            }
        }
        report[format!("GET /health/components, {name} hang")] = components.report();
        report[format!("GET /health, {name} hang")] = health.report();
    }
    Ok(report)
}

/// The router over broken ports, on a thread of its own until it is dropped.
struct Hanging {
    base: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Hanging {
    fn start(profile: Profile, rows: Rows) -> Result<(Self, String)> {
        let clock: Arc<dyn engine::ports::Clock> = Arc::new(boot::SystemClock);
        let house = House::on(profile, clock.clone())?;
        let mut ports = house.ports;
        let tenant = TenantId::new("bench");
        let key =
            futures::executor::block_on(engine::create_key(&ports, &tenant, &[Scope::Read], None, [7; 32]))?;
        hang(&mut ports, rows);
        let api =
            Api { ports, config: Config::from(|_| None)?, longest_wait_ms: 1_000, health: Watch::probing() };
        let router = api::router(&Arc::new(api));
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let base = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("hanging".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok((Self { base, stop: Some(stop), thread: Some(thread) }, key.text))
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once; what it last thought of is nobody's business.
            let _ = thread.join();
        }
    }
}

/// Which rows of a store hang.
type Rows = fn(&Key) -> bool;

/// Every port hangs that a check uses; of the store those rows that `rows` names.
fn hang(ports: &mut Ports, rows: Rows) {
    const FOR_EVER: Fault = Fault::Slow(Duration::from_secs(3_600).as_millis() as u64);
    fn broken<P: ?Sized>(port: &Arc<P>, clock: &Arc<dyn engine::ports::Clock>) -> Arc<Broken<P>> {
        Arc::new(Broken::new(port.clone(), clock.clone(), FOR_EVER))
    }
    let clock = ports.clock.clone();
    let store: Arc<dyn Store> =
        Arc::new(Broken::new(ports.store.clone(), clock.clone(), FOR_EVER).only(rows));
    ports.store = store;
    ports.content = broken(&ports.content, &clock);
    ports.queues = broken(&ports.queues, &clock);
    ports.workflow = broken(&ports.workflow, &clock);
    ports.cache = broken(&ports.cache, &clock);
    ports.limits = broken(&ports.limits, &clock);
    ports.memory = broken(&ports.memory, &clock);
    ports.model = ports.model.take().map(|model| broken(&model, &clock) as _);
    ports.embedder = ports.embedder.take().map(|embedder| broken(&embedder, &clock) as _);
    let tools = ports.tools.iter().map(|(name, tool)| (*name, broken(tool, &clock) as _));
    ports.tools = Arc::new(tools.collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_above_its_target_and_an_error_are_missed() {
        let judge = |name: &str, row: Value| {
            let (report, all) = judged(json!({ name: row }));
            assert_eq!(report[name]["met"], all);
            all
        };
        assert!(judge("GET /health, everything hang", json!({ "errors": 0, "p99_ms": 2.0 })));
        assert!(!judge("GET /health, everything hang", json!({ "errors": 0, "p99_ms": 2.01 })));
        assert!(judge("GET /health/components, everything hang", json!({ "errors": 0, "p99_ms": 270.0 })));
        assert!(judge("GET /runs/{id} at 200/s", json!({ "errors": 0, "p95_ms": 3.0 })));
        assert!(!judge("POST /runs at 50/s", json!({ "errors": 1, "p95_ms": 3.0 })));
        assert!(!judge("POST /runs at 50/s", json!({ "errors": 0, "p95_ms": null })));
    }
}
