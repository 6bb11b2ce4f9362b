//! One connection to one node, one script, and no long wait: who does not answer in time is away until a probe finds it
//! again.

use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::error::{Error, ErrorKind, Result};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, Pipeline, RedisError, RedisResult, Value,
    cmd, pipe,
};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::told::{Elsewhere, Range, Server, range_in, undone};

/// A probe is sent each so many milliseconds while Redis is away, one at a time.
const PROBE_MS: u64 = 100;
/// A probe waits this long for each answer, or as long as a call does if that is longer.
const PROBE_PATIENCE: Duration = Duration::from_millis(250);

/// Silence is counted in these. A process that was not let run, or had much else to do, has let few of them pass, however late
/// it is; and after each it has looked at what came.
const BEAT_MS: u64 = 4;
/// A beat that comes later than this says nothing: whoever had to wait for it had to wait for the machine.
const LATE_MS: u128 = 7;
/// A call that others overtake waits so many beats at most, while Redis answers at all.
const MOST_BEATS: u64 = 60;

/// No server has told its clock.
const UNTOLD: i64 = i64::MIN;

/// The server's own clock, in a script.
pub(crate) const CLOCK: &str = "local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
";

/// Redis is away: it was before, or it just failed or did not answer in time. Then it may have done what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Away {
    /// Nothing was done.
    Known,
    /// It was sent, and nobody knows.
    Doubtful,
    /// Nothing was done: the keys are on their way from one server to another.
    Unsettled,
}

/// Why one server did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    Away(Away),
    /// It answers, but not for this slot, or for none. Nothing was done.
    Down,
    /// It has some of the keys, and another server the rest. Nothing was done.
    Unsettled,
    /// Another server is to be asked. Nothing was done.
    Elsewhere(Elsewhere),
}

/// What a call sends.
#[derive(Clone, Copy)]
pub(crate) enum Said<'a> {
    Script { keys: &'a [String], arguments: &'a [Vec<u8>] },
    Plain(&'a Pipeline),
}

/// Where Redis is and what it runs.
pub(crate) struct Link {
    client: Client,
    script: Arc<str>,
    patience: Duration,
    state: Mutex<State>,
    opening: tokio::sync::Mutex<()>,
    began: Instant,
    /// The clock of the server that told it last, of all servers of one address, less the process's own; [`UNTOLD`] before.
    clock_ms: Arc<AtomicI64>,
    /// How many answers came.
    heard: AtomicU64,
    wake: Notify,
}

struct State {
    open: Option<Open>,
    /// Who answered last.
    known: Option<Arc<Server>>,
    /// This server's clock less the process's own, in milliseconds.
    offset_ms: Option<i64>,
    /// When its clock was noted last.
    noted: Option<Instant>,
    number: u64,
    /// When the connection was last lost; at first, when this link began.
    lost: Instant,
}

#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    digest: Arc<str>,
    server: Arc<Server>,
    number: u64,
}

/// The answer of a script, and the server it came from.
pub(crate) struct Answer {
    pub(crate) numbers: Vec<u64>,
    pub(crate) server: Arc<str>,
}

impl Link {
    /// A link that is not open yet. Kind `Configuration` for an address that is none; the address may hold a password, so no
    /// error tells it.
    pub(crate) fn new(url: &str, script: String, patience_ms: u64) -> Result<Arc<Self>> {
        let client = Client::open(url).map_err(|_| {
            Error::new(ErrorKind::Configuration, "RATE_LIMIT_REDIS_URL is no address of a Redis")
        })?;
        let clock_ms = Arc::new(AtomicI64::new(UNTOLD));
        Ok(Self::to(client, script.into(), Duration::from_millis(patience_ms), now(), clock_ms))
    }

    fn to(
        client: Client,
        script: Arc<str>,
        patience: Duration,
        began: Instant,
        clock_ms: Arc<AtomicI64>,
    ) -> Arc<Self> {
        let state = State { open: None, known: None, offset_ms: None, noted: None, number: 0, lost: now() };
        Arc::new(Self {
            client,
            script,
            patience,
            state: Mutex::new(state),
            opening: tokio::sync::Mutex::default(),
            began,
            clock_ms,
            heard: AtomicU64::new(0),
            wake: Notify::new(),
        })
    }

