//! Bedrock's Converse against the shapes of its answers.

#![allow(clippy::unwrap_used, reason = "a test")]

mod tape;

use std::sync::Arc;

use engine::agent::Tier;
use engine::error::{ErrorKind, Result};
use engine::ports::Llm as _;
use llm::bedrock::Bedrock;
use llm::{ServerConfig, Signer, Signs};
use serde_json::{Value, json};
use tape::Protocol;

const PROTOCOL: Protocol = Protocol {
    folder: "bedrock",
    key_header: "authorization",
    client: |config, models| {
        let client = Bedrock::new(config, None, models).unwrap();
        let shown = format!("{client:?}");
        (Box::new(client), shown)
    },
    messages: 1,
};

const ANSWER: &str = "{\"subject\":\"A levee that held – über Nacht\"}";
const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

fn play(cassette: &str, expected: Value) {
    tape::check(&PROTOCOL, cassette, expected);
}

#[test]
fn the_answer_is_the_input_of_the_tool_that_gives_it() {
    for cassette in ["plain", "with_words", "answer_as_text", "text_only", "tool_turn"] {
        play(cassette, json!({"text": ANSWER, "usage": [412, 0, 0, 38, 0], "model": HAIKU}));
    }
    for (cassette, model) in [
        ("newer", "eu.anthropic.claude-sonnet-5-5-v1:0"),
        ("profile", "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123"),
    ] {
        play(cassette, json!({"text": ANSWER, "usage": [412, 0, 0, 38, 0], "model": model}));
    }
}

#[test]
fn what_the_cache_gave_and_took_is_counted_once() {
    play("cache", json!({"text": ANSWER, "usage": [52, 2048, 200, 38, 0, 100], "model": HAIKU}));
    play("cache_without_details", json!({"text": ANSWER, "usage": [52, 2048, 300, 38, 0], "model": HAIKU}));
    play("usage_missing_free", json!({"text": ANSWER, "usage": [0, 0, 0, 0, 0], "model": HAIKU}));
}

#[test]
fn tools_that_were_granted_come_before_an_answer() {
    let called =
        |calls: Value| json!({"text": "", "usage": [412, 0, 0, 38, 0], "model": HAIKU, "tool_calls": calls});
    play(
        "tool_calls",
        called(
            json!([["tooluse_x1", "search_memory", {"query": "levee"}], ["tooluse_x2", "search_memory", {}]]),
        ),
    );
    let one = json!([["tooluse_x1", "search_memory", {"query": "levee"}]]);
    play("tool_calls_and_answer", called(one.clone()));
    let mut thought = called(one);
    thought["kept"] = json!([
        {"reasoningContent": {"reasoningText": {"text": "Look first.", "signature": "c2ln"}}},
        {"toolUse": {"toolUseId": "tooluse_x1", "name": "search_memory", "input": {"query": "levee"}}},
    ]);
    play("thinking_tool_call", thought);
}

#[test]
fn a_declined_or_cut_answer_is_a_reply_with_its_bill() {
    play(
        "max_tokens",
        json!({"text": "{\"subject\":\"A le", "usage": [412, 0, 0, 300, 0], "model": HAIKU, "cut_off": true}),
    );
    play(
        "guardrail",
        json!({"text": "Sorry, I cannot answer this.", "usage": [412, 0, 0, 38, 0], "model": HAIKU,
            "refusal": "stopped by the provider: guardrail_intervened"}),
    );
    play(
        "filtered",
        json!({"text": "", "usage": [412, 0, 0, 0, 0], "model": HAIKU,
            "refusal": "stopped by the provider: content_filtered"}),
    );
}

