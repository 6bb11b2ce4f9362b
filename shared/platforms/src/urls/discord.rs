//! Discord: files in messages, and messages.

use super::{Found, Parts, Site, is_number, owned};

pub(super) const SITE: Site = Site {
    name: "discord",
    domains: &["cdn.discordapp.com", "media.discordapp.net", "discord.com", "discordapp.com", "discord.gg"],
    recognise,
};

fn recognise(parts: &Parts<'_>) -> Found {
    match parts.segments.as_slice() {
        ["attachments" | "ephemeral-attachments", channel, id, name]
            if is_number(channel) && is_number(id) =>
        {
            ("attachment", Some(format!("{channel}/{id}/{name}")))
        }
        ["channels", _, _, id] if is_number(id) => ("message", owned(id)),
        [code] if parts.host == "discord.gg" => ("invite", owned(code)),
        ["invite", code] => ("invite", owned(code)),
        _ => ("page", None),
    }
}
