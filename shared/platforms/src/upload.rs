//! Content handed in by its owner: a file, or what came through a pipe.

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;
use engine::ports::{Acquired, Platform};

use crate::facts::Facts;
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

    /// Kind `InvalidInput` if there is nothing in it, `UnsupportedMedia` if it is made for programs only.
    async fn acquire(&self, source: &Source, content: &[u8]) -> Result<Acquired> {
        if content.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{} is empty", source.name)));
        }
        let text = std::str::from_utf8(content).unwrap_or_default();
        if let Some(what) = sniff::not_for_reading(&source.name, text) {
            let what = format!(
                "{} is {what}; give the link of a feed, or a file with captions, a transcript or an article",
                source.name
            );
            return Err(Error::new(ErrorKind::UnsupportedMedia, what));
        }
        let (rung, format, title) = rung(&sniff::content(&source.name, content));
        let facts = Facts {
            kind: self.name(),
            rung,
            name: source.name.clone(),
            media_type: sniff::media_type(&source.name, content).to_owned(),
            format,
            bytes: source.bytes,
            digest: source.content.as_str().to_owned(),
            title,
            link: source.link.clone(),
            time_link: source.link.as_deref().and_then(|link| urls::time_link(&urls::recognise(link))),
            ..Facts::default()
        };
        Ok(Acquired { facts: facts.into_value(), content: None })
    }
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
