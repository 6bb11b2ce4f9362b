//! The rows as the TOML files write them.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentsFile {
    pub(crate) agent: Vec<AgentRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentRow {
    pub(crate) id: String,
    pub(crate) number: u32,
    pub(crate) role: String,
    pub(crate) goal: String,
    pub(crate) profile: String,
    pub(crate) depth: String,
    pub(crate) needs: Vec<String>,
    pub(crate) uses: Vec<String>,
    pub(crate) facts: Vec<String>,
    #[serde(default)]
    pub(crate) not_in_prompt: Vec<String>,
    pub(crate) answer: Vec<String>,
    pub(crate) tools: Vec<String>,
    pub(crate) analyser: Option<String>,
    pub(crate) tier: String,
    pub(crate) without_model: String,
    pub(crate) dispensable: bool,
    pub(crate) fan_out: Option<FanOutRow>,
    #[serde(default)]
    pub(crate) effects: Vec<String>,
    #[serde(default)]
    pub(crate) same_answer: Vec<String>,
    #[serde(default)]
    pub(crate) shortened: bool,
    pub(crate) temperature: f64,
    pub(crate) limits: LimitsRow,
    pub(crate) cache: CacheRow,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FanOutRow {
    pub(crate) over: String,
    pub(crate) field: String,
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsRow {
    pub(crate) turns: u32,
    pub(crate) output_tokens: u64,
    pub(crate) nano_usd: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheRow {
    pub(crate) levels: Vec<String>,
    pub(crate) ttl_seconds: u64,
    pub(crate) semantic_text: Option<String>,
    pub(crate) passages: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelsFile {
    pub(crate) policy: PolicyRow,
    pub(crate) tiers: TiersRow,
    pub(crate) provider: Vec<ProviderRow>,
    pub(crate) model: Vec<ModelRow>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PricesFile {
    pub(crate) model: Vec<ModelRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRow {
    pub(crate) stale_after_days: u32,
    pub(crate) refused_after_days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TiersRow {
    pub(crate) fast: Vec<String>,
    pub(crate) standard: Vec<String>,
    pub(crate) strong: Vec<String>,
    pub(crate) vision: Vec<String>,
    pub(crate) speech: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderRow {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) base_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelRow {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) context_tokens: u64,
    pub(crate) max_output_tokens: u64,
    pub(crate) as_of: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) retires: Option<String>,
    pub(crate) price: Option<BandRow>,
    pub(crate) long_context: Option<LongContextRow>,
    pub(crate) batch: Option<BandRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BandRow {
    pub(crate) input_nano_usd_per_million_tokens: i64,
    pub(crate) cached_input_nano_usd_per_million_tokens: i64,
    pub(crate) cache_write_nano_usd_per_million_tokens: i64,
    pub(crate) cache_write_1h_nano_usd_per_million_tokens: Option<i64>,
    pub(crate) output_nano_usd_per_million_tokens: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LongContextRow {
    pub(crate) above_tokens: u64,
    pub(crate) input_nano_usd_per_million_tokens: i64,
    pub(crate) cached_input_nano_usd_per_million_tokens: i64,
    pub(crate) cache_write_nano_usd_per_million_tokens: i64,
    pub(crate) cache_write_1h_nano_usd_per_million_tokens: Option<i64>,
    pub(crate) output_nano_usd_per_million_tokens: i64,
}
