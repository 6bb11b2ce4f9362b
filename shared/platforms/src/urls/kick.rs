//! Kick.

use super::{Found, Parts, Site, is_token, owned};

pub(super) const SITE: Site = Site { name: "kick", domains: &["kick.com"], recognise };

fn recognise(parts: &Parts<'_>) -> Found {
    if let Some(clip) = parts.parameter("clip").filter(|clip| is_clip(clip)) {
        return ("clip", Some(clip));
    }
    match parts.segments.as_slice() {
        [_, "clips" | "clip", id, ..] if is_clip(id) => ("clip", owned(id)),
        [_, "videos" | "video", id, ..] | ["video" | "videos", id] if is_uuid(id) => ("vod", owned(id)),
        [channel, "clips"] => ("channel_clips", owned(channel)),
        [channel, "videos"] => ("channel_videos", owned(channel)),
        ["categories" | "category" | "browse" | "search" | "following", ..] | [] => ("page", None),
        [channel, ..] => ("channel", owned(channel)),
    }
}

fn is_clip(text: &str) -> bool {
    text.strip_prefix("clip_").is_some_and(is_token)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
