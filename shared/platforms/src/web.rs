//! Links to articles, feeds, captions and plain files: whatever the web gives without asking who reads it.

use std::sync::Arc;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;
use engine::ports::{Acquired, Platform};
use url::Url;

use crate::facts::Facts;
use crate::fetch::{Fetch, Fetched, Request, clean, decode};
use crate::podcast::{self, Episode};
use crate::sniff::{self, Content};
use crate::{article, upload};

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

/// Feeds, captions and plain files, by the looks of their path.
fn made_for_programs(url: &Url) -> bool {
    const ENDINGS: [&str; 11] =
        [".xml", ".rss", ".atom", ".vtt", ".srt", ".ttml", ".json", ".json3", ".txt", ".md", "/feed"];
    let path = url.path().trim_end_matches('/').to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending)) || path.ends_with("/rss")
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
        let mut feed = fetched.url.clone();
        feed.set_fragment(asked.fragment());
        return episode(fetch, link, podcast::episode(&text, &feed)?).await;
    }
    match sniff::content(&name, text.as_bytes()) {
        Content::Words { format: "html", .. } => page(link, &fetched, text).await,
        _ if fetched.media_type == "text/html" => page(link, &fetched, text).await,
        found => file(link, &name, &fetched, text, found),
    }
}

async fn page(link: &str, fetched: &Fetched, html: String) -> Result<Acquired> {
    let article = article::extract_aside(html, fetched.url.to_string()).await?;
    if article.text.trim().is_empty() {
        let what = format!("{link}: there are no words in the page; save its text and hand in the file");
        return Err(Error::new(ErrorKind::Parsing, what));
    }
    let author = match (&article.author, &article.site) {
        (Some(author), Some(site)) if author != site => Some(format!("{author}, {site}")),
        (author, site) => author.clone().or(site.clone()),
    };
    let facts = Facts {
        kind: "web",
        rung: "full_text",
        name: link.to_owned(),
        media_type: "text/html".to_owned(),
        format: "text",
        title: article.title,
        author,
        published: article.published,
        description: article.description,
        link: Some(fetched.url.to_string()),
        ..Facts::default()
    };
    Ok(Acquired { facts: facts.into_value(), content: Some(article.text.into_bytes()) })
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
        ..Facts::default()
    };
    Ok(Acquired { facts: facts.into_value(), content: Some(text.into_bytes()) })
}

async fn episode(fetch: &dyn Fetch, link: &str, episode: Episode) -> Result<Acquired> {
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
