//! Recall by meaning: the answer to a short text that was asked in other words.
//!
//! Only the text that an agent's row names is compared by meaning. All else that the model is shown, what the rules found
//! included, is exact and forms the namespace, in which the text stands as a marker, and so does the item's own id, which says
//! nothing. Of the passages that the rules found for the text, those that do not bear on it are left out. So two requests meet
//! only where the model would have seen the same but for the text and for what has nothing to do with it. An answer that points at
//! passages of its own content, or names its item's id, is not shared.
//!
//! A look-up brings the namespace's new texts along; the process keeps their vectors ([`Namespaces`]). Of those near enough to
//! the asked text, the first is taken that the guards let through; its answer takes one more trip. Whether it is served is not
//! decided here: see `earned`.
//!
//! An answer that is served is copied under the asker's own key, so that whoever asks the same again embeds nothing. The copy is
//! no exact answer: it is a candidate each time it is found, counted and audited like any other, judged by the guards again. It
//! ends when the answer ends that it was copied from, and the same purges make it void.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{Either, select};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::guards::Refusal;
use super::vectors::{Query, Threshold, Vectors, quantise};
use super::{Making, Remembered, Shelf, guards, keyed_hash, read};
use crate::agent::AgentSpec;
use crate::citations;
use crate::converse::Subject;
use crate::error::Result;
use crate::model::{CacheLevel, Compared, RecallNote, TenantId, Told};
use crate::ports::{Cursor, Delta, Embedder, Entry, Found, Held, Lookup, ModelRequest, Neighbour, Ports};
use crate::prompt;
use crate::step_input::StepInput;

/// Embedding takes so long at most; then there is no comparing.
const EMBEDDING_MS: u64 = 500;
/// Trips that read on where a namespace has more texts than one look-up brings.
const MORE_TRIPS: usize = 3;
/// So many near texts are shown to the guards at most.
const MOST_JUDGED: usize = 8;
/// Namespaces that a process keeps, and texts of each.
const MOST_NAMESPACES: usize = 16;
const MOST_TEXTS: usize = 10_000;
/// No text has these characters from a model or a person.
const TEXT_MARKER: &str = "\u{1}text\u{1}";
const ID_MARKER: &str = "\u{1}id\u{1}";

/// A text whose meaning is asked for, and all that is exact about the request.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    text: String,
    pub(super) namespace: String,
    item_id: Option<String>,
}

/// A stored answer to a text of the same meaning.
pub(crate) struct Met {
    pub(crate) answer: Remembered,
    pub(crate) cosine: f64,
    pub(crate) age_ms: u64,
    /// What is put under the asker's own key if it is served; `None` if it is from there.
    copy: Option<Entry>,
}

/// The answer to another text, under the key of the request that it was served to. Has none of the fields of [`Remembered`], so
/// that nobody takes it for an exact answer.
#[derive(Serialize, Deserialize)]
struct Copied {
    /// The text it answers.
    text: String,
    cosine: f64,
    /// How old it was when it was copied, in milliseconds.
    aged_ms: u64,
    of: Remembered,
}

/// What this process has read of namespaces.
pub struct Namespaces(Mutex<Shelf<Arc<Mutex<Namespace>>>>);

/// A text that the guards let through.
struct Near {
    key: Arc<str>,
    cosine: f32,
    text: String,
}

#[derive(Default)]
struct Namespace {
    cursor: Cursor,
    vectors: Vectors<Arc<str>>,
    texts: HashMap<Arc<str>, String>,
    order: VecDeque<Arc<str>>,
}

