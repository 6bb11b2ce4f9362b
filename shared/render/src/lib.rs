//! A run as people and programs read it: JSON, terminal text, Markdown, one HTML file.
//!
//! Everything here is a pure function of a [`Report`], which [`Report::load`] reads: no clock, no environment. The three forms for people
//! share one view of the report, in plain words and with hostile characters taken out; the form for programs
//! ([`json`]) shows the stored data as it is.

pub mod html;
pub mod json;
pub mod markdown;
pub mod text;

mod data;
mod form;
mod link;
mod report;
mod safe;
mod view;
mod words;
mod wrap;

pub use form::{Form, moment};
pub use report::{Report, agents};
pub use safe::safe;
pub use words::{clock, dollars, reason, role, seconds};
pub use wrap::{truncate, width_of};

/// Whether text for a terminal is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences at all.
    #[default]
    Plain,
    /// Colours and weights by ANSI escape sequences.
    Ansi,
}

/// What a piece of terminal text means; decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Headings.
    Strong,
    /// What can be skipped when reading.
    Faint,
    /// It holds, it is done.
    Good,
    /// It does not hold, it failed.
    Bad,
    /// Take care.
    Warn,
    /// Places and work under way.
    Accent,
}

impl Style {
    /// `text` in that tone. `text` must be free of escape sequences.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warn => "33",
            Tone::Accent => "36",
        };
        match self {
            Style::Ansi if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            Style::Ansi | Style::Plain => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
