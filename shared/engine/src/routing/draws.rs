//! Random numbers that follow from what they are drawn for, so that they can be drawn again: a stream of BLAKE3, cut by code of
//! our own, because the distributions of a crate may give other numbers in its next version.

use std::f64::consts::TAU;

use crate::model::{AgentId, ItemId, RunId};

/// The draws of one attempt at a step.
pub struct Draws(blake3::OutputReader);

impl Draws {
    /// The draws of this attempt.
    pub fn of(run: &RunId, agent: &AgentId, item: &ItemId, attempt: u32) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("assay 2026 choice of a model");
        for part in [run.as_str(), agent.as_str(), item.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&attempt.to_le_bytes());
        Self(hasher.finalize_xof())
    }

    /// Between 0 and 1, neither of them.
    pub fn uniform(&mut self) -> f64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        ((u64::from_le_bytes(bytes) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (TAU * self.uniform()).cos()
    }

    /// A Gamma distribution of this shape, at least 1, and scale 1 (Marsaglia and Tsang 2000).
    pub(super) fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A Beta distribution, both at least 1.
    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (a, b) = (self.gamma(a), self.gamma(b));
        a / (a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(attempt: u32) -> Draws {
        Draws::of(&RunId::new("run"), &AgentId::new("agent"), &ItemId::none(), attempt)
    }

    #[test]
    fn the_same_attempt_draws_the_same_and_the_next_one_others() {
        let five = |attempt| {
            let mut draws = draws(attempt);
            [(); 5].map(|()| draws.beta(3.0, 2.0).to_bits())
        };
        assert_eq!(five(1), five(1));
        assert_ne!(five(1), five(2));
    }

    #[test]
    fn what_is_drawn_has_the_mean_and_spread_of_its_distribution() {
        const MANY: u32 = 40_000;
        let check = |draw: &dyn Fn(&mut Draws) -> f64, mean: f64, variance: f64| {
            let mut draws = draws(7);
            let drawn: Vec<f64> = (0..MANY).map(|_| draw(&mut draws)).collect();
            let found = drawn.iter().sum::<f64>() / f64::from(MANY);
            let spread = drawn.iter().map(|value| (value - found).powi(2)).sum::<f64>() / f64::from(MANY);
            assert!((found - mean).abs() < 5.0 * (variance / f64::from(MANY)).sqrt(), "{found} for {mean}");
            assert!((spread / variance - 1.0).abs() < 0.06, "{spread} for {variance}");
        };
        check(&|draws| draws.uniform(), 0.5, 1.0 / 12.0);
        check(&|draws| draws.gamma(1.0), 1.0, 1.0);
        check(&|draws| draws.gamma(30.0), 30.0, 30.0);
        check(&|draws| draws.beta(9.0, 1.0), 0.9, 0.9 * 0.1 / 11.0);
    }
}
