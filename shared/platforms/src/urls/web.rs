//! Any other site.

use super::{Found, Parts};

/// A feed by the looks of its path, else a page.
pub(super) fn recognise(parts: &Parts<'_>) -> Found {
    let last = parts.segments.last().map(|segment| segment.to_ascii_lowercase()).unwrap_or_default();
    let ends = [".xml", ".rss", ".atom", ".rdf"].iter().any(|ending| last.ends_with(ending));
    let feed = ends || matches!(last.as_str(), "feed" | "rss" | "atom");
    (if feed { "feed_candidate" } else { "page" }, None)
}
