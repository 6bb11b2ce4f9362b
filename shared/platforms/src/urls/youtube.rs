//! YouTube.

use url::Url;

use super::{Found, Parts, Site, is_token, owned};

pub(super) const SITE: Site = Site {
    name: "youtube",
    domains: &["youtube.com", "youtu.be", "youtube-nocookie.com", "youtubekids.com"],
    recognise,
};

fn recognise(parts: &Parts<'_>) -> Found {
    let list = parts.parameter("list").filter(|list| is_playlist(list));
    if parts.is_under("youtu.be") {
        return match (parts.segments.first().copied().and_then(video), list) {
            (Some(id), Some(_)) => ("video_in_playlist", Some(id)),
            (Some(id), None) => ("video", Some(id)),
            (None, _) => ("collection", None),
        };
    }
    match parts.segments.as_slice() {
        ["watch" | "watch_popup" | "movie", ..] => watched(parts, list.is_some()),
        ["embed", "videoseries", ..] => ("playlist", list),
        ["embed" | "v" | "e" | "vi", id, ..] => match (video(id), list) {
            (Some(_), Some(list)) => ("playlist", Some(list)),
            (Some(id), None) => ("video", Some(id)),
            (None, _) => ("collection", None),
        },
        ["shorts", id, ..] if video(id).is_some() => ("short", video(id)),
        ["live", id, ..] if video(id).is_some() => ("live", video(id)),
        ["clip", id, ..] if is_token(id) => ("clip", owned(id)),
        ["attribution_link", ..] => attributed(parts),
        _ => ("collection", None),
    }
}

fn watched(parts: &Parts<'_>, in_list: bool) -> Found {
    match parts.parameter("v").as_deref().and_then(video) {
        Some(id) if !in_list => ("video", Some(id)),
        _ => ("collection", None),
    }
}

/// The link inside a link of attribution, if it leads to YouTube too.
fn attributed(parts: &Parts<'_>) -> Found {
    let inner =
        parts.parameter("u").and_then(|inner| Url::parse("https://www.youtube.com").ok()?.join(&inner).ok());
    match inner {
        Some(url) => {
            let inner = Parts::of(&url);
            let ours = SITE.domains.iter().any(|domain| inner.is_under(domain));
            let again = inner.segments.first() == Some(&"attribution_link");
            if ours && !again { recognise(&inner) } else { ("collection", None) }
        }
        None => ("collection", None),
    }
}

/// The id of a video: eleven letters, digits, hyphens and underscores, and what is stuck to it left off.
fn video(text: &str) -> Option<String> {
    const LENGTH: usize = 11;
    let id = text.get(..LENGTH)?;
    let rest = text.get(LENGTH..).unwrap_or_default();
    (is_token(id)
        && !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')))
    .then(|| id.to_owned())
}

fn is_playlist(text: &str) -> bool {
    const PREFIXES: [&str; 10] = ["PL", "LL", "EC", "UU", "FL", "RD", "UL", "TL", "PU", "OLAK5uy_"];
    let rest = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
    rest.is_some_and(|rest| rest.len() >= 10 && is_token(rest)) || matches!(text, "RDMM" | "WL" | "LL" | "LM")
}