    /// A link to another server of the same cluster, asked in the same way; until it tells its clock, that of another is taken for it.
    /// `None` where this link has no host.
    pub(crate) fn beside(&self, host: &str, port: u16) -> Option<Arc<Self>> {
        let info = self.client.get_connection_info();
        let address = match info.addr().clone() {
            ConnectionAddr::Tcp(..) => ConnectionAddr::Tcp(host.to_owned(), port),
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure, tls_params }
            }
            _ => return None,
        };
        let client = Client::open(info.clone().set_addr(address)).ok()?;
        Some(Self::to(client, self.script.clone(), self.patience, self.began, self.clock_ms.clone()))
    }

    /// Its host and port.
    pub(crate) fn place(&self) -> (&str, u16) {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => (host, *port),
            _ => ("", 0),
        }
    }

    /// How long an answer is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The server's clock as far as it is known, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> Option<u64> {
        let told_ms = self.clock_ms.load(Ordering::Relaxed);
        let offset_ms = self.lock().offset_ms.or((told_ms != UNTOLD).then_some(told_ms))?;
        u64::try_from(self.own_ms() + offset_ms).ok()
    }

    /// Notes what the server's clock shows just now.
    pub(crate) fn note_time(&self, server_ms: u64) {
        let offset_ms = i64::try_from(server_ms).unwrap_or(i64::MAX) - self.own_ms();
        self.set_clock(offset_ms);
        self.lock().noted = Some(now());
    }

    fn set_clock(&self, offset_ms: i64) {
        self.clock_ms.store(offset_ms, Ordering::Relaxed);
        self.lock().offset_ms = Some(offset_ms);
    }

    /// What the server's clock shows, if it was noted no longer ago than that.
    pub(crate) fn noted_ms(&self, within: Duration) -> Option<u64> {
        self.lock().noted.filter(|noted| noted.elapsed() < within)?;
        self.now_ms()
    }

    /// True if calls are sent at all.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().open.is_some()
    }

    /// The server that answers, once one does.
    pub(crate) fn server(&self) -> Option<Arc<str>> {
        self.lock().open.as_ref().map(|open| open.server.id.clone())
    }

    /// The server that answered last, whether it does now or not.
    pub(crate) fn known(&self) -> Option<Arc<Server>> {
        self.lock().known.clone()
    }

    /// True if the server that answers is in cluster mode.
    pub(crate) fn is_in_cluster(&self) -> bool {
        self.lock().open.as_ref().is_some_and(|open| open.server.is_cluster)
    }

    /// Calls the script, once; a second time only if the server has forgotten it.
    pub(crate) async fn call(
        &self,
        keys: &[String],
        arguments: &[Vec<u8>],
        asking: bool,
    ) -> std::result::Result<Answer, Failure> {
        let open = self.lock().open.clone().ok_or(Failure::Away(Away::Known))?;
        let sent_ms = self.own_ms();
        let invoked = invoke::<Vec<u8>>(&open, &self.script, keys, arguments, asking);
        let numbers = match timeout(self.patience, invoked).await {
            Ok(Ok(answer)) => unpacked(&answer),
            Ok(Err(error)) => return Err(self.failed(error, open.number)),
            Err(_) => return Err(self.is_silent(open.number)),
        };
        // Status and clock are in every answer.
        let Some(server_ms) = numbers.get(1).and_then(|number| i64::try_from(*number).ok()) else {
            return Err(self.is_silent(open.number));
        };
        let between_ms = i64::midpoint(sent_ms, self.own_ms());
        self.set_clock(server_ms - between_ms);
        Ok(Answer { numbers, server: open.server.id.clone() })
    }

    /// Calls the script as [`call`](Self::call) does, for any answer, or sends plain commands together. Redis counts as away
    /// when nobody has had an answer for as long as the patience is: one that has much to do is not taken for one that is gone.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        said: Said<'_>,
        asking: bool,
    ) -> std::result::Result<T, Failure> {
        let open = self.lock().open.clone().ok_or(Failure::Away(Away::Known))?;
        match said {
            Said::Script { keys, arguments } => {
                self.patiently(&open, invoke(&open, &self.script, keys, arguments, asking)).await
            }
            Said::Plain(commands) => {
                let mut connection = open.connection.clone();
                if asking {
                    let commands = each_asking(commands);
                    self.patiently(&open, commands.query_async(&mut connection)).await
                } else {
                    self.patiently(&open, commands.query_async(&mut connection)).await
                }
            }
        }
    }

    /// Which primary has which slots, by this server's word.
    pub(crate) async fn slots(&self) -> Option<Vec<Range>> {
        let mut connection = self.lock().open.clone()?.connection;
        let mut commands = pipe();
        commands.cmd("CLUSTER").arg("MYID").cmd("CLUSTER").arg("SLOTS");
        let told = timeout(self.patience.max(PROBE_PATIENCE), commands.query_async(&mut connection)).await;
        let unheard = |error: &RedisError| tracing::warn!(%error, "Redis does not tell who has which slots");
        let (teller, ranges): (String, Vec<Value>) = told.ok()?.inspect_err(unheard).ok()?;
        // Whoever has the slots of a range without a host is told by the server that is asked in its place.
        Some(ranges.iter().filter_map(|range| range_in(range, &teller, self.place().0)).collect())
    }

    /// True if the server answers now; a connection on which it does not is dropped.
    pub(crate) async fn answers(&self) -> bool {
        let Some(open) = self.lock().open.clone() else { return false };
        let mut connection = open.connection.clone();
        let ping = cmd("PING");
        let answer = timeout(PROBE_PATIENCE, ping.query_async::<Value>(&mut connection)).await;
        if !matches!(answer, Ok(Ok(_))) {
            self.lose(open.number);
            return false;
        }
        true
    }

    /// Calls the script beside the work. Whether it was heard, nobody asks.
    pub(crate) fn mention(self: &Arc<Self>, keys: Vec<String>, arguments: Vec<Vec<u8>>) {
        let Some(open) = self.lock().open.clone() else { return };
        let link = self.clone();
        in_background(async move {
            let _ =
                timeout(PROBE_PATIENCE, invoke::<Value>(&open, &link.script, &keys, &arguments, false)).await;
        });
    }

    async fn patiently<T>(
        &self,
        open: &Open,
        call: impl Future<Output = RedisResult<T>>,
    ) -> std::result::Result<T, Failure> {
        match self.while_it_answers(call).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(self.failed(error, open.number)),
            None => Err(self.is_silent(open.number)),
        }
    }

    /// An answer of a cluster that nothing was done leaves the connection as it is; any other error ends it.
    fn failed(&self, error: RedisError, number: u64) -> Failure {
        if let Some(failure) = undone(&error) {
            tracing::debug!(%error, "not by this server");
            return failure;
        }
        tracing::warn!(%error, "Redis failed");
        self.lose(number);
        Failure::Away(Away::Doubtful)
    }

    fn is_silent(&self, number: u64) -> Failure {
        tracing::warn!(patience_ms = self.patience.as_millis(), "Redis did not answer in time");
        self.lose(number);
        Failure::Away(Away::Doubtful)
    }

    async fn while_it_answers<F: Future>(&self, call: F) -> Option<F::Output> {
        let mut call = pin!(call);
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX).div_ceil(BEAT_MS);
        let (mut silent, mut heard) = (0, self.heard.load(Ordering::Relaxed));
        for _ in 0..patience.max(MOST_BEATS) {
            let began = now();
            if let Ok(answer) = timeout(Duration::from_millis(BEAT_MS), &mut call).await {
                self.heard.fetch_add(1, Ordering::Relaxed);
                return Some(answer);
            }
            let now_heard = self.heard.load(Ordering::Relaxed);
            if now_heard != heard {
                silent = 0;
            } else if began.elapsed().as_millis() <= LATE_MS {
                silent += 1;
            }
            heard = now_heard;
            if silent >= patience {
                return None;
            }
        }
        None
    }

    /// Opens the connection, which must answer within a probe's patience, unless it is open. Who asks meanwhile, waits.
    pub(crate) async fn open(&self) -> Result<()> {
        let _one_opens = self.opening.lock().await;
        if self.is_open() {
            return Ok(());
        }
        let silent = |error| Error::new(ErrorKind::Storage, "Redis did not answer").because(error);
        let late = |_| Error::new(ErrorKind::Storage, "Redis did not answer in time");
        let patience = self.patience.max(PROBE_PATIENCE);
        let opened = timeout(4 * patience, connect(&self.client, &self.script, patience)).await;
        let (connection, digest, server) = opened.map_err(late)?.map_err(silent)?;
        let mut state = self.lock();
        state.number += 1;
        let number = state.number;
        state.known = Some(server.clone());
        state.open = Some(Open { connection, digest, server, number });
        Ok(())
    }

    /// Drops the connection, which nobody needs any more.
    pub(crate) fn close(&self) {
        self.lock().open = None;
        self.wake.notify_one();
    }

    /// Drops a connection that failed, unless another has taken its place.
    pub(crate) fn lose(&self, number: u64) {
        let mut state = self.lock();
        if state.open.as_ref().is_some_and(|open| open.number == number) {
            state.open = None;
            state.lost = now();
            self.wake.notify_one();
        }
    }

    /// How long ago the connection was lost the last time, or the link began.
    pub(crate) fn lost_for(&self) -> Duration {
        self.lock().lost.elapsed()
    }

    /// Waits until the connection is lost, or there is something to tell; who makes that so, wakes.
    pub(crate) async fn wait_until_lost_or(&self, is_due: impl Fn() -> bool) {
        while self.is_open() && !is_due() {
            self.wake.notified().await;
        }
    }

    /// Has whoever waits look again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn own_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time that is never set back: how long something took, whatever the time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "leases and patience are measured, and the server tells the time of day"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Only probing goes on beside calls, and telling what nobody waits for.
