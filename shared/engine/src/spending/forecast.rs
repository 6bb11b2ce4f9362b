//! Where a month is going, from the days before it.

use serde::Serialize;

use crate::model::NanoUsd;

/// Fewer days say nothing.
const LEAST_DAYS: usize = 7;
/// Nine of ten months end between the two bounds, if days go on as they were.
const QUANTILE_95: f64 = 1.645;
/// A day is unusual beyond so many times the dearest of the days before.
const UNUSUAL_TIMES: i64 = 2;

/// What a month will have cost at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// What is most to be expected.
    #[serde(rename = "expected_nano_usd")]
    pub expected: NanoUsd,
    /// One month in twenty ends below this.
    #[serde(rename = "low_nano_usd")]
    pub low: NanoUsd,
    /// One in twenty ends above this.
    #[serde(rename = "high_nano_usd")]
    pub high: NanoUsd,
    /// How many days it is made from.
    pub days: usize,
}

/// Forecasts the month's end. `before` has the days before today, the newest first; `of_month` says which day of the month today
/// is and how many there are. `None` with fewer than seven days.
///
/// The days to come are taken to be as those before, each by itself; the bounds hold the spread of the days and how little
/// is known of their mean.
pub fn forecast(
    month: NanoUsd,
    today: NanoUsd,
    before: &[NanoUsd],
    of_month: (u32, u32),
) -> Option<Forecast> {
    if before.len() < LEAST_DAYS {
        return None;
    }
    let days: Vec<f64> = before.iter().map(|day| day.0 as f64).collect();
    let count = days.len() as f64;
    let mean = days.iter().sum::<f64>() / count;
    let variance = days.iter().map(|day| (day - mean).powi(2)).sum::<f64>() / (count - 1.0);
    // Today is counted as a whole day, or as what it already is if that is more.
    let left = f64::from(of_month.1.saturating_sub(of_month.0));
    let rest_of_today = (mean - today.0 as f64).max(0.0);
    let expected = month.0 as f64 + rest_of_today + left * mean;
    let to_come = left + f64::from(u8::from(rest_of_today > 0.0));
    let spread = QUANTILE_95 * (variance * to_come * (1.0 + to_come / count)).sqrt();
    let nano = |amount: f64| NanoUsd(amount.round() as i64);
    Some(Forecast {
        expected: nano(expected),
        low: nano(expected - spread).max(month),
        high: nano(expected + spread),
        days: before.len(),
    })
}

/// True if today is beyond twice the dearest of the days before; `None` with fewer than seven.
pub fn is_unusual(today: NanoUsd, before: &[NanoUsd]) -> Option<bool> {
    let dearest = before.iter().max().filter(|_| before.len() >= LEAST_DAYS)?;
    Some(today.0 > dearest.0.saturating_mul(UNUSUAL_TIMES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::SeededRandom;
    use crate::ports::Random as _;

    fn uniform(random: &SeededRandom) -> f64 {
        (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A day of a tenant whose spending is skewed and lower on two days in seven.
    fn day(random: &SeededRandom, number: usize) -> f64 {
        let normal =
            (-2.0 * uniform(random).max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * uniform(random)).cos();
        let weekend = if number % 7 < 2 { 0.6 } else { 1.0 };
        2e9 * weekend * (0.5 * normal).exp()
    }

    #[test]
    fn nine_months_of_ten_end_between_the_bounds() {
        let random = SeededRandom::new(7);
        let (mut inside, mut errors) = (0, Vec::new());
        for tenant in 0..1_000 {
            let days: Vec<f64> = (0..58).map(|number| day(&random, number + tenant)).collect();
            // Today is the tenth day of a month of thirty, and has spent nothing yet.
            let before: Vec<NanoUsd> = days[9..37].iter().rev().map(|day| NanoUsd(*day as i64)).collect();
            let month: f64 = days[28..37].iter().sum();
            let truth = month + days[37..58].iter().sum::<f64>();
            let forecast = forecast(NanoUsd(month as i64), NanoUsd::ZERO, &before, (10, 30)).unwrap();
            inside += usize::from(forecast.low.0 as f64 <= truth && truth <= forecast.high.0 as f64);
            errors.push((forecast.expected.0 as f64 / truth - 1.0).abs());
        }
        errors.sort_by(f64::total_cmp);
        let median = errors[500];
        assert!((870..=930).contains(&inside), "{inside} of 1000 within the bounds");
        assert!(median < 0.08, "median error {median:.3}");
    }

    #[test]
    fn few_days_say_nothing_and_a_spent_month_is_never_forecast_lower() {
        let day = NanoUsd(1_000);
        assert_eq!(forecast(day, day, &[day; 6], (10, 30)), None);
        assert_eq!(is_unusual(NanoUsd(1_000_000), &[day; 6]), None);
        let steady = forecast(NanoUsd(9_000), NanoUsd::ZERO, &[day; 9], (10, 30)).unwrap();
        assert_eq!(
            (steady.low, steady.expected, steady.high),
            (NanoUsd(30_000), NanoUsd(30_000), NanoUsd(30_000))
        );
        let last_day = forecast(NanoUsd(90_000), NanoUsd(60_000), &[day; 28], (30, 30)).unwrap();
        assert_eq!((last_day.low, last_day.high), (NanoUsd(90_000), NanoUsd(90_000)));
        assert_eq!(is_unusual(NanoUsd(2_000), &[day; 7]), Some(false));
        assert_eq!(is_unusual(NanoUsd(2_001), &[day; 7]), Some(true));
    }
}
