//! The scripted model behind an endpoint that speaks OpenAI's protocol and Anthropic's, on a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::bill::Bill;
use super::fault::{Fault, Script};
use super::turn::{self, Asked, Ending, Said, Turn};
use super::{messages, wire};

/// How long a call hangs that never answers; longer than any client waits.
const HANG: Duration = Duration::from_secs(600);

/// A provider on `127.0.0.1`, until it is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    bill: Arc<Bill>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    script: Script,
    bill: Arc<Bill>,
}

impl ScriptedServer {
    /// Starts on a free port. The server lives on a thread of its own, so it may be called from anywhere, and a test
    /// that blocks its own runtime does not block the provider.
    pub fn start(script: Script) -> io::Result<Self> {
        Self::on_bill(script, Arc::default())
    }

    /// The same, with every line of the bill in a file before the answer is sent.
    pub fn with_bill_file(script: Script, path: &Path) -> io::Result<Self> {
        Self::on_bill(script, Arc::new(Bill::in_file(path)?))
    }

    /// The same on a bill that somebody else holds too.
    pub fn on_bill(script: Script, bill: Arc<Bill>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::new(Shared { script, bill: bill.clone() });
        let router = Router::new()
            .route("/v1/chat/completions", post(chat_completions))
            .route("/v1/messages", post(messages_api))
            .route("/v1/models", get(models))
            .with_state(shared);
        let thread = std::thread::Builder::new().name("scripted-model".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                // Calls in flight are dropped with the runtime: a provider that goes away does so at once.
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, bill, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL, for `LLM_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What the provider charges.
    pub fn bill(&self) -> &Arc<Bill> {
        &self.bill
    }

    /// Waits until the server ends, which it does not by itself: for a process that is nothing but a provider.
    pub fn serve_forever(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn models(State(shared): State<Arc<Shared>>) -> Response {
    let row = |id: &str| json!({"id": id, "object": "model"});
    let known = shared.script.models();
    // Whoever serves every model names the one that tests ask for.
    let rows: Vec<_> = if known.is_empty() {
        vec![row("scripted")]
    } else {
        known.iter().map(|model| row(&model.id)).collect()
    };
    json_response(StatusCode::OK, &json!({"object": "list", "data": rows}))
}

/// A protocol: how a request is read and an answer written.
struct Face {
    read: fn(&Value) -> Result<Asked, String>,
    plain: fn(u64, &str, &Said) -> Value,
    /// The last is the request's body.
    events: fn(u64, &str, &Said, &Value) -> Vec<String>,
    error: fn(&str, &str) -> Value,
}

const CHAT_COMPLETIONS: Face = Face {
    read: wire::read,
    plain: wire::plain,
    events: |number, model, said, body| {
        wire::events(number, model, said, body["stream_options"]["include_usage"] == true)
    },
    error: wire::error,
};

const MESSAGES: Face = Face {
    read: messages::read,
    plain: messages::plain,
    events: |number, model, said, _| messages::events(number, model, said),
    error: messages::error,
};

async fn chat_completions(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    answer(&CHAT_COMPLETIONS, &shared, &body).await
}

async fn messages_api(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get("anthropic-version").is_none_or(|version| version != "2023-06-01") {
        let why = "anthropic-version: header is required";
        return MESSAGES.refused(StatusCode::BAD_REQUEST, why, "invalid_request_error");
    }
    answer(&MESSAGES, &shared, &body).await
}

async fn answer(face: &Face, shared: &Shared, body: &[u8]) -> Response {
    // A call takes as long as the script says, however long its answer took to make up.
    let arrived = tokio::time::Instant::now();
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return face.refused(StatusCode::BAD_REQUEST, "the body is not JSON", "invalid_request_error");
    };
    let asked = match (face.read)(&body) {
        Ok(asked) => asked,
        Err(why) => return face.refused(StatusCode::BAD_REQUEST, &why, "invalid_request_error"),
    };
    if !shared.script.serves(&asked.model) {
        let unknown = format!("The model `{}` does not exist.", asked.model);
        return face.refused(StatusCode::NOT_FOUND, &unknown, "model_not_found");
    }
    let Turn { number, latency_ms, pause_ms, ending } = turn::take(&asked, &shared.script, &shared.bill);
    let streamed = body["stream"] == true;
    let answer = |said: &Said| match streamed {
        true => (face.events)(number, &asked.model, said, &body),
        false => vec![(face.plain)(number, &asked.model, said).to_string()],
    };
    let said = match &ending {
        Ending::Said(said) | Ending::Fault(Fault::CutJson, said) => answer(said),
        _ => Vec::new(),
    };
    if latency_ms > 0 {
        wait_until(arrived + Duration::from_millis(latency_ms)).await;
    }
    match ending {
        Ending::Said(_) => body_response(streamed, paused(said, pause_ms)),
        Ending::Missing(missing) => {
            face.refused(StatusCode::BAD_REQUEST, &format!("scripted model: {missing}"), "missing_input")
        }
        Ending::Broken(why) => face.refused(StatusCode::INTERNAL_SERVER_ERROR, &why, "server_error"),
        Ending::Fault(Fault::CutJson, _) => body_response(streamed, cut(&said.concat())),
        Ending::Fault(fault, _) => failure(face, fault).await,
    }
}

/// The first event, and the others so many milliseconds later.
fn paused(mut events: Vec<String>, pause_ms: u64) -> Body {
    if pause_ms == 0 || events.len() < 2 {
        return Body::from(events.concat());
    }
    let rest = Bytes::from(events.split_off(1).concat());
    let first = futures::stream::iter([Ok::<_, io::Error>(Bytes::from(events.concat()))]);
    Body::from_stream(first.chain(futures::stream::once(async move {
        wait(Duration::from_millis(pause_ms)).await;
        Ok(rest)
    })))
}

/// The first half, and then the connection breaks.
fn cut(whole: &str) -> Body {
    let half: String = whole.chars().take(whole.chars().count() / 2).collect();
    let broken = io::Error::new(io::ErrorKind::ConnectionReset, "scripted break");
    Body::from_stream(futures::stream::iter([Ok(Bytes::from(half)), Err(broken)]))
}

async fn failure(face: &Face, fault: Fault) -> Response {
    match fault {
        Fault::RateLimited { retry_after_ms } => {
            let mut response =
                face.refused(StatusCode::TOO_MANY_REQUESTS, "Rate limit reached.", "rate_limit_exceeded");
            if let Some(milliseconds) = retry_after_ms {
                response.headers_mut().insert("retry-after-ms", milliseconds.into());
            }
            response
        }
        Fault::Quota => {
            face.refused(StatusCode::TOO_MANY_REQUESTS, "You exceeded your quota.", "insufficient_quota")
        }
        Fault::Unavailable => face.refused(StatusCode::SERVICE_UNAVAILABLE, "Overloaded.", "server_error"),
        Fault::Timeout => {
            wait(HANG).await;
            face.refused(StatusCode::GATEWAY_TIMEOUT, "Nothing came.", "server_error")
        }
        _ => face.refused(StatusCode::INTERNAL_SERVER_ERROR, "The server had an error.", "server_error"),
    }
}

/// Waits in time: the runtime's timers end up to two milliseconds late, a thread's sleep does not.
#[allow(clippy::disallowed_methods, reason = "a real server on a thread of its own waits in real time")]
async fn wait_until(end: tokio::time::Instant) {
    const LATE: Duration = Duration::from_millis(3);
    tokio::time::sleep_until(end - LATE).await;
    let rest = move || std::thread::sleep(end.saturating_duration_since(tokio::time::Instant::now()));
    // It ends by itself, and a panic of a sleep is none.
    let _ = tokio::task::spawn_blocking(rest).await;
}

#[allow(clippy::disallowed_methods, reason = "a real server on a thread of its own waits in real time")]
async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

impl Face {
    fn refused(&self, status: StatusCode, message: &str, kind: &str) -> Response {
        json_response(status, &(self.error)(message, kind))
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn body_response(streamed: bool, body: Body) -> Response {
    let content_type = if streamed { "text/event-stream; charset=utf-8" } else { "application/json" };
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}