impl Question {
    /// The question of a step; `None` where its row compares nothing by meaning, or no embedder is linked.
    pub(crate) fn of(ports: &Ports, subject: &Subject<'_>, request: &ModelRequest) -> Result<Option<Self>> {
        let Subject { claimed, spec, input, baseline } = *subject;
        let field = spec.cache.semantic_text.as_ref().filter(|_| spec.compares_by_meaning());
        let text = baseline.zip(field).and_then(|(baseline, field)| baseline.get(field.as_str())?.as_str());
        let Some(text) = text.filter(|text| ports.embedder.is_some() && !text.trim().is_empty()) else {
            return Ok(None);
        };
        let id = spec.fan_out.as_ref().zip(input.item.as_ref());
        let id = id.and_then(|(fan_out, item)| item.get(fan_out.id.as_str())?.as_str());
        let marks: BTreeMap<&str, &str> =
            id.map(|id| (id, ID_MARKER)).into_iter().chain([(text, TEXT_MARKER)]).collect();
        let input = StepInput { item: input.item.as_ref().map(|item| marked(item, &marks)), ..input.clone() };
        let baseline = baseline.map(|baseline| {
            without_surroundings(marked(baseline, &marks), spec.cache.passages.as_deref(), text)
        });
        let messages = prompt::messages(spec, &input, baseline.as_ref())?;
        let request = ModelRequest { messages, ..request.clone() };
        let tenant = &claimed.run.key.tenant;
        Ok(Some(Self {
            text: text.to_owned(),
            namespace: keyed_hash("assay 2026 namespace of meaning", tenant, spec, &request),
            item_id: id.map(str::to_owned),
        }))
    }

    /// The answer that was copied for this question, if it would be met today; otherwise why not, where it is a copy at all.
    pub(super) fn copied(
        &self,
        held: &Held,
        threshold: Threshold,
    ) -> Option<std::result::Result<Met, Refusal>> {
        let Copied { text, cosine, aged_ms, of } = serde_json::from_slice(&held.entry.value).ok()?;
        if cosine < f64::from(threshold.cosine()) || !self.may_share(&of.answer) {
            return None;
        }
        let met = Met { answer: of, cosine, age_ms: held.age_ms.saturating_add(aged_ms), copy: None };
        Some(guards::judge(&text, &self.text).map(|()| met))
    }

    /// Whether an answer to this question would be one to the same question elsewhere.
    fn may_share(&self, answer: &Value) -> bool {
        let names_item = self.item_id.as_ref().is_some_and(|id| {
            let text = answer.to_string();
            text.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == id)
        });
        !names_item && !citations::points_at_content(answer)
    }
}

/// The object with markers for its own fields of these values. What stands deeper, such as evidence, stays as it is.
fn marked(object: &Value, marks: &BTreeMap<&str, &str>) -> Value {
    let Value::Object(fields) = object else { return object.clone() };
    let fields = fields.iter().map(|(name, value)| {
        let marker = value.as_str().and_then(|text| marks.get(text));
        (name.clone(), marker.map_or_else(|| value.clone(), |marker| Value::from(*marker)))
    });
    Value::Object(fields.collect())
}

/// Without the passages that were found for the text and do not bear on it: a claim is judged on what it says, wherever and
/// however often it is said. What may change the judgement stays as it is, and then only the same passages meet.
fn without_surroundings(mut baseline: Value, field: Option<&str>, text: &str) -> Value {
    let Some(Value::Array(passages)) = field.and_then(|field| baseline.get_mut(field)) else {
        return baseline;
    };
    passages.retain(|passage| passage["quote"].as_str().is_none_or(|quote| guards::bears_on(text, quote)));
    baseline
}

impl Default for Namespaces {
    fn default() -> Self {
        Self(Mutex::new(Shelf::new(MOST_NAMESPACES)))
    }
}

impl Namespaces {
    fn of(&self, tenant: &TenantId, namespace: &str) -> Arc<Mutex<Namespace>> {
        let name = format!("{}/{tenant}/{namespace}", tenant.as_str().len());
        let mut shelf = lock(&self.0);
        if let Some(known) = shelf.get(&name) {
            return known.clone();
        }
        let new = Arc::new(Mutex::default());
        shelf.put(&name, Arc::clone(&new), 1);
        new
    }

    /// How far a namespace was read.
    pub(super) fn cursor(&self, tenant: &TenantId, namespace: &str) -> Cursor {
        lock(&self.of(tenant, namespace)).cursor
    }

    /// Takes in what was added to a namespace since.
    pub(super) fn read_on(&self, tenant: &TenantId, namespace: &str, delta: Delta) {
        lock(&self.of(tenant, namespace)).read_on(delta);
    }
}

