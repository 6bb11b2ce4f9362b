//! Where spans go, as the environment says.

use std::net::SocketAddr;

use ::telemetry::Destination;
use engine::error::{Error, ErrorKind, Result};

/// Where spans go; `None` is nowhere.
///
/// - `OTEL_EXPORTER_OTLP_ENDPOINT`: a collector of OTLP over HTTP, its address without `/v1/traces`.
/// - `OTEL_EXPORTER_OTLP_HEADERS`: headers for it, `name=value` with commas between; they may hold a credential.
/// - `AWS_XRAY_DAEMON_ADDRESS`: X-Ray's daemon, where no collector is named; Lambda sets it.
pub(crate) fn destination(get: &impl Fn(&str) -> Option<String>) -> Result<Option<Destination>> {
    if let Some(endpoint) = get("OTEL_EXPORTER_OTLP_ENDPOINT") {
        let headers = headers(&get("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default())?;
        return Ok(Some(Destination::Otlp { endpoint, headers }));
    }
    // Lambda's own address is a number; anything else is somebody else's.
    let daemon = get("AWS_XRAY_DAEMON_ADDRESS").and_then(|address| address.parse::<SocketAddr>().ok());
    Ok(daemon.map(Destination::XRay))
}

fn headers(text: &str) -> Result<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let what = "OTEL_EXPORTER_OTLP_HEADERS must be name=value, with commas between";
        Error::new(ErrorKind::Configuration, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &[(&str, &str)], expected: &str) {
        let get =
            |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        let said = match destination(&get) {
            Ok(destination) => format!("{destination:?}"),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hidden"), "{said}");
    }

    #[test]
    fn a_collector_comes_before_the_daemon() {
        let daemon = ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000");
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        check(&[], "None");
        check(&[daemon], "XRay(169.254.79.129:2000)");
        check(&[("AWS_XRAY_DAEMON_ADDRESS", "xray:2000")], "None");
        check(&[daemon, endpoint], "127.0.0.1:4318");
        check(&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hidden, b=c=d")], r#"["api-key", "b"]"#);
        check(&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "hidden")], "OTEL_EXPORTER_OTLP_HEADERS");
    }
}
