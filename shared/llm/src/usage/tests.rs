//! Token counts of every shape.

use super::*;
use serde_json::json;

/// Of a request of 20,000 tokens at most that may give 3,000 tokens of output.
fn plausible(price: Option<Price>) -> Plausible {
    let shape = UsageShape::ChatCompletions;
    Plausible { shape, prompt_tokens: 20_000, output_tokens: 3_000, price, free: false }
}

fn check(usage: Value, expected: Option<[u64; 5]>) {
    let plausible = plausible(None);
    let expected =
        expected.map(|[input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens]| {
            Usage {
                input_tokens,
                cached_tokens,
                cache_write_tokens,
                output_tokens,
                reasoning_tokens,
                ..Usage::default()
            }
        });
    assert_eq!(plausible.usage(Some(&usage)), expected, "{usage}");
    let free = Plausible { free: true, ..plausible };
    assert_eq!(free.usage(Some(&usage)), Some(expected.unwrap_or_default()), "free: {usage}");
}

#[test]
fn every_token_is_counted_once() {
    check(json!({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}), Some([10, 0, 0, 3, 0]));
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
#[test]
fn deepseek_names_what_its_cache_gave_in_its_own_way() {
    check(
        json!({"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}),
        Some([36, 64, 0, 5, 0]),
    );
}

/// Kinds: input, cached, written, written for an hour, audio, output, reasoning, milliseconds.
fn check_shape(shape: UsageShape, usage: Value, expected: Option<[u64; 8]>) {
    let found = read_usage(shape, &usage).map(|usage| {
        let Usage { input_tokens, cached_tokens, cache_write_tokens, cache_write_1h_tokens, .. } = usage;
        let Usage { audio_tokens, output_tokens, reasoning_tokens, audio_ms, .. } = usage;
        [
            input_tokens,
            cached_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            audio_tokens,
            output_tokens,
            reasoning_tokens,
            audio_ms,
        ]
    });
    assert_eq!(found, expected, "{shape:?} {usage}");
}

#[test]
fn messages_count_the_cache_beside_the_input() {
    use UsageShape::Messages;
    check_shape(Messages, json!({"input_tokens": 10, "output_tokens": 3}), Some([10, 0, 0, 0, 0, 3, 0, 0]));
    check_shape(
        Messages,
        json!({"input_tokens": 50, "output_tokens": 40, "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
            "output_tokens_details": {"thinking_tokens": 30}}),
        Some([50, 200, 60, 40, 0, 10, 30, 0]),
    );
    // No breakdown: for five minutes. A breakdown without its sum counts too.
    check_shape(
        Messages,
        json!({"input_tokens": 7, "output_tokens": 1, "cache_read_input_tokens": null,
            "cache_creation_input_tokens": 30, "cache_creation": null}),
        Some([7, 0, 30, 0, 0, 1, 0, 0]),
    );
    check_shape(
        Messages,
        json!({"input_tokens": 7, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 9}}),
        Some([7, 0, 0, 9, 0, 1, 0, 0]),
    );
    for usage in [
        json!({"input_tokens": 7}),
        json!({"output_tokens": 7}),
        json!({"input_tokens": -7, "output_tokens": 1}),
        json!({"input_tokens": 7, "output_tokens": 1, "cache_read_input_tokens": -1}),
        json!({"input_tokens": 7, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": "9"}}),
    ] {
        check_shape(Messages, usage, None);
    }
}

#[test]
fn converse_and_transcriptions_are_read() {
    use UsageShape::{Converse, Transcriptions};
    check_shape(
        Converse,
        json!({"inputTokens": 5, "outputTokens": 4, "totalTokens": 9, "cacheReadInputTokens": 20,
            "cacheWriteInputTokens": 11, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 6}]}),
        Some([5, 20, 7, 4, 0, 4, 0, 0]),
    );
    check_shape(Converse, json!({"inputTokens": 5}), None);
    check_shape(
        UsageShape::GenerateContent,
        json!({"promptTokenCount": 100, "cachedContentTokenCount": 30, "candidatesTokenCount": 7, "thoughtsTokenCount": 9,
            "totalTokenCount": 116, "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 60}, {"modality": "AUDIO", "tokenCount": 40}]}),
        Some([30, 30, 0, 0, 40, 7, 9, 0]),
    );
    check_shape(
        UsageShape::GenerateContent,
        json!({"promptTokenCount": 1, "cachedContentTokenCount": 2}),
        None,
    );
    check_shape(
        Transcriptions,
        json!({"type": "tokens", "input_tokens": 100, "output_tokens": 15, "input_token_details": {"audio_tokens": 98}}),
        Some([2, 0, 0, 0, 98, 15, 0, 0]),
    );
    check_shape(
        Transcriptions,
        json!({"type": "duration", "seconds": 2.5}),
        Some([0, 0, 0, 0, 0, 0, 0, 2_500]),
    );
    check_shape(Transcriptions, json!({"type": "duration", "seconds": -2}), None);
    check_shape(Transcriptions, json!({"minutes": 2}), None);
    check_shape(
        UsageShape::Embeddings,
        json!({"prompt_tokens": 8, "total_tokens": 8}),
        Some([8, 0, 0, 0, 0, 0, 0, 0]),
    );
}

#[test]
fn more_output_than_was_allowed_is_not_believed() {
    let output = |tokens: u64, thinking: u64| {
        json!({"prompt_tokens": 1, "completion_tokens": tokens + thinking,
            "completion_tokens_details": {"reasoning_tokens": thinking}})
    };
    check(output(3_000, 0), Some([1, 0, 0, 3_000, 0]));
    check(output(3_001, 0), None);
    check(output(3_000, 65_536), Some([1, 0, 0, 3_000, 65_536]));
    check(output(3_000, 65_537), None);
}

#[test]
fn a_stated_cost_that_cannot_be_true_is_none() {
    // A dollar a million tokens: up to 23 thousandths of a dollar could come of it, and what it used comes to one.
    let band = PriceBand { input: 1_000_000_000, output: 1_000_000_000, ..PriceBand::default() };
    let priced = Some(Price { base: band, ..Price::default() });
    let check = |price: Option<Price>, stated: Value, expected: bool| {
        let usage = json!({"prompt_tokens": 900, "completion_tokens": 100, "cost": stated});
        let used = read_usage(UsageShape::ChatCompletions, &usage).unwrap();
        let found = plausible(price).cost(Some(&usage), &used);
        assert_eq!(found.is_some(), expected, "{usage}: {found:?}");
        assert!(found.is_none() || found == reported_cost(&usage));
    };
    check(priced, json!(0.001), true);
    check(priced, json!(0.092), true);
    check(priced, json!(0.093), false);
    check(priced, json!(9_000_000), false);
    check(priced, json!(0.00001), true);
    check(priced, json!(0.000_009), false);
    check(priced, json!(0), false);
    check(Some(Price::default()), json!(0), true);
    check(Some(Price::default()), json!(0.01), false);
    check(None, json!(1), true);
}

#[test]
fn a_cost_the_provider_states_is_read_to_the_nano_dollar() {
    let check = |usage: Value, expected: Option<i64>| {
        assert_eq!(reported_cost(&usage), expected.map(NanoUsd), "{usage}");
    };
    check(json!({"cost": 0.00042, "is_byok": false}), Some(420_000));
    check(
        json!({"cost": 2e-5, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.0004}}),
        Some(420_000),
    );
    check(
        json!({"cost": 0.5, "is_byok": true, "cost_details": {"upstream_inference_cost": null}}),
        Some(500_000_000),
    );
    check(json!({"cost": 0.5, "cost_details": {"upstream_inference_cost": 0.4}}), Some(500_000_000));
    check(json!({"cost": 0, "is_byok": false}), Some(0));
    for untold in [
        json!({}),
        json!({"cost": null}),
        json!({"cost": -0.1}),
        json!({"cost": "0.1"}),
        json!({"cost": 1e300}),
    ] {
        check(untold, None);
    }
}
