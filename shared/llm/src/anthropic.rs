//! Anthropic Messages: `POST {base}/v1/messages`, version `2023-06-01`.
//!
//! One call is one HTTP request, streamed (server-sent events) unless [`ServerConfig::stream`] is off. The answer is
//! constrained by `output_config.format`. That knows a part of JSON Schema; bounds it does not know are told in words
//! and stay for the engine to check. The models from version 4.7 on refuse every `temperature` and think by themselves; they
//! are told a low effort instead, for what they think counts as output, and what they thought is sent back with their tools'
//! answers.
//!
//! What is known of a call's bill:
//!
//! | what happened | bill |
//! |---|---|
//! | not connected; status 4xx but 408; 503, 529 | `Nothing` |
//! | the answer is of no use, or its stream broke or told an error, after a believable closing `usage` | `Used` |
//! | timeout or break after sending; 408, 500, 502, 504; an answer that cannot be read; no believable `usage` | `Unknown` |
//!
//! A stream tells its input when it begins and its output only in `message_delta`. Before that its bill is `Unknown`: what
//! was written until the break is charged too, and nobody said how much it was.
//!
//! A reply without a believable `usage` is an error of kind `ModelOutput` with an unknown bill, unless the model's price is
//! zero; a refusal is a reply with its bill.

mod reply;
mod request;
mod schema;
mod stream;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::Result;
use engine::ports::{Llm, LlmError, ModelReply, ModelRequest};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::server::{self, Server, ServerConfig};
use crate::usage::{Plausible, UsageShape};

const KEY: HeaderName = HeaderName::from_static("x-api-key");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Whether a model takes a temperature, by its name; those that are not of Anthropic do.
pub(crate) fn takes_temperature(model: &str) -> bool {
    !request::is_newer(model)
}

/// A server that speaks Anthropic's Messages.
pub struct Anthropic {
    server: Server,
    listing: &'static str,
}

impl Anthropic {
    /// A client for the server, offering `models` in this order. The base URL may or may not end in `/v1`. An unusable
    /// base URL or key is kind `Configuration`.
    pub fn new(config: ServerConfig, models: Vec<Arc<ModelSpec>>) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(VERSION, HeaderValue::from_static("2023-06-01"));
        if let Some(key) = &config.api_key {
            headers.insert(KEY, server::key_header(key, "")?);
        }
        let has_version = config.base_url.trim().trim_end_matches('/').ends_with("/v1");
        let path = if has_version { "/messages" } else { "/v1/messages" };
        let listing = if has_version { "/models" } else { "/v1/models" };
        Ok(Self { server: Server::new(config, path, headers, models)?, listing })
    }

    /// Where requests go.
    pub fn address(&self) -> &str {
        self.server.address.as_str()
    }
}

#[async_trait]
impl Llm for Anthropic {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.server.candidates(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let body = request::body(request, self.server.config.stream);
        self.server.complete::<stream::Answer>(UsageShape::Messages, request, body).await
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        self.server.listed(self.listing, Some("limit=1000")).await
    }
}

impl fmt::Debug for Anthropic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Anthropic").field(&self.server).finish()
    }
}

/// What the bytes of an answer come to.
pub(crate) fn whole(answer: &[u8], is_streamed: bool, plausible: &Plausible) -> Result<ModelReply, LlmError> {
    server::stream::whole::<stream::Answer>(answer, is_streamed, plausible)
}
