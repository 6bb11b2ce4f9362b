//! TikTok.

use super::{Found, Parts, Site, is_number, is_token, owned};

pub(super) const SITE: Site = Site { name: "tiktok", domains: &["tiktok.com"], recognise };

fn recognise(parts: &Parts<'_>) -> Found {
    let short = matches!(parts.host.as_str(), "vm.tiktok.com" | "vt.tiktok.com");
    match parts.segments.as_slice() {
        [token, ..] if short && is_token(token) => ("short_link", owned(token)),
        ["t", token, ..] if is_token(token) => ("short_link", owned(token)),
        ["share" | "embed", "video" | "v2" | "v3", id, ..]
        | ["embed", id, ..]
        | [_, "video" | "photo", id, ..]
            if is_number(id) =>
        {
            ("video", owned(id))
        }
        ["v", file, ..] if is_number(file.trim_end_matches(".html")) => {
            ("video", owned(file.trim_end_matches(".html")))
        }
        ["share", "live", id, ..] if is_number(id) => ("live", owned(id)),
        [user, "live", ..] if user.starts_with('@') => ("live", None),
        [_, "collection" | "playlist", name, ..] => ("collection", last_number(name)),
        ["music", name, ..] => ("sound", last_number(name)),
        ["sticker" | "effect", name, ..] => ("effect", last_number(name)),
        ["tag", tag, ..] => ("tag", owned(tag)),
        [user, ..] if user.starts_with('@') && user.len() > 1 => {
            ("profile", user.strip_prefix('@').and_then(owned))
        }
        _ => ("page", None),
    }
}

/// The number a name such as `my-song-123` ends with.
fn last_number(name: &str) -> Option<String> {
    name.rsplit('-').next().filter(|number| is_number(number)).and_then(owned)
}
