//! The question which models there are, asked of servers that answer it, refuse it, or do not know it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;

use engine::error::ErrorKind;
use engine::ports::Llm;
use llm::anthropic::Anthropic;
use llm::openai::OpenAi;
use llm::{Secret, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const KEY: &str = "sk-listing-0123456789";
const LIST: &str =
    r#"{"object": "list", "data": [{"id": "one"}, {"id": "two:latest", "object": "model"}, {}]}"#;

type Make = fn(String) -> Arc<dyn Llm>;

fn openai(base: String) -> Arc<dyn Llm> {
    Arc::new(OpenAi::new(ServerConfig::new(base + "/v1", Secret::new(KEY)), Vec::new()).unwrap())
}

fn anthropic(base: String) -> Arc<dyn Llm> {
    Arc::new(Anthropic::new(ServerConfig::new(base, Secret::new(KEY)), Vec::new()).unwrap())
}

fn anthropic_with_version(base: String) -> Arc<dyn Llm> {
    Arc::new(Anthropic::new(ServerConfig::new(base + "/v1", Secret::new(KEY)), Vec::new()).unwrap())
}

/// Asks a server that answers like this; the request begins so and has this header; what comes of it.
fn check(
    make: Make,
    request: (&str, &str),
    answer: (&str, &str),
    expected: Result<Option<Vec<&str>>, ErrorKind>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (found, head) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = make(format!("http://{}", listener.local_addr().unwrap()));
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let (status, body) = answer;
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            socket.write_all(text.as_bytes()).await.unwrap();
            String::from_utf8(head).unwrap()
        };
        tokio::join!(client.reachable(), server)
    });
    assert!(head.starts_with(&format!("GET {} HTTP/1.1\r\n", request.0)), "{head}");
    assert!(head.contains(request.1), "{head}");
    match (found, expected) {
        (Ok(found), Ok(expected)) => {
            assert_eq!(found, expected.map(|ids| ids.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        }
        (Err(error), Err(kind)) => {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains("listing-01"), "{error} shows the key");
        }
        (found, expected) => panic!("{answer:?}: {found:?}, expected {expected:?}"),
    }
}

#[test]
fn a_provider_lists_its_models_to_the_key() {
    let bearer = "authorization: Bearer sk-listing-0123456789";
    let key = "x-api-key: sk-listing-0123456789";
    let listed = || Ok(Some(vec!["one", "two:latest"]));
    check(openai, ("/v1/models", bearer), ("200 OK", LIST), listed());
    check(anthropic, ("/v1/models?limit=1000", key), ("200 OK", LIST), listed());
    check(
        anthropic_with_version,
        ("/v1/models?limit=1000", "anthropic-version: "),
        ("200 OK", LIST),
        listed(),
    );
    check(openai, ("/v1/models", bearer), ("404 Not Found", "no such thing"), Ok(None));
    let refusal = r#"{"error": {"message": "Incorrect API key provided: sk-listing-0123456789", "code": "invalid_api_key"}}"#;
    check(openai, ("/v1/models", bearer), ("401 Unauthorized", refusal), Err(ErrorKind::Configuration));
    check(openai, ("/v1/models", bearer), ("503 Service Unavailable", ""), Err(ErrorKind::ModelUnavailable));
    check(openai, ("/v1/models", bearer), ("200 OK", "<html>"), Err(ErrorKind::Parsing));
}
