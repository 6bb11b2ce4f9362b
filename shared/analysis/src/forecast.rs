//! Forecasts of daily counts, by the simple method that would have erred least on the days already known.
//!
//! Every method is run over the series once, forecasting `horizon` days ahead from each day with enough days before it
//! (a rolling origin). The method with the least squared error is used; its absolute errors give the interval, so that
//! no distribution is assumed. Where there are too few days for that, nothing is forecast.
//!
//! Methods: the mean of all days; the last value of the same weekday; exponential smoothing; Holt's trend, damped;
//! Croston's method with the Syntetos-Boylan correction for counts that are mostly 0.

/// What is expected, with its error.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Expected count of the day; never negative.
    pub value: f64,
    /// Lower end of the interval; never negative.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How it was computed.
    pub method: &'static str,
    /// Days in the series.
    pub sample: usize,
    /// Forecasts of known days that the error and the interval rest on.
    pub tested: usize,
    /// Mean absolute error on them.
    pub error: f64,
    /// Mean absolute error, on the same days, of taking the last value of the same weekday.
    pub naive_error: f64,
}

/// The share of days that should fall between `low` and `high`.
pub const INTERVAL: f64 = 0.8;
/// Days before the first forecast of a known day.
const LEAST_TRAINING: usize = 7;
/// Forecasts of known days without which no error is known.
const LEAST_TESTED: usize = 6;
const WEEK: usize = 7;

/// The days a series must have to be forecast so many days ahead.
pub fn days_needed(horizon: usize) -> usize {
    LEAST_TRAINING + LEAST_TESTED + horizon.max(1) - 1
}

/// Forecasts the count of the day that is `horizon` days after the last, from the counts of consecutive days.
///
/// Nothing where there are fewer than [`days_needed`]. Linear in the days.
pub fn forecast(counts: &[u64], horizon: usize) -> Option<Forecast> {
    let horizon = horizon.max(1);
    if counts.len() < days_needed(horizon) {
        return None;
    }
    let series: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    let naive = absolute_errors(&series, horizon, &forecasts(&series, horizon, Method::Weekday));
    let mut best: Option<(f64, Method, Vec<f64>, f64)> = None;
    for method in METHODS {
        let ahead = forecasts(&series, horizon, *method);
        let errors = absolute_errors(&series, horizon, &ahead);
        let squared = mean(errors.iter().map(|error| error * error), errors.len());
        let value = ahead.last().copied().unwrap_or_default();
        if best.as_ref().is_none_or(|(least, ..)| squared < *least) {
            best = Some((squared, *method, errors, value));
        }
    }
    let (_, method, mut errors, value) = best?;
    let error = mean(errors.iter().copied(), errors.len());
    errors.sort_by(f64::total_cmp);
    // The rank that leaves the right share outside, with one more for the error that is still to come.
    let rank = ((errors.len() + 1) as f64 * INTERVAL).ceil() as usize;
    let reach = errors[rank.clamp(1, errors.len()) - 1];
    Some(Forecast {
        value,
        low: (value - reach).max(0.0),
        high: value + reach,
        method: method.name(),
        sample: counts.len(),
        tested: errors.len(),
        error,
        naive_error: mean(naive.iter().copied(), naive.len()),
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Mean,
    Weekday,
    Smoothing(f64),
    DampedTrend(f64, f64),
    Croston(f64),
}

/// Simplest first: of two that err alike the first is taken.
const METHODS: &[Method] = &[
    Method::Mean,
    Method::Weekday,
    Method::Smoothing(0.1),
    Method::Smoothing(0.3),
    Method::Croston(0.1),
    Method::DampedTrend(0.2, 0.1),
    Method::DampedTrend(0.5, 0.2),
];

/// How much of a trend is left a day later.
const DAMPING: f64 = 0.9;

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Mean => "mean of all days",
            Method::Weekday => "last value of the same weekday",
            Method::Smoothing(_) => "exponential smoothing",
            Method::DampedTrend(..) => "damped trend (Holt)",
            Method::Croston(_) => "Croston's method for sparse counts (Syntetos-Boylan)",
        }
    }
}

/// What a method says, from each day on, of the day `horizon` days later.
fn forecasts(series: &[f64], horizon: usize, method: Method) -> Vec<f64> {
    let mut state = State::default();
    let weekday = |at: usize| {
        // The latest day already known that is whole weeks before the day in question.
        let back = (WEEK - horizon % WEEK) % WEEK;
        at.checked_sub(back).map_or(series[at], |day| series[day])
    };
    (0..series.len())
        .map(|at| {
            state.learn(series[at], method);
            let value = match method {
                Method::Mean => state.sum / state.days,
                Method::Weekday => weekday(at),
                Method::Smoothing(_) => state.level,
                Method::DampedTrend(..) => state.level + state.trend * damped(horizon),
                Method::Croston(rate) => {
                    if state.gap > 0.0 {
                        (1.0 - rate / 2.0) * state.size / state.gap
                    } else {
                        0.0
                    }
                }
            };
            value.max(0.0)
        })
        .collect()
}

/// The sum of what is left of a trend over so many days.
fn damped(horizon: usize) -> f64 {
    (1..=horizon.min(400)).map(|day| DAMPING.powi(day as i32)).sum()
}

#[derive(Default)]
struct State {
    days: f64,
    sum: f64,
    level: f64,
    trend: f64,
    /// Mean size of counts above 0, mean days between them, and days since the last.
    size: f64,
    gap: f64,
    since: f64,
}

