//! What calls cost: raw `usage` objects of providers, read by the code the adapters use, priced by the engine's own prices.

use std::path::Path;

use engine::model::{NanoUsd, Price, Usage};
use llm::{UsageShape, read_usage, reported_cost};
use serde::Deserialize;
use serde_json::Value;

use super::{Figure, Trouble, rows};
use prices::{Asked, Table};

mod prices;

/// Providers on the machine itself: free, whatever they count.
const LOCAL: [&str; 1] = ["ollama"];

#[derive(Deserialize)]
struct Call {
    name: String,
    provider: String,
    model: String,
    usage: Value,
    /// How the provider served it, such as `batch`, where the usage does not say so.
    tier: Option<String>,
    /// Dollars; null where nobody can know.
    #[serde(default)]
    expect_usd: Value,
}

/// The share of calls whose cost is the one expected, to the nano-dollar; an unknown cost must stay unknown. What is
/// beyond a nano-dollar is rounded up once, on both sides.
pub(super) fn exact(folder: &Path) -> Result<Figure, Trouble> {
    let calls: Vec<Call> = rows::lines(folder, "llm_usage_cost.jsonl")?;
    let table: Table = rows::json(folder, "prices_subset.json")?;
    let outcomes = calls.iter().map(|call| {
        let expected = match &call.expect_usd {
            Value::Null => None,
            Value::String(dollars) => Some(dollars.clone()),
            dollars => Some(dollars.to_string()),
        };
        let found = cost(call, &table);
        let right = match &expected {
            None => found.is_none(),
            Some(dollars) => found.is_some() && found == NanoUsd::parse_usd_rounding_up(dollars),
        };
        (!right).then(|| {
            let (found, expected) = (found.map(|cost| cost.to_string()), expected.as_deref());
            let unknown = "unknown";
            let (found, expected) = (found.as_deref().unwrap_or(unknown), expected.unwrap_or(unknown));
            format!("{}: {found} instead of {expected}", call.name)
        })
    });
    Ok(Figure::share(outcomes.collect()))
}

/// What the provider states, else what the price makes of the usage; `None` if either is unknown.
fn cost(call: &Call, table: &Table) -> Option<NanoUsd> {
    if let Some(stated) = reported_cost(&call.usage) {
        return Some(stated);
    }
    let told = call.usage.get("service_tier").and_then(Value::as_str);
    let asked = Asked {
        tier: call.tier.as_deref().or(told).unwrap_or("standard"),
        most_results: call.usage.get("max_results").and_then(Value::as_u64),
    };
    let bare = call.model.strip_prefix(&format!("{}/", call.provider)).unwrap_or(&call.model);
    let names = [call.model.clone(), format!("{}/{}", call.provider, call.model), bare.to_owned()];
    let Some(name) = names.into_iter().find(|name| table.knows(name)) else {
        return LOCAL.contains(&call.provider.as_str()).then(|| Price::default().cost(&Usage::default()));
    };
    let price = table.price(&name, asked)?;
    let usage = match call.usage.get("queries") {
        // Searches are counted by whoever makes them.
        Some(queries) => Usage { queries: queries.as_u64()?, ..Usage::default() },
        None => read_usage(shape(call, table.mode(&name)), &call.usage)?,
    };
    Some(price.cost(&usage))
}

fn shape(call: &Call, mode: &str) -> UsageShape {
    match (call.provider.as_str(), mode) {
        _ if call.usage.get("promptTokenCount").is_some() => UsageShape::GenerateContent,
        (_, "audio_transcription") => UsageShape::Transcriptions,
        (_, "embedding") => UsageShape::Embeddings,
        ("anthropic", _) => UsageShape::Messages,
        ("bedrock", _) => UsageShape::Converse,
        _ => UsageShape::ChatCompletions,
    }
}

#[cfg(test)]
mod tests;
