//! One POST to a collector.

use std::sync::Arc;

use engine::error::{Error, ErrorKind, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// A collector of OTLP over HTTP.
pub(crate) struct Collector {
    client: Client,
    address: Url,
}

impl Collector {
    /// A collector under `endpoint`; nothing is asked yet.
    pub(crate) fn new(endpoint: &str, headers: &[(String, String)]) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::Configuration, format!("OTEL_EXPORTER_OTLP_{what}"));
        let mut address =
            Url::parse(endpoint.trim()).map_err(|error| wrong("ENDPOINT is not a URL").because(error))?;
        if !matches!(address.scheme(), "http" | "https") || address.host_str().is_none_or(str::is_empty) {
            return Err(wrong("ENDPOINT must begin with http:// or https:// and name a host"));
        }
        let path = format!("{}/v1/traces", address.path().trim_end_matches('/'));
        address.set_path(&path);
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(name)
                .map_err(|error| wrong("HEADERS has an unusable name").because(error))?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|error| wrong("HEADERS has an unusable value").because(error))?;
            value.set_sensitive(true);
            all.insert(name, value);
        }
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = Client::builder()
            .tls_backend_preconfigured(tls(&address)?)
            // A frozen function's connections are dead when it wakes.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .default_headers(all)
            .build()
            .map_err(|error| wrong("ENDPOINT cannot be asked").because(error))?;
        Ok(Self { client, address })
    }

    /// Posts a request. Errors: `Network` where it may be taken next time, `InvalidInput` where it never will.
    pub(crate) async fn post(&self, body: String) -> Result<()> {
        let answer = self.client.post(self.address.clone()).body(body).send().await;
        let answer = answer
            .map_err(|error| Error::new(ErrorKind::Network, "no answer").because(error.without_url()))?;
        let status = answer.status();
        let kind = match status.as_u16() {
            200..=299 => return Ok(()),
            429 | 502..=504 => ErrorKind::Network,
            _ => ErrorKind::InvalidInput,
        };
        Err(Error::new(kind, format!("the collector answered {status}")))
    }
}

/// TLS with ring and the system's certificates; without certificates where the address needs none.
fn tls(address: &Url) -> Result<ClientConfig> {
    let unusable = |error| Error::new(ErrorKind::Configuration, "TLS could not be set up").because(error);
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match address.scheme() {
        "https" => builder.with_platform_verifier().map_err(unusable)?,
        _ => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}
