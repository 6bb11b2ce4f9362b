//! Anthropic's Messages against the shapes of its servers.

#![allow(clippy::unwrap_used, reason = "a test")]

mod tape;

use engine::ports::Llm;
use llm::anthropic::Anthropic;
use llm::{Secret, ServerConfig};
use serde_json::{Value, json};
use tape::{KEY, Protocol, request, shown_error};
use tokio::net::TcpListener;

const PROTOCOL: Protocol = Protocol {
    folder: "anthropic",
    key_header: "x-api-key",
    client: |config, models| {
        let client = Anthropic::new(config, models).unwrap();
        let shown = format!("{client:?}");
        (Box::new(client), shown)
    },
    messages: 1,
};

const ANSWER: &str = "{\"subject\":\"A levee that held – über Nacht\"}";
const HAIKU: &str = "claude-haiku-4-5-20251001";

fn play(cassette: &str, expected: Value) {
    tape::check(&PROTOCOL, cassette, expected);
}

#[test]
fn answers_are_read_plain_and_streamed() {
    for cassette in [
        "plain",
        "streamed",
        "plain_for_stream",
        "structured_in_two_blocks",
        "ended_without_stop",
        "tool_turn",
    ] {
        play(cassette, json!({"text": ANSWER, "usage": [86, 0, 0, 15, 0], "model": HAIKU}));
    }
    play("thinking", json!({"text": ANSWER, "usage": [86, 0, 0, 15, 200], "model": "claude-sonnet-5-5"}));
}

#[test]
fn several_tools_are_called_in_one_turn() {
    play(
        "tool_calls",
        json!({"text": "I look.", "usage": [86, 0, 0, 60, 0], "model": HAIKU, "tool_calls": [
            ["toolu_01a", "search_memory", {"query": "levee"}], ["toolu_01b", "search_memory", "{\"query\":\"flood"]]}),
    );
    play(
        "tool_calls_plain",
        json!({"text": "", "usage": [86, 0, 0, 15, 0], "model": HAIKU, "tool_calls": [
            ["toolu_01a", "search_memory", {"query": "levee"}], ["toolu_01b", "search_memory", {}]]}),
    );
}

#[test]
fn what_was_thought_goes_back_with_the_answers_of_tools() {
    let kept = json!([{"type": "thinking", "thinking": "It held.", "signature": "EqQBCgIYAhIM"},
        {"type": "tool_use", "id": "call_a1", "name": "search_memory", "input": {"query": "levee"}}]);
    play(
        "thinking_tool_call",
        json!({"text": "", "usage": [86, 0, 0, 20, 40], "model": "claude-sonnet-5-5", "kept": kept,
            "tool_calls": [["call_a1", "search_memory", {"query": "levee"}]]}),
    );
    play("thinking_tool_turn", json!({"text": ANSWER, "usage": [86, 0, 0, 15, 0], "model": HAIKU}));
}

#[test]
fn tokens_of_the_cache_are_counted_beside_the_input() {
    for cassette in ["cache", "cache_streamed"] {
        play(cassette, json!({"text": ANSWER, "usage": [50, 2000, 600, 40, 0, 400], "model": HAIKU}));
    }
    play("cache_without_breakdown", json!({"text": ANSWER, "usage": [50, 0, 1000, 40, 0], "model": HAIKU}));
}

#[test]
fn a_declined_or_cut_answer_is_a_reply_with_its_bill() {
    play(
        "refusal",
        json!({"text": "{\"subj", "usage": [86, 0, 0, 4, 0], "model": HAIKU,
            "refusal": "This request was declined by a safety check."}),
    );
    play(
        "refusal_without_words",
        json!({"text": "", "usage": [86, 0, 0, 15, 0], "model": HAIKU, "refusal": "the provider's model declined"}),
    );
    let cut = |tokens: u64| json!({"text": "{\"subject\":\"A le", "usage": [86, 0, 0, tokens, 0], "model": HAIKU, "cut_off": true});
    play("max_tokens", cut(300));
    play("context_exceeded", cut(15));
}

