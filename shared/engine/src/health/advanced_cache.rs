//! An answer is stored and found again by its tenant, and by no other tenant and under no other key.

use futures::FutureExt as _;
use serde_json::json;

use super::probe::{Probe, ensure};
use super::{Check, Finding};
use crate::error::Result;

const NAME: &str = "advanced_cache";
const HOLDS_MS: u64 = 60_000;

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: false,
    about: "an answer is stored and found again, and not by another tenant or under another key",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let (tenant, stranger) = (probe.tenant(NAME), Probe::shared_tenant());
    let (cache, key) = (&probe.ports.cache, blake3::hash(probe.id.as_bytes()).to_hex().to_string());
    let entry = json!({ "answer": { "probe": probe.id }, "usage": [1, 2.5, null] });
    let miss = cache.get(&tenant, &key).await?;
    ensure(miss.is_none(), || "an answer was found that nobody stored".to_owned())?;
    cache.put(&tenant, &key, &entry, probe.now_ms + HOLDS_MS).await?;
    let hit = cache.get(&tenant, &key).await?;
    ensure(hit.as_ref() == Some(&entry), || match hit {
        Some(_) => "the stored answer came back as another one".to_owned(),
        None => "an answer that was just stored was not found".to_owned(),
    })?;
    let others = cache.get(&stranger, &key).await?;
    ensure(others.is_none(), || "another tenant was given the answer".to_owned())?;
    Ok(Finding::pass("an answer was stored and found by its own tenant only"))
}
