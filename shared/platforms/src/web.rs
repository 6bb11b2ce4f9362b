//! Links to articles, feeds, captions and plain files: whatever the web gives without asking who reads it.

use std::sync::Arc;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;
use engine::ports::{Acquired, Platform};
use url::Url;

use crate::facts::{Facts, fetch_policy};
use crate::fetch::{Fetch, Fetched, Request, clean, decode};
use crate::podcast::{self, Episode};
use crate::sniff::{self, Content};
use crate::{alternate, article, upload};

/// A page with fewer words has none of its own to speak of.
const FEWEST_WORDS: usize = 40;

const TRANSCRIPT_INSTEAD: &str =
    "hand in its transcript or captions as a file, with --link and this link so that times lead there";

/// Any link that no other platform takes.
pub struct Web {
    fetch: Arc<dyn Fetch>,
}

impl Web {
    /// Links fetched by `fetch`.
    pub fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch }
    }
}

#[async_trait]
impl Platform for Web {
    fn name(&self) -> &'static str {
        "web"
    }

    fn recognises(&self, source: &Source) -> bool {
        source.to_fetch().is_some()
    }

    async fn acquire(&self, source: &Source, _: &[u8]) -> Result<Acquired> {
        let link = source.to_fetch().unwrap_or_default();
        let url = Url::parse(link).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("{link} is not a link")).because(error)
        })?;
        let request = if made_for_programs(&url) { Request::file(link) } else { Request::page(link) };
        let fetched = match self.fetch.fetch(&request).await {
            // The site's answer is final: that is a rung, not an accident.
            Err(error) if error.kind() == ErrorKind::Forbidden => return Ok(blocked(link, error.message())),
            fetched => fetched?,
        };
        acquired(self.fetch.as_ref(), link, &url, fetched).await
    }
}