#[expect(clippy::disallowed_methods, reason = "a frozen function probes on with its next event")]
pub(crate) fn in_background(work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(work).abort_handle()
}

/// Waits until the next probe.
pub(crate) async fn pause() {
    rest(Duration::from_millis(PROBE_MS)).await;
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "a probe of a frozen function goes on with its next event")]
pub(crate) async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn connect(
    client: &Client,
    script: &str,
    patience: Duration,
) -> RedisResult<(MultiplexedConnection, Arc<str>, Arc<Server>)> {
    let settings = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        // Whoever asks says how long it waits; a process that has much to do reads an answer late.
        .set_response_timeout(None);
    let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
    let mut commands = pipe();
    commands.cmd("INFO").arg("server").cmd("INFO").arg("replication");
    commands.cmd("SCRIPT").arg("LOAD").arg(script);
    let (server, copies, digest): (String, String, String) = commands.query_async(&mut connection).await?;
    Ok((connection, digest.into(), Arc::new(Server::of(&format!("{server}\n{copies}")))))
}

async fn invoke<T: FromRedisValue>(
    open: &Open,
    script: &str,
    keys: &[String],
    arguments: &[Vec<u8>],
    asking: bool,
) -> RedisResult<T> {
    let mut connection = open.connection.clone();
    let mut command = cmd("EVALSHA");
    command.arg(&*open.digest).arg(keys.len()).arg(keys).arg(arguments);
    let asked = asking.then(|| each_asking(pipe().add_command(command.clone())));
    let mut is_loaded = false;
    loop {
        let answer = match &asked {
            None => command.query_async(&mut connection).await,
            Some(commands) => commands.query_async(&mut connection).await.map(|(answer,)| answer),
        };
        match answer {
            Err(error) if !is_loaded && error.code() == Some("NOSCRIPT") => {
                let _: String = cmd("SCRIPT").arg("LOAD").arg(script).query_async(&mut connection).await?;
                is_loaded = true;
            }
            answer => return answer,
        }
    }
}

/// Whole numbers as a script packs them: each eight bytes of a float, which is exact up to 2^53.
fn unpacked(answer: &[u8]) -> Vec<u64> {
    let (numbers, _) = answer.as_chunks();
    numbers.iter().map(|number| f64::from_le_bytes(*number) as u64).collect()
}

/// The same commands, each with leave to be carried out where its keys are on their way to.
fn each_asking(commands: &Pipeline) -> Pipeline {
    let mut asking = pipe();
    for command in commands.cmd_iter() {
        asking.cmd("ASKING").ignore().add_command(command.clone());
    }
    asking
}
