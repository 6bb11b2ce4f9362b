//! The environment, read here and nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use catalogue::Protocol;
use engine::agent::Tier;
use engine::error::{Error, ErrorKind, Result};
use engine::limits::Rates;
use engine::model::NanoUsd;
use engine::ports::Settings;
use llm::{Secret, Signer};
use telemetry::Destination;

use crate::declared::DeclaredPrices;
use crate::rates::{self, Said};
use crate::recall::RecallConfig;
use crate::traces;

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The model to use; `None` is the mode without a model.
    pub model: Option<ModelConfig>,
    /// `LLM_FALLBACK_BASE_URL` and its kin: who is asked where the first one fails, costs too much or takes too little.
    pub fallback: Option<ModelConfig>,
    /// What signs calls to Bedrock where `LLM_API_KEY` is not set; no variable says it.
    pub signer: Option<Signer>,
    /// `LLM_TIERS`: the models that serve a tier, best first, such as `fast=small; standard=large,small`. Default the servers' own.
    pub tiers: BTreeMap<Tier, Vec<String>>,
    /// `COST_BUDGET_DAILY`: what a tenant may spend in a day (UTC), in dollars. Default 20.
    pub daily_budget: NanoUsd,
    /// `COST_BUDGET_MONTHLY`: what a tenant may spend in a month (UTC), in dollars. Default no limit.
    pub monthly_budget: Option<NanoUsd>,
    /// `COST_MAX_PER_REQUEST`: what a run may spend, in dollars, if less than its depth's cap.
    pub run_cap: Option<NanoUsd>,
    /// `CACHE_WARMING_USD_PER_HOUR`: what an hour is worth that a step waits for a model, in dollars; stored answers are made
    /// ahead of their next use where that pays. Default 0: none are.
    pub waiting_hour: NanoUsd,
    /// `ASSAY_CONCURRENCY`: how many steps of one profile run at once in this process. Default 32.
    pub concurrency: usize,
    /// The rates of calls to models. `ASSAY_REQUESTS_PER_MINUTE`: calls per minute of a tenant, and of a provider where nothing
    /// else is said; default 600. `RATE_LIMIT_GLOBAL_CAPACITY` and `RATE_LIMIT_GLOBAL_REFILL_PER_SEC`: calls to a provider, and
    /// tokens of a key, in any span in which the refill makes up for the capacity; a minute if only one is set. `ASSAY_RATES`: a
    /// table in TOML, or the path of one, with rates of tenants, agents, models and providers.
    pub rates: Rates,
    /// Stored answers: `ASSAY_CACHE`, `CACHE_MAX_ENTRIES`, `CACHE_COMPRESSION_RATIO`, `CACHE_SIMILARITY_THRESHOLD`,
    /// `ASSAY_CACHE_KEY`.
    pub recall: RecallConfig,
    /// `ASSAY_FETCH_CONTACT`: a page or address of yours, told to the servers that links are fetched from.
    pub fetch_contact: Option<String>,
    /// `ASSAY_FETCH_ALLOW`: addresses that are not public, with their ports, that links may be fetched from all the same,
    /// such as `192.168.1.4:80`. Default none.
    pub fetch_allow: Vec<SocketAddr>,
    /// `ASSAY_LOG`: what is logged. Default `warn`.
    pub log: String,
    /// Where spans go: see `traces.rs`.
    pub spans: Option<Destination>,
    /// `COLUMNS`: how wide the terminal is, if the shell says so.
    pub columns: Option<usize>,
    /// `NO_COLOR` is set.
    pub no_color: bool,
}

