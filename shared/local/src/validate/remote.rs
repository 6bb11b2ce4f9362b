//! The same components of a deployed API, as far as a key that may read lets one ask. What only its functions can try is
//! told from what `functions/health` recorded; what nobody may ask from outside is `unknown`.

use std::sync::Arc;
use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock as _;
use futures::future::join3;
use reqwest::{Client, Url};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde_json::Value;

use super::crew::AGENTS;
use super::{CHECKED, COMPONENTS, Found, Row, in_order, row};

/// What has not answered by then does not answer, in milliseconds.
const MOST_MS: u64 = 2_000;

/// A deployed API, and a key to it.
pub struct Deployed {
    base: Url,
    key: String,
    client: Client,
}

impl Deployed {
    /// The API at `base`. Kind `InvalidInput` if that is no address a key may be sent to: https, or this machine.
    pub fn new(base: &str, key: &str) -> Result<Self> {
        let refused = |what: &str| Error::new(ErrorKind::InvalidInput, format!("--url {what}"));
        let base = Url::parse(base.trim_end_matches('/')).map_err(|_| refused("is not a URL"))?;
        let here = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if base.scheme() != "https" && !(base.scheme() == "http" && here) {
            return Err(refused("must be https, or http to this machine: the key goes there"));
        }
        let unusable = |error: rustls::Error| {
            Error::new(ErrorKind::Configuration, "TLS could not be set up").because(error)
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let tls = if here {
            tls.with_root_certificates(rustls::RootCertStore::empty())
        } else {
            tls.with_platform_verifier().map_err(unusable)?
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls.with_no_client_auth())
            .timeout(Duration::from_millis(MOST_MS))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("assay/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "no HTTP client could be made").because(error)
            })?;
        Ok(Self { base, key: key.trim().to_owned(), client })
    }

    /// What came of a question, and how long that took.
    async fn ask(&self, path: &str) -> Asked {
        let began_ms = boot::SystemClock.now_ms();
        let answer = self.get(path).await;
        Asked { answer, took_ms: boot::SystemClock.now_ms().saturating_sub(began_ms) }
    }

    /// The answer's status and document. Kind `Network` if there is none.
    async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let failed = |error: reqwest::Error| {
            Error::new(ErrorKind::Network, "the API does not answer").because(error.without_url())
        };
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let answer = self.client.get(url).bearer_auth(&self.key).send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.map_err(failed)?))
    }
}

/// A question that was put to the API.
struct Asked {
    answer: Result<(u16, Value)>,
    took_ms: u64,
}

impl Asked {
    /// Why the key may not ask at all.
    fn refusal(&self) -> Option<Error> {
        let (kind, detail) = match &self.answer {
            Ok((401, body)) => (ErrorKind::Unauthorized, &body["detail"]),
            Ok((403, body)) => (ErrorKind::Forbidden, &body["detail"]),
            _ => return None,
        };
        let detail = detail.as_str().unwrap_or("no reason given");
        Some(Error::new(kind, format!("the API refuses this key: {detail}; use one with the scope read")))
    }
}

/// Asks the API after every component. Errors: `Unauthorized` or `Forbidden` if it refuses the key, of which nothing follows for
/// the components.
pub async fn validate(deployed: &Deployed) -> Result<Vec<Row>> {
    let (components, agents, figures) =
        join3(deployed.ask("/health/components"), deployed.ask("/agents"), deployed.ask("/optimizations"))
            .await;
    if let Some(refusal) = components.refusal() {
        return Err(refusal);
    }
    let rows = COMPONENTS.iter().map(|component| {
        let (found, took_ms) = match *component {
            "agent_count" | "crew_configuration" => answered(&agents, |body| crew(component, body)),
            "performance" => answered(&figures, performance),
            "health_checks" => answered(&components, checks),
            "memory" => answered(&components, |body| check(body, "vector_database")),
            component => match CHECKED.iter().find(|(name, _)| *name == component) {
                Some((_, checked)) => answered(&components, |body| check(body, checked)),
                // Nothing is asked, so nothing takes time.
                None => {
                    let advice = "start a quick run with POST /runs and look at its steps, or validate on this machine without --url";
                    (Found::unknown("only a step of a run uses it there", advice), 0)
                }
            },
        };
        row(component, found, took_ms)
    });
    Ok(in_order(rows.collect()))
}

