//! A run: one piece of content, analysed once.

use serde::{Deserialize, Serialize};

use super::{About, AgentId, ContentRef, ModelPolicy, NanoUsd, RunId, RunKey, Sketch, Traceparent, Warms};
use crate::error::ErrorKind;

/// How deep a run looks. Ordered: each depth includes the agents of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// The briefing, nothing checked.
    Quick,
    /// Claims checked; the default.
    Standard,
    /// People, background, argument, controversy.
    Deep,
    /// All 26 agents.
    Comprehensive,
    /// All agents, more claims and turns.
    Experimental,
}

impl Depth {
    /// Every depth, least first.
    pub const ALL: [Depth; 5] =
        [Depth::Quick, Depth::Standard, Depth::Deep, Depth::Comprehensive, Depth::Experimental];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Depth::Quick => "quick",
            Depth::Standard => "standard",
            Depth::Deep => "deep",
            Depth::Comprehensive => "comprehensive",
            Depth::Experimental => "experimental",
        }
    }

    /// The depth of that name.
    pub fn from_name(name: &str) -> Option<Depth> {
        Depth::ALL.into_iter().find(|depth| depth.name() == name)
    }

    /// The most a run of this depth may spend.
    pub fn cap(self) -> NanoUsd {
        NanoUsd::from_milli_usd(match self {
            Depth::Quick => 500,
            Depth::Standard => 1_500,
            Depth::Deep => 3_000,
            Depth::Comprehensive => 5_000,
            Depth::Experimental => 10_000,
        })
    }

    /// How many claims are checked at most.
    pub fn max_claims(self) -> usize {
        match self {
            Depth::Quick => 0,
            Depth::Standard => 8,
            Depth::Deep => 15,
            Depth::Comprehensive => 25,
            Depth::Experimental => 40,
        }
    }

    /// How many turns with its model a step takes at most, of those its agent's row gives it. Its money is the same.
    pub fn turns(self, of_row: u32) -> u32 {
        match self {
            Depth::Experimental => of_row.saturating_mul(2),
            _ => of_row,
        }
    }

    /// How long a run may take, in milliseconds.
    pub fn deadline_ms(self) -> u64 {
        let minutes = match self {
            Depth::Quick => 3,
            Depth::Standard => 10,
            Depth::Deep => 20,
            Depth::Comprehensive => 30,
            Depth::Experimental => 60,
        };
        minutes * 60_000
    }
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted and queued or at work.
    Running,
    /// Every planned step that could run succeeded.
    Complete,
    /// A briefing exists, with named gaps.
    Partial,
    /// No briefing; the reason is in the run.
    Failed,
    /// Stopped by its owner.
    Cancelled,
}

impl RunStatus {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Complete => "complete",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }

    /// True once nothing more will happen.
    pub fn is_final(self) -> bool {
        self != RunStatus::Running
    }
}

/// The content of a run, as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// A name for people: the file's name without its folder.
    pub name: String,
    /// The media type, as far as the name and the content tell.
    pub media_type: String,
    /// How many bytes.
    pub bytes: u64,
    /// Where the bytes are stored; also their digest.
    pub content: ContentRef,
    /// Where it is published, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Source {
    /// The media type of a source whose bytes are the link to its content (RFC 2483).
    pub const LINK: &'static str = "text/uri-list";

    /// The link, if the content is yet to be fetched from there.
    pub fn to_fetch(&self) -> Option<&str> {
        self.link.as_deref().filter(|_| self.media_type == Self::LINK)
    }
}

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Tenant and id.
    pub key: RunKey,
    /// A label for the ledger; part of no key.
    pub workspace: String,
    /// What is analysed.
    pub source: Source,
    /// How deep.
    pub depth: Depth,
    /// The most it may spend, as its purse has it; `None` in rows from before it stood here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<NanoUsd>,
    /// Whether stored answers may be used.
    pub use_cache: bool,
    /// The catalogue the run is pinned to.
    pub catalogue_version: String,
    /// When it was accepted, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it ends at the latest.
    pub deadline_ms: u64,
    /// How it stands.
    pub status: RunStatus,
    /// Its owner asked to stop it.
    pub cancel_requested: bool,
    /// Why it failed, if it failed.
    pub failure: Option<RunFailure>,
    /// When it ended.
    pub finished_ms: Option<u64>,
    /// What it cost, unsettled calls at their worst case; set when it ends.
    pub cost: NanoUsd,
    /// What the cache saved; set when it ends.
    pub saved: NanoUsd,
    /// The trace its request came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Traceparent>,
    /// Which models it may use.
    #[serde(default, skip_serializing_if = "ModelPolicy::is_empty")]
    pub models: ModelPolicy,
    /// The run that had the same content analysed first, lately, or another version of it: this one is shown the memory that
    /// was there before that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RunId>,
    /// What its content is told by, once it is mapped; only of uploads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<Sketch>,
    /// Earlier runs on versions of its content, as of when it was mapped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<RunId>,
    /// The stored answer it makes anew; `None` for a run that somebody asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warms: Option<Warms>,
}

impl Run {
    /// The most it may spend: its own cap, or its depth's where none is known.
    pub fn cap(&self) -> NanoUsd {
        self.cap.unwrap_or(self.depth.cap())
    }

    /// The content it is about.
    pub fn about(&self) -> About<'_> {
        About { content: &self.source.content, sketch: self.sketch.as_ref(), versions: &self.versions }
    }
}

/// Why a run has no briefing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// The step that ended it, if one did.
    pub agent: Option<AgentId>,
    /// The kind.
    pub kind: ErrorKind,
    /// For people.
    pub message: String,
}
