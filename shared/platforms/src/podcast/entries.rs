//! What feeds of each format say of their episodes, newest first as they list them.

use std::collections::BTreeMap;

use rss::{Channel, Item};
use serde::Deserialize;
use url::Url;

use super::{Episode, Transcript};
use crate::fetch::clean;

/// The episodes of RSS.
pub(super) fn rss(feed: &str, link: &Url) -> Result<Vec<Episode>, rss::Error> {
    let channel = Channel::read_from(feed.as_bytes())?;
    let episode = |item: &Item| {
        let tags = item.extensions().get("podcast").and_then(|podcast| podcast.get("transcript"));
        let own_author = item.itunes_ext().and_then(|itunes| itunes.author()).or(item.author());
        Episode {
            title: stated(item.title()),
            author: stated(own_author).or_else(|| stated(Some(channel.title()))),
            published: stated(item.pub_date()),
            description: described(item.description()),
            link: item.link().and_then(|page| joined(link, page)),
            recording: item.enclosure().and_then(|enclosure| joined(link, enclosure.url())),
            transcripts: transcripts(tags.into_iter().flatten().map(|tag| tag.attrs()), link),
        }
    };
    Ok(channel.items().iter().map(episode).collect())
}

/// The entries of Atom.
pub(super) fn atom(feed: &str, link: &Url) -> Result<Vec<Episode>, atom_syndication::Error> {
    let feed = atom_syndication::Feed::read_from(feed.as_bytes())?;
    let entry = |entry: &atom_syndication::Entry| {
        let to = |relation: &str| {
            let place = entry.links().iter().find(|place| place.rel() == relation)?;
            joined(link, place.href())
        };
        let tags = entry.extensions().get("podcast").and_then(|podcast| podcast.get("transcript"));
        let author = entry.authors().first().or(feed.authors().first()).map(|author| author.name());
        let description = entry.summary().map(|summary| summary.as_str());
        Episode {
            title: stated(Some(&without_tags(entry.title().as_str()))),
            author: stated(author).or_else(|| stated(Some(feed.title().as_str()))),
            published: Some(entry.published().unwrap_or(entry.updated()).to_rfc3339()),
            description: described(description.or(entry.content().and_then(|content| content.value()))),
            link: to("alternate"),
            recording: to("enclosure"),
            transcripts: transcripts(tags.into_iter().flatten().map(|tag| tag.attrs()), link),
        }
    };
    Ok(feed.entries().iter().map(entry).collect())
}

/// True for a document that says it is a JSON Feed (<https://www.jsonfeed.org/version/1.1/>).
pub(super) fn is_json_feed(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Head {
        version: String,
    }
    text.trim_start().starts_with('{')
        && text.contains("jsonfeed.org/version/")
        && serde_json::from_str::<Head>(text).is_ok_and(|head| head.version.contains("jsonfeed.org/version/"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonFeed {
    title: Option<String>,
    authors: Vec<JsonAuthor>,
    items: Vec<JsonItem>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonAuthor {
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonItem {
    title: Option<String>,
    url: Option<String>,
    summary: Option<String>,
    content_text: Option<String>,
    content_html: Option<String>,
    date_published: Option<String>,
    authors: Vec<JsonAuthor>,
    attachments: Vec<JsonAttachment>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonAttachment {
    url: String,
    mime_type: String,
}

/// The items of a JSON Feed. Attachments that are text are taken for transcripts.
pub(super) fn json(feed: &str, link: &Url) -> Result<Vec<Episode>, serde_json::Error> {
    let feed: JsonFeed = serde_json::from_str(feed)?;
    let name = |authors: &[JsonAuthor]| stated(authors.iter().find_map(|author| author.name.as_deref()));
    let item = |item: &JsonItem| {
        let is_text = |attachment: &JsonAttachment| {
            attachment.mime_type.starts_with("text/") || attachment.mime_type == "application/x-subrip"
        };
        let recording = item.attachments.iter().find(|attachment| !is_text(attachment));
        let tags: Vec<BTreeMap<String, String>> = item
            .attachments
            .iter()
            .filter(|attachment| is_text(attachment))
            .map(|attachment| {
                let pairs = [("url", &attachment.url), ("type", &attachment.mime_type)];
                pairs.map(|(name, value)| (name.to_owned(), value.clone())).into()
            })
            .collect();
        let description = item.summary.as_deref().or(item.content_text.as_deref());
        Episode {
            title: stated(item.title.as_deref()),
            author: name(&item.authors)
                .or_else(|| name(&feed.authors))
                .or_else(|| stated(feed.title.as_deref())),
            published: stated(item.date_published.as_deref()),
            description: described(description.or(item.content_html.as_deref())),
            link: item.url.as_deref().and_then(|page| joined(link, page)),
            recording: recording.and_then(|recording| joined(link, &recording.url)),
            transcripts: transcripts(tags.iter(), link),
        }
    };
    Ok(feed.items.iter().map(item).collect())
}

fn stated(text: Option<&str>) -> Option<String> {
    text.map(line).filter(|text| !text.is_empty())
}

fn described(text: Option<&str>) -> Option<String> {
    stated(text.map(without_tags).as_deref()).map(|text| shorten(&text))
}

/// The transcripts that tags point to, best first.
fn transcripts<'a>(tags: impl Iterator<Item = &'a BTreeMap<String, String>>, feed: &Url) -> Vec<Transcript> {
    let transcript = |attributes: &BTreeMap<String, String>| {
        let url = joined(feed, attributes.get("url")?)?;
        let media_type = attributes.get("type").map(|kind| kind.to_ascii_lowercase()).unwrap_or_default();
        Some(Transcript { url, media_type })
    };
    let mut found: Vec<Transcript> = tags.filter_map(transcript).collect();
    found.sort_by_key(|transcript| rank(&transcript.media_type));
    found
}

/// Captions before transcripts with times before words.
fn rank(media_type: &str) -> u8 {
    match media_type {
        "text/vtt" => 0,
        "application/x-subrip" | "application/srt" | "text/srt" => 1,
        "application/json" => 2,
        "text/html" => 3,
        "text/plain" => 4,
        _ => 5,
    }
}

fn joined(base: &Url, link: &str) -> Option<String> {
    let url = base.join(link.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a description, which may be HTML.
fn without_tags(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                words.push(' ');
            }
            _ if !inside => words.push(letter),
            _ => {}
        }
    }
    words
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 1_000;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