impl Met {
    /// What is put under the asker's own key, taken out.
    pub(crate) fn take_copy(&mut self) -> Option<Entry> {
        self.copy.take()
    }

    /// Whether it was found under the asker's own key.
    pub(crate) fn is_kept(&self) -> bool {
        self.copy.is_none()
    }
}

impl Namespace {
    fn read_on(&mut self, delta: Delta) {
        if delta.is_whole {
            *self = Self::default();
        }
        for Neighbour { key, text, vector } in delta.neighbours {
            let (key, Ok(text)) = (Arc::<str>::from(key), String::from_utf8(text)) else { continue };
            // What is no vector is no neighbour.
            if self.vectors.add(key.clone(), &vector).is_ok()
                && self.texts.insert(key.clone(), text).is_none()
            {
                self.order.push_back(key);
            }
        }
        while self.texts.len() > MOST_TEXTS {
            let Some(oldest) = self.order.pop_front() else { break };
            self.forget(&oldest);
        }
        self.cursor = delta.cursor;
    }

    fn forget(&mut self, key: &Arc<str>) {
        self.vectors.remove(key);
        self.texts.remove(key);
    }

    /// The first near text that the guards let through, and what is to be told of the nearest one.
    fn compare(&self, query: &Query, asked: &str, threshold: Threshold) -> (Option<Near>, Option<Compared>) {
        let mut told = None;
        for candidate in self.vectors.best(query, Threshold::LEAST, MOST_JUDGED) {
            let Some(text) = self.texts.get(&candidate.id) else { continue };
            let refused = guards::judge(text, asked).err();
            let is_near = candidate.cosine >= threshold.cosine();
            let passes = is_near && refused.is_none();
            if passes || told.is_none() {
                told = Some(Compared {
                    cosine: f64::from(candidate.cosine),
                    is_near,
                    refused,
                    ..Compared::default()
                });
            }
            if passes {
                let near = Near { key: candidate.id, cosine: candidate.cosine, text: text.clone() };
                return (Some(near), told);
            }
        }
        (None, told)
    }
}

/// What to store with an answer, so that it is found by the meaning of its question.
pub(super) struct Embedded {
    question: Question,
    vector: Vec<f32>,
}

impl Embedded {
    /// The neighbour that an answer under `key` becomes; `None` for one that is not shared.
    pub(super) fn neighbour(&self, key: &str, answer: &Value) -> Option<(&str, Neighbour)> {
        let vector = self.question.may_share(answer).then(|| quantise(&self.vector).ok())??;
        let text = self.question.text.clone().into_bytes();
        Some((&self.question.namespace, Neighbour { key: key.to_owned(), text, vector }))
    }
}

