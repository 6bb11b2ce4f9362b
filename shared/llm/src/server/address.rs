//! Which addresses a request, and a key, may be sent to.

use std::net::IpAddr;
use std::sync::Arc;

use engine::error::{Error, ErrorKind, Result};
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// The address of `path` under `base_url`; `path` begins with a slash.
///
/// Only `http` and `https`, no user information, no query. With a key or a signature, plain `http` only to this machine or a
/// private network.
pub(crate) fn under(base_url: &str, path: &str, has_key: bool) -> Result<Url> {
    let refused = |why: &str| Err(Error::new(ErrorKind::Configuration, format!("LLM_BASE_URL {why}")));
    let Ok(mut url) = Url::parse(base_url.trim()) else {
        return refused("is not a URL, such as https://api.openai.com/v1");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return refused("must begin with https:// or http:// and name a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("must not hold a user or a password; the key goes into LLM_API_KEY");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("must not have a query or a fragment");
    }
    if url.scheme() == "http" && has_key && !is_private(&url) {
        return refused(
            "is plain http to a public host, which would show the key or the signed request to everybody on the way; use https",
        );
    }
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// True for this machine, private networks and names that only such networks have.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => {
            let name = host.trim_end_matches('.');
            let private = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];
            !name.contains('.') || private.iter().any(|suffix| name.ends_with(suffix))
        }
    }
}

/// TLS with ring and the system's certificates; without certificates where the address needs none.
pub(crate) fn tls(address: &Url) -> Result<ClientConfig> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base_url: &str, has_key: bool, expected: Option<&str>) {
        let found = under(base_url, "/chat/completions", has_key);
        assert_eq!(found.as_ref().ok().map(Url::as_str), expected, "{base_url}: {found:?}");
        if let Err(error) = found {
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!error.message().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn addresses() {
        check("https://api.openai.com/v1", true, Some("https://api.openai.com/v1/chat/completions"));
        check(" https://api.openai.com/v1/ ", true, Some("https://api.openai.com/v1/chat/completions"));
        check("https://host", true, Some("https://host/chat/completions"));
        for private in [
            "http://127.0.0.1:11434/v1",
            "http://localhost:8000/v1",
            "http://ollama:11434/v1",
            "http://192.168.1.5/v1",
            "http://10.0.0.1/v1",
            "http://[::1]:8080/v1",
            "http://[fd00::1]/v1",
            "http://gpu.internal/v1",
        ] {
            check(private, true, Some(&format!("{private}/chat/completions")));
        }
        check("http://models.example.com/v1", false, Some("http://models.example.com/v1/chat/completions"));
        for refused in [
            "http://models.example.com/v1",
            "http://8.8.8.8/v1",
            "http://169.254.169.254/v1",
            "http://127.0.0.1.example.com/v1",
            "http://localhost.example.com/v1",
            "https://user:hunter2@api.openai.com/v1",
            "https://hunter2@api.openai.com/v1",
            "https://api.openai.com/v1?api-version=1",
            "https://api.openai.com/v1#x",
            "file:///etc/passwd",
            "ftp://127.0.0.1/v1",
            "api.openai.com/v1",
            "https://",
            "",
        ] {
            check(refused, true, None);
        }
    }

    #[test]
    fn certificates_are_only_read_for_https() {
        assert!(tls(&Url::parse("http://127.0.0.1:1/v1").unwrap()).is_ok());
    }
}
