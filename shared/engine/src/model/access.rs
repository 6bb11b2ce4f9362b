//! Who may ask for what: API keys, a tenant's settings, content on its way in.

use serde::{Deserialize, Serialize};

use super::{ContentRef, Depth, KeyId, ModelPolicy, NanoUsd, SoftLimit, TenantId};

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Starting and cancelling runs, handing in content.
    Run,
    /// Reading runs, their events and briefings.
    Read,
    /// Everything.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Run, Scope::Read, Scope::Admin];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Run => "run",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// An API key as it is stored: nothing of it opens anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The part of the key that may be shown.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Its live secrets, newest first: one, or two while it is being rotated.
    pub secrets: Vec<SecretDigest>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// From when on it opens nothing any more.
    pub expires_ms: Option<u64>,
    /// When it was revoked.
    pub revoked_ms: Option<u64>,
}

/// What is kept of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDigest {
    /// Hex of BLAKE3 in key derivation mode over the secret's text.
    pub digest: String,
    /// When the secret was made.
    pub created_ms: u64,
}

/// What a tenant may do, where it is less or other than what the operator gives everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// What it may spend in a day (UTC).
    pub daily_budget: Option<NanoUsd>,
    /// What it may spend in a month (UTC).
    pub monthly_budget: Option<NanoUsd>,
    /// What is done before a budget is spent.
    pub soft_limit: Option<SoftLimit>,
    /// What one run of it may spend, if less than its depth's cap.
    pub run_cap: Option<NanoUsd>,
    /// The deepest it may look.
    pub depth_limit: Option<Depth>,
    /// Which models its runs may use.
    #[serde(skip_serializing_if = "ModelPolicy::is_empty")]
    pub models: ModelPolicy,
}

/// Content that is handed in before the run that is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// A name for people: the file's name without its folder.
    pub name: String,
    /// When it is forgotten, in milliseconds since 1970. Runs about its content are not.
    pub expires_ms: u64,
    /// How many bytes arrived.
    pub bytes: u64,
    /// The content, once it has arrived.
    pub content: Option<ContentRef>,
}