#[test]
fn a_refused_request_costs_nothing_and_nobody_knows_the_bill_of_one_that_broke() {
    for (cassette, kind, says, bill) in [
        ("400", "ModelRejected", "model identifier is invalid", "nothing"),
        ("400_tool_choice", "ModelRejected", "cannot be made to call a tool", "nothing"),
        ("403", "Configuration", "allowed to use the model", "nothing"),
        ("404", "ModelRejected", "end of its life", "nothing"),
        ("429", "RateLimited", "Too many requests", "nothing"),
        ("503", "ModelUnavailable", "overloaded", "nothing"),
        ("408", "Timeout", "", "unknown"),
        ("424", "ModelUnavailable", "failed at the provider", "unknown"),
        ("500", "ModelUnavailable", "unexpected error", "unknown"),
        ("html", "ModelUnavailable", "web page", "unknown"),
        ("events", "ModelUnavailable", "events instead of an answer", "unknown"),
        ("cut_json", "ModelUnavailable", "not whole JSON", "unknown"),
        ("cut_body", "Network", "broke during its answer", "unknown"),
        ("silent", "Timeout", "", "unknown"),
        ("hangs_up", "Network", "broke before it answered", "unknown"),
        ("oversized", "ModelOutput", "larger than 200000 bytes", "unknown"),
        ("message_in_200", "ModelUnavailable", "Internal failure", "unknown"),
        ("usage_missing", "ModelOutput", "how many tokens", "unknown"),
        ("usage_negative", "ModelOutput", "how many tokens", "unknown"),
        ("usage_huge", "ModelOutput", "how many tokens", "unknown"),
    ] {
        play(cassette, json!({"error": kind, "says": says, "bill": bill}));
    }
    play("429_retry_after", json!({"error": "RateLimited", "bill": "nothing", "retry_after_ms": 12_000}));
    play(
        "no_content",
        json!({"error": "ModelOutput", "says": "without content", "bill": [412, 0, 0, 38, 0]}),
    );
}

struct Signed;

impl Signs for Signed {
    fn headers(&self, url: &str, body: &[u8]) -> Result<Vec<(String, String)>> {
        let over = format!("AWS4-HMAC-SHA256 {url} {}", body.len());
        Ok(vec![("authorization".to_owned(), over), ("x-amz-date".to_owned(), "20261122T100000Z".to_owned())])
    }
}

#[test]
fn without_a_key_a_call_is_signed_and_without_a_signer_there_is_no_client() {
    let error = Bedrock::new(ServerConfig::new("http://127.0.0.1:9", None), None, Vec::new()).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.message().contains("LLM_API_KEY"), "{error}");
    let public = ServerConfig::new("http://bedrock-runtime.eu-central-1.amazonaws.com", None);
    let error = Bedrock::new(public, Some(Signer(Arc::new(Signed))), Vec::new()).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.message().contains("use https"), "{error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = ServerConfig::new(format!("http://{}", listener.local_addr().unwrap()), None);
        let path = "../../tests/cassettes/bedrock/plain.json";
        let tape: Value = serde_json::from_slice(
            &std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap(),
        )
        .unwrap();
        let request = tape::request(&PROTOCOL, &tape);
        let client =
            Bedrock::new(config, Some(Signer(Arc::new(Signed))), vec![request.model.clone()]).unwrap();
        assert_eq!(client.candidates(Tier::Fast).len(), 1);
        let serving = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut part = vec![0; 16 * 1024];
            let read = tokio::io::AsyncReadExt::read(&mut socket, &mut part).await.unwrap();
            String::from_utf8_lossy(&part[..read]).into_owned()
        };
        let (_, seen) = tokio::join!(client.complete(&request), serving);
        seen
    });
    let head = seen.split("\r\n\r\n").next().unwrap();
    assert!(
        head.starts_with("POST /model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse HTTP/1.1"),
        "{head}"
    );
    let signed = "authorization: AWS4-HMAC-SHA256 http://127.0.0.1:";
    assert!(head.contains(signed) && head.contains("/converse "), "{head}");
    assert!(head.contains("x-amz-date: 20261122T100000Z"), "{head}");
}
