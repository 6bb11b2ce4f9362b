//! Models, providers and prices.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::agent::{ModelSpec, Tier};
use engine::model::{DatedPrice, Price, PriceBand, PriceList};

use crate::CatalogueError;
use crate::rows::{
    BandRow, LongContextRow, ModelRow, ModelsFile, PolicyRow, PricesFile, ProviderRow, TiersRow,
};

const FILE: &str = "models.toml";

/// The wire protocol a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Chat completions, as OpenAI's API has them.
    OpenAiCompatible,
    /// Anthropic's Messages.
    Anthropic,
    /// Bedrock's Converse.
    Bedrock,
}

impl Protocol {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::OpenAiCompatible => "OpenAI chat completions",
            Protocol::Anthropic => "Anthropic Messages",
            Protocol::Bedrock => "Bedrock Converse",
        }
    }
}

/// Somebody who serves models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name models refer to, a label of the address's host.
    pub name: String,
    /// The protocol.
    pub protocol: Protocol,
    /// The address before the protocol's own paths, without a slash at its end.
    pub base_url: String,
}

/// How old the prices are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pricing {
    /// A price older than this many days is reported as stale.
    pub stale_after_days: u32,
    /// A price older than this many days is not reckoned with: no call is made at it.
    pub refused_after_days: u32,
    /// One row per model, in the order of the file.
    pub rows: Vec<PricingRow>,
}

/// Where a model's price comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricingRow {
    /// The model's id.
    pub model: String,
    /// The day the price was read, as YYYY-MM-DD.
    pub as_of: String,
    /// The page it was read from.
    pub source: String,
    /// The day the provider withdraws the model, as YYYY-MM-DD, if announced.
    pub retires: Option<String>,
    /// What tokens cost in a batch, if there is such a price.
    pub batch: Option<PriceBand>,
}

/// All that `models.toml` says.
pub(crate) struct ModelTable {
    pub(crate) models: Vec<Arc<ModelSpec>>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) pricing: Pricing,
}

/// Parses and checks `models.toml`.
pub(crate) fn read(text: &str) -> Result<ModelTable, CatalogueError> {
    let file: ModelsFile = toml::from_str(text)
        .map_err(|error| CatalogueError::Unreadable { file: FILE.to_owned(), problem: error.to_string() })?;
    check_unique("provider", file.provider.iter().map(|row| &row.name))?;
    check_unique("model", file.model.iter().map(|row| &row.id))?;
    check_tiers(&file)?;
    let providers = file.provider.iter().map(provider).collect::<Result<Vec<_>, _>>()?;
    let mut models = Vec::with_capacity(file.model.len());
    let mut rows = Vec::with_capacity(file.model.len());
    for row in &file.model {
        if providers.iter().all(|provider| provider.name != row.provider) {
            let (name, named) = (row.id.clone(), row.provider.clone());
            return Err(CatalogueError::UnknownReference { name, what: "provider", named });
        }
        let pricing = pricing_row(row)?;
        models.push(Arc::new(model(row, &pricing, &file.tiers)?));
        rows.push(pricing);
    }
    let PolicyRow { stale_after_days, refused_after_days } = file.policy;
    if refused_after_days < stale_after_days {
        let allowed = format!("at least stale_after_days, which is {stale_after_days}");
        return Err(bad_value("policy", "refused_after_days", &refused_after_days.to_string(), &allowed));
    }
    let pricing = Pricing { stale_after_days, refused_after_days, rows };
    Ok(ModelTable { models, providers, pricing })
}

/// The prices of a file with rows as `models.toml` has them; its other tables are not looked at. Models need be no rows of the
/// catalogue.
///
/// Errors: as for `models.toml`, and `BadValue` for a file without a price.
pub fn prices(text: &str) -> Result<PriceList, CatalogueError> {
    let file: PricesFile = toml::from_str(text).map_err(|error| CatalogueError::Unreadable {
        file: "prices".to_owned(),
        problem: error.to_string(),
    })?;
    let mut list = PriceList::default();
    for row in &file.model {
        let pricing = pricing_row(row)?;
        if let Some(price) = price(row)? {
            let dated = DatedPrice { price, as_of: pricing.as_of, source: pricing.source };
            list.prices.insert(format!("{}/{}", row.provider, row.id), dated);
        }
    }
    if list.prices.is_empty() {
        return Err(bad_value("prices", "model", "none", "at least one [[model]] with a price"));
    }
    Ok(list)
}

fn price(row: &ModelRow) -> Result<Option<Price>, CatalogueError> {
    let base = row.price.as_ref().map(|price| band(row, price)).transpose()?;
    let long = row.long_context.as_ref().map(|long| long_band(row, long)).transpose()?;
    Ok(base.map(|base| Price {
        base,
        long_above_tokens: row.long_context.as_ref().map(|long| long.above_tokens),
        long,
        ..Price::default()
    }))
}

fn model(row: &ModelRow, pricing: &PricingRow, tiers: &TiersRow) -> Result<ModelSpec, CatalogueError> {
    if row.max_output_tokens == 0 || row.context_tokens < row.max_output_tokens.min(1_000) {
        let value = format!("{} of {}", row.max_output_tokens, row.context_tokens);
        return Err(bad_value(&row.id, "max_output_tokens", &value, "what the provider states, above 0"));
    }
    Ok(ModelSpec {
        id: row.id.clone(),
        provider: row.provider.clone(),
        tiers: Tier::ALL.into_iter().filter(|tier| in_tier(tiers, *tier).contains(&row.id)).collect(),
        context_tokens: row.context_tokens,
        max_output_tokens: row.max_output_tokens,
        price: price(row)?,
        price_source: format!("{} {}", pricing.as_of, pricing.source),
        price_as_of: Some(pricing.as_of.clone()),
    })
}

