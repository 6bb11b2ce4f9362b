use serde_json::json;

use super::*;

fn table() -> Table {
    serde_json::from_value(json!({"_source": "made up", "prices": {
        "plain": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7,
            "input_cost_per_token_batches": 5e-7, "output_cost_per_token_batches": 1e-6, "input_cost_per_token_flex": 7e-7,
            "input_cost_per_token_priority": 3e-6, "output_cost_per_token_priority": 6e-6},
        "house/long": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
            "input_cost_per_token_above_200k_tokens": 2e-6, "output_cost_per_token_above_200k_tokens": 3e-6,
            "input_cost_per_token_above_200k_tokens_batches": 1.5e-6},
        "sound": {"mode": "chat", "input_cost_per_token": 1e-6, "input_cost_per_audio_token": 4e-6, "output_cost_per_token": 2e-6},
        "cached": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6, "cache_read_input_token_cost": 1e-7,
            "cache_creation_input_token_cost": 1.25e-6, "cache_creation_input_token_cost_above_1hr": 2e-6},
        "speech": {"mode": "audio_transcription", "input_cost_per_second": 1.111e-5, "output_cost_per_second": 1.111e-5},
        "vectors": {"mode": "embedding", "input_cost_per_token": 2e-8, "output_cost_per_token": 0.0},
        "search": {"mode": "search", "tiered_pricing": [
            {"input_cost_per_query": 0.005, "max_results_range": [0, 25]}, {"input_cost_per_query": 0.025, "max_results_range": [26, 100]}]},
        "tiny": {"mode": "chat", "input_cost_per_token": 8.75e-9, "output_cost_per_token": 1e-8},
        "nameless": {"mode": "chat", "litellm_provider": "somebody"}
    }}))
    .unwrap()
}

/// Nano-dollars, `None` for a cost nobody can know.
fn check(provider: &str, model: &str, tier: Option<&str>, usage: Value, expected: Option<i64>) {
    let call = Call {
        name: String::new(),
        provider: provider.to_owned(),
        model: model.to_owned(),
        usage,
        tier: tier.map(str::to_owned),
        expect_usd: Value::Null,
    };
    assert_eq!(cost(&call, &table()), expected.map(NanoUsd), "{provider} {model} {tier:?} {}", call.usage);
}

fn chat(prompt: u64, completion: u64) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

#[test]
fn tiers_and_long_prompts_have_their_own_prices() {
    check("house", "plain", None, chat(1_000, 100), Some(1_200_000));
    check("house", "plain", Some("batch"), chat(1_000, 100), Some(600_000));
    // Flex lists no price of output here.
    check("house", "plain", Some("flex"), chat(1_000, 100), Some(900_000));
    check("house", "plain", Some("priority"), chat(1_000, 100), Some(3_600_000));
    check("house", "plain", Some("unheard-of"), chat(1_000, 100), None);
    let mut told = chat(1_000, 100);
    told["service_tier"] = "priority".into();
    check("house", "plain", None, told, Some(3_600_000));
    check("house", "long", None, chat(200_000, 0), Some(200_000_000));
    check("house", "long", None, chat(200_001, 1), Some(400_002_000 + 3_000));
    check("house", "long", Some("batch"), chat(300_000, 10), Some(450_000_000 + 30_000));
}

#[test]
fn every_kind_is_counted_once_and_at_its_own_price() {
    let cached = json!({"prompt_tokens": 1_000, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 900}});
    check("house", "plain", None, cached, Some(190_000));
    let sound =
        json!({"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"audio_tokens": 40}});
    check("house", "sound", None, sound, Some(60_000 + 160_000 + 2_000));
    let written = json!({"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2}});
    check("anthropic", "cached", None, written, Some(1_000 + 5_000 + 1_000 + 1_250 + 4_000));
    check("house", "speech", None, json!({"type": "duration", "seconds": 3_600}), Some(39_996_000));
    check("house", "speech", None, json!({"seconds": 0.5}), Some(5_555));
    check("house", "vectors", None, json!({"prompt_tokens": 50, "total_tokens": 50}), Some(1_000));
    check("house", "search", None, json!({"queries": 2, "max_results": 26}), Some(50_000_000));
    check("house", "search", None, json!({"queries": 2}), Some(10_000_000));
    check("house", "search", None, json!({"queries": 2, "max_results": 101}), None);
    // Beyond a nano-dollar: rounded up once.
    check("house", "tiny", None, chat(1, 0), Some(9));
    check("house", "tiny", None, chat(4, 0), Some(35));
}

#[test]
fn what_is_stated_wins_and_what_is_unknown_stays_unknown() {
    check(
        "openrouter",
        "any",
        None,
        json!({"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}),
        Some(250_000_000),
    );
    check("ollama", "any", None, json!({"prompt_eval_count": 900}), Some(0));
    check("house", "any", None, chat(10, 10), None);
    check("house", "nameless", None, chat(10, 10), None);
    check("house", "plain", None, json!({"prompt_tokens": -10, "completion_tokens": 10}), None);
}

#[test]
fn rows_and_prices_are_read_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(exact(folder.path()), Err(Trouble::NotRun(_))));
    let prices = r#"{"prices": {"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}}"#;
    std::fs::write(folder.path().join("prices_subset.json"), prices).unwrap();
    let usage = r#""usage": {"prompt_tokens": 10, "completion_tokens": 0}"#;
    let row = |name: &str, model: &str, expected: &str| {
        format!(
            r#"{{"name": "{name}", "provider": "p", "model": "{model}", {usage}, "expect_usd": {expected}}}"#
        )
    };
    let rows = [
        row("right", "m", "\"0.00001\""),
        row("unknown", "other", "null"),
        row("wrong", "m", "\"0.00002\""),
        row("shown as known", "m", "null"),
    ];
    std::fs::write(folder.path().join("llm_usage_cost.jsonl"), rows.join("\n")).unwrap();
    let figure = exact(folder.path()).unwrap();
    assert_eq!((figure.value, figure.sample), (0.5, 4));
    assert_eq!(
        figure.failing,
        ["wrong: $0.00001 instead of 0.00002", "shown as known: $0.00001 instead of unknown"]
    );
}
