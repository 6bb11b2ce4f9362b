//! What every protocol over HTTP shares: where a server is, one request to it, and what is known when it fails.

pub(crate) mod address;
pub(crate) mod begins;
pub(crate) mod body;
pub(crate) mod events;
pub(crate) mod failure;
mod listing;
pub(crate) mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{LlmError, ModelReply, ModelRequest};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url};

use crate::Secret;
use crate::usage::{Plausible, UsageShape};
use begins::Begins;
use body::Limits;
use stream::Streamed;

/// Where a server is, and how it is talked to.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address before the protocol's own path, such as `https://api.openai.com/v1` or `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// The API key; local servers need none.
    pub api_key: Option<Secret>,
    /// Whether answers are streamed. Off for servers that cannot.
    pub stream: bool,
    /// A connection is made within this time, in milliseconds.
    pub connect_timeout_ms: u64,
    /// A streamed answer begins within this time, in milliseconds: its head and its first bytes. A plain one has the whole call's
    /// time.
    pub first_byte_timeout_ms: u64,
    /// A larger answer is dropped, in bytes.
    pub max_body_bytes: usize,
    /// A connection is kept for the next call for this long after an answer whose end came with its last event, in milliseconds;
    /// at 0 each call makes its own. A call that is lost on one may be billed or not, so it should be less than servers keep
    /// theirs, and 0 where the process often stands still.
    pub idle_ms: u64,
}

/// So many connections to a server are kept at most, about as many as the widest level of a run has calls.
const MOST_IDLE: usize = 16;

impl ServerConfig {
    /// The usual settings: streamed, 3 s to connect, 60 s to the first byte (a local server may load its model first), 8 MiB, a connection per
    /// call.
    pub fn new(base_url: impl Into<String>, api_key: Option<Secret>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            stream: true,
            connect_timeout_ms: 3_000,
            first_byte_timeout_ms: 60_000,
            max_body_bytes: 8 << 20,
            idle_ms: 0,
        }
    }
}

/// A server, ready to be asked.
pub(crate) struct Server {
    pub(crate) config: ServerConfig,
    pub(crate) address: Url,
    headers: HeaderMap,
    client: Client,
    models: Vec<Arc<ModelSpec>>,
}

impl Server {
    /// A client for `path` under the base URL. `headers` go with every request. An unusable base URL is kind
    /// `Configuration`.
    pub(crate) fn new(
        config: ServerConfig,
        path: &str,
        mut headers: HeaderMap,
        models: Vec<Arc<ModelSpec>>,
    ) -> Result<Self> {
        let address = address::under(&config.base_url, path, config.api_key.is_some())?;
        let accept = if config.stream { "text/event-stream, application/json" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = Client::builder()
            .tls_backend_preconfigured(address::tls(&address)?)
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .pool_max_idle_per_host(if config.idle_ms == 0 { 0 } else { MOST_IDLE })
            .pool_idle_timeout(Duration::from_millis(config.idle_ms))
            .redirect(reqwest::redirect::Policy::none())
            // What hyper never began to send it sends on another connection; nothing else is sent twice.
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("assay/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "no HTTP client could be made").because(error)
            })?;
        Ok(Self { config, address, headers, client, models })
    }

    /// One call within the request's time, streamed or whole; an error says which model it was of.
    pub(crate) async fn complete<A: Streamed>(
        &self,
        shape: UsageShape,
        request: &ModelRequest,
        body: Vec<u8>,
    ) -> Result<ModelReply, LlmError> {
        self.complete_at::<A>((self.address.clone(), HeaderMap::new()), shape, request, body).await
    }

    /// The same at another address of the server, with more headers.
    pub(crate) async fn complete_at<A: Streamed>(
        &self,
        place: (Url, HeaderMap),
        shape: UsageShape,
        request: &ModelRequest,
        body: Vec<u8>,
    ) -> Result<ModelReply, LlmError> {
        let call = async {
            let plausible = Plausible::of(shape, request, body.len());
            // The first byte of a plain answer comes with its last: what is not there in the call's time is late, not silent.
            let begins = match self.config.stream {
                true => Begins::within(self.config.first_byte_timeout_ms),
                false => Begins::with_the_whole(),
            };
            let response = self.post(place, body, begins).await?;
            if body::is_event_stream(&response) {
                return stream::read::<A>(response, begins, self.limits(), &plausible, self.key()).await;
            }
            A::parse(&body::read(response, self.limits()).await?, &plausible, self.key())
        };
        match tokio::time::timeout(Duration::from_millis(request.timeout_ms), call).await {
            Ok(result) => result,
            Err(_) => Err(failure::timed_out("the model did not finish in time")),
        }
        .map_err(|LlmError { error, bill }| LlmError {
            error: error.with("model", &request.model.id).with("provider", &request.model.provider),
            bill,
        })
    }

    /// The key, for keeping it out of what is shown.
    fn key(&self) -> Option<&Secret> {
        self.config.api_key.as_ref()
    }

    /// Bounds of an answer.
    fn limits(&self) -> Limits {
        Limits { bytes: self.config.max_body_bytes }
    }

    /// One request, and the beginning of its answer. A status other than 200 is an error with what is known of the bill.
    async fn post(
        &self,
        (address, more): (Url, HeaderMap),
        body: Vec<u8>,
        begins: Begins,
    ) -> Result<Response, LlmError> {
        let call = self.client.post(address).headers(self.headers.clone()).headers(more).body(body);
        let response = begins.or_silent(call.send()).await?.map_err(failure::not_sent)?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let retry_after_ms = failure::retry_after_ms(response.headers());
        // A status that says enough is not lost because its body broke off or is too long.
        let body = body::read(response, self.limits()).await.unwrap_or_default();
        Err(failure::of_status(status, &body, retry_after_ms, self.key()))
    }

    /// The models of a tier in their order, or all of them if none serves it.
    pub(crate) fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        let serving: Vec<_> =
            self.models.iter().filter(|model| model.tiers.contains(&tier)).cloned().collect();
        if serving.is_empty() { self.models.clone() } else { serving }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<_> = self.models.iter().map(|model| model.id.as_str()).collect();
        formatter.debug_struct("Server").field("config", &self.config).field("models", &models).finish()
    }
}

/// A header that holds the key after `before`, kept out of logs.
pub(crate) fn key_header(key: &Secret, before: &str) -> Result<HeaderValue> {
    // The error of a header names no byte of it, but it is dropped all the same.
    let mut value = HeaderValue::from_str(&format!("{before}{}", key.expose())).map_err(|_| {
        Error::new(ErrorKind::Configuration, "LLM_API_KEY holds characters that no API key can have")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