impl State {
    fn learn(&mut self, count: f64, method: Method) {
        let first = self.days == 0.0;
        self.days += 1.0;
        self.sum += count;
        self.since += 1.0;
        match method {
            Method::Mean | Method::Weekday => {}
            Method::Smoothing(_) | Method::DampedTrend(..) if first => self.level = count,
            Method::Smoothing(rate) => self.level += rate * (count - self.level),
            Method::DampedTrend(rate, trend_rate) => {
                let expected = self.level + DAMPING * self.trend;
                let level = expected + rate * (count - expected);
                self.trend = trend_rate * (level - self.level) + (1.0 - trend_rate) * DAMPING * self.trend;
                self.level = level;
            }
            Method::Croston(rate) if count > 0.0 => {
                if self.gap > 0.0 {
                    self.size += rate * (count - self.size);
                    self.gap += rate * (self.since - self.gap);
                } else {
                    (self.size, self.gap) = (count, self.since);
                }
                self.since = 0.0;
            }
            Method::Croston(_) => {}
        }
    }
}

fn absolute_errors(series: &[f64], horizon: usize, forecasts: &[f64]) -> Vec<f64> {
    (LEAST_TRAINING - 1..series.len() - horizon)
        .map(|at| (series[at + horizon] - forecasts[at]).abs())
        .collect()
}

fn mean(values: impl Iterator<Item = f64>, count: usize) -> f64 {
    values.sum::<f64>() / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A seeded generator of counts (Knuth's product of uniform numbers).
    struct Poisson(u64);

    impl Poisson {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        }

        fn next(&mut self, mean: f64) -> u64 {
            let (mut count, mut product) = (0, self.uniform());
            while product > (-mean).exp() {
                count += 1;
                product *= self.uniform();
            }
            count
        }
    }

    /// The share of days inside the interval over many series of one mean.
    fn coverage(mean: f64, days: usize, horizon: usize) -> f64 {
        const SERIES: u64 = 400;
        let mut inside = 0;
        for seed in 0..SERIES {
            let mut counts = Poisson(seed * 7919 + 17);
            let series: Vec<u64> = (0..days + horizon).map(|_| counts.next(mean)).collect();
            let found = forecast(&series[..days], horizon).unwrap();
            let actual = series[days + horizon - 1] as f64;
            inside += usize::from(found.low <= actual && actual <= found.high);
        }
        inside as f64 / SERIES as f64
    }

    #[test]
    fn intervals_hold_about_the_share_they_promise() {
        for (mean, days, horizon) in [(10.0, 60, 7), (4.0, 60, 7), (4.0, 90, 30), (1.0, 60, 7), (10.0, 30, 7)]
        {
            let share = coverage(mean, days, horizon);
            assert!((0.70..=0.93).contains(&share), "mean {mean}, {days} days, {horizon} ahead: {share}");
        }
        // Where most days are 0, the interval cannot leave a fifth outside.
        assert!(coverage(0.2, 60, 7) >= 0.75);
    }

    #[test]
    fn a_rise_is_followed_and_beats_the_last_week() {
        let rise: Vec<u64> = (0..60).collect();
        let found = forecast(&rise, 7).unwrap();
        assert_eq!(found.method, "damped trend (Holt)");
        assert!(found.error < found.naive_error && (60.0..=70.0).contains(&found.value), "{found:?}");
        let weekly: Vec<u64> = (0..70).map(|day| if day % 7 == 5 { 9 } else { 1 }).collect();
        let found = forecast(&weekly, 7).unwrap();
        assert_eq!((found.method, found.error), ("last value of the same weekday", 0.0));
        // Day 69 is the last; day 99 is no fifth day of a week, day 103 is.
        assert_eq!(forecast(&weekly, 30).unwrap().value, 1.0);
        assert_eq!(forecast(&weekly, 34).unwrap().value, 9.0);
        let sparse: Vec<u64> = (0..90).map(|day| u64::from(day % 10 == 0) * 3).collect();
        assert!((0.1..=0.6).contains(&forecast(&sparse, 7).unwrap().value));
    }

    #[test]
    fn too_few_days_say_nothing() {
        assert_eq!((days_needed(7), days_needed(30)), (19, 42));
        assert!(forecast(&[1; 18], 7).is_none() && forecast(&[1; 19], 7).is_some());
        assert!(forecast(&[], 0).is_none());
    }

    proptest! {
        #[test]
        fn a_constant_series_forecasts_itself(count in 0_u64..1_000_000, days in 19_usize..120) {
            let found = forecast(&vec![count; days], 7).unwrap();
            let count = count as f64;
            prop_assert_eq!((found.value, found.low, found.high, found.error), (count, count, count, 0.0));
        }

        #[test]
        fn counts_are_never_negative_and_always_finite(
            series in proptest::collection::vec(prop_oneof![0_u64..5, any::<u64>()], 0..90),
            horizon in 0_usize..60,
        ) {
            if let Some(found) = forecast(&series, horizon) {
                prop_assert!(0.0 <= found.low && found.low <= found.value && found.value <= found.high);
                let all = [found.value, found.low, found.high, found.error, found.naive_error];
                prop_assert!(all.iter().all(|number| number.is_finite() && *number >= 0.0));
                prop_assert!(found.tested >= LEAST_TESTED);
            } else {
                prop_assert!(series.len() < days_needed(horizon));
            }
        }
    }
}
