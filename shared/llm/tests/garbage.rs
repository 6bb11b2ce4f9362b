//! Answers that are none, from a real server over a real socket: slow ones, endless ones, broken ones, absurd ones. Each comes
//! to a typed result within the call's time.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a real server on a real socket takes real time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::agent::{ModelSpec, Tier};
use engine::error::ErrorKind;
use engine::model::{Price, PriceBand};
use engine::ports::{Bill, Llm, LlmError, ModelMessage, ModelReply, ModelRequest};
use llm::anthropic::Anthropic;
use llm::openai::OpenAi;
use llm::{Secret, ServerConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CALL_MS: u64 = 400;
const MOST_BYTES: usize = 1 << 20;

/// What a server does with a connection.
#[derive(Clone, Debug)]
enum Answers {
    /// This status, these headers and this body, and then it closes.
    With(&'static str, &'static str, Vec<u8>),
    /// A good head, then one byte at a time, so many milliseconds apart, for ever.
    OneByteEach(u64, &'static str),
    /// So many bytes, announced or not.
    Huge(usize, &'static str),
    /// Closes at once.
    Nothing,
    /// Takes the request and says nothing for ever.
    Silence,
}

async fn serve(mut socket: TcpStream, answers: Answers) {
    let mut request = vec![0; 1 << 16];
    let _ = socket.read(&mut request).await;
    let head = |status: &str, kind: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n")
    };
    // A client that has had enough closes; that is its right.
    let _ = match answers {
        Answers::With(status, kind, body) => {
            let head = format!("{}content-length: {}\r\n\r\n", head(status, kind), body.len());
            let _ = socket.write_all(head.as_bytes()).await;
            socket.write_all(&body).await
        }
        Answers::OneByteEach(apart_ms, kind) => {
            let _ = socket.write_all(format!("{}\r\n", head("200 OK", kind)).as_bytes()).await;
            loop {
                if socket.write_all(b"{").await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(apart_ms)).await;
            }
        }
        Answers::Huge(bytes, kind) => {
            let _ = socket
                .write_all(format!("{}content-length: {bytes}\r\n\r\n", head("200 OK", kind)).as_bytes())
                .await;
            let part = vec![b' '; 1 << 16];
            let mut left = bytes;
            while left > 0 {
                let next = left.min(part.len());
                if socket.write_all(&part[..next]).await.is_err() {
                    return;
                }
                left -= next;
            }
            Ok(())
        }
        Answers::Nothing => Ok(()),
        Answers::Silence => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Ok(())
        }
    };
    let _ = socket.shutdown().await;
}

fn request() -> ModelRequest {
    let band = PriceBand { input: 400_000_000, output: 1_600_000_000, ..PriceBand::default() };
    ModelRequest {
        model: Arc::new(ModelSpec {
            id: "model".into(),
            provider: "garbage".into(),
            tiers: vec![Tier::Fast],
            context_tokens: 128_000,
            max_output_tokens: 16_000,
            price: Some(Price { base: band, ..Price::default() }),
            price_source: "garbage".into(),
            price_as_of: None,
        }),
        messages: vec![ModelMessage::User { text: "Say what it is about.".into() }],
        schema_name: "acquisition_specialist".into(),
        schema: json!({"type": "object", "properties": {"subject": {"type": "string"}}, "required": ["subject"],
            "additionalProperties": false}),
        tools: Vec::new(),
        max_output_tokens: 300,
        temperature: 0.0,
        timeout_ms: CALL_MS,
    }
}

fn clients(url: &str) -> Vec<Box<dyn Llm>> {
    let mut clients: Vec<Box<dyn Llm>> = Vec::new();
    for stream in [true, false] {
        let config = || ServerConfig {
            stream,
            first_byte_timeout_ms: CALL_MS,
            max_body_bytes: MOST_BYTES,
            ..ServerConfig::new(url, Secret::new("sk-garbage-0123456789"))
        };
        clients.push(Box::new(OpenAi::new(config(), Vec::new()).unwrap()));
        clients.push(Box::new(Anthropic::new(config(), Vec::new()).unwrap()));
    }
    clients
}

