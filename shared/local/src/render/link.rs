//! Which addresses may become links.

use super::safe::is_hidden;

/// An address that may be linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The address, free of quotes, angle brackets, white space and control characters.
    pub(super) href: String,
    /// The host, to be shown: what a reader should know before following it.
    pub(super) host: String,
}

/// `address` if it is plain `http` or `https` with a host, without credentials and without characters that a reader or
/// a browser may take for something else.
pub(super) fn link(address: &str) -> Option<Link> {
    let (scheme, rest) = address.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let odd = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || is_hidden(letter)
            || matches!(letter, '"' | '\'' | '<' | '>' | '\\' | '`' | '{' | '}' | '|' | '^')
    };
    if !matches!(scheme.as_str(), "http" | "https") || rest.chars().any(odd) || address.len() > 2_000 {
        return None;
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    Some(Link { href: format!("{scheme}://{rest}"), host: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn only_plain_web_addresses_become_links() {
        for (address, host) in [
            ("https://example.org/a?b=c#d", "example.org"),
            ("HTTP://example.org", "example.org"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ] {
            assert_eq!(link(address).unwrap().host, host);
        }
        for refused in [
            "javascript:alert(1)",
            "JaVaScRiPt://example.org/%0aalert(1)",
            "data:text/html,x",
            "https://good.example@evil.example/",
            "https://good.example\\@evil.example/",
            "https://example.org/\"onclick=x",
            "https://example.org/ x",
            "https://example.org/\u{202e}gpj",
            "https:///nohost",
            "//example.org",
            "example.org",
            "",
        ] {
            assert_eq!(link(refused), None, "{refused}");
        }
    }
}
