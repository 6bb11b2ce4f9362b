//! OpenAI-compatible chat completions: `POST {base}/chat/completions`.
//!
//! One call is one HTTP request, streamed (server-sent events) unless [`ServerConfig::stream`] is off; a server that
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
//! Connections are kept for [`ServerConfig::idle_ms`]; at 0, as in a function that may be frozen and wake up with dead
//! ones, each call makes its own: a request lost on a dead one would be booked at its worst case.

mod reply;
mod request;
mod stream;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::Result;
use engine::ports::{Llm, LlmError, ModelReply, ModelRequest};
use reqwest::header::{AUTHORIZATION, HeaderMap};

use crate::server::{self, Server, ServerConfig};
use crate::usage::{Plausible, UsageShape};

/// A server that speaks chat completions.
pub struct OpenAi(Server);

impl OpenAi {
    /// A client for the server, offering `models` in this order. An unusable base URL or key is kind `Configuration`.
    pub fn new(config: ServerConfig, models: Vec<Arc<ModelSpec>>) -> Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &config.api_key {
            headers.insert(AUTHORIZATION, server::key_header(key, "Bearer ")?);
        }
        Ok(Self(Server::new(config, "/chat/completions", headers, models)?))
    }
}

#[async_trait]
impl Llm for OpenAi {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.0.candidates(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let body = request::body(request, &self.0.address, self.0.config.stream);
        self.0.complete::<stream::Answer>(UsageShape::ChatCompletions, request, body).await
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        self.0.listed("/models", None).await
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("OpenAi").field(&self.0).finish()
    }
}

/// What the bytes of an answer come to.
pub(crate) fn whole(answer: &[u8], is_streamed: bool, plausible: &Plausible) -> Result<ModelReply, LlmError> {
    server::stream::whole::<stream::Answer>(answer, is_streamed, plausible)
}
