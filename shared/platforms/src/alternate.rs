//! The feed a page names in its head.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<link\s[^<>]{1,2000}>"));
static FEED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\stype\s*=\s*["']?application/(?:rss\+xml|atom\+xml|feed\+json)"#));
static ALTERNATE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)\srel\s*=\s*["']?alternate\b"#));
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\shref\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s"'>]+))"#));

fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
    Regex::new(text).expect("a constant pattern")
}

/// The link of the first feed that a page from `base` names.
pub(crate) fn feed(html: &str, base: &Url) -> Option<String> {
    let named = LINK
        .find_iter(html)
        .map(|link| link.as_str())
        .find(|link| FEED.is_match(link) && ALTERNATE.is_match(link))?;
    let place = PLACE.captures(named)?;
    let place = place.iter().skip(1).flatten().next()?.as_str().replace("&amp;", "&");
    let url = base.join(place.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_that_pages_name() {
        let base = Url::parse("https://show.example/about").unwrap();
        for (html, expected) in [
            (
                "<link rel='alternate' type='application/rss+xml' href='/feed.xml'>",
                Some("https://show.example/feed.xml"),
            ),
            (
                "<LINK href=\"https://a.example/f?a=1&amp;b\" type=application/atom+xml rel=alternate />",
                Some("https://a.example/f?a=1&b"),
            ),
            (
                "<link rel=alternate hreflang=de href=/de><link rel=alternate type=application/feed+json href=f.json>",
                Some("https://show.example/f.json"),
            ),
            ("<link rel=stylesheet href=a.css><link rel=alternate href=/x>", None),
            ("<link rel=alternate type=application/rss+xml href='file:///etc/hosts'>", None),
            ("<link rel=alternate type=application/rss+xml>", None),
        ] {
            assert_eq!(feed(html, &base).as_deref(), expected, "{html}");
        }
    }
}