/// Feeds and captions, by the looks of their path. Plain files are read by people too.
fn made_for_programs(url: &Url) -> bool {
    const ENDINGS: [&str; 10] =
        [".xml", ".rss", ".atom", ".vtt", ".srt", ".ttml", ".json3", "/feed", "/rss", "/feed.json"];
    let path = url.path().trim_end_matches('/').to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// What can be made of what came.
pub(crate) async fn acquired(
    fetch: &dyn Fetch,
    link: &str,
    asked: &Url,
    fetched: Fetched,
) -> Result<Acquired> {
    let recorded = ["audio/", "video/"].iter().any(|kind| fetched.media_type.starts_with(kind));
    if recorded || sniff::is_recording(&fetched.body) {
        return Ok(recording(link, &fetched));
    }
    let name =
        fetched.url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default().to_owned();
    if sniff::is_binary(&fetched.body) {
        let what = format!("{link} is not text; give an article, a feed or a transcript");
        return Err(Error::new(ErrorKind::UnsupportedMedia, what));
    }
    let text = clean(&decode(&fetched.body, fetched.charset.as_deref()));
    if podcast::is_feed(&text) {
        return feed(fetch, link, asked, &fetched, &text).await;
    }
    if let Some(what) = sniff::not_for_reading(&name, &text) {
        let what = format!("{link} is {what}; give an article, a feed, captions or a transcript");
        return Err(Error::new(ErrorKind::UnsupportedMedia, what));
    }
    let found = sniff::content(&name, text.as_bytes());
    let is_page = matches!(found, Content::Words { format: "html", .. }) || fetched.media_type == "text/html";
    if !is_page {
        return file(link, &name, &fetched, text, found);
    }
    let named = alternate::feed(&text, &fetched.url);
    match (page(link, &fetched, text).await, named) {
        // A page without words of its own, such as that of a show, stands for its feed.
        (Ok((_, words)), Some(named)) if words < FEWEST_WORDS => named_feed(fetch, link, asked, &named).await,
        (Err(error), Some(named)) if error.kind() == ErrorKind::Parsing => {
            named_feed(fetch, link, asked, &named).await
        }
        (read, _) => read.map(|(acquired, _)| acquired),
    }
}

/// The feed that a page names. What comes must be one: nothing leads further from here.
async fn named_feed(fetch: &dyn Fetch, link: &str, asked: &Url, named: &str) -> Result<Acquired> {
    let fetched = fetch.fetch(&Request::file(named)).await?;
    let text = clean(&decode(&fetched.body, fetched.charset.as_deref()));
    if !podcast::is_feed(&text) {
        let what =
            format!("{link} has no words of its own, and {named}, which it names as its feed, is none");
        return Err(Error::new(ErrorKind::UnsupportedMedia, what));
    }
    feed(fetch, link, asked, &fetched, &text).await
}

async fn feed(fetch: &dyn Fetch, link: &str, asked: &Url, fetched: &Fetched, text: &str) -> Result<Acquired> {
    let mut place = fetched.url.clone();
    place.set_fragment(asked.fragment());
    episode(fetch, link, podcast::episode(text, &place)?).await
}

/// The page as its article, and how many words that has.
async fn page(link: &str, fetched: &Fetched, html: String) -> Result<(Acquired, usize)> {
    let article = article::extract_aside(html, fetched.url.to_string())
        .await
        .map_err(|error| Error::new(error.kind(), format!("{link}: {}", error.message())))?;
    if article.text.trim().is_empty() {
        let what = format!("{link}: there are no words in the page; save its text and hand in the file");
        return Err(Error::new(ErrorKind::Parsing, what));
    }
    let mut facts = Facts {
        kind: "web",
        rung: "full_text",
        name: link.to_owned(),
        media_type: "text/html".to_owned(),
        link: Some(fetched.url.to_string()),
        fetch_policy: fetch_policy(fetched),
        ..Facts::default()
    };
    let text = facts.take(article);
    let words = text.split_whitespace().count();
    Ok((Acquired { facts: facts.into_value(), content: Some(text.into_bytes()) }, words))
}

fn file(link: &str, name: &str, fetched: &Fetched, text: String, found: Content) -> Result<Acquired> {
    if text.trim().is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{link} is empty")));
    }
    let (rung, format, title) = upload::rung(&found);
    let facts = Facts {
        kind: "web",
        rung,
        name: link.to_owned(),
        media_type: sniff::media_type(name, text.as_bytes()).to_owned(),
        format,
        title,
        link: Some(fetched.url.to_string()),
        fetch_policy: fetch_policy(fetched),
        ..Facts::default()
    };
    Ok(Acquired { facts: facts.into_value(), content: Some(text.into_bytes()) })
}

async fn episode(fetch: &dyn Fetch, link: &str, episode: Episode) -> Result<Acquired> {
    if let (Some(entry), None, []) = (&episode.link, &episode.recording, episode.transcripts.as_slice()) {
        // An entry of a feed of articles.
        return entry_page(fetch, entry).await;
    }
    let time_link = episode.recording.as_deref().and_then(|recording| {
        let mut url = Url::parse(recording).ok()?;
        url.set_fragment(None);
        Some(format!("{url}#t={{seconds}}"))
    });
    let mut facts = Facts {
        kind: "podcast",
        name: link.to_owned(),
        title: episode.title,
        author: episode.author,
        published: episode.published,
        description: episode.description,
        link: episode.link.or(episode.recording.clone()),
        time_link,
        ..Facts::default()
    };
    let mut trouble = None;
    for transcript in &episode.transcripts {
        match fetch.fetch(&Request::file(&transcript.url)).await {
            Ok(fetched) if !sniff::is_binary(&fetched.body) => {
                let text = clean(&decode(&fetched.body, fetched.charset.as_deref()));
                let name = named(&transcript.url, &transcript.media_type);
                let found = sniff::content(&name, text.as_bytes());
                if text.trim().is_empty() {
                    continue;
                }
                (facts.rung, facts.format, _) = upload::rung(&found);
                facts.media_type = transcript.media_type.clone();
                facts.fetch_policy = fetch_policy(&fetched);
                return Ok(Acquired { facts: facts.into_value(), content: Some(text.into_bytes()) });
            }
            Ok(_) => {}
            Err(error) if error.is_retryable() => trouble = trouble.or(Some(error)),
            Err(_) => {}
        }
    }
    // Only when no transcript is left that might come later.
    if let Some(error) = trouble {
        return Err(error);
    }
    facts.rung = "audio_to_transcribe";
    facts.format = "binary";
    facts.reason = Some(match episode.transcripts.len() {
        0 => "the feed has no transcript of this episode".to_owned(),
        _ => "none of the episode's transcripts can be read".to_owned(),
    });
    facts.instead = Some(TRANSCRIPT_INSTEAD.to_owned());
    Ok(Acquired { facts: facts.into_value(), content: None })
}

