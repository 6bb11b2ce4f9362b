//! The servers that have the keys: one, or the primaries of a cluster, each with a link of its own and each with its own
//! outages. A call goes to the primary that has its slot, and follows it where that says it has moved.
//!
//! Which primary has which slot is read from any that answers: when one is found, again when one is lost or says that a slot
//! is elsewhere, one reading at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::error::Result;
use futures::future::{Either, join, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use redis::{FromRedisValue, Pipeline};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::link::{Answer, Away, Failure, Link, Said, now, pause, rest};
use crate::told::{Elsewhere, Range};

/// A cluster has so many slots.
const SLOTS: usize = 16_384;
/// A call follows so many moves.
const MOVES: usize = 3;
/// While a slot is on its way, a call is sent again after so long at first, as long as its patience lasts.
const UNSETTLED: Duration = Duration::from_millis(4);
/// Of so many probes that fail, one asks who has the slots.
const LOOK_EACH: usize = 5;
/// The first calls wait this long at most for a server that is new in the map.
const OPENING: Duration = Duration::from_millis(250);
/// So many pairs of servers are remembered between which slots were handed over.
const MOST_HANDED: usize = 256;

/// All servers of one address.
pub(crate) struct Servers {
    /// The server at the address. In a cluster it is asked who has what, as the others are.
    seed: Arc<Link>,
    map: Mutex<Map>,
    suspected: Notify,
    changed: Notify,
    turn: AtomicUsize,
}

#[derive(Clone)]
struct Map {
    /// Never empty.
    links: Vec<Arc<Link>>,
    /// The place of each slot's link in `links`; empty while one has all.
    owners: Vec<u16>,
    /// Pairs of servers, by id: the first lived when slots of it went to the second, which had been no copy of it.
    handed: Vec<[Arc<str>; 2]>,
}

/// A call on its way.
struct Way {
    link: Arc<Link>,
    slot: usize,
    asking: bool,
    /// Whether it may only go where all is known that its last server knew.
    is_strict: bool,
    moves: usize,
    waits: u32,
    until: Option<Instant>,
}

impl Servers {
    /// Links that are not open yet. Kind `Configuration` for an address that is none.
    pub(crate) fn new(url: &str, script: String, patience_ms: u64) -> Result<Arc<Self>> {
        let seed = Link::new(url, script, patience_ms)?;
        let map = Map { links: vec![seed.clone()], owners: Vec::new(), handed: Vec::new() };
        Ok(Arc::new(Self {
            seed,
            map: Mutex::new(map),
            suspected: Notify::new(),
            changed: Notify::new(),
            turn: AtomicUsize::new(0),
        }))
    }

    /// Opens the links. Error: the server at the address does not answer; whether others do, their calls show.
    pub(crate) async fn open(&self) -> Result<()> {
        self.seed.open().await?;
        if self.seed.is_in_cluster() {
            self.read().await;
        }
        Ok(())
    }

    /// The link that has a slot now.
    pub(crate) fn link(&self, slot: usize) -> Arc<Link> {
        self.lock().link(slot).clone()
    }

    /// Calls the script at whoever has the slot. Known: a server that took the place of the one asked may not know all that
    /// that one did, and was not asked.
    pub(crate) async fn call(
        &self,
        slot: usize,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> std::result::Result<Answer, Away> {
        let mut way = self.way(slot, true);
        loop {
            match way.link.call(keys, arguments, way.asking).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.follow(&mut way, failure).await?,
            }
        }
    }

    /// Calls the script at whoever has the slot, for any answer.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        slot: usize,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> std::result::Result<T, Away> {
        self.say(slot, Said::Script { keys, arguments }).await.map(|(answer, _)| answer)
    }

    /// Sends plain commands together to whoever has the slot, and says who answered.
    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        slot: usize,
        commands: &Pipeline,
    ) -> std::result::Result<(T, Arc<Link>), Away> {
        self.say(slot, Said::Plain(commands)).await
    }

    async fn say<T: FromRedisValue>(
        &self,
        slot: usize,
        said: Said<'_>,
    ) -> std::result::Result<(T, Arc<Link>), Away> {
        let mut way = self.way(slot, false);
        loop {
            match way.link.ask(said, way.asking).await {
                Ok(answer) => return Ok((answer, way.link)),
                Err(failure) => self.follow(&mut way, failure).await?,
            }
        }
    }

    /// True if that server lived when it handed slots to the one that this link leads to, so that all it knew went with them.
    pub(crate) fn was_handed_over(&self, from: &str, to: &Link) -> bool {
        let Some(to) = to.known() else { return false };
        self.lock().handed.iter().any(|[one, other]| **one == *from && *other == to.id)
    }

    /// Does two things for every link, those that come later too, for ever: `tell` whenever it is open, which says whether all
    /// is told, and again when it was lost, or when `is_behind`.
    pub(crate) async fn tend<F: Future<Output = bool>>(
        &self,
        tell: impl Fn(Arc<Link>) -> F,
        is_behind: impl Fn(&Arc<Link>) -> bool,
    ) {
        let (tell, is_behind) = (&tell, &is_behind);
        // Whoever opened the first may not have come to the others.
        self.suspected.notify_one();
        let each = async {
            let (mut known, mut tended) = (Vec::<Arc<Link>>::new(), FuturesUnordered::new());
            loop {
                let links = self.lock().links.clone();
                for link in links {
                    if !known.iter().any(|known| Arc::ptr_eq(known, &link)) {
                        known.push(link.clone());
                        tended.push(self.tend_one(link, tell, is_behind));
                    }
                }
                let changed = std::pin::pin!(self.changed.notified());
                if let Either::Right((Some(gone), _)) = select(changed, tended.next()).await {
                    known.retain(|known| !Arc::ptr_eq(known, &gone));
                }
            }
        };
        join(each, self.read_when_suspected()).await;
    }

    async fn tend_one<F: Future<Output = bool>>(
        &self,
        link: Arc<Link>,
        tell: impl Fn(Arc<Link>) -> F,
        is_behind: impl Fn(&Arc<Link>) -> bool,
    ) -> Arc<Link> {
        while self.has(&link) {
            if !link.is_open() && !self.come_back(&link).await {
                continue;
            }
            if tell(link.clone()).await {
                link.wait_until_lost_or(|| is_behind(&link) || !self.has(&link)).await;
            } else {
                pause().await;
            }
        }
        link
    }

    /// Probes until the connection is open. False if nobody needs it any more.
    async fn come_back(&self, link: &Link) -> bool {
        let mut failed = 0;
        while self.has(link) {
            match link.open().await {
                Ok(()) => {
                    if link.is_in_cluster() {
                        self.suspected.notify_one();
                    }
                    return true;
                }
                Err(error) => tracing::debug!(%error, "Redis is still away"),
            }
            if failed % LOOK_EACH == 0 {
                self.suspected.notify_one();
            }
            failed += 1;
            pause().await;
        }
        false
    }

    async fn read_when_suspected(&self) {
        loop {
            self.suspected.notified().await;
            self.read().await;
            pause().await;
        }
    }

    /// Reads who has which slots from the first that tells, and opens the links to them.
    async fn read(&self) {
        let mut links = self.lock().links.clone();
        links.retain(|link| link.is_in_cluster());
        if !links.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % links.len();
            links.rotate_left(turn);
        }
        for link in &links {
            if let Some(ranges) = link.slots().await {
                return self.note(link, ranges).await;
            }
        }
        // The server at the address is asked last where it is none of them: the address may be any server's.
        let is_seed = self.has(&self.seed);
        if !is_seed && self.seed.open().await.is_ok() {
            if let Some(ranges) = self.seed.slots().await {
                self.note(&self.seed, ranges).await;
            }
            if !self.has(&self.seed) {
                self.seed.close();
            }
        }
    }

    async fn note(&self, teller: &Arc<Link>, ranges: Vec<Range>) {
        let before = self.lock().clone();
        let Some(mut map) = self.drawn(teller, &ranges, &before) else { return };
        if before.is_like(&map) {
            return;
        }
        tracing::info!(primaries = map.links.len(), "another map of the cluster");
        // Only a server that lives hands its slots over; one whose end nobody noticed yet must not seem to.
        let are_there = join_all(before.links.iter().map(|link| link.answers()));
        let new = map.links.iter().filter(|link| !before.has(link));
        let open = join_all(new.map(|link| timeout(link.patience().max(OPENING), link.open())));
        join(are_there, open).await;
        let mut now = self.lock();
        map.handed.clone_from(&now.handed);
        map.note_handed(&before);
        *now = map;
        let links = now.links.clone();
        drop(now);
        if !self.has(&self.seed) {
            self.seed.close();
        }
        self.changed.notify_one();
        before.links.iter().chain(&links).for_each(|link| link.wake());
    }

    /// The map as told. One primary that is the very server at the address is asked there, as without a cluster.
    fn drawn(&self, teller: &Arc<Link>, ranges: &[Range], before: &Map) -> Option<Map> {
        let is_alone = ranges.iter().all(|range| range.is_teller) && Arc::ptr_eq(teller, &self.seed);
        if is_alone && !ranges.is_empty() {
            return Some(Map { links: vec![teller.clone()], owners: Vec::new(), handed: Vec::new() });
        }
        let mut map = Map { links: Vec::new(), owners: vec![0; SLOTS], handed: Vec::new() };
        for Range { first, last, host, port, .. } in ranges {
            let place = map.place(host, *port).or_else(|| {
                let known = before.place(host, *port).map(|place| before.links[place].clone());
                map.links.push(known.or_else(|| self.seed.beside(host, *port))?);
                Some(map.links.len() - 1)
            })?;
            map.owners.get_mut(*first..=*last)?.fill(u16::try_from(place).ok()?);
        }
        (!map.links.is_empty()).then_some(map)
    }

    fn way(&self, slot: usize, is_strict: bool) -> Way {
        Way { link: self.link(slot), slot, asking: false, is_strict, moves: 0, waits: 0, until: None }
    }

    /// Turns a call to where it is to be sent next. Error: nowhere.
    async fn follow(&self, way: &mut Way, failure: Failure) -> std::result::Result<(), Away> {
        match failure {
            Failure::Away(away) => Err(away),
            Failure::Down => {
                self.suspected.notify_one();
                Err(Away::Known)
            }
            // Some keys are here, and some there.
            Failure::Unsettled => self.wait(way).await,
            Failure::Elsewhere(Elsewhere { is_once: true, .. }) if way.asking => self.wait(way).await,
            Failure::Elsewhere(elsewhere) => self.turn(way, elsewhere).await,
        }
    }

    async fn wait(&self, way: &mut Way) -> std::result::Result<(), Away> {
        let until = *way.until.get_or_insert_with(|| now() + way.link.patience());
        if now() >= until {
            return Err(Away::Unsettled);
        }
        // Each time twice as long: the keys come no sooner for being asked for.
        rest(UNSETTLED * (1 << way.waits.min(4))).await;
        way.waits += 1;
        (way.link, way.asking) = (self.link(way.slot), false);
        Ok(())
    }

    async fn turn(&self, way: &mut Way, elsewhere: Elsewhere) -> std::result::Result<(), Away> {
        let Elsewhere { slot, host, port, is_once } = elsewhere;
        let host = if host.is_empty() { way.link.place().0 } else { &host };
        let next = self.lock().adopted(host, port, &way.link).ok_or(Away::Known)?;
        if !is_once {
            self.suspected.notify_one();
            way.moves += 1;
        }
        let is_open = next.is_open() || matches!(timeout(next.patience(), next.open()).await, Ok(Ok(())));
        self.changed.notify_one();
        if !is_open {
            return Err(Away::Known);
        }
        if way.moves > MOVES {
            // They do not agree yet.
            way.moves = 0;
            return self.wait(way).await;
        }
        if is_once {
            // The next call may be the first server's again.
            self.lock().note_pair(&next, &way.link, true);
        } else {
            self.lock().move_slot(slot, &way.link, &next);
        }
        let from = way.link.known().ok_or(Away::Known)?;
        if way.is_strict && !is_once && !self.was_handed_over(&from.id, &next) {
            return Err(Away::Known);
        }
        (way.link, way.asking) = (next, is_once);
        Ok(())
    }

    fn has(&self, link: &Link) -> bool {
        self.lock().has(link)
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Map {
    fn link(&self, slot: usize) -> &Arc<Link> {
        let place = self.owners.get(slot).map_or(0, |place| usize::from(*place));
        &self.links[place]
    }

    fn has(&self, link: &Link) -> bool {
        self.links.iter().any(|known| std::ptr::eq(&**known, link))
    }

    fn place(&self, host: &str, port: u16) -> Option<usize> {
        self.links.iter().position(|link| link.place() == (host, port))
    }

    /// The link to that place, which is made beside another if there is none.
    fn adopted(&mut self, host: &str, port: u16, beside: &Link) -> Option<Arc<Link>> {
        if let Some(place) = self.place(host, port) {
            return Some(self.links[place].clone());
        }
        let link = beside.beside(host, port)?;
        self.links.push(link.clone());
        Some(link)
    }

    /// A server that lives says that a slot is another's now.
    fn move_slot(&mut self, slot: usize, from: &Link, to: &Arc<Link>) {
        if self.owners.is_empty() {
            self.owners = vec![0; SLOTS];
        }
        let place = self.links.iter().position(|link| Arc::ptr_eq(link, to));
        let place = place.and_then(|place| u16::try_from(place).ok());
        if let (Some(place), Some(owner)) = (place, self.owners.get_mut(slot)) {
            *owner = place;
        }
        self.note_pair(from, to, true);
    }

    /// Whether the same links have the same slots.
    fn is_like(&self, other: &Self) -> bool {
        self.links.len() == other.links.len()
            && self.owners.is_empty() == other.owners.is_empty()
            && (0..SLOTS).all(|slot| Arc::ptr_eq(self.link(slot), other.link(slot)))
    }

    /// Remembers between whom slots went over since another map.
    fn note_handed(&mut self, before: &Self) {
        let mut pairs: Vec<(Arc<Link>, Arc<Link>)> = Vec::new();
        for slot in 0..SLOTS {
            let (from, to) = (before.link(slot), self.link(slot));
            let is_known =
                pairs.last().is_some_and(|(one, other)| Arc::ptr_eq(one, from) && Arc::ptr_eq(other, to));
            if !Arc::ptr_eq(from, to) && !is_known {
                pairs.push((from.clone(), to.clone()));
            }
        }
        for (from, to) in pairs {
            self.note_pair(&from, &to, from.is_open());
        }
    }

    fn note_pair(&mut self, from: &Link, to: &Link, lives: bool) {
        let (Some(from), Some(to)) = (from.known(), to.known()) else { return };
        self.handed.retain(|[one, other]| (one, other) != (&from.id, &to.id));
        if lives && !to.stood_by(&from) {
            self.handed.push([from.id.clone(), to.id.clone()]);
        }
        let surplus = self.handed.len().saturating_sub(MOST_HANDED);
        self.handed.drain(..surplus);
    }
}

/// The slot of a key: of what stands in its first pair of braces, if anything does, else of all of it.
pub(crate) fn slot_of(key: &str) -> usize {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(tag, _)| tag);
    let hashed = if tag.is_empty() { key } else { tag };
    let sum =
        hashed.bytes().fold(0_u16, |sum, byte| (sum << 8) ^ CRC16[usize::from((sum >> 8) as u8 ^ byte)]);
    usize::from(sum) % SLOTS
}

/// CRC16 as XMODEM has it, for each first byte.
const CRC16: [u16; 256] = {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let (mut sum, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            sum = (sum << 1) ^ if sum & 0x8000 == 0 { 0 } else { 0x1021 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_slot_that_servers_say() {
        let check = |key: &str, slot: usize| assert_eq!(slot_of(key), slot, "{key}");
        check("123456789", 12_739);
        check("foo", 12_182);
        check("rates:{foo}:fleet", 12_182);
        check("{foo}{bar}", 12_182);
        check("{}foo", slot_of("{}foo"));
        assert_ne!(slot_of("{}foo"), slot_of("foo"));
        check("", 0);
    }
}
