//! Stored answers instead of new ones: the exact level. A key stands for everything that can change an answer.

pub mod compress;
pub mod guards;
pub mod trust;
pub mod vectors;

mod lists;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agent::AgentSpec;
use crate::model::{NanoUsd, Run, TenantId, Usage};
use crate::ports::{ModelRequest, Ports};

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) answer: Value,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    pub(crate) cost: NanoUsd,
}

/// The key of a step's first request: a hash under a key of the tenant's own.
pub(crate) fn key(tenant: &TenantId, spec: &AgentSpec, request: &ModelRequest) -> String {
    let canonical = (
        (&spec.id, &spec.prompt_version, &request.model.provider, &request.model.id),
        (request.temperature, request.max_output_tokens),
        (&request.schema, &request.tools, &request.messages),
    );
    let tenant_key = blake3::derive_key("assay 2026 exact cache key", tenant.as_str().as_bytes());
    let mut hasher = blake3::Hasher::new_keyed(&tenant_key);
    // A hasher takes every byte, and a request is plain JSON.
    let _ = serde_json::to_writer(&mut hasher, &canonical);
    hasher.finalize().to_hex().to_string()
}

/// Whether a stored answer may be looked for.
pub(crate) fn is_allowed(run: &Run, spec: &AgentSpec) -> bool {
    run.use_cache && spec.cache.exact
}

/// The stored answer, if the run and the agent allow one. A cache that fails is a miss.
pub(crate) async fn look_up(ports: &Ports, run: &Run, spec: &AgentSpec, key: &str) -> Option<Remembered> {
    if !is_allowed(run, spec) {
        return None;
    }
    ports.metrics.count("recall_lookups", 1);
    match ports.cache.get(&run.key.tenant, key).await {
        Ok(entry) => {
            let hit = serde_json::from_value(entry?).ok();
            ports.metrics.count("recall_hits", u64::from(hit.is_some()));
            hit
        }
        Err(error) => {
            tracing::warn!(%error, agent = %spec.id, "cache not readable");
            None
        }
    }
}

/// Stores a validated answer. A cache that fails loses nothing but the saving.
pub(crate) async fn fill(ports: &Ports, run: &Run, spec: &AgentSpec, key: &str, entry: &Remembered) {
    if !spec.cache.exact {
        return;
    }
    let expires_ms = ports.clock.now_ms() + spec.cache.ttl_seconds.saturating_mul(1000);
    if let Err(error) = ports.cache.put(&run.key.tenant, key, &json!(entry), expires_ms).await {
        tracing::warn!(%error, agent = %spec.id, "cache not writable");
    }
}
