//! Bedrock Converse: `POST {base}/model/{model}/converse`.
//!
//! One call is one HTTP request, never streamed: nothing here shows an answer while it comes, and Bedrock streams in frames of its
//! own. Who asks is shown by a Bedrock API key, or by the signature of whoever runs the process, where there is no key.
//!
//! The answer is constrained by a tool: the schema is that of `ANSWER_TOOL`'s input, and the model must call it or one of the
//! tools it was granted. A call of both is a call of the granted one, for the answer did not know what that finds. What a model
//! says in text instead stays text, for the engine to check.
//!
//! What is known of a call's bill:
//!
//! | what happened | bill |
//! |---|---|
//! | not connected; status 4xx but 408 and 424; 503 | `Nothing` |
//! | the answer is of no use but has a believable `usage` | `Used` |
//! | timeout or break after sending; 408, 424, 500; an answer that cannot be read; no believable `usage` | `Unknown` |

mod reply;
mod request;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Bill, Llm, LlmError, ModelReply, ModelRequest};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::server::{self, Server, ServerConfig};
use crate::signing::Signer;
use crate::usage::{Plausible, UsageShape};

/// The tool whose input is the answer.
pub(crate) const ANSWER_TOOL: &str = "give_answer";

/// A region of Bedrock.
pub struct Bedrock {
    server: Server,
    signer: Option<Signer>,
}

impl Bedrock {
    /// A client of the region at the base URL, such as `https://bedrock-runtime.eu-central-1.amazonaws.com`, offering `models` in
    /// this order; `signer` signs where the configuration has no key. Kind `Configuration` for an unusable base URL or key, and
    /// where there is neither key nor signer.
    pub fn new(config: ServerConfig, signer: Option<Signer>, models: Vec<Arc<ModelSpec>>) -> Result<Self> {
        let mut headers = HeaderMap::new();
        let signer = match &config.api_key {
            Some(key) => {
                headers.insert(AUTHORIZATION, server::key_header(key, "Bearer ")?);
                None
            }
            None if signer.is_none() => {
                let what = "Bedrock takes a Bedrock API key: set LLM_API_KEY (on AWS the functions' own role will do)";
                return Err(Error::new(ErrorKind::Configuration, what));
            }
            None => signer,
        };
        // A signature, or what it is over, is as little for everybody on the way as a key is.
        server::address::under(&config.base_url, "/model/", true)?;
        let config = ServerConfig { stream: false, ..config };
        Ok(Self { server: Server::new(config, "/model/", headers, models)?, signer })
    }

    /// Where a model is asked: its id or its ARN is one part of the path.
    fn address(&self, model: &str) -> Result<Url> {
        let mut address = self.server.address.clone();
        let unusable =
            || Error::new(ErrorKind::Configuration, format!("{model} cannot be part of an address"));
        address.path_segments_mut().map_err(|()| unusable())?.pop_if_empty().push(model).push("converse");
        // A colon may stand in a path, but a signature is over its escape.
        let escaped = address.path().replace(':', "%3A");
        address.set_path(&escaped);
        Ok(address)
    }

    fn signature(&self, address: &Url, body: &[u8]) -> Result<HeaderMap> {
        let Some(Signer(signer)) = &self.signer else {
            return Ok(HeaderMap::new());
        };
        let unusable = || Error::new(ErrorKind::Internal, "a signature is no header");
        signer
            .headers(address.as_str(), body)?
            .into_iter()
            .map(|(name, value)| {
                let mut value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
                value.set_sensitive(true);
                Ok((HeaderName::try_from(name).map_err(|_| unusable())?, value))
            })
            .collect()
    }
}

#[async_trait]
impl Llm for Bedrock {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.server.candidates(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let body = request::body(request);
        let signed = self.address(&request.model.id).and_then(|address| {
            let headers = self.signature(&address, &body)?;
            Ok((address, headers))
        });
        let (address, headers) = signed.map_err(|error| LlmError { error, bill: Bill::Nothing })?;
        let mut reply = self
            .server
            .complete_at::<reply::Answer>((address, headers), UsageShape::Converse, request, body)
            .await?;
        // Converse does not say which model answered.
        reply.model.clone_from(&request.model.id);
        Ok(reply)
    }
}

impl fmt::Debug for Bedrock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bedrock").field("server", &self.server).field("signer", &self.signer).finish()
    }
}

/// What the bytes of an answer come to.
pub(crate) fn whole(answer: &[u8], is_streamed: bool, plausible: &Plausible) -> Result<ModelReply, LlmError> {
    server::stream::whole::<reply::Answer>(answer, is_streamed, plausible)
}
