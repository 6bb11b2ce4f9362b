//! An answer is stored and found again by its tenant, and by no other tenant and under no other key.

use std::sync::Arc;

use futures::FutureExt as _;
use serde_json::json;

use super::probe::{Probe, ensure};
use super::{Check, Finding};
use crate::error::Result;
use crate::model::TenantId;
use crate::ports::{Entry, Found, Lookup};

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
    let find = async |tenant: &TenantId| {
        let looked = cache.look_up(tenant, &Lookup { keys: vec![key.clone()], ..Lookup::default() }).await?;
        Ok((looked.generation, looked.found.into_iter().next().unwrap_or_default()))
    };
    let (generation, miss) = find(&tenant).await?;
    ensure(miss == Found::Nothing, || "an answer was found that nobody stored".to_owned())?;
    let answer = json!({ "answer": { "probe": probe.id }, "usage": [1, 2.5, null] }).to_string();
    let entry = Entry {
        value: Arc::from(answer.into_bytes()),
        fresh_ms: HOLDS_MS,
        grace_ms: 0,
        tags: Vec::new(),
        generation,
        worth: 0,
    };
    cache.put(&tenant, &key, &entry).await?;
    let hit = find(&tenant).await?.1;
    ensure(matches!(&hit, Found::Held(held) if held.entry.value == entry.value), || match hit {
        Found::Held(_) | Found::Unreadable => "the stored answer came back as another one".to_owned(),
        Found::Nothing | Found::Unknown | Found::Void(_) => {
            "an answer that was just stored was not found".to_owned()
        }
    })?;
    let others = find(&stranger).await?.1;
    ensure(others == Found::Nothing, || "another tenant was given the answer".to_owned())?;
    Ok(Finding::pass("an answer was stored and found by its own tenant only"))
}