/// Where the model is.
#[derive(Clone)]
pub struct ModelConfig {
    /// `LLM_BASE_URL`: an OpenAI-compatible endpoint, up to and including `/v1`, or one of Anthropic's protocol.
    pub base_url: String,
    /// `LLM_PROTOCOL`: `openai`, `anthropic` or `bedrock`, for hosts whose provider the catalogue does not name.
    pub protocol: Option<Protocol>,
    /// `LLM_API_KEY`.
    pub api_key: Option<Secret>,
    /// `LLM_MODEL`: the model's name there, or several with commas between; without it the catalogue's models are used.
    pub model: Option<String>,
    /// `LLM_PRICE`: dollars per million tokens, `input/output` or `input/cached/output`, for models the catalogue has no price
    /// of; or prices by model, such as `small=0.15/0.60,large=1/5`.
    pub prices: DeclaredPrices,
    /// `LLM_CONTEXT_TOKENS`: what that model takes. Default 128,000.
    pub context_tokens: u64,
    /// How long the server may be silent before a streamed answer begins, in milliseconds; no variable says it.
    pub first_byte_timeout_ms: u64,
}

impl fmt::Debug for ModelConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_url, protocol, api_key, model, prices, context_tokens, first_byte_timeout_ms } = self;
        let api_key = api_key.as_ref().map(|_| "set");
        formatter
            .debug_struct("ModelConfig")
            .field("base_url", base_url)
            .field("protocol", protocol)
            .field("api_key", &api_key)
            .field("model", model)
            .field("prices", prices)
            .field("context_tokens", context_tokens)
            .field("first_byte_timeout_ms", first_byte_timeout_ms)
            .finish()
    }
}

/// A server on this machine may load its model first.
const FIRST_BYTE_TIMEOUT_MS: u64 = 60_000;
const OPENAI: &str = "https://api.openai.com/v1";
const ANTHROPIC: &str = "https://api.anthropic.com/v1";

impl Config {
    /// Reads the process's environment. Errors: `Configuration`, naming the variable and what would do.
    pub fn from_env() -> Result<Self> {
        Self::from(variable)
    }

    /// Reads the process's environment, and what it does not set from `secrets`. A model that is named without a key or an
    /// address is none: agents then work by rules, and say so, instead of not at all. Errors: as [`Config::from_env`].
    pub fn from_env_and(secrets: &BTreeMap<String, String>) -> Result<Self> {
        Self::completed(variable, secrets)
    }

    fn completed(
        environment: impl Fn(&str) -> Option<String>,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let set = |name: &str| {
            let here = environment(name).filter(|value| !value.trim().is_empty());
            here.or_else(|| secrets.get(name).cloned())
        };
        let reachable = set("LLM_BASE_URL").or_else(|| set("LLM_API_KEY")).is_some();
        if !reachable && set("LLM_MODEL").is_some() {
            tracing::warn!(
                "LLM_MODEL is set, but the secret holds no LLM_API_KEY: agents work by rules alone"
            );
        }
        Self::from(|name| set(name).filter(|_| reachable || name != "LLM_MODEL"))
    }

    /// What the engine is told of it.
    pub fn settings(&self) -> Settings {
        Settings {
            daily_budget: self.daily_budget,
            monthly_budget: self.monthly_budget,
            run_cap: self.run_cap,
            waiting_hour: if self.recall.is_on { self.waiting_hour } else { NanoUsd::ZERO },
        }
    }

    /// Reads variables from `variable`. An empty variable counts as not set.
    pub fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        Ok(Self {
            fallback: fallback(&get)?,
            model: model(&get)?,
            signer: None,
            tiers: tiers(&get)?,
            daily_budget: dollars(&get, "COST_BUDGET_DAILY")?.unwrap_or(NanoUsd::from_usd(20)),
            monthly_budget: dollars(&get, "COST_BUDGET_MONTHLY")?,
            run_cap: dollars(&get, "COST_MAX_PER_REQUEST")?,
            waiting_hour: dollars(&get, "CACHE_WARMING_USD_PER_HOUR")?.unwrap_or(NanoUsd::ZERO),
            concurrency: number(&get, "ASSAY_CONCURRENCY", 1, 1_000)?.unwrap_or(32),
            rates: rates(&get)?,
            recall: recall(&get)?,
            fetch_contact: get("ASSAY_FETCH_CONTACT"),
            fetch_allow: addresses(&get, "ASSAY_FETCH_ALLOW")?,
            log: get("ASSAY_LOG").unwrap_or_else(|| "warn".to_owned()),
            spans: traces::destination(&get)?,
            columns: get("COLUMNS").and_then(|columns| columns.parse().ok()),
            no_color: get("NO_COLOR").is_some(),
        })
    }
}

