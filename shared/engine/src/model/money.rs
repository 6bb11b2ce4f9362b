//! Money is integer nano-dollars; nothing here rounds in the platform's favour unseen.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

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

    /// The amount written as dollars that are not negative, such as `0.00042` or `2e-05`; what is beyond nine decimals is
    /// rounded up.
    pub fn parse_usd_rounding_up(text: &str) -> Option<Self> {
        let (nano, rest) = decimal(text, 9)?;
        i64::try_from(nano).ok()?.checked_add(i64::from(rest)).map(Self)
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

/// A decimal number that is not negative, with or without an exponent, times `10^decimals`: the whole part, and whether
/// anything is left of it. `None` if it is no such number or too large.
pub fn decimal(text: &str, decimals: i32) -> Option<(i128, bool)> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 36 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i128 = digits.parse().ok()?;
    let shift = exponent.checked_add(decimals)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = |places: u32| 10_i128.checked_pow(places);
    match u32::try_from(shift) {
        Ok(places) if number != 0 => Some((number.checked_mul(power(places)?)?, false)),
        Ok(_) => Some((0, false)),
        Err(_) => match power(shift.unsigned_abs()) {
            Some(divisor) => Some((number / divisor, number % divisor != 0)),
            None => Some((0, number != 0)),
        },
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

    #[test]
    fn dollars_beyond_nine_decimals_are_rounded_up() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.00042", Some(420_000)),
            ("2e-05", Some(20_000)),
            ("1.25E-9", Some(2)),
            ("1e-300", Some(1)),
            ("0e900", Some(0)),
            ("12", Some(12_000_000_000)),
            ("-1", None),
            ("NaN", None),
            ("", None),
            (".", None),
            ("1e300", None),
            ("1e99999999999", None),
        ] {
            assert_eq!(NanoUsd::parse_usd_rounding_up(text), expected.map(NanoUsd), "{text}");
        }
        assert_eq!(decimal("1.111e-05", 15), Some((11_110_000_000, false)));
    }

    proptest! {
        #[test]
        fn printed_dollars_read_back(nano in 0..i64::MAX / 2) {
            let printed = NanoUsd(nano).to_string();
            prop_assert_eq!(NanoUsd::parse_usd(printed.trim_start_matches('$')), Some(NanoUsd(nano)));
        }
    }
}
