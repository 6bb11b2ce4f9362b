//! Connections, on a real server on a real socket: when a server has said nothing in all the time that an answer has to begin
//! and when it is only slow; how long a connection is kept for the next call, and what a call lost on one comes to.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a real server on a real socket takes real time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::agent::{ModelSpec, Tier};
use engine::error::ErrorKind;
use engine::ports::{Bill, Llm, LlmError, ModelMessage, ModelRequest, SILENT_MS};
use llm::ServerConfig;
use llm::openai::OpenAi;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const FIRST_BYTE_MS: u64 = 300;
const CALL_MS: u64 = 1_500;
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
const ANSWER: &str = r#"{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"{}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
const EVENTS: &str = concat!(
    r#"data: {"model":"m","choices":[{"index":0,"delta":{"content":"{}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
    "\n\ndata: [DONE]\n\n"
);

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

/// Reads one call whole; false where the client has gone.
async fn read_call(socket: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut bytes = [0; 16 * 1024];
    loop {
        match socket.read(&mut bytes).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => seen.extend(bytes.iter().take(count)),
        }
        // The body is the last that comes, and it is JSON.
        let text = String::from_utf8_lossy(&seen);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        if serde_json::from_str::<serde_json::Value>(body).is_ok() {
            return true;
        }
    }
}

fn answer(stream: bool) -> String {
    match stream {
        true => format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{EVENTS}\r\n0\r\n\r\n",
            EVENTS.len()
        ),
        false => format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
            ANSWER.len()
        ),
    }
}

/// Answers calls on one connection: all of them, or one and then it is closed.
async fn serve(mut socket: TcpStream, stream: bool, closes: bool) {
    while read_call(&mut socket).await {
        socket.write_all(answer(stream).as_bytes()).await.unwrap();
        if closes {
            return;
        }
    }
}

/// Three calls with a pause between, and the connections they made.
async fn connections(idle_ms: u64, pause_ms: u64, stream: bool, closes: bool) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let serving = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(socket, stream, closes));
        }
    });
    let config = ServerConfig { stream, idle_ms, ..ServerConfig::new(base_url, None) };
    let client = OpenAi::new(config, Vec::new()).unwrap();
    for call in 0..3 {
        if call > 0 {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        client.complete(&request()).await.unwrap();
    }
    serving.abort();
    made.load(Ordering::Relaxed)
}

/// The second call on a kept connection is read and never answered: it is not sent again, and may have been billed.
#[tokio::test]
async fn a_call_lost_on_a_kept_connection_is_sent_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (made, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (made.clone(), asked.clone());
    let serving = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counts.0.fetch_add(1, Ordering::Relaxed);
            for answers in [true, false] {
                if !read_call(&mut socket).await {
                    break;
                }
                counts.1.fetch_add(1, Ordering::Relaxed);
                if answers {
                    socket.write_all(answer(true).as_bytes()).await.unwrap();
                }
            }
        }
    });
    let config = ServerConfig { idle_ms: 60_000, ..ServerConfig::new(base_url, None) };
    let client = OpenAi::new(config, Vec::new()).unwrap();
    client.complete(&request()).await.unwrap();
    // Until it is back among those that are kept.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let LlmError { error, bill } = client.complete(&request()).await.unwrap_err();
    assert_eq!((error.kind(), bill), (ErrorKind::Network, Bill::Unknown));
    assert_eq!((made.load(Ordering::Relaxed), asked.load(Ordering::Relaxed)), (1, 2));
    serving.abort();
}

#[tokio::test]
async fn a_connection_is_kept_while_it_is_young_and_open() {
    for stream in [true, false] {
        assert_eq!(connections(0, 20, stream, false).await, 3, "none is kept");
        assert_eq!(connections(60_000, 20, stream, false).await, 1, "it is kept");
        assert_eq!(connections(100, 300, stream, false).await, 3, "it is too old");
        assert_eq!(connections(60_000, 20, stream, true).await, 3, "the server closes it, and no call fails");
    }
}
