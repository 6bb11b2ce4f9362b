//! The forms a briefing can be written in, by a file's ending.

use std::path::Path;

use engine::error::{Error, ErrorKind, Result};

use crate::Report;

/// A form of a briefing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Markdown.
    Markdown,
    /// One HTML file.
    Html,
    /// The stable JSON form.
    Json,
}

impl Form {
    /// The form that goes with a file's ending. Errors: `InvalidInput`.
    pub fn of_file(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("md" | "markdown") => Ok(Form::Markdown),
            Some("html" | "htm") => Ok(Form::Html),
            Some("json") => Ok(Form::Json),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{}: give the file an ending that says the form: .md, .html or .json",
                    path.display()
                ),
            )),
        }
    }

    /// The report in this form.
    pub fn render(self, report: &Report) -> String {
        match self {
            Form::Markdown => crate::markdown::render(report),
            Form::Html => crate::html::render(report),
            Form::Json => crate::json::render(report),
        }
    }
}

/// A moment as people read it, in UTC: `2026-11-22 09:05:07`.
pub fn moment(at_ms: u64) -> String {
    let seconds = at_ms / 1_000 % 86_400;
    format!(
        "{} {:02}:{:02}:{:02}",
        engine::calendar::day(at_ms),
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}