#[test]
fn a_refused_request_costs_nothing() {
    for (cassette, kind, says) in [
        ("400", "ModelRejected", "210402 tokens > 200000 maximum"),
        ("400_schema", "ModelRejected", "supports structured output by json_schema"),
        ("400_credit", "Quota", "used up"),
        ("401", "Configuration", "LLM_API_KEY"),
        ("403", "Configuration", "LLM_API_KEY"),
        ("404", "ModelRejected", "claude-none"),
        ("413", "TooLarge", "larger than the provider takes"),
        ("529", "ModelUnavailable", "overloaded"),
    ] {
        play(cassette, json!({"error": kind, "says": says, "bill": "nothing"}));
    }
    for (cassette, kind, retry_after_ms) in
        [("429", "RateLimited", 12_000), ("529_retry_after", "ModelUnavailable", 3_000)]
    {
        play(cassette, json!({"error": kind, "bill": "nothing", "retry_after_ms": retry_after_ms}));
    }
}

#[test]
fn nobody_knows_the_bill_of_a_call_that_broke() {
    for (cassette, kind, says) in [
        ("500", "ModelUnavailable", "Internal server error"),
        ("502_html", "ModelUnavailable", "status 502"),
        ("504", "ModelUnavailable", "in time"),
        ("200_html", "ModelUnavailable", "web page"),
        ("error_in_200", "ModelUnavailable", "overloaded"),
        ("cut_json", "ModelUnavailable", "not whole JSON"),
        ("cut_body", "Network", "broke during its answer"),
        ("cut_stream", "Network", "broke during its answer"),
        ("ended_stream", "ModelUnavailable", "ended before the answer did"),
        ("stalled_stream", "Timeout", "did not finish in time"),
        ("error_in_stream", "ModelUnavailable", "overloaded"),
        ("rate_limit_in_stream", "RateLimited", "exceeded your rate limit"),
        ("broken_event", "ModelUnavailable", "not JSON"),
        ("ping_flood", "ModelOutput", "larger than 200000 bytes"),
        ("pings_only", "ModelUnavailable", "without an answer"),
        ("empty_stream", "ModelUnavailable", "empty stream"),
        ("empty_body", "ModelUnavailable", "empty answer"),
        ("oversized", "ModelOutput", "larger than 200000 bytes"),
        ("silent", "Timeout", "did not begin to answer in time"),
        ("hangs_up", "Network", "broke before it answered"),
    ] {
        play(cassette, json!({"error": kind, "says": says, "bill": "unknown"}));
    }
}

#[test]
fn what_a_broken_call_said_it_used_is_its_bill() {
    play("no_content", json!({"error": "ModelOutput", "bill": [86, 0, 0, 15, 0]}));
    play("cut_stream_with_usage", json!({"error": "Network", "bill": [86, 0, 0, 15, 0]}));
    play("error_in_stream_with_usage", json!({"error": "ModelUnavailable", "bill": [86, 0, 0, 15, 0]}));
}

#[test]
fn a_reply_without_believable_usage_is_not_taken() {
    for cassette in ["usage_negative", "usage_huge", "usage_missing", "usage_missing_streamed"] {
        play(cassette, json!({"error": "ModelOutput", "says": "how many tokens", "bill": "unknown"}));
    }
    play("usage_missing_free", json!({"text": ANSWER, "usage": [0, 0, 0, 0, 0], "model": "local"}));
}

#[tokio::test]
async fn a_refused_connection_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tape = json!({"request": {"body": {"model": "m", "messages": [0]}}, "free": false});
    let client = Anthropic::new(ServerConfig::new(format!("http://{address}"), None), Vec::new()).unwrap();
    let failure = client.complete(&request(&PROTOCOL, &tape)).await.unwrap_err();
    assert_eq!(shown_error(&failure), json!({"error": "Network", "bill": "nothing"}));
}

#[test]
fn the_version_may_be_part_of_the_address_or_not() {
    for base_url in ["https://api.anthropic.com", "https://api.anthropic.com/v1/"] {
        let client = Anthropic::new(ServerConfig::new(base_url, Secret::new(KEY)), Vec::new()).unwrap();
        assert_eq!(client.address(), "https://api.anthropic.com/v1/messages", "{base_url}");
    }
    for (base_url, key) in
        [("http://models.example.com", KEY), ("https://api.anthropic.com", "sk-line\nbreak")]
    {
        let error = Anthropic::new(ServerConfig::new(base_url, Secret::new(key)), Vec::new()).unwrap_err();
        assert_eq!(error.kind().name(), "Configuration", "{base_url}");
        assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
    }
}
