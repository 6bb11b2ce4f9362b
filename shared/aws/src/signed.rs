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
    let mut request = http::Request::post(format!("{base}{}", ask.path));
    for (name, value) in ask.headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(ask.body).map_err(|error| unsigned("its parts").because(error))?;

    sign_request(connection, clock, (ask.service, &place.region), &mut request)?;

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

/// The headers that make a POST of JSON to `url` one of this process's own at `service`, in the region that the address names, or
/// in its own if it names none. Kind `Internal` if it cannot be signed.
pub fn headers(
    connection: &Connection,
    clock: &dyn Clock,
    service: &'static str,
    url: &str,
    body: &[u8],
) -> Result<Vec<(String, String)>> {
    let mut request = http::Request::post(url)
        .header("content-type", "application/json")
        .body(body.to_vec())
        .map_err(|error| unsigned("its parts").because(error))?;
    let region = request.uri().host().and_then(region_of).unwrap_or(&connection.place().region).to_owned();
    sign_request(connection, clock, (service, &region), &mut request)?;
    let text = |value: &http::HeaderValue| value.to_str().map(str::to_owned);
    let signed = request.headers().iter().filter(|(name, _)| *name != http::header::CONTENT_TYPE);
    signed
        .map(|(name, value)| {
            Ok((name.to_string(), text(value).map_err(|error| unsigned("its headers").because(error))?))
        })
        .collect()
}

/// The region in the name of Bedrock's host, such as `bedrock-runtime.eu-central-1.amazonaws.com`; `None` for other hosts.
fn region_of(host: &str) -> Option<&str> {
    let name = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    let name = name.strip_suffix(".vpce").unwrap_or(name);
    let (service, region) = name.rsplit_once('.')?;
    let service = service.rsplit_once('.').map_or(service, |(_, service)| service);
    matches!(service, "bedrock-runtime" | "bedrock-runtime-fips").then_some(region)
}

fn unsigned(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("a request cannot be signed: {what}"))
}

/// Adds the headers of a signature over what the request has.
fn sign_request(
    connection: &Connection,
    clock: &dyn Clock,
    (service, region): (&'static str, &str),
    request: &mut http::Request<Vec<u8>>,
) -> Result<()> {
    let identity = connection.credentials().clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(std::time::UNIX_EPOCH + Duration::from_millis(clock.now_ms()))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| unsigned("its parameters").because(error))?
        .into();
    let has: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let headers = has.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable =
        SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(request.body()))
            .map_err(|error| unsigned("its address").because(error))?;
    let (instructions, _) =
        sign(signable, &parameters).map_err(|error| unsigned("its headers").because(error))?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use engine::memory::VirtualTime;

    fn signed(session_token: Option<&str>, url: &str, body: &[u8]) -> Vec<(String, String)> {
        let connection = Connection::new(Place {
            region: "eu-central-1".to_owned(),
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: session_token.map(str::to_owned),
            caller: "agent-light".to_owned(),
        })
        .unwrap();
        let clock = VirtualTime::new(1_795_305_600_000);
        headers(&connection, clock.as_ref(), "bedrock", url, body).unwrap()
    }

    #[test]
    fn the_region_of_a_signature_is_that_of_the_address() {
        let check = |host: &str, expected: &str| {
            let found = signed(None, &format!("https://{host}/model/a/converse"), b"{}");
            let scope = format!("/{expected}/bedrock/aws4_request");
            assert!(found.iter().any(|(_, value)| value.contains(&scope)), "{host}: {found:?}");
        };
        check("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2");
        check("bedrock-runtime-fips.us-east-1.amazonaws.com", "us-east-1");
        check("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1");
        check("vpce-0a1-b2.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1");
        for other in ["127.0.0.1:9", "models.example.com", "s3.us-west-2.amazonaws.com", "amazonaws.com"] {
            check(other, "eu-central-1");
        }
    }

    #[test]
    fn a_call_is_signed_over_its_address_its_body_its_time_and_its_session() {
        const URL: &str = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/a%3A0/converse";
        let of = |headers: &[(String, String)], name: &str| {
            headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        let found = signed(Some("session"), URL, b"{}");
        let authorization = of(&found, "authorization").unwrap();
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/bedrock/aws4_request, ";
        assert!(authorization.starts_with(scope), "{authorization}");
        assert!(
            authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
        assert_eq!(of(&found, "x-amz-security-token").unwrap(), "session");
        assert!(of(&found, "x-amz-date").unwrap().starts_with("20261122T"));
        assert!(!format!("{found:?}").contains("wJalr"), "{found:?}");
        let again = of(&signed(Some("session"), URL, b"{}"), "authorization").unwrap();
        assert_eq!(again, authorization);
        for other in [
            signed(Some("session"), URL, b"{ }"),
            signed(Some("session"), &URL.replace("%3A", ":"), b"{}"),
            signed(None, URL, b"{}"),
        ] {
            assert_ne!(of(&other, "authorization").unwrap(), authorization);
        }
    }
}
