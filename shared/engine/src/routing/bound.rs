//! Bounds of a share that hold however often one looks.
//!
//! The likelihood of what was seen, mixed over shares by a Beta distribution, divided by its likelihood under the true share is a
//! martingale that begins at 1, so it passes `1 / alpha` with probability `alpha` at most, ever (Ville). The shares under which
//! it has not passed form an interval that holds at all times at once (Robbins 1970; Howard and others, arXiv 1810.08240).

/// The mixture: nearly all agents' answers are usable, so most of its weight lies there. It decides how soon bounds are of use,
/// not whether they hold.
const MIXED: (f64, f64) = (30.0, 1.0);

/// An interval for a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// At least this.
    pub lower: f64,
    /// At most this.
    pub upper: f64,
}

impl Bounds {
    /// The bounds of a share of which so many were good and so many bad; they fail to hold, ever, with probability `alpha` at
    /// most.
    pub fn of(good: u32, bad: u32, alpha: f64) -> Self {
        let (good, bad) = (f64::from(good), f64::from(bad));
        if good + bad == 0.0 {
            return Self { lower: 0.0, upper: 1.0 };
        }
        let (of_good, of_bad) = MIXED;
        let mixed = ln_beta(of_good + good, of_bad + bad) - ln_beta(of_good, of_bad);
        let limit = (1.0 / alpha).ln();
        let part = |count: f64, share: f64| if count == 0.0 { 0.0 } else { count * share.ln() };
        let is_inside = |share: f64| mixed - part(good, share) - part(bad, 1.0 - share) < limit;
        let mean = good / (good + bad);
        Self { lower: edge(mean, 0.0, is_inside), upper: edge(mean, 1.0, is_inside) }
    }
}

/// The last share inside on the way from `inside` to `outside`.
fn edge(inside: f64, outside: f64, is_inside: impl Fn(f64) -> bool) -> f64 {
    if is_inside(outside) {
        return outside;
    }
    let (mut inside, mut outside) = (inside, outside);
    for _ in 0..50 {
        let middle = f64::midpoint(inside, outside);
        if is_inside(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Stirling's series; under 10 by recurrence first.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut less) = (x, 0.0);
    while x < 10.0 {
        less += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - less
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::SeededRandom;
    use crate::ports::Random as _;

    #[test]
    fn the_logarithm_of_gamma_is_that_of_factorials() {
        let mut factorial = 0.0f64;
        for number in 1..60u32 {
            assert!((ln_gamma(f64::from(number)) - factorial).abs() < 1e-9, "{number}");
            factorial += f64::from(number).ln();
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-9);
    }

    #[test]
    fn bounds_are_missed_at_some_time_less_often_than_promised() {
        for share in [0.5, 0.9, 0.97] {
            let missed = (0..400u64).filter(|seed| is_ever_missed(*seed, share)).count();
            assert!(missed <= 32, "{missed} of 400 at {share}");
        }
    }

    /// Looks after every one of a thousand steps.
    fn is_ever_missed(seed: u64, share: f64) -> bool {
        let random = SeededRandom::new(seed);
        let (mut good, mut bad) = (0, 0);
        (0..1_000).any(|_| {
            let drawn = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            if drawn < share {
                good += 1
            } else {
                bad += 1
            }
            let Bounds { lower, upper } = Bounds::of(good, bad, 0.05);
            lower > share || upper < share
        })
    }

    #[test]
    fn bounds_close_in_and_nothing_is_known_of_nothing() {
        assert_eq!(Bounds::of(0, 0, 0.05), Bounds { lower: 0.0, upper: 1.0 });
        let few = Bounds::of(20, 0, 0.025);
        let many = Bounds::of(400, 4, 0.025);
        assert!(few.lower < 0.9 && few.upper == 1.0, "{few:?}");
        assert!(many.lower > 0.95 && many.upper < 1.0 && many.lower < 0.99, "{many:?}");
    }
}
