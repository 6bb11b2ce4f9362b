//! What a link leads to, told from its parsed host and path alone: never by searching its text, so that a look-alike host
//! or a link inside a link is not taken for the real one.

mod discord;
mod instagram;
mod kick;
mod reddit;
mod tiktok;
mod twitch;
mod web;
mod x;
mod youtube;

use url::Url;

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The platform; `web` for any other site, `reject` for what is no link that may be fetched.
    pub platform: &'static str,
    /// What it is there: `video`, `post`, `channel`, `short_link`...
    pub kind: &'static str,
    /// Its id there, if the link holds one.
    pub id: Option<String>,
}

/// A kind and an id.
type Found = (&'static str, Option<String>);

/// A platform: its name, its domains, and what its paths mean.
struct Site {
    name: &'static str,
    domains: &'static [&'static str],
    recognise: fn(&Parts<'_>) -> Found,
}

const SITES: [Site; 9] = [
    discord::SITE,
    instagram::SITE,
    kick::SITE,
    reddit::SITE,
    tiktok::SITE,
    twitch::SITE,
    x::MIRRORS,
    x::SITE,
    youtube::SITE,
];

/// A link in parts.
struct Parts<'a> {
    url: &'a Url,
    /// The host in lower case, without a dot at its end.
    host: String,
    /// The parts of the path that are not empty.
    segments: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        Self {
            url,
            host: host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
            segments: url.path().split('/').filter(|segment| !segment.is_empty()).collect(),
        }
    }

    /// True if the host is the domain or a name under it.
    fn is_under(&self, domain: &str) -> bool {
        let before = self.host.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// The first value of a parameter.
    fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// What a link leads to. Any text is answered.
pub fn recognise(link: &str) -> Recognised {
    let reject = |kind| Recognised { platform: "reject", kind, id: None };
    let Ok(url) = Url::parse(link.trim()) else { return reject("invalid_or_userinfo") };
    if !matches!(url.scheme(), "http" | "https") {
        return reject("scheme");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return reject("invalid_or_userinfo");
    }
    let parts = Parts::of(&url);
    let site = SITES.iter().find(|site| site.domains.iter().any(|domain| parts.is_under(domain)));
    let (platform, (kind, id)) = match site {
        Some(site) => (site.name, (site.recognise)(&parts)),
        None => ("web", web::recognise(&parts)),
    };
    Recognised { platform, kind, id }
}

/// True for links that only their server can resolve.
pub fn needs_resolving(recognised: &Recognised) -> bool {
    recognised.kind == "short_link"
}

/// The link its platform itself would give out.
pub fn canonical(recognised: &Recognised) -> Option<String> {
    let id = recognised.id.as_deref()?;
    let address = match (recognised.platform, recognised.kind) {
        ("youtube", "video" | "short" | "live" | "video_in_playlist") => {
            format!("https://www.youtube.com/watch?v={id}")
        }
        ("twitch", "vod") => format!("https://www.twitch.tv/videos/{id}"),
        ("twitch", "clip") => format!("https://clips.twitch.tv/{id}"),
        ("instagram", "post") => format!("https://www.instagram.com/p/{id}/"),
        ("x", "post" | "post_mirror") => format!("https://x.com/i/web/status/{id}"),
        ("reddit", "post") => format!("https://www.reddit.com/comments/{id}"),
        _ => return None,
    };
    Some(address)
}

/// A link to a moment, with `{seconds}` for the moment, where the platform has such links.
pub fn time_link(recognised: &Recognised) -> Option<String> {
    let link = canonical(recognised)?;
    match (recognised.platform, recognised.kind) {
        ("youtube", _) => Some(format!("{link}&t={{seconds}}s")),
        ("twitch", "vod") => Some(format!("{link}?t={{seconds}}s")),
        _ => None,
    }
}

/// True for a text of digits.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for a text of letters, digits, hyphens and underscores.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[cfg(test)]
mod tests;
