//! Content handed in by its owner: a file, or what came through a pipe.

use std::borrow::Cow;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;
use engine::ports::{Acquired, Platform};

use crate::article;
use crate::facts::Facts;
use crate::fetch::{clean, has_unseen};
use crate::sniff::{self, Content};
use crate::urls;

/// Content handed in by its owner. Recognises every source.
pub struct Upload;

#[async_trait]
impl Platform for Upload {
    fn name(&self) -> &'static str {
        "upload"
    }

    fn recognises(&self, _: &Source) -> bool {
        true
    }

    /// Kind `InvalidInput` if there is nothing in it, `UnsupportedMedia` if it is made for programs only; of a page, what
    /// [`article::extract`] fails with.
    async fn acquire(&self, source: &Source, content: &[u8]) -> Result<Acquired> {
        if content.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{} is empty", source.name)));
        }
        let found = sniff::content(&source.name, content);
        let text = std::str::from_utf8(content).ok().filter(|_| is_text(&found));
        if let Some(what) = text.and_then(|text| refusal(&source.name, text)) {
            let what = format!("{} {what}", source.name);
            return Err(Error::new(ErrorKind::UnsupportedMedia, what));
        }
        let (rung, format, title) = rung(&found);
        let mut facts = Facts {
            kind: self.name(),
            rung,
            name: clean(&source.name),
            media_type: sniff::media_type(&source.name, content).to_owned(),
            format,
            bytes: source.bytes,
            digest: source.content.as_str().to_owned(),
            title,
            link: source.link.clone(),
            time_link: source.link.as_deref().and_then(|link| urls::time_link(&urls::recognise(link))),
            ..Facts::default()
        };
        // What was handed in is the content, unless something in it is not for reading.
        let seen = text.filter(|text| has_unseen(text)).map(clean);
        if let (Content::Words { format: "html", .. }, Some(text)) = (&found, text) {
            let html = seen.clone().unwrap_or_else(|| text.to_owned());
            match article::extract_aside(html, source.link.clone().unwrap_or_default()).await {
                Ok(article) if !article.text.trim().is_empty() => {
                    let words = facts.take(article);
                    return Ok(Acquired { facts: facts.into_value(), content: Some(words.into_bytes()) });
                }
                // No article, but words perhaps.
                Err(error) if error.kind() != ErrorKind::Parsing => {
                    let what = format!("{}: {}", source.name, error.message());
                    return Err(Error::new(error.kind(), what));
                }
                _ => {}
            }
        }
        if let (Some(seen), true) = (&seen, facts.title.is_some()) {
            facts.title = self::rung(&sniff::content(&source.name, seen.as_bytes())).2;
        }
        Ok(Acquired { facts: facts.into_value(), content: seen.map(String::into_bytes) })
    }
}

/// A text handed in as a run reads it: the name of its format, and the text without what is not for reading. An error says
/// of a text that is not read what it is and what would do.
pub fn as_read<'a>(name: &str, text: &'a str) -> std::result::Result<(&'static str, Cow<'a, str>), String> {
    if let Some(what) = refusal(name, text) {
        return Err(what);
    }
    let (_, format, _) = rung(&sniff::content(name, text.as_bytes()));
    Ok((format, if has_unseen(text) { clean(text).into() } else { text.into() }))
}

/// Why a text is not read, and what would do.
fn refusal(name: &str, text: &str) -> Option<String> {
    let what = sniff::not_for_reading(name, text)?;
    Some(format!("is {what}; give the link of a feed, or a file with captions, a transcript or an article"))
}

fn is_text(found: &Content) -> bool {
    matches!(found, Content::Captions { .. } | Content::Words { .. })
}

/// The rung, the format and the title of what was found.
pub(crate) fn rung(found: &Content) -> (&'static str, &'static str, Option<String>) {
    match found {
        Content::Captions { format, title } => ("captions", format, title.clone()),
        Content::Words { format, title } => ("full_text", format, title.clone()),
        Content::Recording => ("audio_to_transcribe", "binary", None),
        Content::Other => ("metadata_only", "binary", None),
    }
}
