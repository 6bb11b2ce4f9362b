//! Stored answers instead of new ones. A key stands for everything that can change an answer; of many that ask the same at
//! once, one makes the answer.

pub mod compress;
pub mod guards;
pub mod trust;
pub mod vectors;

pub(crate) mod earned;
mod flights;
mod lists;
pub(crate) mod meaning;
mod near;
pub(crate) mod prose;
mod sealed;
mod shelf;
pub(crate) mod warming;

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::AgentSpec;
use crate::converse::Subject;
use crate::error::{Error, ErrorKind};
use crate::lease::Claimed;
use crate::model::{CacheLevel, Kept, NanoUsd, RecallNote, Run, TenantId, Told, Usage};
use crate::ports::{
    Cursor, Delta, Entry, Flight, Found, Generation, Held, Lead, Looked, Lookup, ModelRequest, Ports,
};

use meaning::{Embedded, Met, Question};

pub use earned::standings;
pub use meaning::Namespaces;
pub use near::{NEAR_MS, Near};
pub use sealed::{Sealed, SealingKey};
pub(crate) use shelf::Shelf;
pub use warming::key as warming_key;

/// Another step's answer is waited for this long; then the step comes back later.
const LONGEST_WAIT_MS: u64 = 2_000;
/// The waits between two looks, the first and the longest.
const FIRST_PAUSE_MS: u64 = 25;
const LONGEST_PAUSE_MS: u64 = 400;
/// Whoever makes an answer and is not heard of for so long is replaced.
const FLIGHT_MS: u64 = 15_000;
const PROLONG_MS: u64 = 5_000;
/// How soon a step comes back that has waited for another's answer.
const COME_BACK_MS: std::ops::RangeInclusive<u64> = 500..=5_000;
/// An answer past its freshness may stand in for so long, while one step makes a new one: a tenth of its time, an hour at
/// most.
const GRACE_PART: u64 = 10;
const LONGEST_GRACE_MS: u64 = 3_600_000;

/// What a tag begins with: what answers can be purged by.
pub const TAG_KINDS: [&str; 5] = ["agent", "model", "prompt", "content", "run"];

/// Makes void what is stored of a tenant under a tag. A process that has read an answer a moment ago may give it for up to
/// [`NEAR_MS`] more.
///
/// Errors: `InvalidInput` for what is no tag; those of the cache, and then it is not known whether it was done.
pub async fn purge(ports: &Ports, tenant: &TenantId, tag: &str) -> crate::error::Result<Generation> {
    let named = tag.split_once(':').filter(|(_, of)| !of.is_empty()).map(|(kind, _)| kind);
    if !named.is_some_and(|kind| TAG_KINDS.contains(&kind)) {
        let kinds = TAG_KINDS.map(|kind| format!("{kind}:…")).join(", ");
        let what = format!("a tag is one of {kinds}, such as agent:verification_director");
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    ports.cache.purge(tenant, tag).await
}

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) answer: Value,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    pub(crate) cost: NanoUsd,
    /// How long making it took, in milliseconds.
    #[serde(default)]
    pub(crate) took_ms: u64,
    /// What was set aside for it.
    #[serde(default)]
    pub(crate) most: NanoUsd,
}

impl Remembered {
    fn kept(&self, entry: &str, fresh_ms: u64) -> Kept {
        let Self { took_ms, cost, most, .. } = *self;
        Kept { entry: shortened(entry), fresh_ms, took_ms, cost, most }
    }
}

/// A request in the forms by which an answer to it is known.
pub(crate) struct Asked<'a> {
    request: &'a ModelRequest,
    compressed: Option<ModelRequest>,
    question: Option<Question>,
}

impl<'a> Asked<'a> {
    /// The forms of a step's request that its row allows.
    pub(crate) fn of(
        ports: &Ports,
        subject: &Subject<'_>,
        request: &'a ModelRequest,
    ) -> crate::error::Result<Self> {
        let Subject { spec, input, baseline, .. } = *subject;
        let most = spec.cache.compressed.filter(|_| prose::is_short(&request.messages));
        let messages = most.map(|most| prose::messages(spec, input, baseline, most));
        let compressed = messages.transpose()?.map(|messages| ModelRequest { messages, ..request.clone() });
        Ok(Self { request, compressed, question: Question::of(ports, subject, request)? })
    }
}

/// How a look-up ended.
pub(crate) enum Recalled {
    /// With an answer.
    Hit(CacheLevel, Remembered),
    /// With the answer to another text of the same meaning that was served to the same request before.
    Met(Making, Box<Met>),
    /// The asker makes one.
    Miss(Making),
    /// Another step makes one: come back later.
    Elsewhere { after_ms: u64 },
}

