//! The first gate: whether a link may be fetched at all, told from its text. Addresses behind names are the second
//! gate's business, at the moment of connecting.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::address::is_public;

const LONGEST: usize = 4_096;
const PORTS: [u16; 2] = [80, 443];
/// Ends of names that are never public, each with the dot before it.
const PRIVATE_ENDS: [&str; 12] = [
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".lan",
    ".home",
    ".corp",
    ".home.arpa",
    ".onion",
    ".invalid",
];

/// Why a link is not fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be parsed, or is too long.
    NotALink,
    /// Neither `http` nor `https`.
    Scheme(String),
    /// It holds a user or a password.
    UserInformation,
    /// A port other than 80 and 443.
    Port(u16),
    /// A host or an address that is not public.
    NotPublic(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotALink => {
                formatter.write_str("is not a link that can be read, such as https://example.org/article")
            }
            Refusal::Scheme(scheme) => {
                write!(formatter, "links with {scheme}: are not fetched; use https:// or http://")
            }
            Refusal::UserInformation => {
                formatter.write_str("holds a user name or a password; take it out of the link")
            }
            Refusal::Port(port) => {
                write!(formatter, "asks for port {port}; links are fetched from ports 80 and 443 only")
            }
            Refusal::NotPublic(host) => {
                write!(formatter, "{host} is not on the public internet; save the page and hand in the file")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// The parsed link, if it may be fetched.
pub fn check(link: &str) -> Result<Url, Refusal> {
    check_allowing(link, &[])
}

/// The parsed link, if it may be fetched or goes to one of the addresses in `allow`.
pub fn check_allowing(link: &str, allow: &[SocketAddr]) -> Result<Url, Refusal> {
    if link.len() > LONGEST {
        return Err(Refusal::NotALink);
    }
    let url = Url::parse(link).map_err(|_| Refusal::NotALink)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInformation);
    }
    let port = url.port_or_known_default().ok_or(Refusal::NotALink)?;
    let known_port = PORTS.contains(&port) || allow.iter().any(|address| address.port() == port);
    if !known_port {
        return Err(Refusal::Port(port));
    }
    let address = match url.host().ok_or(Refusal::NotALink)? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(name) if is_public_name(name) => return Ok(url),
        Host::Domain(name) => return Err(Refusal::NotPublic(name.to_owned())),
    };
    let allowed = allow.contains(&SocketAddr::new(address, port));
    if allowed || (is_public(address) && PORTS.contains(&port)) {
        return Ok(url);
    }
    Err(Refusal::NotPublic(address.to_string()))
}

/// True if the name may be looked up: at least two labels, and no ending that is set aside.
fn is_public_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let labelled = name.contains('.') && name.split('.').all(|label| !label.is_empty());
    labelled && !PRIVATE_ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_link(link: &str, expected: Result<&str, Refusal>) {
        assert_eq!(check(link).as_ref().map(Url::as_str), expected.as_ref().map(|url| *url), "{link}");
    }

    #[test]
    fn public_links_pass() {
        for (link, url) in [
            ("https://news.example/a?b#c", "https://news.example/a?b#c"),
            ("HTTP://News.Example:80/", "http://news.example/"),
            ("http://news.example.:80/", "http://news.example./"),
            ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
            ("http://93.184.216.34/", "http://93.184.216.34/"),
            ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
        ] {
            check_link(link, Ok(url));
        }
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        let host = |host: &str| Refusal::NotPublic(host.to_owned());
        for (link, refusal) in [
            ("", Refusal::NotALink),
            ("news.example/a", Refusal::NotALink),
            ("https://", Refusal::NotALink),
            ("http://256.1.1.1/", Refusal::NotALink),
            ("ftp://news.example/", Refusal::Scheme("ftp".into())),
            ("file:///etc/hosts", Refusal::Scheme("file".into())),
            ("https://a@news.example/", Refusal::UserInformation),
            ("https://news.example@127.0.0.1/", Refusal::UserInformation),
            ("https://news.example:8443/", Refusal::Port(8443)),
            ("http://0177.0.0.1/", host("127.0.0.1")),
            ("http://2130706433/", host("127.0.0.1")),
            ("http://0x7f.1/", host("127.0.0.1")),
            ("http://１２７.０.０.１/", host("127.0.0.1")),
            ("http://127。0。0。1/", host("127.0.0.1")),
            ("http://127.0.0.1./", host("127.0.0.1")),
            ("http://%31%32%37.0.0.1/", host("127.0.0.1")),
            ("http://[::ffff:a00:1]/", host("::ffff:10.0.0.1")),
            ("http://LOCALHOST/", host("localhost")),
            ("http://localhost./", host("localhost.")),
            ("http://a.localhost/", host("a.localhost")),
            ("http://metadata/", host("metadata")),
            ("http://printer.local/", host("printer.local")),
            ("http://db.prod.internal./", host("db.prod.internal.")),
            ("http://router.home.arpa/", host("router.home.arpa")),
        ] {
            check_link(link, Err(refusal));
        }
        assert_eq!(check(&format!("https://news.example/{}", "a".repeat(5_000))), Err(Refusal::NotALink));
    }

    #[test]
    fn an_operator_opens_single_addresses() {
        let allow = ["127.0.0.1:8080".parse().unwrap()];
        let refused = |link: &str| check_allowing(link, &allow).err();
        assert_eq!(refused("http://127.0.0.1:8080/a"), None);
        assert!(refused("http://127.0.0.1/").is_some());
        assert!(refused("http://127.0.0.2:8080/").is_some());
        assert!(refused("http://93.184.216.34:8080/").is_some());
        assert!(refused("http://localhost:8080/").is_some());
    }
}
