//! Prices in the layout of the LiteLLM table: dollars per unit, one row a model, other tiers and long prompts by the
//! endings of the names.

use std::collections::{BTreeMap, BTreeSet};

use engine::model::{Price, PriceBand, decimal};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Dollars per unit are nano-dollars per million units after so many places.
const PLACES: i32 = 15;

/// A table of prices.
#[derive(Deserialize)]
pub(super) struct Table {
    prices: BTreeMap<String, Row>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Row(Map<String, Value>);

/// What of a call decides which price holds, besides the model.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// `standard`, `batch`, `flex` or `priority`, by the names providers have for them.
    pub(super) tier: &'a str,
    /// How many results a search may have.
    pub(super) most_results: Option<u64>,
}

impl Table {
    /// Whether the model has a row.
    pub(super) fn knows(&self, model: &str) -> bool {
        self.prices.contains_key(model)
    }

    /// What the model is for, such as `chat`.
    pub(super) fn mode(&self, model: &str) -> &str {
        self.prices.get(model).and_then(|row| row.0.get("mode")?.as_str()).unwrap_or_default()
    }

    /// The price of a model. `None` if it has none, or one that the platform's prices cannot say.
    pub(super) fn price(&self, model: &str, asked: Asked<'_>) -> Option<Price> {
        let row = self.prices.get(model)?;
        let ending = match asked.tier {
            "standard" | "default" | "auto" | "on_demand" => "",
            "batch" => "_batches",
            "flex" => "_flex",
            "priority" => "_priority",
            _ => return None,
        };
        let limits = row.limits();
        if limits.len() > 1 {
            return None;
        }
        let limit = limits.first().copied();
        let query = row.query(asked.most_results)?;
        let audio_second = row.number("input_cost_per_second")?;
        let base = row.band("", ending)?;
        if base.is_none() && query.or(audio_second).is_none() {
            return None;
        }
        let long = match limit {
            Some(limit) => row.band(&format!("_above_{limit}k_tokens"), ending)?,
            None => None,
        };
        Some(Price {
            base: base.unwrap_or_default(),
            long_above_tokens: limit.map(|thousands| thousands * 1_000),
            long,
            // What is listed per second of output is the same second again.
            audio_second: audio_second.unwrap_or(0),
            query: query.unwrap_or(0),
        })
    }
}

impl Row {
    /// The lengths, in thousands of tokens, from which prompts have other prices.
    fn limits(&self) -> BTreeSet<u64> {
        let limit = |name: &String| {
            name.split("_above_").find_map(|part| part.split_once("k_tokens")?.0.parse().ok())
        };
        self.0.keys().filter_map(limit).collect()
    }

    /// The prices of tokens; none if input has none. What a tier does not list costs what it costs without it. The outer
    /// `None` is a price that cannot be read.
    fn band(&self, length: &str, tier: &str) -> Option<Option<PriceBand>> {
        let names = |kind: &str| {
            [
                format!("{kind}{length}{tier}"),
                format!("{kind}{length}"),
                format!("{kind}{tier}"),
                kind.to_owned(),
            ]
        };
        let price = |kind: &str| match names(kind)
            .iter()
            .find(|name| self.0.get(*name).is_some_and(Value::is_number))
        {
            Some(name) => self.number(name),
            None => Some(None),
        };
        let Some(input) = price("input_cost_per_token")? else { return Some(None) };
        Some(Some(PriceBand {
            input,
            cached_input: price("cache_read_input_token_cost")?.unwrap_or(input),
            cache_write: price("cache_creation_input_token_cost")?.unwrap_or(input),
            cache_write_1h: price("cache_creation_input_token_cost_above_1hr")?,
            audio_input: price("input_cost_per_audio_token")?,
            output: price("output_cost_per_token")?.unwrap_or(0),
        }))
    }

    /// The price of a search, by how many results it may have where that matters.
    fn query(&self, most_results: Option<u64>) -> Option<Option<i64>> {
        let Some(tiers) = self.0.get("tiered_pricing").and_then(Value::as_array) else {
            return self.number("input_cost_per_query");
        };
        let holds = |tier: &&Value| {
            let end = |at: usize| tier.get("max_results_range")?.get(at)?.as_u64();
            let results = most_results.unwrap_or(0);
            end(0).is_some_and(|least| least <= results) && end(1).is_some_and(|most| results <= most)
        };
        tiers.iter().find(holds).map(|tier| nano_per_million(tier.get("input_cost_per_query")))?
    }

    /// A price by its whole name; the outer `None` if it is there and cannot be read.
    fn number(&self, name: &str) -> Option<Option<i64>> {
        nano_per_million(self.0.get(name))
    }
}

/// A price that is no whole number of nano-dollars per million units cannot be said exactly, and so not at all.
fn nano_per_million(price: Option<&Value>) -> Option<Option<i64>> {
    let Some(price) = price.filter(|price| !price.is_null()) else { return Some(None) };
    match decimal(&price.as_number()?.to_string(), PLACES)? {
        (whole, false) => Some(Some(i64::try_from(whole).ok()?)),
        (_, true) => None,
    }
}