/// `ASSAY_LOG`, for a process that logs before it reads the rest.
pub fn log_filter() -> String {
    variable("ASSAY_LOG").filter(|filter| !filter.trim().is_empty()).unwrap_or_else(|| "warn".to_owned())
}

/// A variable of the process's environment.
#[expect(clippy::disallowed_methods, reason = "boot is the reader of the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn rates(get: &impl Fn(&str) -> Option<String>) -> Result<Rates> {
    let table = get("ASSAY_RATES");
    rates::rates(&Said {
        requests_per_minute: number(get, "ASSAY_REQUESTS_PER_MINUTE", 1, 1_000_000)?,
        capacity: number(get, "RATE_LIMIT_GLOBAL_CAPACITY", 1, 1_000_000_000)?,
        refill_per_second: number(get, "RATE_LIMIT_GLOBAL_REFILL_PER_SEC", 1, 1_000_000_000)?,
        table: table.as_deref(),
    })
}

fn recall(get: &impl Fn(&str) -> Option<String>) -> Result<RecallConfig> {
    let most = number(get, "CACHE_MAX_ENTRIES", 1, 10_000_000)?.unwrap_or(10_000);
    RecallConfig::from(get, most)
}

/// The second model, by the same variables under the prefix `LLM_FALLBACK_`.
fn fallback(get: &impl Fn(&str) -> Option<String>) -> Result<Option<ModelConfig>> {
    let second = model(&|name: &str| get(&name.replacen("LLM_", "LLM_FALLBACK_", 1)))
        .map_err(|error| Error::new(error.kind(), error.message().replace("LLM_", "LLM_FALLBACK_")))?;
    if second.is_some() && get("LLM_BASE_URL").or_else(|| get("LLM_API_KEY")).is_none() {
        return Err(wrong(
            "LLM_FALLBACK_BASE_URL",
            "names a second model, but there is no first: set LLM_BASE_URL",
        ));
    }
    Ok(second)
}

fn model(get: &impl Fn(&str) -> Option<String>) -> Result<Option<ModelConfig>> {
    let (base_url, api_key, model) = (get("LLM_BASE_URL"), get("LLM_API_KEY"), get("LLM_MODEL"));
    if base_url.is_none() && api_key.is_none() {
        if model.is_some() {
            return Err(wrong("LLM_MODEL", "is set, but neither LLM_BASE_URL nor LLM_API_KEY is"));
        }
        return Ok(None);
    }
    let protocol = get("LLM_PROTOCOL").map(|text| protocol(&text)).transpose()?;
    if protocol == Some(Protocol::Bedrock) && base_url.is_none() {
        let what =
            "must name a region of Bedrock, such as https://bedrock-runtime.eu-central-1.amazonaws.com";
        return Err(wrong("LLM_BASE_URL", what));
    }
    let usual = if protocol == Some(Protocol::Anthropic) { ANTHROPIC } else { OPENAI };
    Ok(Some(ModelConfig {
        base_url: base_url.unwrap_or_else(|| usual.to_owned()),
        protocol,
        api_key: api_key.and_then(Secret::new),
        prices: prices(get, model.as_deref())?,
        model,
        first_byte_timeout_ms: FIRST_BYTE_TIMEOUT_MS,
        context_tokens: number(get, "LLM_CONTEXT_TOKENS", 1_024, 100_000_000)?.unwrap_or(128_000),
    }))
}

fn tiers(get: &impl Fn(&str) -> Option<String>) -> Result<BTreeMap<Tier, Vec<String>>> {
    let text = get("LLM_TIERS").unwrap_or_default();
    let form = "must be tiers with their models, best first, such as `fast=small; standard=large,small`";
    let mut tiers = BTreeMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (tier, models) = part.split_once('=').ok_or_else(|| wrong("LLM_TIERS", form))?;
        let Some(tier) = Tier::from_name(tier.trim()) else {
            let known: Vec<&str> = Tier::ALL.into_iter().map(Tier::name).collect();
            let what = format!("names the tier `{}`; tiers are {}", tier.trim(), known.join(", "));
            return Err(wrong("LLM_TIERS", &what));
        };
        let models = names(models);
        if models.is_empty() || tiers.insert(tier, models).is_some() {
            return Err(wrong("LLM_TIERS", form));
        }
    }
    Ok(tiers)
}