impl Making {
    /// Looks for the answer to a question of the same meaning, and notes what there was.
    pub(crate) async fn by_meaning(
        &mut self,
        ports: &Ports,
        spec: &AgentSpec,
        note: &mut RecallNote,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<Met> {
        // A cache that did not answer is not asked again, and nothing is embedded for it.
        let is_away = self.generation.is_none() || note.levels.values().any(|told| *told == Told::Away);
        let question = self.question.clone().filter(|_| !is_away)?;
        let vector = embed(ports, ports.embedder.as_deref()?, &question.text).await?;
        let query = Query::of(&vector).ok()?;
        self.embedded = Some(Embedded { question: question.clone(), vector });
        self.read_rest(ports, &question.namespace).await;
        let namespace = ports.namespaces.of(&self.tenant, &question.namespace);
        let (found, compared) = lock(&namespace).compare(&query, &question.text, spec.cache.threshold);
        note.compared = compared;
        let Some(Near { key, cosine, text }) = found else {
            note.levels.insert(CacheLevel::L3, Told::Nothing);
            return None;
        };
        let (told, met) = self.fetch(ports, &question, &key, fits).await;
        if matches!(told, Some(Told::Nothing | Told::Void { .. } | Told::Unreadable)) {
            lock(&namespace).forget(&key);
        }
        note.levels.extend(told.map(|told| (CacheLevel::L3, told)));
        let (answer, held) = met?;
        let (cosine, age_ms) = (f64::from(cosine), held.age_ms);
        let copied = Copied { text, cosine, aged_ms: age_ms, of: answer };
        // The same tags and the same generation: what makes the answer void makes its copy void.
        let copy = serde_json::to_vec(&copied).ok().map(|value| Entry {
            value: Arc::from(value),
            fresh_ms: held.entry.fresh_ms.saturating_sub(age_ms),
            grace_ms: 0,
            ..held.entry
        });
        Some(Met { answer: copied.of, cosine, age_ms, copy })
    }

    /// The answer was served: it is copied under the asker's own key. Without a copy others may make the answer.
    pub(crate) async fn served(self, ports: &Ports, spec: &AgentSpec, copy: Option<Entry>) {
        let Some(copy) = copy else { return self.end(ports, spec, None).await };
        if let Err(error) = ports.cache.put(&self.tenant, self.key(), &copy).await {
            tracing::debug!(%error, agent = %spec.id, "an answer was not copied");
        }
    }

    /// Reads on where a namespace has more than came along.
    async fn read_rest(&mut self, ports: &Ports, namespace: &str) {
        for _ in 0..MORE_TRIPS {
            if !std::mem::take(&mut self.has_more) {
                return;
            }
            let since = Some((namespace.to_owned(), ports.namespaces.cursor(&self.tenant, namespace)));
            let lookup = Lookup { since, ..Lookup::default() };
            let Ok(looked) = ports.cache.look_up(&self.tenant, &lookup).await else { return };
            self.take_in(ports, looked.delta);
        }
    }

    /// The answer under a neighbour's key, if it is fresh and fits, or why there is none.
    async fn fetch(
        &self,
        ports: &Ports,
        question: &Question,
        key: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> (Option<Told>, Option<(Remembered, Held)>) {
        let lookup = Lookup { keys: vec![key.to_owned()], ..Lookup::default() };
        let found = match ports.cache.look_up(&self.tenant, &lookup).await {
            Ok(looked) => looked.found.into_iter().next().unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "an answer of the same meaning is not readable");
                return (Some(Told::Away), None);
            }
        };
        let told = match found {
            Found::Held(held) if held.is_fresh() => match read(&held) {
                None => Told::Unreadable,
                Some(answer) if !question.may_share(&answer.answer) || !fits(&answer.answer) => Told::Unfit,
                Some(answer) => return (None, Some((answer, held))),
            },
            Found::Held(_) | Found::Nothing => Told::Nothing,
            Found::Void(tag) => Told::Void { tag },
            Found::Unknown => Told::Away,
            Found::Unreadable => Told::Unreadable,
        };
        (Some(told), None)
    }
}

async fn embed(ports: &Ports, embedder: &dyn Embedder, text: &str) -> Option<Vec<f32>> {
    let texts = [text.to_owned()];
    match select(pin!(embedder.embed(&texts)), pin!(ports.clock.sleep(EMBEDDING_MS))).await {
        Either::Left((Ok(vectors), _)) => vectors.into_iter().next(),
        Either::Left((Err(error), _)) => {
            tracing::debug!(%error, "a question was not embedded");
            None
        }
        Either::Right(_) => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_the_same_or_speaks_of_something_else_is_left_out() {
        let check = |passages: Value, expected: Value| {
            let left =
                without_surroundings(json!({"found": passages}), Some("found"), "The wall cost 40 euros.");
            assert_eq!(left["found"], expected);
        };
        let own = |quote: &str| json!({"quote": quote, "segment": "s1", "run_id": null});
        let other = |quote: &str, run: &str| json!({"quote": quote, "segment": null, "run_id": run});
        check(json!([own("We sang."), own("The wall cost 40 euros.")]), json!([]));
        check(
            json!([other("The wall cost 40 euros.", "r1"), other("The wall cost 40 euros.", "r2")]),
            json!([]),
        );
        let against = other("The wall cost 41 euros.", "r1");
        check(json!([against.clone(), own("We sang.")]), json!([against]));
        let baseline = json!({"other": [own("We sang.")]});
        assert_eq!(without_surroundings(baseline.clone(), Some("found"), "Rain fell."), baseline);
        assert_eq!(without_surroundings(baseline.clone(), None, "Rain fell."), baseline);
    }
}
