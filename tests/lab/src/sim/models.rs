//! The models of a world, their prices and their faults.

use std::sync::Arc;

use engine::agent::{ModelSpec, Tier};
use engine::memory::SeededRandom;
use engine::model::{Price, PriceBand};
use engine::ports::Random as _;

use crate::scripted::{Call, Fault};

/// A model with a price that makes every call count.
pub fn model() -> Arc<ModelSpec> {
    Arc::new(ModelSpec {
        id: "scripted".to_owned(),
        provider: "scripted".to_owned(),
        tiers: Tier::ALL.to_vec(),
        context_tokens: 1_000_000,
        max_output_tokens: 16_000,
        price: Some(Price {
            base: PriceBand {
                input: 150_000_000,
                cached_input: 75_000_000,
                cache_write: 150_000_000,
                output: 600_000_000,
                ..PriceBand::default()
            },
            ..Price::default()
        }),
        price_source: "scripted".to_owned(),
        price_as_of: None,
    })
}

/// The same at another provider, for a fifth.
pub(super) fn cheaper() -> Arc<ModelSpec> {
    let fifth = |band: PriceBand| PriceBand {
        input: band.input / 5,
        cached_input: band.cached_input / 5,
        cache_write: band.cache_write / 5,
        output: band.output / 5,
        ..band
    };
    let model = ModelSpec::clone(&model());
    Arc::new(ModelSpec {
        id: "cheaper".to_owned(),
        provider: "other".to_owned(),
        price: model.price.map(|price| Price { base: fifth(price.base), ..price }),
        ..model
    })
}

/// Every tier is served by both models, and which of them is asked first is learned.
#[expect(clippy::expect_used, reason = "both are offered")]
pub(super) fn either(model: Arc<dyn engine::ports::Llm>) -> Arc<dyn engine::ports::Llm> {
    let names = || vec!["scripted".to_owned(), "cheaper".to_owned()];
    let tiers = Tier::ALL.into_iter().map(|tier| (tier, names())).collect();
    Arc::new(llm::Tiered::new(model, &tiers).expect("both models are offered"))
}

/// The fault of a call, by seed and call alone, so that the same seed gives the same faults.
pub(super) fn model_fault(seed: u64, thousandths: u64, call: &Call) -> Option<Fault> {
    let random = SeededRandom::new(seed ^ call.number.wrapping_mul(0x9E37_79B9));
    if thousandths == 0 || random.next_u64() % 1_000 >= thousandths {
        return None;
    }
    Some(match random.next_u64() % 11 {
        0 => Fault::RateLimited { retry_after_ms: Some(random.next_u64() % 5_000) },
        1 => Fault::RateLimited { retry_after_ms: None },
        2 => Fault::Unavailable,
        3 => Fault::ServerError { billed: true },
        4 => Fault::ServerError { billed: false },
        5 => Fault::Timeout,
        6 => Fault::CutJson,
        7 => Fault::WrongSchema,
        8 => Fault::Refusal,
        9 => Fault::Quota,
        _ => Fault::CutOff,
    })
}