/// Names with commas between.
pub(crate) fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn protocol(text: &str) -> Result<Protocol> {
    match text {
        "openai" => Ok(Protocol::OpenAiCompatible),
        "anthropic" => Ok(Protocol::Anthropic),
        "bedrock" => Ok(Protocol::Bedrock),
        _ => Err(wrong("LLM_PROTOCOL", "must be openai, anthropic or bedrock")),
    }
}

fn prices(get: &impl Fn(&str) -> Option<String>, models: Option<&str>) -> Result<DeclaredPrices> {
    let Some(text) = get("LLM_PRICE") else {
        return Ok(DeclaredPrices::default());
    };
    let prices = DeclaredPrices::parse(&text).map_err(|what| wrong("LLM_PRICE", &what))?;
    match prices.name_that_is_none_of(&names(models.unwrap_or_default())) {
        Some(name) => {
            Err(wrong("LLM_PRICE", &format!("has a price of `{name}`, which LLM_MODEL does not name")))
        }
        None => Ok(prices),
    }
}

fn dollars(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<NanoUsd>> {
    get(name)
        .map(|text| {
            NanoUsd::parse_usd(&text).ok_or_else(|| wrong(name, "must be dollars, such as 20 or 1.50"))
        })
        .transpose()
}

fn addresses(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Vec<SocketAddr>> {
    let text = get(name).unwrap_or_default();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::parse).collect::<std::result::Result<_, _>>().map_err(|_| {
        wrong(name, "must be addresses with their ports, such as 192.168.1.4:80 or [fd00::4]:8080, with commas between")
    })
}

fn number<T: std::str::FromStr + PartialOrd + fmt::Display + Copy>(
    get: &impl Fn(&str) -> Option<String>,
    name: &str,
    least: T,
    most: T,
) -> Result<Option<T>> {
    let Some(text) = get(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(value) if value >= least && value <= most => Ok(Some(value)),
        _ => Err(wrong(name, &format!("must be a whole number from {least} to {most}"))),
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{name} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &[(&str, &str)], expected: std::result::Result<&str, &str>) {
        let variable =
            |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        match (Config::from(variable), expected) {
            (Ok(config), Ok(expected)) => assert!(format!("{config:?}").contains(expected), "{config:?}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn the_environment_is_read_and_wrong_values_are_named() {
        check(&[], Ok("model: None"));
        check(&[("COST_BUDGET_DAILY", "1.5")], Ok("daily_budget: NanoUsd(1500000000)"));
        check(&[("COST_BUDGET_DAILY", "lots")], Err("COST_BUDGET_DAILY"));
        check(&[("LLM_MODEL", "m")], Err("LLM_MODEL"));
        check(&[("LLM_BASE_URL", " ")], Ok("model: None"));
        check(&[("LLM_API_KEY", "sk-1")], Ok("https://api.openai.com/v1"));
        check(&[("LLM_API_KEY", "sk-1"), ("LLM_PROTOCOL", "anthropic")], Ok("https://api.anthropic.com/v1"));
        check(&[("LLM_API_KEY", "sk-1"), ("LLM_PROTOCOL", "messages")], Err("LLM_PROTOCOL"));
        check(&[("LLM_API_KEY", "k"), ("LLM_PROTOCOL", "bedrock")], Err("LLM_BASE_URL must name a region"));
        check(&[("LLM_BASE_URL", "http://localhost:11434/v1"), ("LLM_PRICE", "0/0")], Ok("NanoUsd(0)"));
        check(&[("LLM_BASE_URL", "http://localhost:11434/v1"), ("LLM_PRICE", "-1/0")], Err("LLM_PRICE"));
        let own = [("LLM_BASE_URL", "http://own/v1"), ("LLM_MODEL", "small, a/large")];
        let by_name = ("LLM_PRICE", "a/large=1/5, small=0.1/0.2");
        check(&[own[0], own[1], by_name], Ok(r#"by_name: {"a/large": [NanoUsd(1000000000)"#));
        check(&[own[0], own[1], ("LLM_PRICE", "large=1/5")], Err("`large`, which LLM_MODEL does not name"));
        check(&[own[0], own[1], ("LLM_PRICE", "small=1;5")], Err("`small=1;5` is none"));
        check(&[own[0], ("LLM_PRICE", "small=1/5")], Err("`small`, which LLM_MODEL does not name"));
        let first = ("LLM_API_KEY", "sk-1");
        check(&[first, ("LLM_FALLBACK_BASE_URL", "http://second/v1")], Ok("base_url: \"http://second/v1\""));
        check(&[first, ("LLM_FALLBACK_PRICE", "x")], Ok("fallback: None"));
        check(
            &[first, ("LLM_FALLBACK_API_KEY", "k"), ("LLM_FALLBACK_PRICE", "x")],
            Err("LLM_FALLBACK_PRICE"),
        );
        check(&[("LLM_FALLBACK_API_KEY", "k")], Err("there is no first"));
        let tiers = "fast = small ; strong=large, small";
        check(&[("LLM_TIERS", tiers)], Ok(r#"tiers: {Fast: ["small"], Strong: ["large", "small"]}"#));
        check(&[("LLM_TIERS", "best=large")], Err("names the tier `best`; tiers are fast, standard"));
        for wrong in ["fast", "fast=", "fast=a;fast=b"] {
            check(&[("LLM_TIERS", wrong)], Err("LLM_TIERS must be tiers with their models"));
        }
        check(&[("ASSAY_CONCURRENCY", "0")], Err("ASSAY_CONCURRENCY"));
        check(&[("ASSAY_REQUESTS_PER_MINUTE", "7")], Ok("capacity: 7,"));
        check(&[("CACHE_WARMING_USD_PER_HOUR", "7.5")], Ok("waiting_hour: NanoUsd(7500000000)"));
        check(&[("CACHE_WARMING_USD_PER_HOUR", "-1")], Err("CACHE_WARMING_USD_PER_HOUR"));
        check(&[("CACHE_MAX_ENTRIES", "7")], Ok("most: 7,"));
        check(&[("CACHE_MAX_ENTRIES", "0")], Err("CACHE_MAX_ENTRIES"));
        check(&[("RATE_LIMIT_GLOBAL_CAPACITY", "none")], Err("RATE_LIMIT_GLOBAL_CAPACITY"));
        check(&[("RATE_LIMIT_GLOBAL_REFILL_PER_SEC", "0.5")], Err("RATE_LIMIT_GLOBAL_REFILL_PER_SEC"));
        check(&[("ASSAY_RATES", "[[rate]]\nscope = \"no one\"")], Err("ASSAY_RATES"));
        let allowed = "fetch_allow: [192.168.1.4:80, [fd00::4]:8080]";
        check(&[("ASSAY_FETCH_ALLOW", "192.168.1.4:80, [fd00::4]:8080")], Ok(allowed));
        check(&[("ASSAY_FETCH_ALLOW", "intranet:80")], Err("ASSAY_FETCH_ALLOW"));
    }

    #[test]
    fn a_secret_completes_the_environment_and_a_lone_name_is_no_model() {
        let named = |name: &str| (name == "LLM_MODEL").then(|| "gpt".to_owned());
        let secrets = |rows: &[(&str, &str)]| {
            rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let alone = Config::completed(named, &secrets(&[])).unwrap();
        assert!(alone.model.is_none());
        let model = Config::completed(named, &secrets(&[("LLM_API_KEY", "sk-1")])).unwrap().model.unwrap();
        assert_eq!((model.model.as_deref(), model.api_key.is_some()), (Some("gpt"), true));
    }

    #[test]
    fn the_key_is_never_printed() {
        let variable = |name: &str| (name == "LLM_API_KEY").then(|| "sk-very-secret".to_owned());
        let config = Config::from(variable).unwrap();
        assert!(!format!("{config:?}").contains("very-secret"));
    }
}
