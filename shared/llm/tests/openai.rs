//! The OpenAI protocol against recorded shapes of its servers.

#![allow(clippy::unwrap_used, reason = "a test")]

mod tape;

use std::sync::Arc;

use engine::agent::{ModelSpec, Tier};
use engine::ports::Llm;
use llm::openai::OpenAi;
use llm::{Secret, ServerConfig};
use serde_json::{Value, json};
use tape::{KEY, Protocol, request, shown_error};
use tokio::net::TcpListener;

const PROTOCOL: Protocol = Protocol {
    folder: "openai",
    key_header: "authorization",
    client: |config, models| {
        let client = OpenAi::new(config, models).unwrap();
        let shown = format!("{client:?}");
        (Box::new(client), shown)
    },
    messages: 2,
};

fn play(cassette: &str, expected: Value) {
    tape::check(&PROTOCOL, cassette, expected);
}

const ANSWER: &str = "{\"subject\":\"A levee that held – über Nacht\"}";
const OPENAI: &str = "gpt-4.1-mini-2025-04-14";

#[test]
fn answers_are_read_from_every_server() {
    play("openai_plain", json!({"text": ANSWER, "usage": [176, 1024, 0, 300, 0], "model": OPENAI}));
    play("openai_streamed", json!({"text": ANSWER, "usage": [86, 0, 0, 15, 0], "model": OPENAI}));
    play(
        "openai_reasoning",
        json!({"text": ANSWER, "usage": [520, 3840, 640, 500, 1500], "model": "gpt-5-mini-2025-08-07"}),
    );
    play(
        "openrouter_streamed",
        json!({"text": ANSWER, "usage": [62, 32, 0, 16, 0], "model": "meta-llama/llama-3.3-70b-instruct",
            "reported_nano_usd": 42_100}),
    );
    play("ollama_streamed", json!({"text": ANSWER, "usage": [61, 0, 0, 14, 0], "model": "llama3.2"}));
    play("vllm_streamed", json!({"text": ANSWER, "usage": [70, 0, 0, 29, 0], "model": "Qwen/Qwen3-8B"}));
    play(
        "vllm_plain_for_stream",
        json!({"text": ANSWER, "usage": [70, 0, 0, 14, 0], "model": "Qwen/Qwen3-8B"}),
    );
}

#[test]
fn tools_are_called_and_answered() {
    play(
        "openai_tool_calls",
        json!({"text": "", "usage": [121, 0, 0, 33, 0], "model": OPENAI, "tool_calls": [
            ["call_a1", "search_memory", {"query": "levee"}], ["call_b2", "search_memory", "{\"query\":\"flood"]]}),
    );
    play(
        "ollama_tool_calls",
        json!({"text": "", "usage": [161, 0, 0, 24, 0], "model": "llama3.2", "tool_calls": [
            ["call_x1", "search_memory", {"query": "levee"}], ["call_x2", "search_memory", {"query": "flood"}]]}),
    );
    play("openai_tool_turn", json!({"text": ANSWER, "usage": [86, 0, 0, 15, 0], "model": OPENAI}));
}

#[test]
fn a_declined_or_cut_answer_is_a_reply_with_its_bill() {
    play(
        "openai_refusal",
        json!({"text": "", "usage": [86, 0, 0, 9, 0], "model": OPENAI,
            "refusal": "I'm sorry, I can't help with that."}),
    );
    play(
        "openai_cut_off",
        json!({"text": "{\"subject\":\"A le", "usage": [86, 0, 0, 15, 0], "model": OPENAI, "cut_off": true}),
    );
    play(
        "openai_content_filter",
        json!({"text": "", "usage": [86, 0, 0, 15, 0], "model": OPENAI,
            "refusal": "stopped by the provider's content filter"}),
    );
}

#[test]
fn a_refused_request_costs_nothing() {
    for (cassette, kind, says) in [
        ("openai_429_bare", "RateLimited", "Rate limit reached"),
        ("openai_429_quota", "Quota", "used up"),
        ("openrouter_402", "Quota", "Insufficient credits"),
        ("openai_401", "Configuration", "LLM_API_KEY"),
        ("openai_403_moderation", "ModelRefused", "flagged"),
        ("openai_400_schema", "ModelRejected", "supports structured output by json_schema"),
        ("vllm_400_schema", "ModelRejected", "unevaluatedProperties"),
        ("openai_400_context", "ModelRejected", "maximum context length is 128000"),
        ("openai_404_model", "ModelRejected", "gpt-4-none"),
        ("ollama_404", "ModelRejected", "try pulling it first"),
        ("gateway_307", "Configuration", "LLM_BASE_URL"),
    ] {
        play(cassette, json!({"error": kind, "says": says, "bill": "nothing"}));
    }
    for (cassette, kind, retry_after_ms) in [
        ("openai_429_retry_after", "RateLimited", 660),
        ("openai_429_date", "RateLimited", 45_000),
        ("openai_503", "ModelUnavailable", 5_000),
    ] {
        play(cassette, json!({"error": kind, "bill": "nothing", "retry_after_ms": retry_after_ms}));
    }
}

