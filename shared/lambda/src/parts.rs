//! What a function needs beyond the services: agents' analysers, tools and platforms, and the model, or none of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use boot::Config;
use engine::agent::Catalogue;
use engine::error::Result;
use engine::ports::{Analyser, Embedder, Llm, Platform, Tool};
use platforms::fetch::Fetch;

/// The ports that only steps use.
#[derive(Clone)]
pub struct Parts {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) model: Option<Arc<dyn Llm>>,
    pub(crate) analysers: Arc<BTreeMap<&'static str, Arc<dyn Analyser>>>,
    pub(crate) tools: Arc<BTreeMap<&'static str, Arc<dyn Tool>>>,
    pub(crate) platforms: Arc<Vec<Arc<dyn Platform>>>,
}

/// How a function makes its parts.
#[derive(Clone, Copy)]
pub struct Recipe {
    /// From the configuration, and from what fetches links.
    pub(crate) make: fn(&Config, Arc<dyn Fetch>) -> Result<Parts>,
    /// Whether the configuration is completed from the secret.
    pub(crate) needs_secret: bool,
    /// Opens the embedding model's file, where the function compares by meaning.
    pub(crate) embedder: Option<OpenEmbedder>,
}

/// Opens an embedding model's file.
pub type OpenEmbedder = fn(&Path) -> Result<Arc<dyn Embedder>>;

impl Recipe {
    /// The same with an embedder. The function hands in what opens it, so that no other function links it.
    #[must_use]
    pub const fn with_embedder(self, open: OpenEmbedder) -> Self {
        Self { embedder: Some(open), ..self }
    }
}

/// What steps of any agent may use.
pub const WITH_PLATFORMS: Recipe = Recipe { make: with_platforms, needs_secret: true, embedder: None };

/// What steps may use but platforms: only the agents of profile `tools` acquire anything.
pub const WITH_STEPS: Recipe = Recipe { make: with_steps, needs_secret: true, embedder: None };

/// Nothing a step uses, for functions that run none: what is not named here is not linked.
pub const WITHOUT_STEPS: Recipe = Recipe { make: without_steps, needs_secret: false, embedder: None };

fn with_platforms(config: &Config, fetch: Arc<dyn Fetch>) -> Result<Parts> {
    let platforms = Arc::new(platforms::platforms(&fetch));
    Ok(Parts { platforms, ..with_steps(config, fetch)? })
}

fn with_steps(config: &Config, _: Arc<dyn Fetch>) -> Result<Parts> {
    let catalogue = Arc::new(config.recall.applied_to(boot::load_catalogue()?));
    // A function stands still between messages: what it kept would be closed when it goes on.
    let model = boot::open_models(config, &catalogue, 0)?;
    Ok(Parts {
        model,
        catalogue,
        analysers: Arc::new(analysis::analysers()),
        tools: Arc::new(tools::tools()),
        platforms: Arc::default(),
    })
}

fn without_steps(_: &Config, _: Arc<dyn Fetch>) -> Result<Parts> {
    Ok(Parts {
        catalogue: Arc::new(boot::load_catalogue_without_steps()?),
        model: None,
        analysers: Arc::default(),
        tools: Arc::default(),
        platforms: Arc::default(),
    })
}

#[cfg(test)]
mod tests {
    use engine::agent::{Fact, Profile};

    #[test]
    fn only_steps_of_the_profile_tools_ask_a_platform() {
        let catalogue = boot::load_catalogue().unwrap();
        let asking: Vec<_> =
            catalogue.agents.iter().filter(|agent| agent.facts.contains(&Fact::Source)).collect();
        assert!(!asking.is_empty());
        for agent in asking {
            assert_eq!(agent.profile, Profile::Tools, "{}", agent.id);
        }
    }
}
