//! Reading transcripts of any common format, tolerantly.
//!
//! Captions in the wild are rarely as their specification says. Small damage is repaired or counted in
//! [`Captions::dropped`] with a warning; a file of which nothing usable remains is refused with a
//! [`CaptionError`] that names the line and says what would work.

mod collapse;
mod detect;
mod html;
mod json;
mod lines;
mod markup;
mod plain;
mod stamp;
#[cfg(test)]
mod tests;
mod xml;

use std::fmt;

pub use detect::detect;
pub use stamp::parse_stamp;

/// A transcript format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// WebVTT.
    Vtt,
    /// SubRip.
    Srt,
    /// The podcast namespace's JSON transcript, and the like-shaped output of speech recognisers.
    PodcastJson,
    /// YouTube's `json3`.
    Json3,
    /// YouTube's timed text XML, `srv1` and `srv3`.
    Srv1,
    /// Timed Text Markup Language.
    Ttml,
    /// The podcast namespace's HTML transcript.
    Html,
    /// Plain text, with or without speaker names and times at line starts.
    Text,
    /// Markdown.
    Markdown,
}

/// Every format with its stable name.
const NAMES: [(Format, &str); 9] = [
    (Format::Vtt, "vtt"),
    (Format::Srt, "srt"),
    (Format::PodcastJson, "podcast-json"),
    (Format::Json3, "json3"),
    (Format::Srv1, "srv1"),
    (Format::Ttml, "ttml"),
    (Format::Html, "html"),
    (Format::Text, "text"),
    (Format::Markdown, "markdown"),
];

impl Format {
    /// The stable name, as stored beside the content.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(format, _)| *format == self).map_or("text", |(_, name)| name)
    }

    /// The format of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }
}

/// A stretch of time in milliseconds from the beginning; the end is never before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it starts.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
}

/// One caption, or one paragraph of plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it is shown; plain text has no times.
    pub span: Option<Span>,
    /// Who speaks, where the format says so.
    pub speaker: Option<String>,
    /// The words, without markup, white space folded.
    pub text: String,
}

/// A transcript as its file gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captions {
    /// The cues in order of time.
    pub cues: Vec<Cue>,
    /// Cues that could not be read and were left out.
    pub dropped: usize,
    /// What was repaired or left out, and where; at most [`MAX_WARNINGS`].
    pub warnings: Vec<String>,
}

/// More warnings than this are counted, not listed.
pub const MAX_WARNINGS: usize = 20;

impl Captions {
    fn warn(&mut self, line: usize, problem: impl fmt::Display) {
        self.warn_at(format_args!("line {line}"), problem);
    }

    fn warn_at(&mut self, place: impl fmt::Display, problem: impl fmt::Display) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(format!("{place}: {problem}"));
        }
    }
}

/// Why a transcript cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptionError {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
    /// What would work.
    pub remedy: String,
}

impl CaptionError {
    fn new(line: usize, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line, problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for CaptionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}; {}", self.line, self.problem, self.remedy)
    }
}

impl std::error::Error for CaptionError {}

/// Reads `text` as `format`. Linear in the length of the text.
pub fn parse(format: Format, text: &str) -> Result<Captions, CaptionError> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(CaptionError::new(
            1,
            "the file is empty",
            "give a transcript with at least one sentence",
        ));
    }
    let mut captions = match format {
        Format::Vtt => lines::parse(lines::Dialect::Vtt, text)?,
        Format::Srt => lines::parse(lines::Dialect::Srt, text)?,
        Format::PodcastJson => json::podcast(text)?,
        Format::Json3 => json::json3(text)?,
        Format::Srv1 => xml::timed_text(text)?,
        Format::Ttml => xml::ttml(text)?,
        Format::Html => html::parse(text)?,
        Format::Text => plain::text(text)?,
        Format::Markdown => plain::markdown(text)?,
    };
    captions.cues.sort_by_key(|cue| cue.span.map_or(0, |span| span.start_ms));
    Ok(captions)
}