fn pricing_row(row: &ModelRow) -> Result<PricingRow, CatalogueError> {
    let model = row.id.clone();
    let as_of = row.as_of.clone().filter(|day| is_day(day));
    let source = row.source.clone().filter(|source| !source.trim().is_empty());
    if let Some(day) = row.retires.iter().find(|day| !is_day(day)) {
        return Err(bad_value(&model, "retires", day, "a day as YYYY-MM-DD"));
    }
    Ok(PricingRow {
        as_of: as_of.ok_or_else(|| CatalogueError::UndatedPrice { model: model.clone() })?,
        source: source.ok_or_else(|| CatalogueError::UnsourcedPrice { model: model.clone() })?,
        retires: row.retires.clone(),
        batch: row.batch.as_ref().map(|batch| band(row, batch)).transpose()?,
        model,
    })
}

fn band(row: &ModelRow, band: &BandRow) -> Result<PriceBand, CatalogueError> {
    checked(
        row,
        PriceBand {
            input: band.input_nano_usd_per_million_tokens,
            cached_input: band.cached_input_nano_usd_per_million_tokens,
            cache_write: band.cache_write_nano_usd_per_million_tokens,
            cache_write_1h: band.cache_write_1h_nano_usd_per_million_tokens,
            audio_input: None,
            output: band.output_nano_usd_per_million_tokens,
        },
    )
}

fn long_band(row: &ModelRow, band: &LongContextRow) -> Result<PriceBand, CatalogueError> {
    checked(
        row,
        PriceBand {
            input: band.input_nano_usd_per_million_tokens,
            cached_input: band.cached_input_nano_usd_per_million_tokens,
            cache_write: band.cache_write_nano_usd_per_million_tokens,
            cache_write_1h: band.cache_write_1h_nano_usd_per_million_tokens,
            audio_input: None,
            output: band.output_nano_usd_per_million_tokens,
        },
    )
}

fn checked(row: &ModelRow, band: PriceBand) -> Result<PriceBand, CatalogueError> {
    let prices = [
        ("input price", band.input),
        ("cached input price", band.cached_input),
        ("cache write price", band.cache_write),
        ("price of a cache write for an hour", band.cache_write_1h.unwrap_or(0)),
        ("output price", band.output),
    ];
    match prices.into_iter().find(|(_, price)| *price < 0) {
        Some((field, _)) => Err(CatalogueError::NegativePrice { model: row.id.clone(), field }),
        None => Ok(band),
    }
}

fn provider(row: &ProviderRow) -> Result<Provider, CatalogueError> {
    let protocol = match row.kind.as_str() {
        "openai_compatible" => Protocol::OpenAiCompatible,
        "anthropic" => Protocol::Anthropic,
        other => return Err(bad_value(&row.name, "kind", other, "openai_compatible or anthropic")),
    };
    if !row.base_url.starts_with("https://") || row.base_url.ends_with('/') {
        return Err(bad_value(
            &row.name,
            "base_url",
            &row.base_url,
            "an https address without a slash at its end",
        ));
    }
    let host = row.base_url["https://".len()..].split('/').next().unwrap_or_default();
    if host.split('.').all(|label| label != row.name) {
        return Err(bad_value(&row.name, "name", &row.name, "a label of the host in base_url"));
    }
    Ok(Provider { name: row.name.clone(), protocol, base_url: row.base_url.clone() })
}

fn check_unique<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), CatalogueError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(CatalogueError::Duplicate { file: FILE.to_owned(), what, value: name.clone() });
        }
    }
    Ok(())
}

/// Tiers name models that exist, in the order of the rows.
fn check_tiers(file: &ModelsFile) -> Result<(), CatalogueError> {
    for tier in Tier::ALL {
        let mut previous: Option<(usize, &String)> = None;
        for id in in_tier(&file.tiers, tier) {
            let Some(place) = file.model.iter().position(|row| row.id == *id) else {
                let (name, named) = (format!("tier {}", tier.name()), id.clone());
                return Err(CatalogueError::UnknownReference { name, what: "model", named });
            };
            if let Some((_, before)) = previous.filter(|(earlier, _)| *earlier >= place) {
                let (before, after) = (before.clone(), id.clone());
                return Err(CatalogueError::TierOrder { tier: tier.name(), before, after });
            }
            previous = Some((place, id));
        }
    }
    Ok(())
}

fn in_tier(tiers: &TiersRow, tier: Tier) -> &[String] {
    match tier {
        Tier::Fast => &tiers.fast,
        Tier::Standard => &tiers.standard,
        Tier::Strong => &tiers.strong,
        Tier::Vision => &tiers.vision,
        Tier::Speech => &tiers.speech,
    }
}

/// True for a date such as 2026-11-22; months and days are only checked for their range.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, length: usize| -> Option<u32> {
        (part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
    };
    match parts[..] {
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

fn bad_value(name: &str, field: &'static str, value: &str, allowed: &str) -> CatalogueError {
    CatalogueError::BadValue {
        file: FILE.to_owned(),
        name: name.to_owned(),
        field,
        value: value.to_owned(),
        allowed: allowed.to_owned(),
    }
}
