//! Stored answers: where they are kept, what makes them void, and who makes one that many wait for.
//!
//! An adapter sees bytes and names only. Times are durations that it measures by its own clock, so that processes whose
//! clocks differ agree on what has ended.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::TenantId;

/// A point in a tenant's history of purges: each purge begins a later one. What was made in an earlier one than that of the
/// last purge of one of its tags is void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The answer.
    pub value: Arc<[u8]>,
    /// For so many milliseconds after it was stored it is as good as new.
    pub fresh_ms: u64,
    /// For so many more it may stand in while somebody makes a new one.
    pub grace_ms: u64,
    /// What it is about: when one of these is purged, it is void.
    pub tags: Vec<String>,
    /// The generation that was told before its making began.
    pub generation: Generation,
    /// What it saves each time, in nano-dollars: what is worth more is kept longer.
    pub worth: u64,
}

impl Entry {
    /// What a use of it is worth, for those that must choose what to keep: what it saves, by its size in KiB, and at least 1.
    pub fn step(&self) -> u64 {
        let kibibytes = (self.value.len() as u64).div_ceil(1_024).max(1);
        (self.worth / kibibytes).max(1)
    }
}

/// An entry as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The entry.
    pub entry: Entry,
    /// How long ago it was stored, in milliseconds.
    pub age_ms: u64,
}

impl Held {
    /// True if it is as good as new.
    pub fn is_fresh(&self) -> bool {
        self.age_ms < self.entry.fresh_ms
    }
}

/// What is under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or nothing that has not ended.
    #[default]
    Nothing,
    /// An answer, void since this tag was purged.
    Void(String),
    /// Nobody knows: the place where answers are kept did not answer.
    Unknown,
    /// Something that nobody can read as an answer of this tenant under this key. It counts as nothing.
    Unreadable,
    /// An answer; it may be past its freshness.
    Held(Held),
}

/// Who wants to make an answer, and for how long nobody else shall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// A name that no other asker has.
    pub holder: String,
    /// Milliseconds after which another may, unless it is prolonged.
    pub holds_ms: u64,
}

/// Who makes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// The asker.
    Own,
    /// Another, for so many milliseconds unless it prolongs that.
    Other {
        /// What is left of its time, in milliseconds.
        left_ms: u64,
    },
}

/// What is looked for, in one round trip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The keys of answers that would do.
    pub keys: Vec<String>,
    /// Given, the asker leads the making of an answer under the first key, if there is no fresh answer under any of them and
    /// nobody else leads.
    pub flight: Option<Flight>,
    /// Given, the neighbours of a namespace that were added since.
    pub since: Option<(String, Cursor)>,
}

/// What is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// By key, in the order of the keys.
    pub found: Vec<Found>,
    /// The generation of what is made from now on.
    pub generation: Generation,
    /// Who makes the answer; `None` if no flight was asked for, or a fresh answer is there.
    pub lead: Option<Lead>,
    /// The neighbours, if they were asked for; whoever has a fresh answer need not give them.
    pub delta: Option<Delta>,
}

/// A text of a namespace whose answer is stored: what it is compared by, and where the answer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The key of its answer.
    pub key: String,
    /// The text.
    pub text: Vec<u8>,
    /// The vector, a byte for each of its numbers.
    pub vector: Vec<u8>,
}

/// How far a namespace has been read. The default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Which namespace of that name: another if the first one was lost.
    pub life: u64,
    /// The number of the last neighbour that was read.
    pub number: u64,
}

/// Part of a namespace, in the order in which it grew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// What was added.
    pub neighbours: Vec<Neighbour>,
    /// How far that is.
    pub cursor: Cursor,
    /// True if this is the beginning of the namespace: what was read before is void.
    pub is_whole: bool,
    /// True if there is more already.
    pub has_more: bool,
}

/// Neighbours that one look-up gives at most.
pub const NEIGHBOURS_AT_ONCE: usize = 256;

/// Stored answers by tenant and key. Whoever asks takes a failure for a miss.
#[async_trait]
pub trait Cache: Send + Sync {
    /// Looks for answers.
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked>;

    /// Stores an entry in the place of another, unless it is void already, and ends the flight of its key. What is too large
    /// to be worth its place, or worth less than all that is there, need not be kept.
    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()>;

    /// Leads the making of an answer on for `holds_ms` from now; false if another leads.
    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool>;

    /// Ends a flight that this holder leads. Any other stays.
    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()>;

    /// Makes all void that has this tag, whoever is making it. The work does not grow with what is void.
    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation>;

    /// Adds a neighbour to a namespace, for `keep_ms`. A namespace that grows beyond what an adapter keeps loses its oldest.
    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()>;
}
