//! Where the services are and as whom they are asked: one HTTP client and one set of credentials for a process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;
use engine::error::{Error, ErrorKind, Result};
use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::http_client::Reqwest;

const CONNECT_MS: u64 = 1_500;
/// A frozen function's connections may be dead when it wakes, so none is kept for long.
const IDLE_MS: u64 = 15_000;
const ATTEMPT_MS: u64 = 5_000;
const CALL_MS: u64 = 12_000;

/// Where the services are, and who asks.
#[derive(Clone)]
pub struct Place {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// One address for all services, where they are not Amazon's own.
    pub endpoint: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The session it belongs to.
    pub session_token: Option<String>,
    /// Who asks, told to the services with every call: the function's name.
    pub caller: String,
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, endpoint, access_key_id, secret_access_key: _, session_token: _, caller } = self;
        formatter
            .debug_struct("Place")
            .field("region", region)
            .field("endpoint", endpoint)
            .field("access_key_id", access_key_id)
            .field("caller", caller)
            .finish_non_exhaustive()
    }
}

/// One HTTP client and one set of credentials.
#[derive(Clone, Debug)]
pub struct Connection {
    place: Arc<Place>,
    http: Client,
    credentials: Credentials,
    config: SdkConfig,
}

impl Connection {
    /// Prepares to ask; nothing is asked yet. Kind `Configuration` if TLS cannot be set up or the caller has no usable name.
    pub fn new(place: Place) -> Result<Self> {
        let http = Client::builder()
            .tls_backend_preconfigured(tls(place.endpoint.as_deref())?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_millis(CONNECT_MS))
            .pool_idle_timeout(Duration::from_millis(IDLE_MS))
            .build()
            .map_err(|error| unusable("no HTTP client").because(error))?;
        let credentials = Credentials::new(
            place.access_key_id.clone(),
            place.secret_access_key.clone(),
            place.session_token.clone(),
            None,
            "environment",
        );
        let caller = AppName::new(place.caller.clone())
            .map_err(|error| unusable("the caller's name").because(error))?;
        let mut config = SdkConfig::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(Region::new(place.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .app_name(caller)
            .http_client(Reqwest(http.clone()))
            // The HTTP client drops broken connections by itself.
            .retry_config(RetryConfig::standard().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
            .stalled_stream_protection(aws_sdk_sqs::config::StalledStreamProtectionConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(Duration::from_millis(ATTEMPT_MS))
                    .operation_timeout(Duration::from_millis(CALL_MS))
                    .build(),
            );
        if let Some(endpoint) = &place.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self { place: Arc::new(place), http, credentials, config: config.build() })
    }

    /// The configuration for a client of the SDK, with its standard retries.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn http(&self) -> &Client {
        &self.http
    }
}

/// The machine's own certificates; none where all services are reached without TLS.
fn tls(endpoint: Option<&str>) -> Result<ClientConfig> {
    let failed = |error| unusable("TLS").because(error);
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder.with_root_certificates(RootCertStore::empty())
    } else {
        builder.with_platform_verifier().map_err(failed)?
    };
    Ok(builder.with_no_client_auth())
}

fn unusable(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the services cannot be asked: {what}"))
}