/// An answer in the making: where it will be stored.
pub(crate) struct Making {
    tenant: TenantId,
    keys: Vec<(CacheLevel, String)>,
    tags: Vec<String>,
    /// What was told before; `None` if the cache did not answer, and then nothing is stored: a purge may be missed.
    generation: Option<Generation>,
    flight: Option<Flight>,
    question: Option<Question>,
    embedded: Option<Embedded>,
    /// The question's namespace has more texts than were read.
    has_more: bool,
}

/// The key of a request: a hash under a key of the tenant's own.
pub(crate) fn key(tenant: &TenantId, spec: &AgentSpec, request: &ModelRequest) -> String {
    keyed_hash("assay 2026 exact cache key", tenant, spec, request)
}

/// The key of a compressed request. No exact one is ever the same.
fn compressed_key(tenant: &TenantId, spec: &AgentSpec, request: &ModelRequest) -> String {
    keyed_hash("assay 2026 compressed cache key", tenant, spec, request)
}

fn keyed_hash(level: &str, tenant: &TenantId, spec: &AgentSpec, request: &ModelRequest) -> String {
    let canonical = (
        (&spec.id, &spec.prompt_version, &request.model.provider, &request.model.id),
        (request.temperature, request.max_output_tokens),
        (&request.schema, &request.tools, &request.messages),
    );
    let tenant_key = blake3::derive_key(level, tenant.as_str().as_bytes());
    // A request is plain JSON, so this cannot fail. As one text, as in a step's digest: piece by piece takes longer.
    let json = serde_json::to_vec(&canonical).unwrap_or_default();
    blake3::keyed_hash(&tenant_key, &json).to_hex().to_string()
}

/// Whether a stored answer may be looked for, and a new one stored.
pub(crate) fn is_allowed(run: &Run, spec: &AgentSpec) -> bool {
    run.use_cache && spec.cache.exact
}

