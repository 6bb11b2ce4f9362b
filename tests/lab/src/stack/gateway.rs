//! The door between the functions and the emulator. Every call passes it unchanged, is recorded, and fails on demand.
//!
//! Two ports: one for AWS, which functions are given as `AWS_ENDPOINT_URL`; the host's name stays as the caller wrote it,
//! so that signatures hold. One for the API, which gives the emulator the host's name that API Gateway knows the API by.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use boot::SystemClock;
use engine::ports::Clock as _;
use rustix::process::Signal;
use tokio::sync::oneshot;

use super::Result;
use super::call::Asked;
use super::client::Http;
use super::error_shape;
use super::faults::{Faults, Kind};
use super::group::signal;
use super::processes::at_port;
use super::record::{Call, Ended, Record};

/// The largest body that passes.
const LARGEST_BODY_BYTES: usize = 16 << 20;
/// What ends with a connection and is not passed on.
const HOP_BY_HOP: [header::HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE];

/// A recording, failing door on `127.0.0.1`, until it is dropped.
#[derive(Debug)]
pub struct Gateway {
    aws: SocketAddr,
    api: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    http: Http,
    emulator: OnceLock<(SocketAddr, u32)>,
    api_host: OnceLock<HeaderValue>,
    record: Record,
    faults: Faults,
}

impl Gateway {
    /// Opens both ports, on a thread of its own. `calls` is the file of the record.
    pub fn start(calls: &Path) -> io::Result<Self> {
        let (aws, api) = (listen()?, listen()?);
        let (aws_address, api_address) = (aws.local_addr()?, api.local_addr()?);
        let shared = Arc::new(Shared {
            http: Http::new(),
            emulator: OnceLock::new(),
            api_host: OnceLock::new(),
            record: Record::new(calls)?,
            faults: Faults::default(),
        });
        let aws_door = Router::new().fallback(pass_aws).with_state(shared.clone());
        let aws_door = aws_door.into_make_service_with_connect_info::<SocketAddr>();
        let api_door = Router::new().fallback(pass_api).with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("gateway".to_owned()).spawn(move || {
            runtime.block_on(async {
                let listeners =
                    (tokio::net::TcpListener::from_std(aws), tokio::net::TcpListener::from_std(api));
                let (Ok(aws), Ok(api)) = listeners else { return };
                tokio::select! {
                    _ = axum::serve(aws, aws_door).into_future() => {}
                    _ = axum::serve(api, api_door).into_future() => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { aws: aws_address, api: api_address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Says where the emulator is, and which process group its functions are in. The first word counts.
    pub fn leads_to(&self, emulator: SocketAddr, group: u32) {
        let _ = self.shared.emulator.set((emulator, group));
    }

    /// Says by which host's name the emulator knows the API. The first word counts.
    pub fn api_is(&self, host: &str) -> Result<()> {
        let _ = self.shared.api_host.set(HeaderValue::from_str(host)?);
        Ok(())
    }

    /// The address functions call as AWS.
    pub fn url(&self) -> String {
        format!("http://{}", self.aws)
    }

    /// The API's address.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// Every call to AWS so far, in the order they ended.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.record.calls()
    }

    /// What is to fail.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn pass_api(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let Some(host) = shared.api_host.get() else { return nothing("the API is not deployed yet") };
    let (mut parts, body) = request.into_parts();
    parts.headers.insert(header::HOST, host.clone());
    match axum::body::to_bytes(body, LARGEST_BODY_BYTES).await {
        Ok(body) => answer(shared.forward(&parts, body).await),
        Err(error) => nothing(&error.to_string()),
    }
}

async fn pass_aws(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, LARGEST_BODY_BYTES).await {
        Ok(body) => body,
        Err(error) => return nothing(&error.to_string()),
    };
    let asked = Asked::read(&parts, &body);
    let fault = shared.faults.draw(&asked);
    let (at_ms, request_bytes) = (SystemClock.now_ms(), body.len());
    let response = match &fault {
        None => shared.forward(&parts, body).await,
        Some(Kind::Delay(milliseconds)) => {
            SystemClock.sleep(*milliseconds).await;
            shared.forward(&parts, body).await
        }
        Some(Kind::Duplicate) => {
            let first = shared.forward(&parts, body.clone()).await;
            let _ = shared.forward(&parts, body).await;
            first
        }
        Some(kind @ Kind::KillBefore) => {
            shared.kill(caller);
            Ok(error_shape::of(kind, &asked, &body))
        }
        Some(kind @ Kind::KillAfter) => {
            let done = shared.forward(&parts, body.clone()).await;
            shared.kill(caller);
            done.map(|_| error_shape::of(kind, &asked, &body))
        }
        Some(kind @ Kind::FailAfter) => match shared.forward(&parts, body.clone()).await {
            Ok(_) => Ok(error_shape::of(kind, &asked, &body)),
            failed => failed,
        },
        Some(kind) => Ok(error_shape::of(kind, &asked, &body)),
    };
    let (status, response_bytes) = match &response {
        Ok(response) => (response.status().as_u16(), response.body().len()),
        Err(_) => (StatusCode::BAD_GATEWAY.as_u16(), 0),
    };
    let fault = fault.as_ref().map(Kind::name);
    let took_ms = SystemClock.now_ms().saturating_sub(at_ms);
    shared.record.keep(asked, &Ended { at_ms, took_ms, request_bytes, response_bytes, status, fault });
    answer(response)
}

impl Shared {
    /// Kills the function's process at the other end of a connection.
    fn kill(&self, caller: SocketAddr) {
        let process = self.emulator.get().and_then(|(_, group)| at_port(*group, caller.port()));
        if let Some(process) = process.filter(|process| signal(*process, Signal::KILL)) {
            self.faults.note_killed(process);
        }
    }

    async fn forward(&self, parts: &Parts, body: Bytes) -> Result<Response<Bytes>> {
        let (emulator, _) = self.emulator.get().ok_or("the emulator does not run yet")?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = axum::http::Request::builder()
            .method(&parts.method)
            .uri(format!("http://{emulator}{path}"))
            .body(body)?;
        *request.headers_mut() = parts.headers.clone();
        for name in &HOP_BY_HOP {
            request.headers_mut().remove(name);
        }
        let mut response = self.http.send(request).await?;
        for name in &HOP_BY_HOP {
            response.headers_mut().remove(name);
        }
        Ok(response)
    }
}

fn answer(response: Result<Response<Bytes>>) -> Response<Body> {
    match response {
        Ok(response) => response.map(Body::from),
        Err(error) => nothing(&error.to_string()),
    }
}

fn nothing(why: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("gateway: {why}\n")));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

#[cfg(test)]
mod tests;