/// What all clients make of it.
async fn asked(answers: &Answers) -> Vec<Result<ModelReply, LlmError>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let clients = clients(&url);
    let serving = async {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            connections.spawn(serve(socket, answers.clone()));
        }
    };
    let asking = async {
        let mut found = Vec::new();
        for client in &clients {
            let begun = Instant::now();
            found.push(client.complete(&request()).await);
            assert!(
                begun.elapsed() < Duration::from_millis(CALL_MS + 1_500),
                "{answers:?}: {:?}",
                begun.elapsed()
            );
        }
        found
    };
    tokio::select! {
        found = asking => found,
        () = serving => unreachable!("a server does not end by itself"),
    }
}

fn check(answers: &Answers, kinds: &[ErrorKind]) -> Vec<Bill> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut bills = Vec::new();
    for found in runtime.block_on(asked(answers)) {
        let LlmError { error, bill } = found.unwrap_err();
        assert!(kinds.contains(&error.kind()), "{answers:?}: {error:?}");
        assert!(!matches!(bill, Bill::Used(_)), "{answers:?} says nothing of what it used");
        assert!(!format!("{error:?}").contains("0123456789"), "{error:?}");
        bills.push(bill);
    }
    bills
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

#[test]
fn slow_and_endless_answers_end_with_the_calls_time_or_its_bytes() {
    for kind in [JSON, EVENTS] {
        check(&Answers::OneByteEach(50, kind), &[ErrorKind::Timeout]);
        check(&Answers::OneByteEach(1_000, kind), &[ErrorKind::Timeout]);
        check(&Answers::Huge(50_000_000, kind), &[ErrorKind::ModelOutput]);
    }
    check(&Answers::Silence, &[ErrorKind::Timeout]);
    check(&Answers::Nothing, &[ErrorKind::Network]);
}

#[test]
fn answers_that_are_none_are_errors_by_name() {
    let useless = &[ErrorKind::ModelUnavailable, ErrorKind::ModelOutput];
    let deep = [b'['; 100_000].to_vec();
    let bodies: [&[u8]; 12] = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"42",
        b"<html><body>502 Bad Gateway</body></html>",
        b"\xff\xfe\x00\xd8 not UTF-8",
        b"data: \xff\xff\n\n",
        b"data: {\"choices\":\n\ndata: [DONE]\n\n",
        b"{\"choices\":[{\"message\":{\"content\":\"{\\\"subject\\\":",
        b"{\"choices\":[{\"message\":{\"content\":\"{}\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":1e300},\"content\":[],\"stop_reason\":\"end_turn\"}",
        &deep,
    ];
    for body in bodies {
        for kind in [JSON, EVENTS, "text/html", "application/octet-stream"] {
            check(&Answers::With("200 OK", kind, body.to_vec()), useless);
        }
    }
}

#[test]
fn statuses_with_any_body_are_errors_by_their_status() {
    let bodies: [&[u8]; 4] =
        [b"", b"<html>", b"{\"error\":{\"message\":\"\xff\",\"type\":[]}}", b"[{\"error\":7}]"];
    for (status, kind, may_be_billed) in [
        ("400 Bad Request", ErrorKind::ModelRejected, false),
        ("401 Unauthorized", ErrorKind::Configuration, false),
        ("402 Payment Required", ErrorKind::Quota, false),
        ("403 Forbidden", ErrorKind::Configuration, false),
        ("404 Not Found", ErrorKind::ModelRejected, false),
        ("408 Request Timeout", ErrorKind::Timeout, true),
        ("413 Content Too Large", ErrorKind::TooLarge, false),
        ("422 Unprocessable Content", ErrorKind::ModelRejected, false),
        ("424 Failed Dependency", ErrorKind::ModelUnavailable, true),
        ("429 Too Many Requests", ErrorKind::RateLimited, false),
        ("500 Internal Server Error", ErrorKind::ModelUnavailable, true),
        ("502 Bad Gateway", ErrorKind::ModelUnavailable, true),
        ("503 Service Unavailable", ErrorKind::ModelUnavailable, false),
        ("504 Gateway Timeout", ErrorKind::ModelUnavailable, true),
        ("524 A Timeout Occurred", ErrorKind::ModelUnavailable, true),
        ("529 Overloaded", ErrorKind::ModelUnavailable, false),
    ] {
        for body in bodies {
            for bill in check(&Answers::With(status, JSON, body.to_vec()), &[kind]) {
                assert_eq!(matches!(bill, Bill::Unknown), may_be_billed, "{status}: {bill:?}");
            }
        }
    }
}
