//! OpenAI-compatible chat completions: `POST {base}/chat/completions`.
//!
//! One call is one HTTP request, streamed (server-sent events) unless [`OpenAiConfig::stream`] is off; a server that
//! answers a streamed request with plain JSON is understood too. The answer is constrained by
//! `response_format: json_schema` with `strict: true`, so a schema must name every property as required and allow no
//! others.
//!
//! What is known of a call's bill:
//!
//! | what happened | bill |
//! |---|---|
//! | not connected; status 4xx but 408; 503, 529 | `Nothing` |
//! | the answer is of no use but has a believable `usage` | `Used` |
//! | timeout or break after sending; 408, 500, 502, 504; an answer that cannot be read; no believable `usage` | `Unknown` |
//!
//! A reply without a believable `usage` (missing, null, negative, not whole, or larger than the request could have been)
//! is an error of kind `ModelOutput` with an unknown bill, however good its text: the platform does not invent token
//! counts. Ollama, vLLM, llama.cpp, OpenRouter and OpenAI all send usage. One exception: where the model's price is known
//! to be zero, nothing is owed whatever the count, and the reply is taken with a usage of zero.
//!
//! Connections are not kept: a function that was frozen wakes up with dead ones, and a request lost on one would be
//! booked at its worst case. A handshake per call is cheaper.

#![allow(clippy::result_large_err, reason = "the port's error is what it is, and a call takes seconds")]

mod body;
mod endpoint;
mod failure;
mod reply;
mod request;
mod stream;
mod usage;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Bill, Llm, LlmError, ModelReply, ModelRequest};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};

use crate::Secret;
use body::Limits;
use usage::Plausible;

/// Where a server is, and how it is talked to.
#[derive(Clone, Debug)]
pub struct OpenAiConfig {
    /// The address before `/chat/completions`, such as `https://api.openai.com/v1` or `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// The API key; local servers need none.
    pub api_key: Option<Secret>,
    /// Whether answers are streamed. Off for servers that cannot.
    pub stream: bool,
    /// A connection is made within this time, in milliseconds.
    pub connect_timeout_ms: u64,
    /// A streamed answer begins within this time, in milliseconds. A plain one has the whole call's time.
    pub first_byte_timeout_ms: u64,
    /// A larger answer is dropped, in bytes.
    pub max_body_bytes: usize,
}

impl OpenAiConfig {
    /// The usual settings: streamed, 3 s to connect, 60 s to the first byte (a local server may load its model first), 8 MiB.
    pub fn new(base_url: impl Into<String>, api_key: Option<Secret>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            stream: true,
            connect_timeout_ms: 3_000,
            first_byte_timeout_ms: 60_000,
            max_body_bytes: 8 << 20,
        }
    }
}

/// A server that speaks chat completions.
pub struct OpenAi {
    config: OpenAiConfig,
    address: Url,
    authorization: Option<HeaderValue>,
    client: Client,
    models: Vec<Arc<ModelSpec>>,
}

impl OpenAi {
    /// A client for the server, offering `models` in this order. An unusable base URL or key is kind `Configuration`.
    pub fn new(config: OpenAiConfig, models: Vec<Arc<ModelSpec>>) -> Result<Self> {
        let address = endpoint::chat_completions(&config.base_url, config.api_key.is_some())?;
        let authorization = config.api_key.as_ref().map(authorization).transpose()?;
        let client = Client::builder()
            .tls_backend_preconfigured(endpoint::tls(&address)?)
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("assay/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "no HTTP client could be made").because(error)
            })?;
        Ok(Self { config, address, authorization, client, models })
    }

    async fn call(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let body = request::body(request, &self.address, self.config.stream);
        let plausible = Plausible::of(request, body.len());
        let mut call = self
            .client
            .post(self.address.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(
                ACCEPT,
                if self.config.stream { "text/event-stream, application/json" } else { "application/json" },
            )
            .body(body);
        if let Some(authorization) = &self.authorization {
            call = call.header(AUTHORIZATION, authorization.clone());
        }
        let first_byte_ms =
            if self.config.stream { self.config.first_byte_timeout_ms } else { request.timeout_ms };
        let response = tokio::time::timeout(Duration::from_millis(first_byte_ms), call.send())
            .await
            .map_err(|_| failure::timed_out("the model did not begin to answer in time"))?
            .map_err(failure::not_sent)?;
        let limits = Limits { bytes: self.config.max_body_bytes };
        let status = response.status().as_u16();
        if status != 200 {
            return Err(self.failed(status, response, limits).await);
        }
        if body::is_event_stream(&response) {
            stream::read(response, limits, &plausible, self.config.api_key.as_ref()).await
        } else {
            let body = body::read(response, limits).await?;
            reply::parse(&body, &plausible, self.config.api_key.as_ref())
        }
    }

    async fn failed(&self, status: u16, response: reqwest::Response, limits: Limits) -> LlmError {
        let retry_after_ms = failure::retry_after_ms(response.headers());
        // A status that says enough is not lost because its body broke off or is too long.
        let body = body::read(response, limits).await.unwrap_or_default();
        failure::of_status(status, &body, retry_after_ms, self.config.api_key.as_ref())
    }
}

#[async_trait]
impl Llm for OpenAi {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        let serving: Vec<_> =
            self.models.iter().filter(|model| model.tiers.contains(&tier)).cloned().collect();
        if serving.is_empty() { self.models.clone() } else { serving }
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let whole = Duration::from_millis(request.timeout_ms);
        match tokio::time::timeout(whole, self.call(request)).await {
            Ok(result) => result,
            Err(_) => Err(failure::timed_out("the model did not finish in time")),
        }
        .map_err(|LlmError { error, bill }| LlmError {
            error: error.with("model", &request.model.id).with("provider", &request.model.provider),
            bill,
        })
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<_> = self.models.iter().map(|model| model.id.as_str()).collect();
        formatter.debug_struct("OpenAi").field("config", &self.config).field("models", &models).finish()
    }
}

fn authorization(key: &Secret) -> Result<HeaderValue> {
    // The error of a header names no byte of it, but it is dropped all the same.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| {
        Error::new(ErrorKind::Configuration, "LLM_API_KEY holds characters that no API key can have")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error of a call whose bill is `bill`.
fn failed(kind: ErrorKind, message: impl Into<String>, bill: Bill) -> LlmError {
    LlmError { error: Error::new(kind, message), bill }
}
