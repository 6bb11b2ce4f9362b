//! The OpenAI protocol against recorded shapes of its servers: the request is matched, the answer replayed to the byte.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Arc;

use engine::agent::{ModelSpec, Tier};
use engine::model::{Price, PriceBand, Usage};
use engine::ports::{Bill, Llm, LlmError, ModelMessage, ModelReply, ModelRequest, ToolCall, ToolSpec};
use llm::Secret;
use llm::openai::{OpenAi, OpenAiConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "sk-cassette-0123456789";

/// Plays a cassette to a client and compares what it makes of it. An expected error has `error`, `says` (a part of the
/// message), `bill`, and `retry_after_ms` where there is one.
fn check(cassette: &str, expected: Value) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/cassettes/openai/{cassette}.json"));
    let tape: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (found, seen) = runtime.block_on(play(&tape));
    assert_request(cassette, &seen, &tape["request"]);
    match found {
        Ok(reply) => assert_eq!(shown_reply(&reply), expected, "{cassette}"),
        Err(failure) => {
            let mut expected = expected;
            let says = expected.as_object_mut().unwrap().remove("says").unwrap_or_default();
            assert!(
                failure.error.message().contains(says.as_str().unwrap_or_default()),
                "{cassette}: {failure:?}"
            );
            assert!(
                !format!("{failure:?} {}", failure.error).contains(&KEY[..14]),
                "{cassette} shows the key"
            );
            assert_eq!(shown_error(&failure), expected, "{cassette}: {failure:?}");
        }
    }
}

async fn play(tape: &Value) -> (Result<ModelReply, LlmError>, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = OpenAiConfig {
        stream: tape.pointer("/request/body/stream").is_some(),
        first_byte_timeout_ms: 300,
        max_body_bytes: 200_000,
        ..OpenAiConfig::new(
            format!("http://{}/v1", listener.local_addr().unwrap()),
            tape.pointer("/request/headers/authorization").and_then(|_| Secret::new(KEY)),
        )
    };
    let request = request(tape);
    let client = OpenAi::new(config, vec![request.model.clone()]).unwrap();
    assert!(!format!("{client:?}").contains(&KEY[..14]));
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let seen = read_request(&mut socket).await;
        write_response(&mut socket, &tape["response"]).await;
        (seen, socket)
    };
    // The socket lives until the client is done with it.
    let (found, (seen, _socket)) = tokio::join!(client.complete(&request), server);
    (found, seen)
}

struct Seen {
    first_line: String,
    headers: Vec<(String, String)>,
    body: Value,
}

async fn read_request(socket: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = socket.read(&mut part).await.unwrap();
        assert!(read > 0, "the request broke off");
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let (first_line, rest) = head.split_once("\r\n").unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers: Vec<_> = rest.lines().map(header).collect();
        let length =
            headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse::<usize>().unwrap();
        if bytes.len() >= end + 4 + length {
            let body = serde_json::from_slice(&bytes[end + 4..]).unwrap();
            return Seen { first_line: first_line.to_owned(), headers, body };
        }
    }
}

