//! Money is integer nano-dollars; prices are exact; nothing here rounds in the platform's favour unseen.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

const TOKENS_PER_PRICE: i128 = 1_000_000;

/// An amount in nano-dollars (1e-9 USD). May be negative: a debt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount of so many thousandths of a dollar.
    pub const fn from_milli_usd(milli_usd: i64) -> Self {
        Self(milli_usd * 1_000_000)
    }

    /// The amount of so many whole dollars.
    pub const fn from_usd(usd: i64) -> Self {
        Self(usd * 1_000_000_000)
    }

    /// The amount written as decimal dollars, such as `1.5` or `0.000000001`; at most nine decimals.
    pub fn parse_usd(text: &str) -> Option<Self> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
        whole.checked_mul(1_000_000_000)?.checked_add(fraction).map(Self)
    }
}

impl fmt::Display for NanoUsd {
    /// Decimal dollars with at least two and at most nine decimals, exact.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let decimals = format!("{:09}", amount % 1_000_000_000);
        let kept = decimals.trim_end_matches('0').len().max(2);
        write!(formatter, "{sign}${}.{}", amount / 1_000_000_000, &decimals[..kept])
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for NanoUsd {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for NanoUsd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Tokens by kind, each token counted once: `input` excludes cached and cache-write tokens, `output` excludes
/// reasoning tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Fresh input tokens.
    pub input_tokens: u64,
    /// Input tokens the provider read from its own prompt cache.
    pub cached_tokens: u64,
    /// Input tokens written to the provider's prompt cache.
    pub cache_write_tokens: u64,
    /// Visible output tokens.
    pub output_tokens: u64,
    /// Hidden reasoning tokens, billed as output.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// All input tokens, whatever their kind.
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.cached_tokens).saturating_add(self.cache_write_tokens)
    }
}

impl Add for Usage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
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
    /// Input written to the provider's cache.
    pub cache_write: i64,
    /// Output, reasoning included.
    pub output: i64,
}

/// What a model's tokens cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// The ordinary band.
    pub base: PriceBand,
    /// From this many prompt tokens on (exclusive), the whole call is priced by `long`.
    pub long_above_tokens: Option<u64>,
    /// The band of long prompts.
    pub long: Option<PriceBand>,
}

impl Price {
    /// The exact cost of `usage`, rounded up to the nano-dollar once.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        let band = match (self.long_above_tokens, self.long) {
            (Some(limit), Some(long)) if usage.prompt_tokens() > limit => long,
            _ => self.base,
        };
        let part = |tokens: u64, price: i64| i128::from(tokens) * i128::from(price);
        let total = part(usage.input_tokens, band.input)
            + part(usage.cached_tokens, band.cached_input)
            + part(usage.cache_write_tokens, band.cache_write)
            + part(usage.output_tokens.saturating_add(usage.reasoning_tokens), band.output);
        let rounded_up = (total + TOKENS_PER_PRICE - 1).div_euclid(TOKENS_PER_PRICE);
        NanoUsd(i64::try_from(rounded_up).unwrap_or(i64::MAX))
    }

    /// The most a call can cost that sends at most `prompt_tokens` and receives at most `output_tokens`.
    pub fn worst_case(&self, prompt_tokens: u64, output_tokens: u64) -> NanoUsd {
        let dearest = |band: PriceBand| Price {
            base: PriceBand { input: band.input.max(band.cached_input).max(band.cache_write), ..band },
            long_above_tokens: None,
            long: None,
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

    #[test]
    fn dollars_read_and_print_exactly() {
        for (text, nano, printed) in [
            ("0", 0, "$0.00"),
            ("1.5", 1_500_000_000, "$1.50"),
            ("0.000000001", 1, "$0.000000001"),
            ("12.30", 12_300_000_000, "$12.30"),
        ] {
            assert_eq!(NanoUsd::parse_usd(text), Some(NanoUsd(nano)), "{text}");
            assert_eq!(NanoUsd(nano).to_string(), printed);
        }
        for refused in ["", "-1", "1e3", "1.0000000001", "NaN", ".5", "9999999999999"] {
            assert_eq!(NanoUsd::parse_usd(refused), None, "{refused}");
        }
    }

    fn usages() -> impl Strategy<Value = Usage> {
        [0..5_000_000u64, 0..5_000_000, 0..5_000_000, 0..500_000, 0..500_000].prop_map(
            |[input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens]| Usage {
                input_tokens,
                cached_tokens,
                cache_write_tokens,
                output_tokens,
                reasoning_tokens,
            },
        )
    }

    fn bands() -> impl Strategy<Value = PriceBand> {
        [0..100_000_000_000i64, 0..100_000_000_000, 0..100_000_000_000, 0..100_000_000_000].prop_map(
            |[input, cached_input, cache_write, output]| PriceBand {
                input,
                cached_input,
                cache_write,
                output,
            },
        )
    }

    proptest! {
        #[test]
        fn cost_never_exceeds_the_worst_case(base in bands(), long in proptest::option::of(bands()), limit in 0..1_000_000u64, usage in usages()) {
            let price = Price { base, long_above_tokens: Some(limit), long };
            let worst = price.worst_case(usage.prompt_tokens(), usage.output_tokens + usage.reasoning_tokens);
            prop_assert!(price.cost(&usage) <= worst);
        }

        #[test]
        fn cost_is_exact_to_the_nano_dollar(base in bands(), usage in usages()) {
            let price = Price { base, long_above_tokens: None, long: None };
            let exact = (usage.input_tokens as f64 * base.input as f64 + usage.cached_tokens as f64 * base.cached_input as f64
                + usage.cache_write_tokens as f64 * base.cache_write as f64
                + (usage.output_tokens + usage.reasoning_tokens) as f64 * base.output as f64) / 1e6;
            let cost = price.cost(&usage).0 as f64;
            prop_assert!((cost - exact).abs() <= 1.0 + exact * 1e-12);
        }

        #[test]
        fn splitting_a_bill_never_loses_money(base in bands(), first in usages(), second in usages()) {
            let price = Price { base, long_above_tokens: None, long: None };
            let apart = price.cost(&first) + price.cost(&second);
            let together = price.cost(&(first + second));
            prop_assert!(apart >= together && apart - together <= NanoUsd(1));
        }

        #[test]
        fn printed_dollars_read_back(nano in 0..i64::MAX / 2) {
            let printed = NanoUsd(nano).to_string();
            prop_assert_eq!(NanoUsd::parse_usd(printed.trim_start_matches('$')), Some(NanoUsd(nano)));
        }
    }
}
