//! X, formerly Twitter, and sites that show its posts.

use super::{Found, Parts, Site, is_number, is_token, owned};

pub(super) const SITE: Site = Site {
    name: "x",
    domains: &[
        "x.com",
        "twitter.com",
        "twitter3e4tixl4xyajtrzo62zg5vztmjuricljdp2c5kshju4avyoid.onion",
        "t.co",
    ],
    recognise,
};

pub(super) const MIRRORS: Site = Site {
    name: "x",
    domains: &[
        "fxtwitter.com",
        "vxtwitter.com",
        "fixupx.com",
        "fixvx.com",
        "twittpr.com",
        "nitter.net",
        "xcancel.com",
    ],
    recognise: mirror,
};

fn recognise(parts: &Parts<'_>) -> Found {
    match parts.segments.as_slice() {
        [token, ..] if parts.is_under("t.co") && is_token(token) => ("short_link", owned(token)),
        ["i", "broadcasts" | "events", id, ..] if is_token(id) => ("broadcast", owned(id)),
        ["i", "spaces", id, ..] if is_token(id) => ("space", owned(id)),
        ["i", "web", "status", id, ..]
        | ["i", "cards", "tfw", "v1", id, ..]
        | ["i", "videos", "tweet", id, ..]
            if is_number(id) =>
        {
            ("post", owned(id))
        }
        ["statuses", id, ..] | [_, "status" | "statuses", id, ..] if is_number(id) => ("post", owned(id)),
        [
            "i" | "home" | "explore" | "search" | "hashtag" | "settings" | "messages" | "intent" | "share",
            ..,
        ]
        | [] => ("page", None),
        [user, ..] if is_token(user) => ("profile", owned(user)),
        _ => ("page", None),
    }
}

fn mirror(parts: &Parts<'_>) -> Found {
    match recognise(parts) {
        ("post", id) => ("post_mirror", id),
        _ => ("page", None),
    }
}
