//! Instagram.

use super::{Found, Parts, Site, is_number, is_token, owned};

pub(super) const SITE: Site =
    Site { name: "instagram", domains: &["instagram.com", "instagr.am"], recognise };

fn recognise(parts: &Parts<'_>) -> Found {
    match parts.segments.as_slice() {
        ["p" | "reel" | "reels" | "tv", id, ..] if is_token(id) && *id != "audio" => ("post", owned(id)),
        ["share", "p" | "reel" | "reels", token, ..] | ["share", token] => ("short_link", owned(token)),
        ["stories", _, id, ..] if is_number(id) => ("story", owned(id)),
        ["stories", user] => ("story", owned(user)),
        ["explore", "tags", tag, ..] => ("tag", owned(tag)),
        [_, "p" | "reel" | "reels" | "tv", id, ..] if is_token(id) => ("post", owned(id)),
        ["explore" | "accounts" | "about" | "legal" | "direct" | "reels" | "p" | "tv" | "reel", ..] | [] => {
            ("page", None)
        }
        [user, ..] => ("profile", owned(user)),
    }
}