async fn write_response(socket: &mut TcpStream, response: &Value) {
    let lines: Vec<_> =
        response["body"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let repeat = response["repeat"].as_u64().unwrap_or(1);
    let body = lines.join("\n").repeat(usize::try_from(repeat).unwrap());
    let ending = response["ending"].as_str().unwrap_or("close");
    let mut bytes = Vec::new();
    let mut chunked = false;
    if let Some(status) = response["status"].as_str().filter(|status| !status.is_empty()) {
        bytes.extend_from_slice(format!("HTTP/1.1 {status}\r\n").as_bytes());
        for header in response["headers"].as_array().unwrap() {
            let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
            chunked |= name == "transfer-encoding";
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !chunked {
            let length = response["announced_bytes"].as_u64().unwrap_or(body.len() as u64);
            bytes.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
    }
    if chunked {
        // Chunks of a few bytes cut events and characters anywhere.
        let size = if body.len() > 10_000 { 4_096 } else { 7 };
        for chunk in body.as_bytes().chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        if ending == "close" {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
    } else {
        bytes.extend_from_slice(body.as_bytes());
    }
    // A client that has had enough closes; that is its right.
    let _ = socket.write_all(&bytes).await;
    if ending != "hang" {
        let _ = socket.shutdown().await;
    }
}

fn assert_request(cassette: &str, seen: &Seen, expected: &Value) {
    let line =
        format!("{} {} HTTP/1.1", expected["method"].as_str().unwrap(), expected["path"].as_str().unwrap());
    assert_eq!(seen.first_line, line, "{cassette}");
    assert_eq!(seen.body, expected["body"], "{cassette}");
    let header =
        |name: &str| seen.headers.iter().find(|(seen, _)| seen == name).map(|(_, value)| value.as_str());
    for (name, value) in expected["headers"].as_object().unwrap() {
        assert_eq!(header(name), value.as_str(), "{cassette}: {name}");
    }
    if expected["headers"].get("authorization").is_none() {
        assert_eq!(header("authorization"), None, "{cassette}");
    }
}

fn request(tape: &Value) -> ModelRequest {
    let body = &tape["request"]["body"];
    let free = tape["free"].as_bool().unwrap();
    let band =
        PriceBand { input: 400_000_000, cached_input: 100_000_000, cache_write: 0, output: 1_600_000_000 };
    let base = if free { PriceBand::default() } else { band };
    let mut messages = vec![
        ModelMessage::System { text: "Say what it is about.".into() },
        ModelMessage::User { text: "<data name=\"content\">\"The levee held.\"</data>".into() },
    ];
    if body["messages"].as_array().unwrap().len() > 2 {
        let call = ToolCall {
            id: "call_a1".into(),
            name: "search_memory".into(),
            arguments: json!({"query": "levee"}),
        };
        messages.extend([
            ModelMessage::Assistant { text: String::new(), tool_calls: vec![call] },
            ModelMessage::Tool { call_id: "call_a1".into(), text: "[]".into() },
            ModelMessage::Assistant { text: "not JSON".into(), tool_calls: Vec::new() },
            ModelMessage::User { text: "Answer by the schema.".into() },
        ]);
    }
    let search_memory = ToolSpec {
        name: "search_memory".into(),
        description: "Searches earlier runs.".into(),
        parameters: json!({"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"],
            "additionalProperties": false}),
    };
    ModelRequest {
        model: Arc::new(ModelSpec {
            id: body["model"].as_str().unwrap().into(),
            provider: "cassette".into(),
            tiers: vec![Tier::Fast],
            context_tokens: 128_000,
            max_output_tokens: 16_000,
            price: Some(Price { base, long_above_tokens: None, long: None }),
            price_source: "cassette".into(),
        }),
        messages,
        schema_name: "acquisition_specialist".into(),
        schema: json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"subject": {"type": "string"}}, "required": ["subject"], "additionalProperties": false}),
        tools: if body.get("tools").is_some() { vec![search_memory] } else { Vec::new() },
        max_output_tokens: 300,
        temperature: 0.0,
        timeout_ms: 600,
    }
}

fn shown_usage(usage: &Usage) -> Value {
    json!([
        usage.input_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens
    ])
}

fn shown_reply(reply: &ModelReply) -> Value {
    let mut shown = json!({"text": reply.text, "usage": shown_usage(&reply.usage), "model": reply.model});
    if !reply.tool_calls.is_empty() {
        shown["tool_calls"] =
            reply.tool_calls.iter().map(|call| json!([call.id, call.name, call.arguments])).collect();
    }
    if let Some(refusal) = &reply.refusal {
        shown["refusal"] = refusal.as_str().into();
    }
    if reply.cut_off {
        shown["cut_off"] = true.into();
    }
    shown
}

fn shown_error(failure: &LlmError) -> Value {
    let bill = match failure.bill {
        Bill::Nothing => json!("nothing"),
        Bill::Unknown => json!("unknown"),
        Bill::Used(usage) => shown_usage(&usage),
    };
    let mut shown = json!({"error": failure.error.kind().name(), "bill": bill});
    if let Some(milliseconds) = failure.error.retry_after_ms() {
        shown["retry_after_ms"] = milliseconds.into();
    }
    shown
}

const ANSWER: &str = "{\"subject\":\"A levee that held – über Nacht\"}";
const OPENAI: &str = "gpt-4.1-mini-2025-04-14";

#[test]
fn answers_are_read_from_every_server() {
    check("openai_plain", json!({"text": ANSWER, "usage": [176, 1024, 0, 300, 0], "model": OPENAI}));
    check("openai_streamed", json!({"text": ANSWER, "usage": [86, 0, 0, 15, 0], "model": OPENAI}));
    check(
        "openai_reasoning",
        json!({"text": ANSWER, "usage": [520, 3840, 640, 500, 1500], "model": "gpt-5-mini-2025-08-07"}),
    );
    check(
        "openrouter_streamed",
        json!({"text": ANSWER, "usage": [62, 32, 0, 16, 0], "model": "meta-llama/llama-3.3-70b-instruct"}),
    );
    check("ollama_streamed", json!({"text": ANSWER, "usage": [61, 0, 0, 14, 0], "model": "llama3.2"}));
    check("vllm_streamed", json!({"text": ANSWER, "usage": [70, 0, 0, 29, 0], "model": "Qwen/Qwen3-8B"}));
    check(
        "vllm_plain_for_stream",
        json!({"text": ANSWER, "usage": [70, 0, 0, 14, 0], "model": "Qwen/Qwen3-8B"}),
    );
}