/// Looks for a stored answer that `fits`, to the request as it is or compressed. If another step makes one just now, it is
/// waited for.
///
/// A cache that fails is a miss, and does not hold the step up beyond its own patience.
pub(crate) async fn look_up(
    ports: &Ports,
    claimed: &Claimed,
    spec: &AgentSpec,
    asked: &Asked<'_>,
    fits: impl Fn(&Value) -> bool,
) -> (Recalled, RecallNote) {
    let mut making = Making::new(&claimed.run, spec, asked);
    let mut note = RecallNote { key: shortened(&making.keys[0].1), ..RecallNote::default() };
    // A step's own flight of an earlier lease is no obstacle to it.
    let flight = Flight { holder: claimed.key.to_string(), holds_ms: FLIGHT_MS };
    let keys = making.keys.iter().map(|(_, key)| key.clone()).collect();
    let mut lookup = Lookup { keys, flight: Some(flight.clone()), since: None };
    let began_ms = ports.clock.now_ms();
    let (mut pause_ms, mut left_ms) = (FIRST_PAUSE_MS, None);
    loop {
        lookup.since = making.since(ports);
        match ports.cache.look_up(&making.tenant, &lookup).await {
            Ok(mut looked) => {
                making.take_in(ports, looked.delta.take());
                left_ms = match looked.lead {
                    Some(Lead::Other { left_ms }) => Some(left_ms),
                    Some(Lead::Own) | None => None,
                };
                let is_own = looked.lead == Some(Lead::Own);
                making.generation = Some(looked.generation);
                match pick(&making, looked, (&mut note, spec), &fits) {
                    Some(Picked::Answer(level, hit)) => return (Recalled::Hit(level, hit), note),
                    Some(Picked::Copy(met)) if !is_own => {
                        return (Recalled::Met(making, Box::new(met)), note);
                    }
                    _ => {}
                }
                if is_own {
                    note.led = true;
                    making.flight = Some(flight);
                    return (Recalled::Miss(making), note);
                }
                // What lies there fresh is of no use to this step, and the cache cannot know that.
                if left_ms.is_none() && note.has_useless() {
                    match ports.cache.lead(&making.tenant, &making.keys[0].1, &flight).await {
                        Ok(true) => {
                            note.led = true;
                            making.flight = Some(flight);
                            return (Recalled::Miss(making), note);
                        }
                        Ok(false) => left_ms = Some(FLIGHT_MS),
                        Err(error) => {
                            tracing::debug!(%error, agent = %spec.id, "no flight was given");
                            return (Recalled::Miss(making), note);
                        }
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, agent = %spec.id, "cache not readable");
                if left_ms.is_none() {
                    note.levels = making.keys.iter().map(|(level, _)| (*level, Told::Away)).collect();
                    return (Recalled::Miss(making), note);
                }
            }
        }
        // Whoever is not told to wait makes it.
        let Some(left_ms) = left_ms else { return (Recalled::Miss(making), note) };
        let now_ms = ports.clock.now_ms();
        note.waited_ms = now_ms.saturating_sub(began_ms);
        if note.waited_ms >= LONGEST_WAIT_MS {
            let after_ms = left_ms.clamp(*COME_BACK_MS.start(), *COME_BACK_MS.end());
            let is_in_time = now_ms.saturating_add(after_ms) < claimed.run.deadline_ms;
            // A step that cannot wait asks for itself.
            let ending = if is_in_time { Recalled::Elsewhere { after_ms } } else { Recalled::Miss(making) };
            return (ending, note);
        }
        ports.clock.sleep(pause_ms.min(LONGEST_WAIT_MS - note.waited_ms)).await;
        pause_ms = (2 * pause_ms).min(LONGEST_PAUSE_MS);
    }
}

/// What was found under a request's own keys.
enum Picked {
    Answer(CacheLevel, Remembered),
    Copy(Met),
}

/// The first answer that may be used, else a copy, and in the note what every level had.
fn pick(
    making: &Making,
    looked: Looked,
    (note, spec): (&mut RecallNote, &AgentSpec),
    fits: impl Fn(&Value) -> bool,
) -> Option<Picked> {
    let renews = looked.lead == Some(Lead::Own);
    let (mut hit, mut copy) = (None, None);
    for ((level, _), found) in making.keys.iter().zip(looked.found) {
        let told = match found {
            Found::Nothing => Told::Nothing,
            Found::Unknown => Told::Away,
            Found::Void(tag) => Told::Void { tag },
            Found::Unreadable => Told::Unreadable,
            Found::Held(held) if renews && !held.is_fresh() => Told::Renewed { age_ms: held.age_ms },
            Found::Held(held) => match read(&held) {
                None => match making.copied(&held, spec) {
                    None => Told::Unreadable,
                    Some(Ok(met)) if fits(&met.answer.answer) => {
                        copy.get_or_insert(met);
                        Told::Nothing
                    }
                    Some(_) => Told::Unfit,
                },
                Some(answer) if !fits(&answer.answer) => Told::Unfit,
                Some(answer) => {
                    if let (None, Some((_, entry))) = (&hit, making.keys.last()) {
                        let fresh_ms = held.entry.fresh_ms.saturating_sub(held.age_ms);
                        note.kept = Some(answer.kept(entry, fresh_ms));
                    }
                    hit.get_or_insert(Picked::Answer(*level, answer));
                    Told::Hit { age_ms: held.age_ms, stale: !held.is_fresh() }
                }
            },
        };
        note.levels.insert(*level, told);
    }
    hit.or(copy.map(Picked::Copy))
}

fn read(held: &Held) -> Option<Remembered> {
    serde_json::from_slice(&held.entry.value).ok()
}

impl Making {
    fn new(run: &Run, spec: &AgentSpec, asked: &Asked<'_>) -> Self {
        let Asked { request, compressed, question } = asked;
        let tenant = run.key.tenant.clone();
        let mut keys = vec![(CacheLevel::L1, key(&tenant, spec, request))];
        keys.extend(
            compressed.iter().map(|request| (CacheLevel::L2, compressed_key(&tenant, spec, request))),
        );
        Self {
            tenant,
            keys,
            tags: tags(run, spec, request),
            generation: None,
            flight: None,
            question: question.clone(),
            embedded: None,
            has_more: false,
        }
    }

    fn copied(&self, held: &Held, spec: &AgentSpec) -> Option<Result<Met, guards::Refusal>> {
        self.question.as_ref()?.copied(held, spec.cache.threshold)
    }

    /// Leads the making of an answer that a copy stands for, unless another does: then after how long to come back.
    pub(crate) async fn take_lead(&mut self, ports: &Ports, claimed: &Claimed) -> Option<u64> {
        let flight = Flight { holder: claimed.key.to_string(), holds_ms: FLIGHT_MS };
        let after_ms = *COME_BACK_MS.start();
        match ports.cache.lead(&self.tenant, &self.keys[0].1, &flight).await {
            Ok(true) => self.flight = Some(flight),
            Ok(false) if ports.clock.now_ms().saturating_add(after_ms) < claimed.run.deadline_ms => {
                return Some(after_ms);
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "no flight was given"),
        }
        None
    }

    /// The key of the request as it is, for whoever must tell it from others.
    pub(crate) fn key(&self) -> &str {
        &self.keys[0].1
    }

    /// The first bytes of the key that all have in common who find the answer.
    fn entry(&self) -> String {
        self.keys.last().map(|(_, key)| shortened(key)).unwrap_or_default()
    }

    /// What is known of the answer once it is stored.
    pub(crate) fn kept(&self, spec: &AgentSpec, answer: &Remembered) -> Option<Kept> {
        let fresh_ms = warming::least_fresh_ms(spec.cache.ttl_seconds);
        self.keys.last().map(|(_, entry)| answer.kept(entry, fresh_ms))
    }

    /// From where on the question's namespace is to be read.
    fn since(&self, ports: &Ports) -> Option<(String, Cursor)> {
        let namespace = &self.question.as_ref()?.namespace;
        Some((namespace.clone(), ports.namespaces.cursor(&self.tenant, namespace)))
    }

    fn take_in(&mut self, ports: &Ports, delta: Option<Delta>) {
        let Some((delta, question)) = delta.zip(self.question.as_ref()) else { return };
        self.has_more = delta.has_more;
        ports.namespaces.read_on(&self.tenant, &question.namespace, delta);
    }

    /// Does the work while others wait for its outcome, and tells them that it still goes on.
    pub(crate) async fn lead<T>(&self, ports: &Ports, work: impl Future<Output = T>) -> T {
        let work = pin!(work);
        let prolong = pin!(self.prolong(ports));
        match select(work, prolong).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), work)) => work.await,
        }
    }

    /// Ends when another leads, or nobody need be told.
    async fn prolong(&self, ports: &Ports) {
        let Some(flight) = &self.flight else { return };
        loop {
            ports.clock.sleep(PROLONG_MS).await;
            match ports.cache.lead(&self.tenant, &self.keys[0].1, flight).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "a flight was not prolonged"),
            }
        }
    }

    /// Stores the validated answer, or lets another make one. A cache that fails loses nothing but the saving.
    pub(crate) async fn end(self, ports: &Ports, spec: &AgentSpec, answer: Option<&Remembered>) {
        let outcome = match (self.generation, answer) {
            (Some(generation), Some(answer)) => self.store(ports, spec, generation, answer).await,
            _ => match &self.flight {
                Some(flight) => ports.cache.release(&self.tenant, &self.keys[0].1, &flight.holder).await,
                None => Ok(()),
            },
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, agent = %spec.id, "cache not writable");
        }
    }

    async fn store(
        &self,
        ports: &Ports,
        spec: &AgentSpec,
        generation: Generation,
        answer: &Remembered,
    ) -> crate::error::Result<()> {
        let Ok(value) = serde_json::to_vec(answer) else { return Ok(()) };
        let ttl_ms = spec.cache.ttl_seconds.saturating_mul(1_000);
        let entry = Entry {
            value: Arc::from(value),
            // What was stored together does not end together.
            fresh_ms: ttl_ms - ports.random.next_u64() % (ttl_ms / 10).max(1),
            grace_ms: (ttl_ms / GRACE_PART).min(LONGEST_GRACE_MS),
            tags: self.tags.clone(),
            generation,
            worth: u64::try_from(answer.cost.0).unwrap_or(0),
        };
        for (_, key) in &self.keys {
            ports.cache.put(&self.tenant, key, &entry).await?;
        }
        let neighbour =
            self.embedded.as_ref().and_then(|embedded| embedded.neighbour(self.key(), &answer.answer));
        match neighbour {
            Some((namespace, neighbour)) => {
                ports.cache.add(&self.tenant, namespace, &neighbour, entry.fresh_ms).await
            }
            None => Ok(()),
        }
    }
}

/// What an answer is about, so that it can be purged.
fn tags(run: &Run, spec: &AgentSpec, request: &ModelRequest) -> Vec<String> {
    // What is made ahead is made of the other run's results.
    let of_run = run.warms.as_ref().map_or(&run.key, |warms| &warms.step.run);
    let of = [
        spec.id.as_str(),
        &request.model.id,
        &spec.prompt_version,
        run.source.content.as_str(),
        of_run.run.as_str(),
    ];
    TAG_KINDS.iter().zip(of).map(|(kind, of)| format!("{kind}:{of}")).collect()
}

fn shortened(key: &str) -> String {
    key.chars().take(16).collect()
}
