//! The language model that the configuration names.

use std::net::IpAddr;
use std::sync::Arc;

use catalogue::Protocol;
use engine::agent::{Catalogue, ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::model::Price;
use engine::ports::Llm;
use llm::Signer;

use crate::config::names;
use crate::{Config, ModelConfig};

/// The configured models, ready to be asked: the first server's, then those of the one to fall back on; `None` without any.
/// A connection is kept for the next call for `idle_ms` after an answer. Errors: `Configuration`, saying what to set.
pub fn open_models(config: &Config, catalogue: &Catalogue, idle_ms: u64) -> Result<Option<Arc<dyn Llm>>> {
    let servers: Vec<Arc<dyn Llm>> = [&config.model, &config.fallback]
        .into_iter()
        .flatten()
        .map(|server| open_model(server, config.signer.clone(), catalogue, idle_ms))
        .collect::<Result<_>>()?;
    let server: Option<Arc<dyn Llm>> = match servers.len() {
        0 | 1 => servers.into_iter().next(),
        _ => Some(Arc::new(llm::Several::new(servers))),
    };
    match server {
        Some(server) if !config.tiers.is_empty() => {
            Ok(Some(Arc::new(llm::Tiered::new(server, &config.tiers)?)))
        }
        server => Ok(server),
    }
}

/// A configured model, ready to be asked. Errors: `Configuration`, saying what to set.
fn open_model(
    config: &ModelConfig,
    signer: Option<Signer>,
    catalogue: &Catalogue,
    idle_ms: u64,
) -> Result<Arc<dyn Llm>> {
    let models = match &config.model {
        None => models_at(&config.base_url, catalogue)?,
        Some(text) => names(text).iter().map(|name| named_model(config, catalogue, name)).collect(),
    };
    let server = llm::ServerConfig {
        first_byte_timeout_ms: config.first_byte_timeout_ms,
        idle_ms,
        ..llm::ServerConfig::new(&config.base_url, config.api_key.clone())
    };
    Ok(match protocol(config)? {
        Protocol::OpenAiCompatible => Arc::new(llm::openai::OpenAi::new(server, models)?),
        Protocol::Anthropic => Arc::new(llm::anthropic::Anthropic::new(server, models)?),
        Protocol::Bedrock => Arc::new(llm::bedrock::Bedrock::new(server, signer, models)?),
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
    if labels.clone().next() == Some("bedrock-runtime") {
        return Ok(Protocol::Bedrock);
    }
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
    let declared = config.prices.of(name);
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
        provider: known
            .map(|model| &model.provider)
            .filter(|provider| host(&config.base_url).split('.').any(|label| label == **provider))
            .map_or_else(|| authority(&config.base_url).to_owned(), Clone::clone),
        tiers: Tier::ALL.to_vec(),
        context_tokens: known.map_or(config.context_tokens, |model| model.context_tokens),
        max_output_tokens: known.map_or(16_384, |model| model.max_output_tokens),
        price,
        price_source,
        price_as_of: match (&declared, known) {
            (None, Some(model)) if !local => model.price_as_of.clone(),
            _ => None,
        },
    })
}

/// The host and its port: what tells one server from another.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn host(url: &str) -> &str {
    let authority = authority(url);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

fn is_this_machine(url: &str) -> bool {
    let host = host(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, load_catalogue};

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
            ("https://bedrock-runtime.eu-central-1.amazonaws.com", "", Protocol::Bedrock),
            ("http://127.0.0.1:8080", "bedrock", Protocol::Bedrock),
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
            let model = open_model(&config, None, &catalogue, 0).unwrap();
            let first = [Tier::Fast, Tier::Strong].map(|tier| model.candidates(tier)[0].id.clone());
            assert_eq!(first, expected, "{base_url}");
        }
    }

    #[test]
    fn tiers_are_served_by_the_models_that_are_named_and_a_model_nobody_offers_is_refused() {
        let catalogue = load_catalogue().unwrap();
        let check = |set: &[(&str, &str)], expected: std::result::Result<&[&str], &str>| {
            let set: Vec<_> = set.iter().chain(&[("LLM_API_KEY", "sk-test")]).copied().collect();
            let variable = |name: &str| {
                set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
            };
            match (open_models(&Config::from(variable).unwrap(), &catalogue, 0), expected) {
                (Ok(Some(llm)), Ok(expected)) => {
                    let names: Vec<String> =
                        llm.candidates(Tier::Fast).iter().map(|model| model.id.clone()).collect();
                    assert_eq!(names, expected);
                    assert_eq!(llm.learns(Tier::Fast), expected.len() > 1);
                    assert!(!llm.learns(Tier::Strong));
                    assert_eq!(llm.candidates(Tier::Strong)[0].id, "gpt-6.1-sol");
                }
                (Err(error), Err(expected)) => assert!(error.message().contains(expected), "{error}"),
                (found, expected) => panic!("{:?} instead of {expected:?}", found.map(|llm| llm.is_some())),
            }
        };
        let terra = "gpt-6.1-terra";
        check(&[("LLM_TIERS", "fast=gpt-6.1-terra,openai/gpt-6-luna")], Ok(&[terra, "gpt-6-luna"]));
        check(&[("LLM_TIERS", "fast=gpt-6.1-terra")], Ok(&[terra]));
        check(
            &[
                ("LLM_TIERS", "fast=gpt-9"),
                ("LLM_FALLBACK_BASE_URL", "http://127.0.0.1:9/v1"),
                ("LLM_FALLBACK_MODEL", "own"),
            ],
            Err("the fast tier is to be served by `gpt-9`, which is not configured; configured are"),
        );
        let second =
            [("LLM_FALLBACK_BASE_URL", "http://127.0.0.1:9/v1"), ("LLM_FALLBACK_MODEL", "own,other")];
        let tiers = ("LLM_TIERS", "fast=gpt-6-luna,127.0.0.1:9/other,own");
        check(&[second[0], second[1], tiers], Ok(&["gpt-6-luna", "other", "own"]));
    }

    #[test]
    fn each_model_of_a_server_has_the_price_declared_for_it() {
        let catalogue = load_catalogue().unwrap();
        let check = |price: &str, expected: [Option<i64>; 3]| {
            let names = ("LLM_MODEL", "small,large,gpt-6-luna");
            let config = config(&[("LLM_BASE_URL", "https://host/v1"), names, ("LLM_PRICE", price)]);
            let found = ["small", "large", "gpt-6-luna"].map(|name| {
                let model = named_model(&config, &catalogue, name);
                let is_declared = model.price_source == "declared in LLM_PRICE";
                model.price.filter(|_| is_declared).map(|price| price.base.output)
            });
            assert_eq!(found, expected, "{price}");
        };
        check("1/2", [Some(2_000_000_000); 3]);
        check("small=1/2", [Some(2_000_000_000), None, None]);
        check("1/2,large=3/4", [Some(2_000_000_000), Some(4_000_000_000), Some(2_000_000_000)]);
    }

    #[test]
    fn servers_are_told_apart_by_host_and_port_unless_they_are_the_providers_own() {
        let catalogue = load_catalogue().unwrap();
        for (base_url, expected) in [
            ("https://api.openai.com/v1", "openai"),
            ("https://user:secret@gateway.example.com/v1", "gateway.example.com"),
            ("http://127.0.0.1:8001/v1", "127.0.0.1:8001"),
            ("http://127.0.0.1:8002/v1", "127.0.0.1:8002"),
        ] {
            let config = config(&[("LLM_BASE_URL", base_url), ("LLM_MODEL", "gpt-6.1-sol")]);
            let model = named_model(&config, &catalogue, "gpt-6.1-sol");
            assert_eq!(model.provider, expected);
        }
    }

    #[test]
    fn only_this_machine_is_free() {
        for (url, expected) in [
            ("http://localhost:11434/v1", true),
            ("http://127.0.0.1:8000/v1", true),
            ("http://[::1]:8000/v1", true),
            ("https://localhost.example.com/v1", false),
            ("https://127.example.com/v1", false),
            ("https://api.openai.com/v1", false),
            ("http://192.168.1.4:8000/v1", false),
        ] {
            assert_eq!(is_this_machine(url), expected, "{url}");
        }
    }
}
