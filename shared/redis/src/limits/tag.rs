//! The rates of one hash tag, as one process sees them: Redis decides while it answers, and the process's share of the
//! rates when it does not.
//!
//! A process holds a share of each tag it uses, in parts of 10,000, renewed once a second by the way. When Redis is away
//! the shares of all processes together admit 5 % of a rate in the first span and the whole rate in each later one. When it
//! is back, each process tells what it admitted; whoever has not told yet keeps its share, and Redis gives out the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::limits::{Dimension, Held, Limit, MOST_UNITS, Weight, Window, sub_span_ms};
use engine::ports::{Admission, Backend, Remaining};

use super::wire::{self, Opening, Said, Windows};
use crate::link::{Away, Link, now};
use crate::servers::{Servers, slot_of};

/// A share that was not confirmed for so long is nobody's; the script says 30 seconds.
const SHARE_HOLDS_MS: u64 = 25_000;
/// What shares together admit in the first span, as one part of so many.
const FIRST_SPAN: u64 = 20;
/// What is told to a call that comes in the moment in which a process reports.
const REPORTING_RETRY_MS: u64 = 20;
/// A call that is that much later than it is waited for is not carried out.
const LATENESS_MS: u64 = 50;
/// While the keys are on their way between two servers, calls are refused for so long; then the share decides.
const UNSETTLED: Duration = Duration::from_secs(1);
/// No call has this id.
const NO_CALL: &str = "?";

/// The status of a call that came too late.
const TOO_LATE: u64 = 2;

/// A process without a share, while Redis is away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoShare {
    /// For how long it has been.
    pub(crate) lost_for: Duration,
}

/// What all tags of a process have in common.
pub(crate) struct Common {
    pub(crate) servers: Arc<Servers>,
    pub(crate) process: String,
    pub(crate) patience_ms: u64,
    pub(crate) pool: u64,
    pub(crate) keep_ms: u64,
    /// Whether the server can tell that a call came too late: not where its clock is made to jump.
    pub(crate) has_lateness: bool,
}

/// One hash tag.
pub(crate) struct Tag {
    name: String,
    keys: [String; 4],
    slot: usize,
    common: Arc<Common>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mode: Mode,
    parts: u64,
    /// When the share was last confirmed, by the server's clock.
    confirmed_ms: Option<u64>,
    /// The server that knows what this process took.
    server: Option<Arc<str>>,
    /// Since when its keys are on their way from one server to another.
    unsettled: Option<Instant>,
    /// All this process took, by whomever it was admitted.
    mirror: Windows,
    /// What it admitted on its share since Redis went away.
    spent: Windows,
    /// What of that is in no report yet.
    fresh: Windows,
    report: Option<Report>,
    reports: u64,
    /// Calls that Redis may have admitted without anybody hearing of it.
    doubtful: BTreeSet<String>,
    owed: Vec<Owed>,
    held: BTreeMap<String, Kept>,
    swept_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Here,
    Away {
        since_ms: u64,
    },
    Reporting {
        since_ms: u64,
    },
}

#[derive(Clone)]
struct Report {
    number: u64,
    lost: bool,
    windows: Windows,
}

enum Owed {
    /// The numbers are packed; none are a refund.
    Settle {
        id: String,
        reals: Option<Vec<u8>>,
    },
    Adjust {
        held: Held,
        back: i64,
    },
}

struct Kept {
    held: Vec<Held>,
    ends_ms: u64,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Redis,
    Share { reported: bool },
}

impl Tag {
    pub(crate) fn new(name: &str, common: Arc<Common>) -> Self {
        let keys = wire::keys(name, wire::generation_ms(common.keep_ms));
        let slot = slot_of(&keys[0]);
        Self { name: name.to_owned(), keys, slot, common, state: Mutex::default() }
    }

