//! When a server has said nothing in all the time that an answer has to begin, and when it is only slow.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a real server on a real socket takes real time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::agent::{ModelSpec, Tier};
use engine::error::ErrorKind;
use engine::ports::{Bill, Llm, LlmError, ModelMessage, ModelRequest, SILENT_MS};
use llm::ServerConfig;
use llm::openai::OpenAi;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const FIRST_BYTE_MS: u64 = 300;
const CALL_MS: u64 = 1_500;
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

fn request() -> ModelRequest {
    ModelRequest {
        model: Arc::new(ModelSpec {
            id: "model".into(),
            provider: "silent".into(),
            tiers: vec![Tier::Fast],
            context_tokens: 128_000,
            max_output_tokens: 16_000,
            price: None,
            price_source: "silent".into(),
            price_as_of: None,
        }),
        messages: vec![ModelMessage::User { text: "Say what it is about.".into() }],
        schema_name: "acquisition_specialist".into(),
        schema: serde_json::json!({"type": "object"}),
        tools: Vec::new(),
        max_output_tokens: 300,
        temperature: 0.0,
        timeout_ms: CALL_MS,
    }
}

/// A server that sends this and then nothing.
async fn asked(says: &str, stream: bool) -> LlmError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ServerConfig {
        stream,
        first_byte_timeout_ms: FIRST_BYTE_MS,
        ..ServerConfig::new(format!("http://{}/v1", listener.local_addr().unwrap()), None)
    };
    let client = OpenAi::new(config, Vec::new()).unwrap();
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 16 * 1024]).await.unwrap();
        socket.write_all(says.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let asking = request();
    tokio::select! {
        found = client.complete(&asking) => found.unwrap_err(),
        () = serving => unreachable!("a server does not end by itself"),
    }
}

#[test]
fn silence_is_told_from_slowness() {
    let check = |says: &str, stream: bool, is_silent: bool| {
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let LlmError { error, bill } = runtime.block_on(asked(says, stream));
        assert_eq!((error.kind(), bill), (ErrorKind::Timeout, Bill::Unknown), "{says:?}");
        let told = error.context().get(SILENT_MS).map(String::as_str);
        assert_eq!(told, is_silent.then_some("300"), "{says:?}: {error:?}");
        let took = begun.elapsed();
        let whole = Duration::from_millis(CALL_MS);
        assert_eq!(took < whole, is_silent, "{says:?} took {took:?}");
    };
    check("", true, true);
    check(HEAD, true, true);
    check(&format!("{HEAD}: still at work\n\n"), true, false);
    // A plain answer's first byte comes with its last: a call that is given little time finds out nothing.
    check("", false, false);
}
