//! What agents are told of a source.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::article::Article;
use crate::fetch::Fetched;
use crate::look_alike;

/// The fact `source`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The platform.
    pub(crate) kind: &'static str,
    /// How far up the ladder it got.
    pub(crate) rung: &'static str,
    /// Name of the source as given.
    pub(crate) name: String,
    pub(crate) media_type: String,
    /// Format of the content.
    pub(crate) format: &'static str,
    /// Size and digest of what was handed in; those of content that was fetched are put in by the engine.
    pub(crate) bytes: u64,
    pub(crate) digest: String,
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) published: Option<String>,
    pub(crate) description: Option<String>,
    /// Where it is published.
    pub(crate) link: Option<String>,
    /// Link to a moment of it, with `{seconds}` for the moment.
    pub(crate) time_link: Option<String>,
    /// Why there is no text.
    pub(crate) reason: Option<String>,
    /// What can be done about that.
    pub(crate) instead: Option<String>,
    /// How the content was fetched.
    pub(crate) fetch_policy: Option<Value>,
}

/// How something was fetched: whether `robots.txt` was asked, over which links, when, and what came.
pub(crate) fn fetch_policy(fetched: &Fetched) -> Option<Value> {
    Some(json!({
        "robots": if fetched.robots { "allowed" } else { "not_asked" },
        "hops": fetched.hops,
        "fetched_ms": fetched.fetched_ms,
        "bytes": fetched.body.len(),
        "digest": blake3::hash(&fetched.body).to_hex().to_string(),
    }))
}

impl Facts {
    /// Takes over what an article says of itself; what is left are its words.
    pub(crate) fn take(&mut self, article: Article) -> String {
        self.author = match (&article.author, &article.site) {
            (Some(author), Some(site)) if author != site => Some(format!("{author}, {site}")),
            (author, site) => author.clone().or(site.clone()),
        };
        self.format = "text";
        self.title = article.title;
        self.published = article.published;
        self.description = article.description;
        article.text
    }

    pub(crate) fn into_value(self) -> Value {
        let hops = self.fetch_policy.iter().flat_map(|policy| policy["hops"].as_array()).flatten();
        let links: BTreeSet<&str> =
            hops.filter_map(Value::as_str).chain(self.link.as_deref()).chain([self.name.as_str()]).collect();
        let warnings: BTreeSet<String> = links.into_iter().filter_map(look_alike::warning).collect();
        json!({
            "kind": self.kind,
            "rung": self.rung,
            "name": self.name,
            "media_type": self.media_type,
            "format": self.format,
            "bytes": self.bytes,
            "digest": self.digest,
            "title": self.title,
            "author": self.author,
            "published": self.published,
            "description": self.description,
            "link": self.link,
            "time_link": self.time_link,
            "reason": self.reason,
            "instead": self.instead,
            "warnings": warnings,
            "fetch_policy": self.fetch_policy,
        })
    }
}
