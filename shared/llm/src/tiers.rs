//! Which models serve a tier, where its operator says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Llm, LlmError, ModelReply, ModelRequest};
use engine::routing::is_named;

/// Servers whose tiers are served by named models, and by the servers' own choice where none are named.
pub struct Tiered {
    servers: Arc<dyn Llm>,
    named: BTreeMap<Tier, Vec<Arc<ModelSpec>>>,
}

impl Tiered {
    /// `servers`, with the tiers in `names` served by these models, best first; which of several is asked first is learned. A
    /// model is named as `model` or `provider/model`.
    ///
    /// Errors: `Configuration` for a model that no server offers, saying which there are.
    pub fn new(servers: Arc<dyn Llm>, names: &BTreeMap<Tier, Vec<String>>) -> Result<Self> {
        let offered: Vec<Arc<ModelSpec>> =
            Tier::ALL.into_iter().flat_map(|tier| servers.candidates(tier)).collect();
        let find = |tier: Tier, name: &String| {
            offered
                .iter()
                .find(|model| is_named(model, name))
                .cloned()
                .ok_or_else(|| unknown(tier, name, &offered))
        };
        let of_tier = |(tier, names): (&Tier, &Vec<String>)| {
            let models = names.iter().map(|name| find(*tier, name)).collect::<Result<_>>()?;
            Ok((*tier, models))
        };
        Ok(Self { named: names.iter().map(of_tier).collect::<Result<_>>()?, servers })
    }
}

fn unknown(tier: Tier, name: &str, offered: &[Arc<ModelSpec>]) -> Error {
    let mut known: Vec<&str> = offered.iter().map(|model| model.id.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let what = format!(
        "the {} tier is to be served by `{name}`, which is not configured; configured are {}",
        tier.name(),
        known.join(", ")
    );
    Error::new(ErrorKind::Configuration, what)
}

#[async_trait]
impl Llm for Tiered {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.named.get(&tier).cloned().unwrap_or_else(|| self.servers.candidates(tier))
    }

    fn learns(&self, tier: Tier) -> bool {
        self.named.get(&tier).is_some_and(|models| models.len() > 1)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        self.servers.complete(request).await
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        self.servers.reachable().await
    }
}
