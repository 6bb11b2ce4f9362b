//! Token counts, each token counted once, and only believed where they can be true.

use engine::model::Usage;
use engine::ports::ModelRequest;
use serde_json::Value;

/// What a chat template may add to the bytes of a request, in tokens.
const TEMPLATE_TOKENS: u64 = 16_384;
const MOST_OUTPUT_TOKENS: u64 = 10_000_000;

/// What token counts of a call are believable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plausible {
    prompt_tokens: u64,
    free: bool,
}

impl Plausible {
    /// For a request whose body has so many bytes: a token is at least one byte.
    pub(super) fn of(request: &ModelRequest, body_bytes: usize) -> Self {
        let free = request.model.price.is_some_and(|price| {
            let band_is_free = |band: engine::model::PriceBand| {
                [band.input, band.cached_input, band.cache_write, band.output].iter().all(|price| *price == 0)
            };
            band_is_free(price.base) && price.long.is_none_or(band_is_free)
        });
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        Self { prompt_tokens: bytes.saturating_add(TEMPLATE_TOKENS), free }
    }

    /// The usage in a `usage` object, if it can be true; for a model that costs nothing, zero if it cannot.
    pub(super) fn usage(&self, usage: Option<&Value>) -> Option<Usage> {
        usage.and_then(|usage| self.believable(usage)).or(self.free.then_some(Usage::default()))
    }

    fn believable(&self, usage: &Value) -> Option<Usage> {
        let prompt = count(usage.get("prompt_tokens")?)?;
        let completion = count(usage.get("completion_tokens")?)?;
        let detail = |group: &str, name: &str| match usage.pointer(&format!("/{group}/{name}")) {
            None | Some(Value::Null) => Some(0),
            Some(value) => count(value),
        };
        let cached = detail("prompt_tokens_details", "cached_tokens")?;
        let cache_write = detail("prompt_tokens_details", "cache_write_tokens")?;
        let reasoning = detail("completion_tokens_details", "reasoning_tokens")?;
        let total = usage.get("total_tokens").and_then(count);
        if prompt > self.prompt_tokens
            || cached.max(cache_write) > self.prompt_tokens
            || completion.max(reasoning) > MOST_OUTPUT_TOKENS
        {
            return None;
        }
        // The protocol counts cached tokens in the prompt and reasoning in the completion. Where the parts do not fit
        // into the whole, the server counts them apart.
        let from_cache = cached + cache_write;
        let reasoning_is_apart =
            reasoning > completion || (reasoning > 0 && total == Some(prompt + completion + reasoning));
        Some(Usage {
            input_tokens: prompt.checked_sub(from_cache).unwrap_or(prompt),
            cached_tokens: cached,
            cache_write_tokens: cache_write,
            output_tokens: if reasoning_is_apart { completion } else { completion - reasoning },
            reasoning_tokens: reasoning,
        })
    }
}

/// A whole number, however it is written; `12.0` counts.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let whole = number.fract() == 0.0 && (0.0..=1e12).contains(&number);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a whole u64"
        )]
        whole.then_some(number as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(usage: Value, expected: Option<[u64; 5]>) {
        let plausible = Plausible { prompt_tokens: 20_000, free: false };
        let expected = expected.map(
            |[input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens]| Usage {
                input_tokens,
                cached_tokens,
                cache_write_tokens,
                output_tokens,
                reasoning_tokens,
            },
        );
        assert_eq!(plausible.usage(Some(&usage)), expected, "{usage}");
        let free = Plausible { free: true, ..plausible };
        assert_eq!(free.usage(Some(&usage)), Some(expected.unwrap_or_default()), "free: {usage}");
    }

    #[test]
    fn every_token_is_counted_once() {
        check(
            json!({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}),
            Some([10, 0, 0, 3, 0]),
        );
        check(
            json!({"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500,
                "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0}}),
            Some([176, 1024, 0, 300, 0]),
        );
        check(
            json!({"prompt_tokens": 5000, "completion_tokens": 2000, "total_tokens": 7000,
                "completion_tokens_details": {"reasoning_tokens": 1500}}),
            Some([5000, 0, 0, 500, 1500]),
        );
        check(
            json!({"prompt_tokens": 3000, "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 500}}),
            Some([1500, 1000, 500, 5, 0]),
        );
        check(json!({"prompt_tokens": 7.0, "completion_tokens": 0}), Some([7, 0, 0, 0, 0]));
        check(
            json!({"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": null}),
            Some([7, 0, 0, 1, 0]),
        );
    }

    #[test]
    fn servers_that_count_parts_apart_are_understood() {
        check(
            json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 320,
                "completion_tokens_details": {"reasoning_tokens": 200}}),
            Some([100, 0, 0, 20, 200]),
        );
        check(
            json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 160,
                "completion_tokens_details": {"reasoning_tokens": 10}}),
            Some([100, 0, 0, 50, 10]),
        );
        check(
            json!({"prompt_tokens": 50, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2000}}),
            Some([50, 2000, 0, 4, 0]),
        );
    }

    #[test]
    fn counts_that_cannot_be_true_are_not_believed() {
        for usage in [
            json!(null),
            json!({}),
            json!("none"),
            json!({"prompt_tokens": 10}),
            json!({"prompt_tokens": null, "completion_tokens": 3}),
            json!({"prompt_tokens": -10, "completion_tokens": 3}),
            json!({"prompt_tokens": 10.5, "completion_tokens": 3}),
            json!({"prompt_tokens": "10", "completion_tokens": 3}),
            json!({"prompt_tokens": 20_001, "completion_tokens": 3}),
            json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX}),
            json!({"prompt_tokens": 1e300, "completion_tokens": 3}),
            json!({"prompt_tokens": 10, "completion_tokens": 10_000_001}),
            json!({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": -1}}),
            json!({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": u64::MAX}}),
            json!({"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": u64::MAX}}),
        ] {
            check(usage, None);
        }
    }
}