/// The article an entry of a feed leads to; like any page, if its site lets programs read it.
async fn entry_page(fetch: &dyn Fetch, entry: &str) -> Result<Acquired> {
    let fetched = match fetch.fetch(&Request::page(entry)).await {
        Err(error) if error.kind() == ErrorKind::Forbidden => return Ok(blocked(entry, error.message())),
        fetched => fetched?,
    };
    if sniff::is_binary(&fetched.body) || fetched.body.is_empty() {
        let what = format!("{entry}, the entry of the feed, is no page; give an article or a transcript");
        return Err(Error::new(ErrorKind::UnsupportedMedia, what));
    }
    let html = clean(&decode(&fetched.body, fetched.charset.as_deref()));
    page(entry, &fetched, html).await.map(|(acquired, _)| acquired)
}

/// A name that ends as the media type says, for transcripts whose address does not tell.
fn named(url: &str, media_type: &str) -> String {
    let ending = match media_type {
        "text/vtt" => "vtt",
        "application/x-subrip" | "application/srt" | "text/srt" => "srt",
        "application/json" => "json",
        "text/html" => "html",
        _ => return url.split(['?', '#']).next().unwrap_or(url).to_owned(),
    };
    format!("transcript.{ending}")
}

fn recording(link: &str, fetched: &Fetched) -> Acquired {
    let mut url = fetched.url.clone();
    url.set_fragment(None);
    let facts = Facts {
        kind: "web",
        rung: "audio_to_transcribe",
        name: link.to_owned(),
        media_type: fetched.media_type.clone(),
        format: "binary",
        link: Some(url.to_string()),
        fetch_policy: fetch_policy(fetched),
        time_link: Some(format!("{url}#t={{seconds}}")),
        reason: Some("it is a recording, and nothing here transcribes".to_owned()),
        instead: Some(TRANSCRIPT_INSTEAD.to_owned()),
        ..Facts::default()
    };
    Acquired { facts: facts.into_value(), content: None }
}

fn blocked(link: &str, reason: &str) -> Acquired {
    let facts = Facts {
        kind: "web",
        rung: "blocked",
        name: link.to_owned(),
        media_type: String::new(),
        format: "binary",
        link: Some(link.to_owned()),
        reason: Some(reason.to_owned()),
        instead: Some("open it in a browser, save its text and hand in the file".to_owned()),
        ..Facts::default()
    };
    Acquired { facts: facts.into_value(), content: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_feeds_and_captions_are_made_for_programs() {
        for (path, expected) in [
            ("feed.xml", true),
            ("show/feed/", true),
            ("talk.VTT", true),
            ("feed.json", true),
            ("notes.txt", false),
            ("readme.md", false),
            ("data.json", false),
            ("article", false),
        ] {
            let url = Url::parse(&format!("https://a.example/{path}")).unwrap();
            assert_eq!(made_for_programs(&url), expected, "{path}");
        }
    }
}
