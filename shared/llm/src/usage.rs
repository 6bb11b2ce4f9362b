//! What providers say a call used, in their own shapes, made into the platform's: each token counted once.
//!
//! | shape | input | cache | thinking |
//! |---|---|---|---|
//! | chat completions | `prompt_tokens` holds what the cache gave or took | read, written | inside the completion |
//! | Messages | without what the cache gave or took | read, written for 5 minutes, for an hour | inside the output |
//! | Converse | the same | the same | not told |
//! | generateContent | `promptTokenCount` holds what the cache gave | read | beside the candidates |
//! | embeddings | `prompt_tokens` | none | none |
//! | transcriptions | tokens, or seconds of sound | none | none |
//!
//! Those from generateContent on have no adapter; their shapes are read for `cargo lab bench cost`.

mod anthropic;
mod bedrock;
mod gemini;
mod openai;
mod transcription;

use engine::model::{NanoUsd, Price, PriceBand, Usage};
use engine::ports::ModelRequest;
use serde_json::Value;

/// What a chat template may add to the bytes of a request, in tokens.
const TEMPLATE_TOKENS: u64 = 16_384;
/// A model stops at the output it was allowed; one that counts with another tokenizer may come to so many times that, and some more.
const OUTPUT_TIMES: u64 = 2;
const OUTPUT_MORE_TOKENS: u64 = 1_024;
/// What a model may think beside its output, where that is counted apart.
const THINKING_TOKENS: u64 = 65_536;
/// A stated cost is at most so many times what the request could come to at the known price, and at least this part of what its
/// usage comes to.
const COST_TIMES: i64 = 4;
const LEAST_COST_PART: i64 = 100;
/// No count is larger.
const MOST: f64 = 1e12;

/// Whose shape a `usage` object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageShape {
    /// OpenAI's chat completions.
    ChatCompletions,
    /// Embeddings by OpenAI or Titan.
    Embeddings,
    /// Anthropic's Messages.
    Messages,
    /// Bedrock's Converse.
    Converse,
    /// Gemini's `usageMetadata`.
    GenerateContent,
    /// OpenAI's transcriptions.
    Transcriptions,
}

/// The usage in a `usage` object. `None` if a count that must be there is not, or is no whole number that can be a count.
pub fn read_usage(shape: UsageShape, usage: &Value) -> Option<Usage> {
    match shape {
        UsageShape::ChatCompletions => openai::read(usage),
        UsageShape::Embeddings => openai::read_embeddings(usage),
        UsageShape::Messages => anthropic::read(usage),
        UsageShape::Converse => bedrock::read(usage),
        UsageShape::GenerateContent => gemini::read(usage),
        UsageShape::Transcriptions => transcription::read(usage),
    }
}

/// What a `usage` object says the call cost in dollars: `cost`, as OpenRouter has it, and what the provider behind it
/// charges on the customer's own key. `None` if it says none that can be true.
pub fn reported_cost(usage: &Value) -> Option<NanoUsd> {
    let dollars = |value: &Value| NanoUsd::parse_usd_rounding_up(&decimal_text(value)?);
    let cost = dollars(usage.get("cost")?)?;
    let upstream = usage.pointer("/cost_details/upstream_inference_cost").filter(|cost| !cost.is_null());
    match upstream {
        Some(upstream) if usage.get("is_byok") == Some(&Value::Bool(true)) => Some(cost + dollars(upstream)?),
        _ => Some(cost),
    }
}

/// What token counts of a call are believable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plausible {
    shape: UsageShape,
    prompt_tokens: u64,
    output_tokens: u64,
    price: Option<Price>,
    free: bool,
}

impl Plausible {
    /// For a request whose body has so many bytes: a token is at least one byte.
    pub(crate) fn of(shape: UsageShape, request: &ModelRequest, body_bytes: usize) -> Self {
        let free = request.model.price.is_some_and(|price| {
            let band_is_free = |band: PriceBand| {
                let own = [band.cache_write_1h, band.audio_input].into_iter().flatten();
                [band.input, band.cached_input, band.cache_write, band.output]
                    .into_iter()
                    .chain(own)
                    .all(|price| price == 0)
            };
            band_is_free(price.base) && price.long.is_none_or(band_is_free)
        });
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        Self {
            shape,
            prompt_tokens: bytes.saturating_add(TEMPLATE_TOKENS),
            output_tokens: request
                .max_output_tokens
                .saturating_mul(OUTPUT_TIMES)
                .saturating_add(OUTPUT_MORE_TOKENS),
            price: request.model.price,
            free,
        }
    }

    /// The usage in a `usage` object, if it can be true; for a model that costs nothing, zero if it cannot.
    pub(crate) fn usage(&self, usage: Option<&Value>) -> Option<Usage> {
        let believable = |usage: &Usage| {
            usage.input_tokens.saturating_add(usage.audio_tokens) <= self.prompt_tokens
                && usage.cached_tokens <= self.prompt_tokens
                && usage.cache_write_tokens.saturating_add(usage.cache_write_1h_tokens) <= self.prompt_tokens
                && usage.output_tokens <= self.output_tokens
                && usage.output_tokens.saturating_add(usage.reasoning_tokens)
                    <= self.output_tokens.saturating_add(THINKING_TOKENS)
        };
        usage
            .and_then(|usage| read_usage(self.shape, usage))
            .filter(believable)
            .or(self.free.then_some(Usage::default()))
    }

    /// The cost that a `usage` object states, if it can be true of a call that used `used`. Where no price is known, any is taken.
    pub(crate) fn cost(&self, usage: Option<&Value>, used: &Usage) -> Option<NanoUsd> {
        let stated = reported_cost(usage?)?;
        let Some(price) = self.price else {
            return Some(stated);
        };
        let could = price.worst_case(self.prompt_tokens, self.output_tokens).max(price.cost(used));
        let most = could.0.saturating_mul(COST_TIMES);
        let least = price.cost(used).0 / LEAST_COST_PART;
        (least..=most).contains(&stated.0).then_some(stated)
    }
}

/// The count at a pointer; zero if it is missing or null, `None` if it is no count.
fn part(usage: &Value, pointer: &str) -> Option<u64> {
    match usage.pointer(pointer) {
        None | Some(Value::Null) => Some(0),
        Some(value) => count(value),
    }
}

/// A whole number, however it is written; `12.0` counts.
fn count(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    let whole = number.fract() == 0.0 && (0.0..=MOST).contains(&number);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole u64")]
    whole.then_some(number as u64)
}

/// A number as decimal text, the shortest that reads back as it.
fn decimal_text(value: &Value) -> Option<String> {
    value.as_number().map(ToString::to_string)
}

#[cfg(test)]
mod tests;
