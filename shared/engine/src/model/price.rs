//! What a call used and what that costs. Prices are exact; a cost is rounded up once.

use std::ops::Add;

use serde::{Deserialize, Serialize};

use super::NanoUsd;

/// Prices are for so many units.
const UNITS_PER_PRICE: i128 = 1_000_000;
const MS_PER_SECOND: i128 = 1_000;

/// What a call used, by kind, each token counted once: `input` excludes cached, cache-write and audio tokens, `output`
/// excludes reasoning tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Fresh input tokens.
    pub input_tokens: u64,
    /// Input tokens the provider read from its own prompt cache.
    pub cached_tokens: u64,
    /// Input tokens written to the provider's prompt cache for its ordinary time.
    pub cache_write_tokens: u64,
    /// Input tokens written to the provider's prompt cache for an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Fresh input tokens that stand for sound.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_tokens: u64,
    /// Visible output tokens.
    pub output_tokens: u64,
    /// Hidden reasoning tokens, billed as output.
    pub reasoning_tokens: u64,
    /// Sound that is billed by its length, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_ms: u64,
    /// Searches that are billed one by one.
    #[serde(skip_serializing_if = "is_zero")]
    pub queries: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// Tokens of every kind, each once.
    pub fn total_tokens(&self) -> u64 {
        let kinds = [
            self.input_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.audio_tokens,
            self.output_tokens,
            self.reasoning_tokens,
        ];
        kinds.into_iter().fold(0, u64::saturating_add)
    }

    /// All input tokens, whatever their kind.
    pub fn prompt_tokens(&self) -> u64 {
        [self.cached_tokens, self.cache_write_tokens, self.cache_write_1h_tokens, self.audio_tokens]
            .into_iter()
            .fold(self.input_tokens, u64::saturating_add)
    }
}

impl Add for Usage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let sum = |count: fn(&Self) -> u64| count(&self).saturating_add(count(&other));
        Self {
            input_tokens: sum(|usage| usage.input_tokens),
            cached_tokens: sum(|usage| usage.cached_tokens),
            cache_write_tokens: sum(|usage| usage.cache_write_tokens),
            cache_write_1h_tokens: sum(|usage| usage.cache_write_1h_tokens),
            audio_tokens: sum(|usage| usage.audio_tokens),
            output_tokens: sum(|usage| usage.output_tokens),
            reasoning_tokens: sum(|usage| usage.reasoning_tokens),
            audio_ms: sum(|usage| usage.audio_ms),
            queries: sum(|usage| usage.queries),
        }
    }
}

/// Nano-dollars per million tokens, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceBand {
    /// Fresh input.
    pub input: i64,
    /// Input read from the provider's cache.
    pub cached_input: i64,
    /// Input written to the provider's cache for its ordinary time.
    pub cache_write: i64,
    /// Input written to the provider's cache for an hour; `None` if that costs what any write costs.
    pub cache_write_1h: Option<i64>,
    /// Input that stands for sound; `None` if it costs what any input costs.
    pub audio_input: Option<i64>,
    /// Output, reasoning included.
    pub output: i64,
}

/// What a model, or a service, costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// The ordinary band.
    pub base: PriceBand,
    /// From this many prompt tokens on (exclusive), the whole call is priced by `long`.
    pub long_above_tokens: Option<u64>,
    /// The band of long prompts.
    pub long: Option<PriceBand>,
    /// Nano-dollars per million seconds of sound.
    pub audio_second: i64,
    /// Nano-dollars per million searches.
    pub query: i64,
}

impl PriceBand {
    /// Nano-dollars times a million.
    fn cost(&self, usage: &Usage) -> i128 {
        let part = |tokens: u64, price: i64| i128::from(tokens) * i128::from(price);
        part(usage.input_tokens, self.input)
            + part(usage.cached_tokens, self.cached_input)
            + part(usage.cache_write_tokens, self.cache_write)
            + part(usage.cache_write_1h_tokens, self.cache_write_1h.unwrap_or(self.cache_write))
            + part(usage.audio_tokens, self.audio_input.unwrap_or(self.input))
            + part(usage.output_tokens.saturating_add(usage.reasoning_tokens), self.output)
    }
}

