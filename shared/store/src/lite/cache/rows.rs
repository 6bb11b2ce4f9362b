//! What stands in the rows of stored answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Entry, Generation, Held, Row, Versioned};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::LONGEST_MS;

/// Larger answers are not worth their place: they are not stored.
const LARGEST_ENTRY_BYTES: usize = 225 * 1024;
/// So many purged tags are known; with more, all that was made before the last of the forgotten ones is void.
const MOST_TAGS: usize = 2_000;
/// What is said to have been purged where the tag is forgotten.
const FORGOTTEN: &str = "one of long ago";

/// An answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) key: String,
    at_ms: u64,
    fresh_ms: u64,
    grace_ms: u64,
    tags: Vec<String>,
    generation: Generation,
    worth: u64,
    value: String,
}

/// Who makes an answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Leading {
    pub(super) holder: String,
}

/// What a tenant has purged.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Purges {
    pub(super) last: Generation,
    /// What was made before is void whatever its tags.
    #[serde(default)]
    floor: Generation,
    tags: BTreeMap<String, Generation>,
}

impl Stored {
    /// The row and its end; `None` if it is not worth its place.
    pub(super) fn of(key: &str, entry: &Entry, now_ms: u64) -> Option<(Self, u64)> {
        let grace_ms = entry.grace_ms.min(LONGEST_MS);
        let fresh_ms = entry.fresh_ms.min(LONGEST_MS - grace_ms);
        let expires_ms = now_ms + fresh_ms + grace_ms;
        let stored = Self {
            key: key.to_owned(),
            at_ms: now_ms,
            fresh_ms,
            grace_ms,
            tags: entry.tags.clone(),
            generation: entry.generation,
            worth: entry.worth,
            value: STANDARD.encode(&entry.value),
        };
        (entry.value.len() <= LARGEST_ENTRY_BYTES && expires_ms > now_ms).then_some((stored, expires_ms))
    }

    /// What it is worth, less with each part of its time that has gone by.
    pub(super) fn worth_until(&self, until_ms: u64, now_ms: u64) -> u64 {
        let (left_ms, all_ms) = (until_ms.saturating_sub(now_ms), until_ms.saturating_sub(self.at_ms).max(1));
        let worth = u128::from(self.worth) * u128::from(left_ms) / u128::from(all_ms);
        u64::try_from(worth).unwrap_or(u64::MAX)
    }

    pub(super) fn held(self, now_ms: u64) -> Option<Held> {
        let value = STANDARD.decode(&self.value).ok()?;
        let Self { at_ms, fresh_ms, grace_ms, tags, generation, worth, .. } = self;
        let entry = Entry { value: Arc::from(value), fresh_ms, grace_ms, tags, generation, worth };
        Some(Held { entry, age_ms: now_ms.saturating_sub(at_ms) })
    }
}

impl Purges {
    pub(super) fn of(found: Option<&Versioned>, now_ms: u64) -> Self {
        let Some(Versioned { row: Row::Expiring { expires_ms, .. }, .. }) = found else {
            return Self::default();
        };
        match read::<Self>(found, now_ms) {
            Some((purges, _)) => purges,
            None if *expires_ms <= now_ms => Self::default(),
            // Nobody knows what was purged: all that is there is void.
            None => Self { floor: Generation(now_ms), last: Generation(now_ms), tags: BTreeMap::new() },
        }
    }

    pub(super) fn void_since(&self, entry: &Entry) -> Option<String> {
        self.void(&entry.tags, entry.generation)
    }

    pub(super) fn void_since_of(&self, stored: &Stored) -> Option<String> {
        self.void(&stored.tags, stored.generation)
    }

    fn void(&self, tags: &[String], generation: Generation) -> Option<String> {
        if generation < self.floor {
            return Some(FORGOTTEN.to_owned());
        }
        let is_void = |tag: &&String| self.tags.get(*tag).is_some_and(|purged| *purged > generation);
        tags.iter().find(is_void).cloned()
    }

    pub(super) fn add(&mut self, tag: &str) -> Generation {
        self.last = Generation(self.last.0 + 1);
        self.tags.insert(tag.to_owned(), self.last);
        if self.tags.len() > MOST_TAGS
            && let Some((oldest, purged)) = self
                .tags
                .iter()
                .min_by_key(|(_, purged)| **purged)
                .map(|(tag, purged)| (tag.clone(), *purged))
        {
            self.tags.remove(&oldest);
            self.floor = self.floor.max(purged);
        }
        self.last
    }
}

/// What a row holds and when it ends, if it has not ended and can be read.
pub(super) fn read<T: DeserializeOwned>(found: Option<&Versioned>, now_ms: u64) -> Option<(T, u64)> {
    match found.map(|versioned| &versioned.row) {
        Some(Row::Expiring { value, expires_ms }) if *expires_ms > now_ms => {
            Some((T::deserialize(value).ok()?, *expires_ms))
        }
        _ => None,
    }
}

pub(super) fn row(value: &impl Serialize, expires_ms: u64) -> Result<Row> {
    let value = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "a stored answer is no JSON").because(error))?;
    Ok(Row::Expiring { value, expires_ms })
}
