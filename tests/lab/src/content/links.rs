//! What links lead to, and which may be fetched.

use std::path::Path;

use platforms::fetch::guard;
use serde::Deserialize;

use super::{Figure, Trouble, rows};

#[derive(Deserialize)]
struct Link {
    url: String,
    platform: String,
    kind: String,
    id: Option<String>,
}

/// Platform, kind and id, all three.
pub(super) fn recognised(folder: &Path) -> Result<Figure, Trouble> {
    let links: Vec<Link> = rows::lines(folder, "urls.jsonl")?;
    let outcomes = links.iter().map(|link| {
        let found = platforms::recognise(&link.url);
        let right = found.platform == link.platform && found.kind == link.kind && found.id == link.id;
        (!right).then(|| {
            let (platform, kind, id) = (&link.platform, &link.kind, &link.id);
            let as_found = format!("{} {} {:?}", found.platform, found.kind, found.id);
            format!("{}: {as_found} instead of {platform} {kind} {id:?}", link.url)
        })
    });
    Ok(Figure::share(outcomes.collect()))
}

#[derive(Deserialize)]
struct Guarded {
    url: String,
    expect: String,
}

/// Whether the first gate lets a link pass; nothing is connected to.
pub(super) fn guarded(folder: &Path) -> Result<Figure, Trouble> {
    let links: Vec<Guarded> = rows::lines(folder, "ssrf_urls.jsonl")?;
    let outcomes = links.iter().map(|link| {
        let found = if guard::check(&link.url).is_ok() { "allow" } else { "deny" };
        (found != link.expect).then(|| format!("{}: {found} instead of {}", link.url, link.expect))
    });
    Ok(Figure::share(outcomes.collect()))
}