    /// Takes all weights under an id, or none. Errors: Redis is away and this process holds no share.
    pub(crate) async fn take(&self, id: &str, weights: &[Weight]) -> Result<Admission, NoShare> {
        let asks = {
            let state = self.lock();
            let on_share = state.held.get(id).is_some_and(|kept| matches!(kept.by, By::Share { .. }));
            if on_share {
                return Ok(Admission::free(Backend::Share));
            }
            // A server that has taken another's place knows of nothing until it is told.
            if self.is_forgotten(&state, &self.link()) {
                drop(state);
                self.go_away(id, Away::Known);
                return self.take_of_share(id, weights);
            }
            state.mode == Mode::Here
        };
        if asks {
            // A call that came too late by what this process knew of the server's clock is made again with what it knows now.
            for is_last in [false, true] {
                match self.call("take", wire::take(id, weights)).await {
                    Ok(answer) if is_last || answer.numbers.first() != Some(&TOO_LATE) => {
                        return Ok(self.note(id, weights, &answer.numbers, &answer.server));
                    }
                    Ok(_) => {}
                    Err(Away::Unsettled) if self.lock().is_newly_unsettled() => {
                        return Ok(Admission::refused(REPORTING_RETRY_MS, Backend::Redis));
                    }
                    Err(away) => {
                        self.go_away(id, away);
                        break;
                    }
                }
            }
        }
        self.take_of_share(id, weights)
    }

    /// Puts real use in the place of what was taken, weight by weight; `None` gives all of it back.
    pub(crate) async fn settle(&self, id: &str, weights: &[Weight], reals: Option<&[u64]>) {
        let now_ms = self.now_ms();
        let by = self.lock().end(id, reals, now_ms);
        if matches!(by, By::Share { .. }) {
            self.pay().await;
            return;
        }
        let owed = Owed::Settle { id: id.to_owned(), reals: reals.map(|reals| wire::reals(weights, reals)) };
        let is_here = self.lock().mode == Mode::Here;
        if !is_here || self.send(&owed).await.is_err() {
            self.owe(owed);
        }
    }

    /// True if nothing is known of it any more that another of that name would not know.
    pub(crate) fn is_idle(&self) -> bool {
        let now_ms = self.now_ms();
        let state = self.lock();
        state.mode == Mode::Here
            && state.confirmed_ms.is_none_or(|at_ms| at_ms + self.common.keep_ms < now_ms)
    }