/// What an answer says, if it is one, and how long it took: 503 is an answer of `/health/components` too.
fn answered(asked: &Asked, read: impl Fn(&Value) -> Found) -> (Found, u64) {
    let found = match &asked.answer {
        Ok((200, body)) => read(body),
        Ok((503, body)) if body["checks"].is_object() => read(body),
        Ok((status, body)) => {
            let detail = body["detail"].as_str().unwrap_or("no reason given");
            Found::fail(format!("the API answered {status}: {detail}"), "look at the API's log")
        }
        Err(error) => Found::fail(error.to_string(), "look at the address and at the API's log"),
    };
    (found, asked.took_ms)
}

pub(super) fn check(body: &Value, name: &str) -> Found {
    let entry = &body["checks"][format!("{name}:responseTime")][0];
    let words = entry["output"].as_str().or(entry["evidence"].as_str()).unwrap_or("no such check");
    let words = format!("{words} (read {})", entry["time"].as_str().unwrap_or("never"));
    let advice = format!("see {name} in docs/runbook.md#health-failing");
    match entry["status"].as_str() {
        Some("pass") => Found::pass(words),
        Some("warn") => Found::unknown(words, advice),
        Some("unknown") => Found::unknown(words, "see docs/deploy.md for what it needs"),
        _ => Found::fail(words, advice),
    }
}

fn checks(body: &Value) -> Found {
    let made = body["checks"].as_object().into_iter().flatten();
    let made = made.filter(|(name, _)| name.ends_with(":responseTime")).count();
    let expected = engine::health::CHECKS.len();
    let status = body["status"].as_str().unwrap_or("-");
    if made == expected {
        return Found::pass(format!("{made} checks told; the whole: {status}"));
    }
    Found::fail(format!("{made} of {expected} checks told"), "deploy the same version as this program's")
}

fn crew(component: &str, body: &Value) -> Found {
    let agents = body["agents"].as_array().map_or(&[][..], Vec::as_slice);
    let version = body["catalogue"].as_str().unwrap_or("-");
    if component == "agent_count" {
        return match agents.len() {
            AGENTS => Found::pass(format!("{AGENTS} agents told")),
            other => Found::fail(format!("{other} agents told, not {AGENTS}"), "deploy a whole catalogue"),
        };
    }
    let ids: Vec<&str> = agents.iter().filter_map(|agent| agent["id"].as_str()).collect();
    let named = agents.iter().flat_map(|agent| ["needs", "uses"].map(|list| &agent[list]));
    let named = named.filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    match named.into_iter().find(|name| !ids.contains(name)) {
        Some(missing) => {
            Found::fail(format!("{missing} is needed and not there"), "deploy a whole catalogue")
        }
        None if ids.is_empty() => Found::fail("no agents told", "deploy a whole catalogue"),
        None => Found::pass(format!("every agent that is needed is there; catalogue {version}")),
    }
}

fn performance(body: &Value) -> Found {
    let figures = body["figures"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |verdict: &str| figures.iter().filter(|figure| figure["verdict"] == verdict).count();
    let told: Vec<String> = figures.iter().map(told).collect();
    let told = told.join("; ");
    match (of("missed"), of("met")) {
        (0, 0) => Found::unknown(told, "run something: figures need some tens of runs"),
        (0, _) => Found::pass(told),
        _ => {
            let advice = body["recommendations"][0]["advice"].as_str().unwrap_or("see GET /optimizations");
            Found::fail(told, advice)
        }
    }
}

fn told(figure: &Value) -> String {
    let text = |name: &str| figure[name].as_str().unwrap_or("-").to_owned();
    let value = figure["value"].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    format!("{} {value} {}: {} (n={})", text("name"), text("unit"), text("verdict"), figure["samples"])
}
