//! `assay models`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use boot::Config;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Circuit, CircuitState, NanoUsd, Price, PriceList, TenantId};
use engine::ports::Llm;
use serde_json::{Value, json};

use super::session;
use crate::cli::ModelsArguments;
use crate::state::State;

mod picks;

/// A larger file is no list of prices.
const LARGEST_FILE_BYTES: u64 = 1024 * 1024;

/// Keeps the prices of a file, if one is named, and prints which models there are.
pub(super) async fn models(config: &Config, arguments: &ModelsArguments) -> Result<ExitCode> {
    let newer = arguments.prices.as_deref().map(read).transpose()?;
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let ports = &session.ports;
    let kept = match newer {
        Some(newer) => {
            let kept = engine::keep_prices(ports, &newer).await?;
            super::say(&format!("{} prices read", newer.prices.len()));
            kept
        }
        None => engine::prices(ports).await?,
    };
    let mut rows = rows(ports.model.as_deref(), &ports.catalogue.models, &kept);
    let providers: BTreeSet<String> =
        rows.iter().filter_map(|row| row["provider"].as_str().map(str::to_owned)).collect();
    let providers: Vec<String> = providers.into_iter().collect();
    let health = engine::circuits(ports, &providers).await?;
    let health =
        Health { now_ms: ports.clock.now_ms(), circuits: providers.into_iter().zip(health).collect() };
    tell_health(&mut rows, &health);
    let picks = match &ports.model {
        Some(llm) => picks::of(ports, llm.as_ref(), &TenantId::new(&arguments.state.tenant), &health).await?,
        None => Vec::new(),
    };
    let text = if arguments.json {
        format!("{:#}\n", json!({ "configured": ports.model.is_some(), "models": rows, "picks": picks }))
    } else {
        table(ports.model.is_some(), &rows) + &picks::table(&picks)
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// How providers have answered lately.
struct Health {
    now_ms: u64,
    circuits: BTreeMap<String, Circuit>,
}

impl Health {
    /// For how long steps do not ask a provider, in milliseconds, as the engine decides it: sooner where somebody else could be
    /// asked.
    fn not_asked_for_ms(&self, provider: &str, has_alternative: bool) -> u64 {
        let circuit = self.circuits.get(provider).copied().unwrap_or_default();
        match circuit.state(self.now_ms, has_alternative) {
            CircuitState::OpenUntil(until_ms) => until_ms.saturating_sub(self.now_ms),
            CircuitState::Closed | CircuitState::HalfOpen => 0,
        }
    }
}

/// Adds to each row how its provider has answered.
fn tell_health(rows: &mut [Value], health: &Health) {
    let served: Vec<(Value, Value)> =
        rows.iter().map(|row| (row["tier"].clone(), row["provider"].clone())).collect();
    for row in rows {
        let has_alternative =
            served.iter().any(|(tier, provider)| *tier == row["tier"] && *provider != row["provider"]);
        let provider = row["provider"].as_str().unwrap_or_default().to_owned();
        row["failures"] = json!(health.circuits.get(&provider).map_or(0, |circuit| circuit.failures));
        row["not_asked_for_ms"] = json!(health.not_asked_for_ms(&provider, has_alternative));
    }
}

fn read(path: &std::path::Path) -> Result<PriceList> {
    let wrong = |what: String| Error::new(ErrorKind::InvalidInput, format!("{}: {what}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > LARGEST_FILE_BYTES {
        return Err(wrong(format!("{size} bytes are too many for a list of prices")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    boot::read_prices(&text).map_err(|error| wrong(error.message().to_owned()))
}

/// Each model that serves a tier, in the order in which they are asked: those of the configured server, or the catalogue's.
fn rows(llm: Option<&dyn Llm>, catalogue: &[Arc<ModelSpec>], kept: &PriceList) -> Vec<Value> {
    let of = |tier: Tier| match llm {
        Some(llm) => llm.candidates(tier),
        None => catalogue.iter().filter(|model| model.tiers.contains(&tier)).cloned().collect(),
    };
    let mut rows = Vec::new();
    for tier in Tier::ALL {
        for (place, model) in of(tier).iter().enumerate() {
            let name = format!("{}/{}", model.provider, model.id);
            let later = kept.prices.get(&name).filter(|later| {
                model.price.is_none() || model.price_as_of.as_ref().is_some_and(|own| *own <= later.as_of)
            });
            let (price, source) = match later {
                Some(later) => (Some(later.price), format!("{} {}", later.as_of, later.source)),
                None => (model.price, model.price_source.clone()),
            };
            rows.push(json!({
                "tier": tier.name(),
                "place": place + 1,
                "model": model.id,
                "provider": model.provider,
                "context_tokens": model.context_tokens,
                "max_output_tokens": model.max_output_tokens,
                "price": price.map(per_million),
                "price_source": source,
            }));
        }
    }
    rows
}

fn per_million(price: Price) -> Value {
    let usd = |amount: i64| NanoUsd(amount).to_string();
    json!({
        "input": usd(price.base.input),
        "cached_input": usd(price.base.cached_input),
        "cache_write": usd(price.base.cache_write),
        "output": usd(price.base.output),
    })
}

fn table(configured: bool, rows: &[Value]) -> String {
    let mut text = if configured {
        "models of the configured server, in the order they are asked; dollars per million tokens\n\n"
            .to_owned()
    } else {
        "no model is configured (see: cargo assay doctor); the catalogue's models, dollars per million tokens\n\n".to_owned()
    };
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "{:<9} {:<52} {:>9} {:>9} {:>9}  PRICE READ", "TIER", "MODEL", "IN", "CACHED", "OUT");
    for row in rows {
        let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let model = format!("{}/{}", word(&row["provider"]), word(&row["model"]));
        let [input, cached, output] =
            ["input", "cached_input", "output"].map(|kind| word(&row["price"][kind]));
        let source = word(&row["price_source"]);
        let day =
            source.split_once(' ').filter(|(day, _)| day.len() == 10).map_or(source.as_str(), |(day, _)| day);
        let _ = writeln!(
            text,
            "{:<9} {:<52} {input:>9} {cached:>9} {output:>9}  {day}{}",
            word(&row["tier"]),
            render::safe(&model),
            failing(row),
        );
    }
    text
}

/// What is said of a model whose provider has failed lately.
fn failing(row: &Value) -> String {
    let (failures, wait_ms) =
        (row["failures"].as_u64().unwrap_or(0), row["not_asked_for_ms"].as_u64().unwrap_or(0));
    match (failures, wait_ms) {
        (0, _) => String::new(),
        (failures, 0) => format!("  failed {failures} times; asked again with the next call"),
        (failures, wait_ms) => {
            format!("  failed {failures} times; not asked for {}", render::seconds(wait_ms))
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::model::DatedPrice;

    use super::*;

    #[test]
    fn a_provider_is_away_by_the_engines_own_rule() {
        let row = |tier: &str, provider: &str| json!({ "tier": tier, "provider": provider, "model": "m" });
        let failed = |times: u32, has_alternative| {
            (0..times).fold(Circuit::default(), |circuit, _| circuit.failed(1_000, has_alternative, None))
        };
        let check = |circuit: Circuit, now_ms: u64, expected: [u64; 2]| {
            // Alone in its tier, and beside another one.
            let mut rows = vec![row("fast", "a"), row("strong", "a"), row("strong", "b")];
            tell_health(&mut rows, &Health { now_ms, circuits: [("a".to_owned(), circuit)].into() });
            let found = [0, 1].map(|at| rows[at]["not_asked_for_ms"].as_u64().unwrap());
            assert_eq!(found, expected, "{circuit:?}");
            assert_eq!((&rows[0]["failures"], &rows[2]["failures"]), (&json!(circuit.failures), &json!(0)));
            let waits = failing(&rows[0]).contains("not asked for");
            assert_eq!(waits, expected[0] > 0);
        };
        check(failed(1, true), 2_000, [0, 29_000]);
        check(failed(1, true), 31_000, [0, 0]);
        check(failed(1, true).probing(31_000), 32_000, [0, 149_000]);
        check(failed(5, false), 2_000, [299_000, 299_000]);
    }

    #[test]
    fn a_price_read_later_is_shown_in_place_of_the_catalogues() {
        let catalogue = boot::load_catalogue().unwrap();
        let model = &catalogue.models[0];
        let dated = |as_of: &str| DatedPrice {
            price: Price::default(),
            as_of: as_of.to_owned(),
            source: "https://example.org/prices".to_owned(),
        };
        let check = |as_of: &str, expected: bool| {
            let name = format!("{}/{}", model.provider, model.id);
            let kept = PriceList { prices: [(name, dated(as_of))].into() };
            let rows = rows(None, &catalogue.models, &kept);
            let row = rows.iter().find(|row| row["model"] == *model.id).unwrap();
            assert_eq!(row["price"]["input"] == "$0.00", expected, "{row}");
            let text = table(false, std::slice::from_ref(row));
            assert_eq!(text.contains(as_of), expected, "{text}");
        };
        check("2099-01-01", true);
        check("2020-01-01", false);
    }
}