    /// True if there is something to tell Redis as soon as it is there.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.lock();
        matches!(state.mode, Mode::Away { .. }) || !state.owed.is_empty()
    }

    /// True if that link leads to the server that has its keys.
    pub(crate) fn is_at(&self, link: &Arc<Link>) -> bool {
        Arc::ptr_eq(&self.link(), link)
    }

    /// Tells the server of that link what was admitted while it was away. False if it went away again meanwhile.
    pub(crate) async fn rejoin(&self, link: &Link) -> bool {
        let Some(server) = link.server() else { return false };
        if self.lock().unsettled.is_some() {
            // Nothing is begun before all keys are in one place.
            if self.call("refund", Said { id: NO_CALL, ..Said::default() }).await.is_err() {
                return false;
            }
            self.lock().unsettled = None;
        }
        let begun = {
            let mut state = self.lock();
            let is_lost = self.is_forgotten(&state, link);
            state.begin_report(&server, is_lost, self.now_ms())
        };
        if !begun {
            return self.pay().await;
        }
        let reported = self.tell(&server).await;
        if !reported {
            let mut state = self.lock();
            if let Mode::Reporting { since_ms } = state.mode {
                state.mode = Mode::Away { since_ms };
            }
            return false;
        }
        self.pay().await
    }

    /// Whether a server knows nothing of what this process took of another: what that one knew did not come with the keys.
    fn is_forgotten(&self, state: &State, link: &Link) -> bool {
        let (Some(known), Some(server)) = (&state.server, link.server()) else { return false };
        *known != server && !self.common.servers.was_handed_over(known, link)
    }

    async fn tell(&self, server: &Arc<str>) -> bool {
        loop {
            let doubtful: Vec<String> = self.lock().doubtful.iter().cloned().collect();
            for id in doubtful {
                if self.call("undo", Said { id: &id, ..Said::default() }).await.is_err() {
                    return false;
                }
                self.lock().doubtful.remove(&id);
            }
            let (report, parts) = {
                let state = self.lock();
                (state.report.clone(), state.parts)
            };
            let Some(Report { number, lost, windows }) = report else { return false };
            let (numbers, owners) = wire::report(parts, number, lost, &windows);
            let said = Said { numbers, owners, ..Said::default() };
            let Ok(answer) = self.call("rejoin", said).await else { return false };
            if self.lock().reported(&answer.numbers, server) {
                return true;
            }
        }
    }

    /// Sends what is owed, as long as Redis takes it. False if it did not take all.
    async fn pay(&self) -> bool {
        loop {
            let owed = {
                let mut state = self.lock();
                if state.mode != Mode::Here {
                    return false;
                }
                state.owed.pop()
            };
            let Some(owed) = owed else { return true };
            if let Err(away) = self.send(&owed).await {
                // A settlement may be told twice, an adjustment may not.
                if away != Away::Doubtful || matches!(owed, Owed::Settle { .. }) {
                    self.owe(owed);
                }
                return false;
            }
        }
    }

    fn owe(&self, owed: Owed) {
        self.lock().owed.push(owed);
        self.link().wake();
    }

    async fn send(&self, owed: &Owed) -> Result<(), Away> {
        let told = match owed {
            Owed::Settle { id, reals: Some(numbers) } => {
                self.call("settle", Said { id, numbers: numbers.clone(), ..Said::default() }).await
            }
            Owed::Settle { id, reals: None } => self.call("refund", Said { id, ..Said::default() }).await,
            Owed::Adjust { held, back } => {
                let (numbers, owners) = (wire::adjustment(held, *back), vec![held.owner.clone()]);
                self.call("adjust", Said { numbers, owners, ..Said::default() }).await
            }
        };
        told.map(|_| ())
    }

    async fn call(&self, what: &'static str, said: Said<'_>) -> Result<crate::link::Answer, Away> {
        let common = &self.common;
        let opening = Opening {
            what,
            process: &common.process,
            sent_ms: self.link().now_ms().filter(|_| common.has_lateness).unwrap_or(0),
            patience_ms: common.patience_ms + LATENESS_MS,
            pool: common.pool,
            keep_ms: common.keep_ms,
            generation_ms: wire::generation_ms(common.keep_ms),
        };
        common.servers.call(self.slot, &self.keys, &opening.arguments(said)).await
    }

    /// Notes what Redis said.
    fn note(&self, id: &str, weights: &[Weight], numbers: &[u64], server: &Arc<str>) -> Admission {
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0);
        let (status, now_ms, wait_ms) = (number(0), number(1), number(2));
        let mut state = self.lock();
        state.unsettled = None;
        if numbers.first() == Some(&TOO_LATE) {
            return Admission::refused(LATENESS_MS, Backend::Redis);
        }
        state.parts = number(3);
        state.confirmed_ms = Some(now_ms);
        state.server = Some(server.clone());
        let mut remaining = Remaining::default();
        for (dimension, left) in wire::DIMENSIONS.into_iter().zip(numbers.iter().skip(4)) {
            if *left < wire::NO_LIMIT_LEFT {
                remaining.at_most(dimension, *left);
            }
        }
        if status == 1 && !state.held.contains_key(id) {
            let held = state.add(weights, now_ms, false);
            state.keep(id, held, By::Redis, now_ms);
        }
        Admission { allowed: status == 1, remaining, retry_after_ms: wait_ms, backend: Backend::Redis }
    }

    fn go_away(&self, id: &str, away: Away) {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        if away == Away::Doubtful {
            state.doubtful.insert(id.to_owned());
        }
        if state.mode == Mode::Here {
            state.mode = Mode::Away { since_ms: now_ms };
            tracing::warn!(
                tag = self.name,
                parts = state.parts,
                "on a share of the rates until Redis is back"
            );
        }
        drop(state);
        // Another connection may be open already, and its tags told.
        self.link().wake();
    }

    fn take_of_share(&self, id: &str, weights: &[Weight]) -> Result<Admission, NoShare> {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let since_ms = match state.mode {
            Mode::Away { since_ms } => since_ms,
            Mode::Here | Mode::Reporting { .. } => {
                return Ok(Admission::refused(REPORTING_RETRY_MS, Backend::Share));
            }
        };
        let confirmed = state.confirmed_ms.is_some_and(|at_ms| at_ms + SHARE_HOLDS_MS >= since_ms);
        if !confirmed || state.parts == 0 {
            let link = self.link();
            let away_for = Duration::from_millis(now_ms.saturating_sub(since_ms));
            return Err(NoShare { lost_for: if link.is_open() { away_for } else { link.lost_for() } });
        }
        let (parts, mut wait_ms) = (state.parts, 0);
        let mut remaining = Remaining::default();
        for Weight { limit, units } in weights {
            let first_ends_ms = since_ms + limit.span_ms + 2 * sub_span_ms(limit.span_ms);
            let is_first = now_ms < first_ends_ms;
            let whole = limit.capacity.saturating_mul(parts) / 10_000;
            let capacity = if is_first { whole / FIRST_SPAN } else { whole };
            let (_, window) =
                state.spent.entry(window_of(limit)).or_insert_with(|| (limit.span_ms, Window::default()));
            let wait = match window.wait_ms(limit.span_ms, now_ms, capacity, *units) {
                Some(wait) => wait,
                None if is_first => first_ends_ms - now_ms,
                None => limit.span_ms,
            };
            wait_ms = wait_ms.max(wait);
            let left = capacity.saturating_sub(window.total(limit.span_ms, now_ms));
            remaining.at_most(limit.dimension, left.saturating_sub(*units));
        }
        if wait_ms == 0 {
            let held = state.add(weights, now_ms, true);
            state.keep(id, held, By::Share { reported: false }, now_ms);
        }
        Ok(Admission { allowed: wait_ms == 0, remaining, retry_after_ms: wait_ms, backend: Backend::Share })
    }

    /// The server's clock; before the first answer there is nothing it would be needed for.
    fn now_ms(&self) -> u64 {
        self.link().now_ms().unwrap_or(0)
    }

    fn link(&self) -> Arc<Link> {
        self.common.servers.link(self.slot)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the window of a limit stands.
fn window_of(limit: &Limit) -> (Arc<str>, Dimension) {
    (limit.owner.clone(), limit.dimension)
}

impl State {
    fn is_newly_unsettled(&mut self) -> bool {
        self.unsettled.get_or_insert_with(now).elapsed() < UNSETTLED
    }

    fn add(&mut self, weights: &[Weight], now_ms: u64, on_share: bool) -> Vec<Held> {
        let mut kept = Vec::new();
        for Weight { limit, units } in weights {
            let mut sub_span = 0;
            let mut into = vec![&mut self.mirror];
            if on_share {
                into.extend([&mut self.spent, &mut self.fresh]);
            }
            for windows in into {
                let (_, window) =
                    windows.entry(window_of(limit)).or_insert_with(|| (limit.span_ms, Window::default()));
                sub_span = window.add(limit.span_ms, now_ms, *units);
            }
            let (owner, dimension, span_ms) = (limit.owner.clone(), limit.dimension, limit.span_ms);
            kept.push(Held { owner, dimension, span_ms, sub_span, units: *units });
        }
        kept
    }

    fn keep(&mut self, id: &str, held: Vec<Held>, by: By, now_ms: u64) {
        const SWEEP_EACH_MS: u64 = 5_000;
        let ends_ms =
            now_ms + held.iter().map(|held| held.span_ms + 2 * sub_span_ms(held.span_ms)).max().unwrap_or(0);
        self.held.insert(id.to_owned(), Kept { held, ends_ms, by });
        if now_ms > self.swept_ms + SWEEP_EACH_MS {
            self.swept_ms = now_ms;
            self.held.retain(|_, kept| kept.ends_ms > now_ms);
            self.mirror.retain(|_, (span_ms, window)| window.ends_at_ms(*span_ms) > now_ms);
        }
    }

    /// A call is over: says by whom it was admitted. Redis, if this process does not know.
    fn end(&mut self, id: &str, reals: Option<&[u64]>, now_ms: u64) -> By {
        let Some(kept) = self.held.remove(id) else { return By::Redis };
        for (place, held) in kept.held.iter().enumerate() {
            let real = reals.map_or(0, |reals| reals.get(place).copied().unwrap_or(held.units));
            self.correct(held, real, kept.by, now_ms);
        }
        kept.by
    }

    /// Counts what was really used in the place of what was taken.
    fn correct(&mut self, held: &Held, real: u64, by: By, now_ms: u64) {
        let real = real.min(MOST_UNITS);
        let name = (held.owner.clone(), held.dimension);
        let mut places = vec![&mut self.mirror];
        if let By::Share { reported } = by {
            places.push(&mut self.spent);
            if !reported {
                places.push(&mut self.fresh);
            }
        }
        for windows in places {
            let Some((span_ms, window)) = windows.get_mut(&name) else { continue };
            if real < held.units {
                window.give_back(held.sub_span, held.units - real);
            } else if real > held.units {
                window.add(*span_ms, now_ms, real - held.units);
            }
        }
        if by == (By::Share { reported: true }) && real != held.units {
            let back = i64::try_from(held.units).unwrap_or(0) - i64::try_from(real).unwrap_or(0);
            self.owed.push(Owed::Adjust { held: held.clone(), back });
        }
    }

    /// Makes the next report ready. False if there is nothing to tell.
    fn begin_report(&mut self, server: &Arc<str>, lost: bool, now_ms: u64) -> bool {
        if self.confirmed_ms.is_none() && self.fresh.is_empty() && self.report.is_none() {
            // It never held a share: there is nothing to tell.
            self.mode = Mode::Here;
            return false;
        }
        let since_ms = match self.mode {
            Mode::Here if !lost => return false,
            Mode::Here => now_ms,
            Mode::Away { since_ms } | Mode::Reporting { since_ms } => since_ms,
        };
        self.mode = Mode::Reporting { since_ms };
        if lost {
            // The new server knows of nothing: all that this process took is told, and nothing before is owed.
            let windows = std::mem::take(&mut self.mirror);
            self.mirror.clone_from(&windows);
            self.fresh.clear();
            self.doubtful.clear();
            self.owed.clear();
            self.put_into_report(windows, true);
            self.server = Some(server.clone());
        } else if self.report.is_none() {
            let windows = std::mem::take(&mut self.fresh);
            self.put_into_report(windows, false);
        }
        true
    }

    fn put_into_report(&mut self, windows: Windows, lost: bool) {
        self.reports += 1;
        self.report = Some(Report { number: self.reports, lost, windows });
        for kept in self.held.values_mut() {
            if lost || kept.by != By::Redis {
                kept.by = By::Share { reported: true };
            }
        }
    }

    /// A report has arrived. True if nothing is left to tell.
    fn reported(&mut self, numbers: &[u64], server: &Arc<str>) -> bool {
        self.report = None;
        // A call sent before may have failed meanwhile, and is undone like the others.
        if !self.fresh.is_empty() || !self.doubtful.is_empty() {
            let windows = std::mem::take(&mut self.fresh);
            self.put_into_report(windows, false);
            return false;
        }
        self.confirmed_ms = numbers.get(1).copied();
        self.parts = numbers.get(3).copied().unwrap_or(0);
        self.server = Some(server.clone());
        self.mode = Mode::Here;
        true
    }
}
