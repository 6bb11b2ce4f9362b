//! The lite profile in one process: rows in an embedded DynamoDB engine, content in files, cache and limits in the same
//! rows. The same adapters run on AWS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use catalogue::Protocol;
use engine::agent::{Catalogue, ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Price, PriceBand};
use engine::ports::{Analyser, Clock, Llm, Settings, Tool};
use platforms::fetch::{self, Fetch, GuardedFetcher};
use store::lite::{LiteCache, LiteLimits, LiteMemory, Rates};

use crate::{Config, ModelConfig, SystemClock};
use crate::{Outward, Owned};

/// The adapters of the lite profile.
pub struct Lite {
    /// The real clock.
    pub clock: Arc<dyn Clock>,
    /// The embedded catalogue.
    pub catalogue: Arc<Catalogue>,
    /// From the configuration.
    pub settings: Settings,
    /// Rows. What leaves the process waits until they are settled: see [`Outward`].
    pub store: Arc<Owned>,
    /// Content in files.
    pub content: Arc<dyn engine::ports::ContentStore>,
    /// Stored answers in rows.
    pub cache: Arc<dyn engine::ports::Cache>,
    /// Rates in rows.
    pub limits: Arc<dyn engine::ports::Limits>,
    /// Memory in rows.
    pub memory: Arc<dyn engine::ports::Memory>,
    /// The configured model.
    pub model: Option<Arc<dyn Llm>>,
    /// All analysers.
    pub analysers: Arc<BTreeMap<&'static str, Arc<dyn Analyser>>>,
    /// All tools.
    pub tools: Arc<BTreeMap<&'static str, Arc<dyn Tool>>>,
    /// All platforms.
    pub platforms: Arc<Vec<Arc<dyn engine::ports::Platform>>>,
}

/// Opens the lite profile over a state folder, which must exist and be the caller's alone.
pub async fn open_lite(config: &Config, state: &Path) -> Result<Lite> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalogue = Arc::new(load_catalogue()?);
    let embedded = store::Embedded::open(&state.join("assay.sqlite"))?;
    // Before the rows are kept in memory, which must be told of every row that goes.
    embedded.forget_expired()?;
    let rows = Arc::new(Owned::new(Arc::new(embedded.store().await?))?);
    let store: Arc<dyn engine::ports::Store> = rows.clone();
    let rates = Rates {
        requests_per_minute_tenant: config.requests_per_minute,
        requests_per_minute_provider: config.requests_per_minute,
    };
    let model = match &config.model {
        Some(model) => {
            Some(Arc::new(Outward::new(open_model(model, &catalogue)?, rows.clone())) as Arc<dyn Llm>)
        }
        None => None,
    };
    Ok(Lite {
        settings: Settings { daily_budget: config.daily_budget, run_cap: config.run_cap },
        content: Arc::new(store::Files::open(&state.join("content"))?),
        cache: Arc::new(LiteCache::new(store.clone(), clock.clone())),
        limits: Arc::new(LiteLimits::new(store.clone(), clock.clone(), rates)?),
        memory: Arc::new(LiteMemory::new(store.clone())),
        model,
        analysers: Arc::new(analysis::analysers()),
        tools: Arc::new(tools::tools()),
        platforms: Arc::new(platforms::platforms(&fetcher(config, clock.clone()))),
        clock,
        catalogue,
        store: rows,
    })
}

fn fetcher(config: &Config, clock: Arc<dyn Clock>) -> Arc<dyn Fetch> {
    let config = fetch::Config {
        contact: config.fetch_contact.clone(),
        allow: config.fetch_allow.clone(),
        ..fetch::Config::default()
    };
    Arc::new(GuardedFetcher::new(config, clock))
}

/// The embedded catalogue, checked against the analysers and tools there are.
pub fn load_catalogue() -> Result<Catalogue> {
    let analysers: Vec<&str> = analysis::analysers().into_keys().collect();
    let tools: Vec<&str> = tools::tools().into_keys().collect();
    catalogue::load(&catalogue::Registered { analysers: &analysers, tools: &tools })
        .map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))
}

fn open_model(config: &ModelConfig, catalogue: &Catalogue) -> Result<Arc<dyn Llm>> {
    let models = match &config.model {
        None => models_at(&config.base_url, catalogue)?,
        Some(name) => vec![named_model(config, catalogue, name)],
    };
    let server = llm::ServerConfig::new(&config.base_url, config.api_key.clone());
    Ok(match protocol(config)? {
        Protocol::OpenAiCompatible => Arc::new(llm::openai::OpenAi::new(server, models)?),
        Protocol::Anthropic => Arc::new(llm::anthropic::Anthropic::new(server, models)?),
    })
}

