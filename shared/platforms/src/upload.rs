//! Content handed in by its owner: a file, or what came through a pipe.

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;
use engine::ports::{Acquired, Platform};
use serde_json::json;

use crate::sniff::{self, Content};

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

    /// Kind `InvalidInput` if there is nothing in it.
    async fn acquire(&self, source: &Source, content: &[u8]) -> Result<Acquired> {
        if content.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{} is empty", source.name)));
        }
        let found = sniff::content(&source.name, content);
        let (rung, format, title) = match &found {
            Content::Captions { format, title } => ("captions", *format, title.as_deref()),
            Content::Words { format, title } => ("full_text", *format, title.as_deref()),
            Content::Recording => ("audio_to_transcribe", "binary", None),
            Content::Other => ("metadata_only", "binary", None),
        };
        let facts = json!({
            "kind": self.name(),
            "rung": rung,
            "name": source.name,
            "media_type": sniff::media_type(&source.name, content),
            "format": format,
            "bytes": source.bytes,
            "digest": source.content,
            "title": title,
            "author": null,
            "published": null,
            "description": null,
        });
        Ok(Acquired { facts, content: None })
    }
}
