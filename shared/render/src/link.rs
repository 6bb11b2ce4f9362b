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

/// Links to moments of a source, as its platform gives them.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    template: Option<String>,
}

impl Moments {
    const MOMENT: &'static str = "{seconds}";

    /// Links made from `template`, which has `{seconds}` where the moment goes; none if it is not one.
    pub(super) fn of(template: Option<&str>) -> Moments {
        Moments { template: template.filter(|template| template.contains(Self::MOMENT)).map(str::to_owned) }
    }

    /// The link to a moment.
    pub(super) fn at(&self, start_ms: u64) -> Option<Link> {
        let template = self.template.as_ref()?;
        link(&template.replace(Self::MOMENT, &(start_ms / 1_000).to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Moments, link};

    #[test]
    fn moments_are_whole_seconds_of_a_plain_link() {
        let href = |template: Option<&str>| Moments::of(template).at(252_900).map(|link| link.href);
        let video = href(Some("https://video.example/watch?v=a&t={seconds}s"));
        assert_eq!(video.as_deref(), Some("https://video.example/watch?v=a&t=252s"));
        assert_eq!(href(Some("https://video.example/watch?v=a")), None);
        assert_eq!(href(Some("javascript:seek({seconds})")), None);
        assert_eq!(href(None), None);
    }

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