/// The protocol the configured model is spoken to in: the one declared, else that of the provider whose name is a label
/// of the host, else OpenAI's, which most servers speak.
pub fn protocol(config: &ModelConfig) -> Result<Protocol> {
    if let Some(declared) = config.protocol {
        return Ok(declared);
    }
    let providers =
        catalogue::providers().map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))?;
    let mut labels = host(&config.base_url).split('.');
    let of_label = |label| providers.iter().find(|provider| provider.name == label);
    Ok(labels.find_map(of_label).map_or(Protocol::OpenAiCompatible, |provider| provider.protocol))
}

/// The catalogue's models that the endpoint's provider offers.
fn models_at(base_url: &str, catalogue: &Catalogue) -> Result<Vec<Arc<ModelSpec>>> {
    let labels: Vec<&str> = host(base_url).split('.').collect();
    let models: Vec<_> =
        catalogue.models.iter().filter(|model| labels.contains(&model.provider.as_str())).cloned().collect();
    if models.is_empty() {
        let what = format!("set LLM_MODEL: the catalogue names no models of {}", host(base_url));
        return Err(Error::new(ErrorKind::Configuration, what));
    }
    Ok(models)
}

/// The catalogue's row for a model, or a row made of what the operator declared. A model on this machine is free unless
/// its operator says otherwise.
fn named_model(config: &ModelConfig, catalogue: &Catalogue, name: &str) -> Arc<ModelSpec> {
    let declared = config.price.map(|[input, cached_input, output]| Price {
        base: PriceBand {
            input: input.0,
            cached_input: cached_input.0,
            cache_write: input.0,
            output: output.0,
            ..PriceBand::default()
        },
        ..Price::default()
    });
    let known = catalogue.model(name);
    let local = is_this_machine(&config.base_url);
    let price = declared
        .or_else(|| known.filter(|_| !local).and_then(|model| model.price))
        .or(local.then(Price::default));
    let price_source = match (&declared, known) {
        (Some(_), _) => "declared in LLM_PRICE".to_owned(),
        (None, _) if local => "a model on this machine".to_owned(),
        (None, Some(model)) => model.price_source.clone(),
        (None, None) => "unknown; declare it in LLM_PRICE".to_owned(),
    };
    Arc::new(ModelSpec {
        id: name.to_owned(),
        provider: known.map_or_else(|| host(&config.base_url).to_owned(), |model| model.provider.clone()),
        tiers: Tier::ALL.to_vec(),
        context_tokens: known.map_or(config.context_tokens, |model| model.context_tokens),
        max_output_tokens: known.map_or(16_384, |model| model.max_output_tokens),
        price,
        price_source,
    })
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

fn is_this_machine(url: &str) -> bool {
    matches!(host(url), "localhost" | "::1") || host(url).starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(set: &[(&str, &str)]) -> ModelConfig {
        let variable =
            |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        Config::from(variable).unwrap().model.unwrap()
    }

    #[test]
    fn the_protocol_follows_from_the_host_unless_it_is_declared() {
        let (openai, anthropic) = (Protocol::OpenAiCompatible, Protocol::Anthropic);
        for (base_url, declared, expected) in [
            ("https://api.anthropic.com", "", anthropic),
            ("https://api.anthropic.com/v1", "", anthropic),
            ("https://api.anthropic.com/v1", "openai", openai),
            ("https://api.openai.com/v1", "", openai),
            ("http://127.0.0.1:11434/v1", "", openai),
            ("http://127.0.0.1:8080", "anthropic", anthropic),
            ("https://models.example.com/anthropic", "", openai),
        ] {
            let config = config(&[("LLM_BASE_URL", base_url), ("LLM_PROTOCOL", declared)]);
            assert_eq!(protocol(&config).unwrap(), expected, "{base_url} {declared}");
        }
    }

    #[test]
    fn the_models_of_the_catalogue_are_offered_at_their_providers_host() {
        let catalogue = load_catalogue().unwrap();
        for (base_url, expected) in [
            ("https://api.anthropic.com", ["claude-haiku-5-5", "claude-sonnet-5-5"]),
            ("https://api.openai.com/v1", ["gpt-6-luna", "gpt-6.1-sol"]),
        ] {
            let config = config(&[("LLM_BASE_URL", base_url), ("LLM_API_KEY", "sk-test")]);
            let model = open_model(&config, &catalogue).unwrap();
            let first = [Tier::Fast, Tier::Strong].map(|tier| model.candidates(tier)[0].id.clone());
            assert_eq!(first, expected, "{base_url}");
        }
    }

    #[test]
    fn only_this_machine_is_free() {
        for (url, expected) in [
            ("http://localhost:11434/v1", true),
            ("http://127.0.0.1:8000/v1", true),
            ("http://[::1]:8000/v1", true),
            ("https://localhost.example.com/v1", false),
            ("https://api.openai.com/v1", false),
            ("http://192.168.1.4:8000/v1", false),
        ] {
            assert_eq!(is_this_machine(url), expected, "{url}");
        }
    }
}