impl Price {
    /// The exact cost of `usage`, rounded up to the nano-dollar once.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        let band = match (self.long_above_tokens, self.long) {
            (Some(limit), Some(long)) if usage.prompt_tokens() > limit => long,
            _ => self.base,
        };
        let whole = band.cost(usage) + i128::from(usage.queries) * i128::from(self.query);
        let total = whole * MS_PER_SECOND + i128::from(usage.audio_ms) * i128::from(self.audio_second);
        let unit = UNITS_PER_PRICE * MS_PER_SECOND;
        let rounded_up = (total + unit - 1).div_euclid(unit);
        NanoUsd(i64::try_from(rounded_up).unwrap_or(i64::MAX))
    }

    /// The most a call can cost that sends at most `prompt_tokens` of text, asks for no cache of an hour, and receives at
    /// most `output_tokens`.
    pub fn worst_case(&self, prompt_tokens: u64, output_tokens: u64) -> NanoUsd {
        let dearest = |band: PriceBand| Price {
            base: PriceBand { input: band.input.max(band.cached_input).max(band.cache_write), ..band },
            ..Price::default()
        };
        let usage = Usage { input_tokens: prompt_tokens, output_tokens, ..Usage::default() };
        let base = dearest(self.base).cost(&usage);
        self.long.map_or(base, |long| base.max(dearest(long).cost(&usage)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usages() -> impl Strategy<Value = Usage> {
        [0..5_000_000u64, 0..5_000_000, 0..5_000_000, 0..5_000_000, 0..5_000_000, 0..500_000, 0..500_000]
            .prop_map(
                |[
                    input_tokens,
                    cached_tokens,
                    cache_write_tokens,
                    cache_write_1h_tokens,
                    audio_tokens,
                    output_tokens,
                    reasoning_tokens,
                ]| {
                    Usage {
                        input_tokens,
                        cached_tokens,
                        cache_write_tokens,
                        cache_write_1h_tokens,
                        audio_tokens,
                        output_tokens,
                        reasoning_tokens,
                        ..Usage::default()
                    }
                },
            )
    }

    fn bands() -> impl Strategy<Value = PriceBand> {
        let prices = [0..100_000_000_000i64, 0..100_000_000_000, 0..100_000_000_000, 0..100_000_000_000];
        let own = proptest::option::of(0..100_000_000_000i64);
        (prices, own.clone(), own).prop_map(
            |([input, cached_input, cache_write, output], cache_write_1h, audio_input)| PriceBand {
                input,
                cached_input,
                cache_write,
                cache_write_1h,
                audio_input,
                output,
            },
        )
    }

    proptest! {
        #[test]
        fn cost_never_exceeds_the_worst_case(base in bands(), long in proptest::option::of(bands()), limit in 0..1_000_000u64, usage in usages()) {
            let price = Price { base, long_above_tokens: Some(limit), long, ..Price::default() };
            // What a request of text does not ask for is not used, or costs what a kind costs that it does ask for.
            let mut usage = usage;
            for band in std::iter::once(base).chain(long) {
                usage.cache_write_1h_tokens *= u64::from(band.cache_write_1h.is_none());
                usage.audio_tokens *= u64::from(band.audio_input.is_none());
            }
            let worst = price.worst_case(usage.prompt_tokens(), usage.output_tokens + usage.reasoning_tokens);
            prop_assert!(price.cost(&usage) <= worst);
        }

        #[test]
        fn cost_is_exact_to_the_nano_dollar(base in bands(), usage in usages(), audio_ms in 0..100_000_000u64, queries in 0..1_000u64, audio_second in 0..1_000_000_000_000i64, query in 0..100_000_000_000_000i64) {
            let price = Price { base, audio_second, query, ..Price::default() };
            let usage = Usage { audio_ms, queries, ..usage };
            let exact = (usage.input_tokens as f64 * base.input as f64 + usage.cached_tokens as f64 * base.cached_input as f64
                + usage.cache_write_tokens as f64 * base.cache_write as f64
                + usage.cache_write_1h_tokens as f64 * base.cache_write_1h.unwrap_or(base.cache_write) as f64
                + usage.audio_tokens as f64 * base.audio_input.unwrap_or(base.input) as f64
                + (usage.output_tokens + usage.reasoning_tokens) as f64 * base.output as f64
                + audio_ms as f64 * audio_second as f64 / 1e3 + queries as f64 * query as f64) / 1e6;
            let cost = price.cost(&usage).0 as f64;
            prop_assert!((cost - exact).abs() <= 1.0 + exact * 1e-12);
        }

        #[test]
        fn splitting_a_bill_never_loses_money(base in bands(), first in usages(), second in usages()) {
            let price = Price { base, ..Price::default() };
            let apart = price.cost(&first) + price.cost(&second);
            let together = price.cost(&(first + second));
            prop_assert!(apart >= together && apart - together <= NanoUsd(1));
        }
    }

    #[test]
    fn usages_of_before_the_newer_kinds_stay_readable_and_written_as_they_were() {
        let before = r#"{"input_tokens":1,"cached_tokens":2,"cache_write_tokens":3,"output_tokens":4,"reasoning_tokens":5}"#;
        let usage: Usage = serde_json::from_str(before).unwrap();
        assert_eq!(usage.prompt_tokens(), 6);
        assert_eq!(serde_json::to_string(&usage).unwrap(), before);
    }
}
