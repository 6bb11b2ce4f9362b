//! Reddit.

use super::{Found, Parts, Site, is_token, owned};

pub(super) const SITE: Site =
    Site { name: "reddit", domains: &["reddit.com", "redditmedia.com", "redd.it"], recognise };

fn recognise(parts: &Parts<'_>) -> Found {
    if parts.is_under("redd.it") {
        return match parts.segments.as_slice() {
            [id] if is_token(id) => ("short_link", owned(id)),
            _ => ("page", None),
        };
    }
    match parts.segments.as_slice() {
        ["r" | "user" | "u", _, "comments", id, ..] | ["comments", id, ..] if is_token(id) => {
            ("post", owned(id))
        }
        ["r" | "u" | "user", _, "s", token] => ("short_link", owned(token)),
        ["video", id] => ("post", owned(id)),
        ["r", name, ..] => ("subreddit", owned(name)),
        ["user" | "u", name, ..] => ("profile", owned(name)),
        _ => ("page", None),
    }
}