#[test]
fn nobody_knows_the_bill_of_a_call_that_broke() {
    for (cassette, kind, says) in [
        ("gateway_500_html", "ModelUnavailable", "status 500"),
        ("gateway_502_html", "ModelUnavailable", "status 502"),
        ("gateway_504", "ModelUnavailable", "in time"),
        ("gateway_200_html", "ModelUnavailable", "web page"),
        ("cut_json", "ModelUnavailable", "not whole JSON"),
        ("cut_body", "Network", "broke during its answer"),
        ("cut_stream", "Network", "broke during its answer"),
        ("ended_stream", "ModelUnavailable", "ended before the answer did"),
        ("stalled_stream", "Timeout", "did not finish in time"),
        ("silent", "Timeout", "did not begin to answer in time"),
        ("hangs_up", "Network", "broke before it answered"),
        ("empty_body", "ModelUnavailable", "empty answer"),
        ("empty_stream", "ModelUnavailable", "stream"),
        ("broken_event", "ModelUnavailable", "not JSON"),
        ("oversized", "ModelOutput", "larger than 200000 bytes"),
        ("oversized_stream", "ModelOutput", "larger than 200000 bytes"),
        ("openrouter_error_in_200", "ModelUnavailable", "Provider returned error"),
        ("openrouter_429_in_200", "RateLimited", "free-models-per-min"),
        ("openrouter_error_in_stream", "ModelUnavailable", "disconnected unexpectedly"),
    ] {
        play(cassette, json!({"error": kind, "says": says, "bill": "unknown"}));
    }
}

#[test]
fn what_a_broken_call_said_it_used_is_its_bill() {
    play("no_choices", json!({"error": "ModelOutput", "bill": [86, 0, 0, 0, 0]}));
    play("cut_stream_with_usage", json!({"error": "Network", "bill": [86, 0, 0, 1, 0]}));
}

#[test]
fn a_reply_without_believable_usage_is_not_taken() {
    for cassette in ["usage_null", "usage_negative", "usage_huge", "usage_missing_streamed"] {
        play(cassette, json!({"error": "ModelOutput", "says": "how many tokens", "bill": "unknown"}));
    }
    play("usage_null_free", json!({"text": ANSWER, "usage": [0, 0, 0, 0, 0], "model": "local"}));
}

#[tokio::test]
async fn a_refused_connection_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tape = json!({"request": {"body": {"model": "m", "messages": [0, 1]}}, "free": false});
    let client = OpenAi::new(ServerConfig::new(format!("http://{address}/v1"), None), Vec::new()).unwrap();
    let failure = client.complete(&request(&PROTOCOL, &tape)).await.unwrap_err();
    assert_eq!(shown_error(&failure), json!({"error": "Network", "bill": "nothing"}));
}

#[test]
fn candidates_are_those_of_the_tier_or_all() {
    let spec = |id: &str, tiers: &[Tier]| {
        let tape = json!({"request": {"body": {"model": id, "messages": [0, 1]}}, "free": true});
        Arc::new(ModelSpec { tiers: tiers.to_vec(), ..ModelSpec::clone(&request(&PROTOCOL, &tape).model) })
    };
    let models =
        vec![spec("a", &[Tier::Fast]), spec("b", &[Tier::Strong]), spec("c", &[Tier::Strong, Tier::Fast])];
    let client = OpenAi::new(ServerConfig::new("http://127.0.0.1:9/v1", None), models).unwrap();
    let ids = |tier| client.candidates(tier).iter().map(|model| model.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(Tier::Fast), ["a", "c"]);
    assert_eq!(ids(Tier::Strong), ["b", "c"]);
    assert_eq!(ids(Tier::Vision), ["a", "b", "c"]);
}

#[test]
fn an_unusable_configuration_is_said_without_the_key() {
    for (base_url, key) in [
        ("http://models.example.com/v1", Some(KEY)),
        ("not a url", None),
        ("https://api.openai.com/v1", Some("sk-line\nbreak")),
    ] {
        let config = ServerConfig::new(base_url, key.and_then(Secret::new));
        let error = OpenAi::new(config, Vec::new()).unwrap_err();
        assert_eq!(error.kind().name(), "Configuration", "{base_url}");
        assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
    }
}
