//! Identifiers. Each is its own type, so that one cannot stand where another belongs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

ids! {
    /// Whose data it is. Comes from the credential, never from a request's body.
    TenantId,
    /// A run: a ULID made in the engine, so ids sort by time of acceptance.
    RunId,
    /// An agent of the catalogue, such as `analysis_cartographer`.
    AgentId,
    /// One item of a fanned-out agent (a claim id), or `-` for an agent that runs once.
    ItemId,
    /// The part of an API key that may be shown.
    KeyId,
    /// What a workflow hands out so that a step can report back.
    Token,
    /// What took of the rates: a paid call, or something else that is limited.
    TakeId,
    /// The address of stored content: the hex digest of its bytes.
    ContentRef,
}

impl ItemId {
    /// The item of an agent that runs once.
    pub fn none() -> Self {
        Self::new("-")
    }

    /// True for an agent that runs once.
    pub fn is_none(&self) -> bool {
        self.as_str() == "-"
    }
}

/// A run of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The run.
    pub run: RunId,
}

impl RunKey {
    /// The step of `agent` on `item` in this run.
    pub fn step(&self, agent: &AgentId, item: &ItemId) -> StepKey {
        StepKey { run: self.clone(), agent: agent.clone(), item: item.clone() }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.tenant, self.run)
    }
}

/// One agent's work on one item in a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepKey {
    /// The run.
    pub run: RunKey,
    /// The agent.
    pub agent: AgentId,
    /// The item.
    pub item: ItemId,
}

impl fmt::Display for StepKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.run, self.agent, self.item)
    }
}

/// One paid call of a step: the lease's epoch and the number of the call under it make it unique for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId {
    /// The step that pays.
    pub step: StepKey,
    /// The lease under which the call is made.
    pub epoch: u32,
    /// The number of the call under that lease, from 1.
    pub call: u32,
}

impl CallId {
    /// The call as what it takes of the rates.
    pub fn take_id(&self) -> TakeId {
        TakeId::new(format!("{}/{}/{}", self.step, self.epoch, self.call))
    }
}
