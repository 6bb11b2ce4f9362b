//! HTTP to this machine, and AWS calls signed by hand: the few that tests need beside the functions' own.

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use axum::body::Bytes;
use axum::http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::Result;
use super::servers::{REGION, ROOT_KEY, ROOT_SECRET};

const LARGEST_ANSWER_BYTES: usize = 64 << 20;
const IDLE: Duration = Duration::from_secs(20);

/// An answer of the API.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Plain HTTP with kept connections.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl fmt::Debug for Http {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Http")
    }
}

impl Http {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build_http())
    }

    /// The answer to a request.
    pub(crate) async fn answer(&self, request: Request<Bytes>) -> Result<Answer> {
        let (head, body) = self.send(request).await?.into_parts();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.into() })
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let (parts, body) = self.0.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// AWS as the emulator's owner sees it: allowed everything.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    pub(crate) http: Http,
    pub(crate) endpoint: String,
}

impl Aws {
    /// A call of the JSON protocol, such as `sqs`, `AmazonSQS.SendMessage`. Errors: what the service answered.
    pub(crate) async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let version = if service == "secretsmanager" || service == "logs" { "1.1" } else { "1.0" };
        let kind = format!("application/x-amz-json-{version}");
        let headers = [("content-type", kind.as_str()), ("x-amz-target", target)];
        let answer = self.send(service, "POST", "/", &headers, body.to_string().into()).await?;
        if !answer.status().is_success() {
            let text = String::from_utf8_lossy(answer.body());
            return Err(format!("{target}: {} {text}", answer.status()).into());
        }
        Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// A signed request, whatever its answer.
    pub(crate) async fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Bytes>> {
        let uri = format!("{}{path}", self.endpoint);
        let mut request = Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = Credentials::new(ROOT_KEY, ROOT_SECRET, None, None, "emulator").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(now())
            .settings(settings)
            .build()?
            .into();
        let signable =
            SignableRequest::new(method, &uri, headers.iter().copied(), SignableBody::Bytes(&body))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = request.body(body)?;
        instructions.apply_to_request_http1x(&mut request);
        self.http.send(request).await
    }
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the time of this machine")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
