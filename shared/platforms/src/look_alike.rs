//! Hosts whose names are made to look like others (Unicode Technical Standard 39).

use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _, skeleton};
use url::Url;

/// What is to be said of a link whose host mixes scripts, or whose letters look like those of a name in Latin letters.
pub(crate) fn warning(link: &str) -> Option<String> {
    let url = Url::parse(link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    let (shown, _) = idna::domain_to_unicode(host);
    for label in shown.split('.').filter(|label| !label.is_ascii()) {
        let seems: String = skeleton(label).collect();
        if seems.is_ascii() {
            return Some(format!(
                "The host {host} is written with letters that look like \"{seems}\" and are not: it may pretend to be \
                 another site."
            ));
        }
        if !label.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            return Some(format!(
                "The host {host} mixes letters of several scripts: it may pretend to be another site."
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::warning;

    #[test]
    fn hosts_that_look_like_others() {
        for (link, expected) in [
            ("https://news.example/", None),
            ("https://m\u{fc}nchen.example/", None),
            ("https://\u{65e5}\u{672c}\u{30c6}\u{30b9}\u{30c8}.example/", None),
            ("https://\u{43c}\u{43e}\u{441}\u{43a}\u{432}\u{430}.example/", None),
            ("https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.example/", Some("look like \"apple\"")),
            ("https://p\u{430}ypal.example/", Some("look like \"paypal\"")),
            ("https://www.xn--pypal-4ve.example/", Some("look like \"paypal\"")),
            ("https://\u{43c}\u{43e}\u{441}kva.example/", Some("mixes letters")),
            ("p\u{430}ypal.txt", None),
        ] {
            match (warning(link), expected) {
                (None, None) => {}
                (Some(found), Some(words)) => {
                    assert!(found.contains(words) && found.is_ascii(), "{link}: {found}")
                }
                (found, _) => panic!("{link}: {found:?}"),
            }
        }
    }
}
