//! Plays a cassette: the request is matched, the answer replayed to the byte.

use std::path::Path;
use std::sync::Arc;

use engine::agent::{ModelSpec, Tier};
use engine::model::{Price, PriceBand, Usage};
use engine::ports::{Bill, Llm, LlmError, ModelMessage, ModelReply, ModelRequest, ToolCall, ToolSpec};
use llm::{Secret, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const KEY: &str = "sk-cassette-0123456789";

pub(crate) type Models = Vec<Arc<ModelSpec>>;

/// A protocol whose cassettes are played.
pub(crate) struct Protocol {
    /// The folder of its cassettes.
    pub(crate) folder: &'static str,
    /// The header the key goes into.
    pub(crate) key_header: &'static str,
    /// Makes a client, and shows how it prints itself.
    pub(crate) client: fn(ServerConfig, Models) -> (Box<dyn Llm>, String),
    /// How many messages a request has in which no tool was called.
    pub(crate) messages: usize,
}

/// Plays a cassette to a client and compares what it makes of it. An expected error has `error`, `says` (a part of the
/// message), `bill`, and `retry_after_ms` where there is one.
pub(crate) fn check(protocol: &Protocol, cassette: &str, expected: Value) {
    let path = format!("../../tests/cassettes/{}/{cassette}.json", protocol.folder);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let tape: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (found, seen) = runtime.block_on(play(protocol, &tape));
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

async fn play(protocol: &Protocol, tape: &Value) -> (Result<ModelReply, LlmError>, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ServerConfig {
        stream: tape.pointer("/request/body/stream").is_some(),
        first_byte_timeout_ms: 300,
        max_body_bytes: 200_000,
        ..ServerConfig::new(
            format!("http://{}/v1", listener.local_addr().unwrap()),
            tape["request"]["headers"].get(protocol.key_header).and_then(|_| Secret::new(KEY)),
        )
    };
    let request = request(protocol, tape);
    let (client, shown) = (protocol.client)(config, vec![request.model.clone()]);
    assert!(!shown.contains(&KEY[..14]), "{shown}");
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
    for name in ["authorization", "x-api-key"] {
        if expected["headers"].get(name).is_none() {
            assert_eq!(header(name), None, "{cassette}: {name}");
        }
    }
}

/// The request of a cassette, as the engine makes it.
pub(crate) fn request(protocol: &Protocol, tape: &Value) -> ModelRequest {
    let body = &tape["request"]["body"];
    let free = tape["free"].as_bool().unwrap();
    let band = PriceBand {
        input: 400_000_000,
        cached_input: 100_000_000,
        output: 1_600_000_000,
        ..PriceBand::default()
    };
    let base = if free { PriceBand::default() } else { band };
    let mut messages = vec![
        ModelMessage::System { text: "Say what it is about.".into() },
        ModelMessage::User { text: "<data name=\"content\">\"The levee held.\"</data>".into() },
    ];
    if body["messages"].as_array().unwrap().len() > protocol.messages {
        let call = ToolCall {
            id: "call_a1".into(),
            name: "search_memory".into(),
            arguments: json!({"query": "levee"}),
        };
        messages.extend([
            ModelMessage::Assistant { text: String::new(), tool_calls: vec![call], kept: kept(tape) },
            ModelMessage::Tool { call_id: "call_a1".into(), text: "[]".into() },
            ModelMessage::Assistant { text: "not JSON".into(), tool_calls: Vec::new(), kept: Vec::new() },
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
            // Some protocols name the model in the path.
            id: body["model"].as_str().or(tape["model"].as_str()).unwrap().into(),
            provider: "cassette".into(),
            tiers: vec![Tier::Fast],
            context_tokens: 128_000,
            max_output_tokens: 16_000,
            price: Some(Price { base, ..Price::default() }),
            price_source: "cassette".into(),
            price_as_of: None,
        }),
        messages,
        schema_name: "acquisition_specialist".into(),
        schema: json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"subject": {"type": "string"}}, "required": ["subject"], "additionalProperties": false}),
        tools: match body.get("tools").or(body.pointer("/toolConfig/tools/1")) {
            Some(_) => vec![search_memory],
            None => Vec::new(),
        },
        max_output_tokens: 300,
        temperature: 0.0,
        timeout_ms: 600,
    }
}

/// What the cassette says a provider wanted back.
fn kept(tape: &Value) -> Vec<Value> {
    tape.get("kept").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn shown_usage(usage: &Usage) -> Value {
    let mut shown = vec![
        usage.input_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    ];
    shown.extend(Some(usage.cache_write_1h_tokens).filter(|tokens| *tokens > 0));
    json!(shown)
}

fn shown_reply(reply: &ModelReply) -> Value {
    let mut shown = json!({"text": reply.text, "usage": shown_usage(&reply.usage), "model": reply.model});
    if !reply.tool_calls.is_empty() {
        shown["tool_calls"] =
            reply.tool_calls.iter().map(|call| json!([call.id, call.name, call.arguments])).collect();
    }
    if !reply.kept.is_empty() {
        shown["kept"] = reply.kept.clone().into();
    }
    if let Some(refusal) = &reply.refusal {
        shown["refusal"] = refusal.as_str().into();
    }
    if reply.cut_off {
        shown["cut_off"] = true.into();
    }
    if let Some(cost) = reply.reported_cost {
        shown["reported_nano_usd"] = cost.0.into();
    }
    shown
}

pub(crate) fn shown_error(failure: &LlmError) -> Value {
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
