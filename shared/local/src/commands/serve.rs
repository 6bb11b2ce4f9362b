//! `assay serve`: the router of the HTTP API over the same consumer, workflow and sweep as `assay run`.

use std::future::IntoFuture as _;
use std::net::{Ipv4Addr, TcpListener};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use api::Api;
use axum::Router;
use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::health::Watch;
use engine::ports::Clock;
use futures::channel::oneshot;
use futures::future::{Either, join5, select};

use super::session::{self, Session};
use super::{print, say};
use crate::cli::ServeArguments;
use crate::host::{self, Concurrency};
use crate::state::State;

/// How long a request may wait for an event.
const LONGEST_WAIT_MS: u64 = 20_000;
/// How long requests under way may take once the process was asked to end.
const LAST_REQUESTS_MS: u64 = 2_000;

/// Answers until interrupted. Requests are answered on a thread of their own, so that nobody waits for a step's analysis.
pub(super) async fn serve(config: &Config, arguments: &ServeArguments) -> Result<ExitCode> {
    let mut state = State::open(&arguments.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let listener = listen(arguments.port)?;
    let address = listener.local_addr().map_err(|error| stopped("no address", error))?;
    let Session { ports, queues, workflow, rows, events, .. } = session::open(config, &folder).await?;
    // Nobody watches here.
    drop(events);
    let resumed = engine::resume_unfinished(&ports).await?;
    if !resumed.is_empty() {
        say(&format!("going on with {} unfinished runs", resumed.len()));
    }

    let api = Arc::new(Api {
        ports: ports.clone(),
        config: config.clone(),
        longest_wait_ms: LONGEST_WAIT_MS,
        health: Watch::probing(),
    });
    let router = api::router(&api);
    drop(api);
    let (ended, ending) = oneshot::channel();
    let clock = ports.clock.clone();
    let thread = std::thread::Builder::new()
        .name("http".to_owned())
        // Nobody hears it once the platform has stopped by itself.
        .spawn(move || drop(ended.send(answer(listener, router, clock.as_ref()))))
        .map_err(|error| stopped("no thread", error))?;
    print(&format!("http://{address}\n"))?;
    say("Ctrl-C ends it. Keys are made while it does not run: cargo assay keys create --scopes run,read");

    let platform = pin!(join5(
        host::serve(&ports, &queues, Concurrency(config.concurrency)),
        workflow.run(),
        host::sweep(&ports),
        host::look_after(&ports),
        boot::prepare(&ports.catalogue),
    ));
    let broken = pin!(rows.broken());
    match select(ending, select(platform, broken)).await {
        Either::Left((answered, _)) => {
            answered.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the server broke off")))?;
        }
        Either::Right((Either::Left(_), _)) => {
            return Err(Error::new(ErrorKind::Internal, "the platform stopped by itself"));
        }
        Either::Right((Either::Right((error, _)), _)) => return Err(error),
    }
    // It has sent its last word; what it still holds of the store goes with it.
    let _ = thread.join();
    say("ended; unfinished runs go on at the next start");
    Ok(ExitCode::SUCCESS)
}

fn listen(port: u16) -> Result<TcpListener> {
    let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listening.map_err(|error| {
        let what = format!("port {port} of 127.0.0.1 cannot be listened on; give another one with --port");
        Error::new(ErrorKind::Configuration, what).with("cause", &error).because(error)
    })
}

fn stopped(what: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("the server stopped: {what}")).because(error)
}

/// Answers until interrupted, then ends the requests under way, or leaves those that take too long.
fn answer(listener: TcpListener, router: Router, clock: &dyn Clock) -> Result<()> {
    let failed = |error| stopped("it cannot answer", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let (end, ending) = oneshot::channel::<()>();
        let server = axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                // A sender that was dropped ends it too.
                let _ = ending.await;
            })
            .into_future();
        let (mut server, interrupted) = (pin!(server), pin!(interrupted()));
        if let Either::Left((stopped, _)) = select(server.as_mut(), interrupted).await {
            return stopped.map_err(failed);
        }
        drop(end);
        match select(server, clock.sleep(LAST_REQUESTS_MS)).await {
            Either::Left((stopped, _)) => stopped.map_err(failed),
            Either::Right(_) => Ok(()),
        }
    })
}

/// Ctrl-C, or where there is such a thing the signal that asks a process to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            select(pin!(tokio::signal::ctrl_c()), pin!(terminate.recv())).await;
            return;
        }
    }
    // Where no signal can be waited for, nothing ends it but the process's own end.
    if tokio::signal::ctrl_c().await.is_err() {
        futures::future::pending().await
    }
}
