//! One signed request, for services of which a single operation is used and no client of the SDK is linked.

use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock;
use reqwest::header::USER_AGENT;

use crate::Connection;

/// What is asked of whom.
pub(crate) struct Ask<'a> {
    /// The service's name in its address and in signatures, such as `lambda`.
    pub(crate) service: &'static str,
    /// The path, with its leading slash.
    pub(crate) path: String,
    /// Headers besides those of the signature.
    pub(crate) headers: &'a [(&'static str, &'a str)],
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The answer comes within this time, in milliseconds.
    pub(crate) timeout_ms: u64,
}

/// Sends a POST and returns the answer whatever its status. Kind `Network` or `Timeout` where there is none.
pub(crate) async fn post(
    connection: &Connection,
    clock: &dyn Clock,
    ask: Ask<'_>,
) -> Result<reqwest::Response> {
    let place = connection.place();
    let base = match &place.endpoint {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => format!("https://{}.{}.amazonaws.com", ask.service, place.region),
    };
    let unsigned =
        |what: &str| Error::new(ErrorKind::Internal, format!("a request cannot be signed: {what}"));
    let mut request = http::Request::post(format!("{base}{}", ask.path));
    for (name, value) in ask.headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(ask.body).map_err(|error| unsigned("its parts").because(error))?;

    let identity = connection.credentials().clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&place.region)
        .name(ask.service)
        .time(std::time::UNIX_EPOCH + Duration::from_millis(clock.now_ms()))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| unsigned("its parameters").because(error))?
        .into();
    let headers = ask.headers.iter().map(|(name, value)| (*name, *value));
    let signable =
        SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(request.body()))
            .map_err(|error| unsigned("its address").because(error))?;
    let (instructions, _) =
        sign(signable, &parameters).map_err(|error| unsigned("its headers").because(error))?.into_parts();
    instructions.apply_to_request_http1x(&mut request);

    let request =
        reqwest::Request::try_from(request).map_err(|error| unsigned("its address").because(error))?;
    let request = reqwest::RequestBuilder::from_parts(connection.http().clone(), request)
        .header(USER_AGENT, format!("app/{}", place.caller))
        .timeout(Duration::from_millis(ask.timeout_ms));
    request.send().await.map_err(|error| {
        let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Network };
        Error::new(kind, format!("{} did not answer", ask.service)).because(error)
    })
}
