//! Twitch.

use super::{Found, Parts, Site, is_number, is_token, owned};

pub(super) const SITE: Site = Site { name: "twitch", domains: &["twitch.tv"], recognise };

fn recognise(parts: &Parts<'_>) -> Found {
    match parts.host.as_str() {
        "clips.twitch.tv" => return clip(parts),
        "player.twitch.tv" => return player(parts),
        _ => {}
    }
    let vod = |id: &str| owned(id.strip_prefix('v').unwrap_or(id));
    match parts.segments.as_slice() {
        ["videos", id, ..] if is_vod(id) => ("vod", vod(id)),
        [_, "v" | "video" | "videos" | "b" | "c", id, ..] if is_vod(id) => ("vod", vod(id)),
        [channel, "schedule", ..] => match parts.parameter("vodID").filter(|id| is_number(id)) {
            Some(id) => ("vod", Some(id)),
            None => ("channel", owned(channel)),
        },
        ["collections", id, ..] => ("collection", owned(id)),
        [_, "clip", slug, ..] if is_token(slug) => ("clip", owned(slug)),
        [channel, "clips", ..] => ("channel_clips", owned(channel)),
        [channel, "videos" | "profile", ..] => {
            let clips = parts.parameter("filter").is_some_and(|filter| filter == "clips");
            (if clips { "channel_clips" } else { "channel_videos" }, owned(channel))
        }
        ["directory" | "p" | "settings" | "downloads" | "search" | "videos", ..] | [] => ("page", None),
        [channel, ..] if is_token(channel) => ("channel", owned(channel)),
        _ => ("page", None),
    }
}

fn is_vod(text: &str) -> bool {
    is_number(text.strip_prefix('v').unwrap_or(text))
}

fn clip(parts: &Parts<'_>) -> Found {
    match parts.segments.as_slice() {
        ["embed", ..] => ("clip", parts.parameter("clip").filter(|slug| is_token(slug))),
        [.., slug] if is_token(slug) => ("clip", owned(slug)),
        _ => ("page", None),
    }
}

fn player(parts: &Parts<'_>) -> Found {
    if let Some(video) = parts.parameter("video").filter(|video| is_vod(video)) {
        return ("vod", owned(video.strip_prefix('v').unwrap_or(&video)));
    }
    match parts.parameter("channel") {
        Some(channel) => ("channel", Some(channel)),
        None => ("page", None),
    }
}