#[test]
fn tools_are_called_and_answered() {
    check(
        "openai_tool_calls",
        json!({"text": "", "usage": [121, 0, 0, 33, 0], "model": OPENAI, "tool_calls": [
            ["call_a1", "search_memory", {"query": "levee"}], ["call_b2", "search_memory", "{\"query\":\"flood"]]}),
    );
    check(
        "ollama_tool_calls",
        json!({"text": "", "usage": [161, 0, 0, 24, 0], "model": "llama3.2", "tool_calls": [
            ["call_x1", "search_memory", {"query": "levee"}], ["call_x2", "search_memory", {"query": "flood"}]]}),
    );
    check("openai_tool_turn", json!({"text": ANSWER, "usage": [86, 0, 0, 15, 0], "model": OPENAI}));
}

#[test]
fn a_declined_or_cut_answer_is_a_reply_with_its_bill() {
    check(
        "openai_refusal",
        json!({"text": "", "usage": [86, 0, 0, 9, 0], "model": OPENAI,
            "refusal": "I'm sorry, I can't help with that."}),
    );
    check(
        "openai_cut_off",
        json!({"text": "{\"subject\":\"A le", "usage": [86, 0, 0, 15, 0], "model": OPENAI, "cut_off": true}),
    );
    check(
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
        (
            "openai_400_schema",
            "ModelRejected",
            "choose a model or server that supports response_format json_schema",
        ),
        ("vllm_400_schema", "ModelRejected", "unevaluatedProperties"),
        ("openai_400_context", "ModelRejected", "maximum context length is 128000"),
        ("openai_404_model", "ModelRejected", "gpt-4-none"),
        ("ollama_404", "ModelRejected", "try pulling it first"),
        ("gateway_307", "Configuration", "LLM_BASE_URL"),
    ] {
        check(cassette, json!({"error": kind, "says": says, "bill": "nothing"}));
    }
    for (cassette, kind, retry_after_ms) in [
        ("openai_429_retry_after", "RateLimited", 660),
        ("openai_429_date", "RateLimited", 45_000),
        ("openai_503", "ModelUnavailable", 5_000),
    ] {
        check(cassette, json!({"error": kind, "bill": "nothing", "retry_after_ms": retry_after_ms}));
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
        check(cassette, json!({"error": kind, "says": says, "bill": "unknown"}));
    }
}

#[test]
fn what_a_broken_call_said_it_used_is_its_bill() {
    check("no_choices", json!({"error": "ModelOutput", "bill": [86, 0, 0, 0, 0]}));
    check("cut_stream_with_usage", json!({"error": "Network", "bill": [86, 0, 0, 1, 0]}));
}

#[test]
fn a_reply_without_believable_usage_is_not_taken() {
    for cassette in ["usage_null", "usage_negative", "usage_huge", "usage_missing_streamed"] {
        check(cassette, json!({"error": "ModelOutput", "says": "how many tokens", "bill": "unknown"}));
    }
    check("usage_null_free", json!({"text": ANSWER, "usage": [0, 0, 0, 0, 0], "model": "local"}));
}

#[tokio::test]
async fn a_refused_connection_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tape = json!({"request": {"body": {"model": "m", "messages": [0, 1]}}, "free": false});
    let client = OpenAi::new(OpenAiConfig::new(format!("http://{address}/v1"), None), Vec::new()).unwrap();
    let failure = client.complete(&request(&tape)).await.unwrap_err();
    assert_eq!(shown_error(&failure), json!({"error": "Network", "bill": "nothing"}));
}

#[test]
fn candidates_are_those_of_the_tier_or_all() {
    let spec = |id: &str, tiers: &[Tier]| {
        let tape = json!({"request": {"body": {"model": id, "messages": [0, 1]}}, "free": true});
        Arc::new(ModelSpec { tiers: tiers.to_vec(), ..ModelSpec::clone(&request(&tape).model) })
    };
    let models =
        vec![spec("a", &[Tier::Fast]), spec("b", &[Tier::Strong]), spec("c", &[Tier::Strong, Tier::Fast])];
    let client = OpenAi::new(OpenAiConfig::new("http://127.0.0.1:9/v1", None), models).unwrap();
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
        let config = OpenAiConfig::new(base_url, key.and_then(Secret::new));
        let error = OpenAi::new(config, Vec::new()).unwrap_err();
        assert_eq!(error.kind().name(), "Configuration", "{base_url}");
        assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
    }
}
