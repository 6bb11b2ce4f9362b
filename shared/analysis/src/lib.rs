//! The deterministic analysers: text in, findings out.
//!
//! Everything here is a pure function of its input: no clock, no randomness, no files, no network. The same
//! input gives the same bytes. What rules cannot know is left out or named as unknown; nothing is invented.
//!
//! - Text in: [`captions`] reads transcript files, [`turns`] and [`segments`] cut them into sentences with time and
//!   speaker, [`document`] tokenises them once for all the rest.
//! - Findings out: [`language`], [`topics`], [`key_phrases`], [`entities`], [`numbers`], [`claims`], [`summary`],
//!   [`speakers`], [`timing`], [`cues`], [`fallacies`], [`structure`], [`visual`], [`near_duplicates`], [`likeness`],
//!   [`conversation`], [`highlights`], [`forecast`], [`titles`], [`clickbait`], [`sentiment`], [`tone`], [`certainty`], [`sourcing`],
//!   [`readability`], [`repetition`].
//! - What could not be found, and why: [`limits`].
//!
//! The baseline of each agent, made of these, is in [`agents`].
//!
//! Word lists live as data in `lexicon/<language>.txt`; to add a language, add a file and one line in
//! [`lexicon`].

pub mod agents;
pub mod captions;
pub mod certainty;
pub mod claims;
pub mod clickbait;
pub mod conversation;
pub mod cues;
pub mod document;
pub mod entities;
pub mod fallacies;
pub mod forecast;
pub mod highlights;
pub mod key_phrases;
pub mod language;
pub mod lexicon;
pub mod likeness;
pub mod limits;
pub mod near_duplicates;
pub mod numbers;
pub mod readability;
pub mod repetition;
pub mod segments;
pub mod sentences;
pub mod sentiment;
pub mod sketch;
pub mod sourcing;
pub mod speakers;
pub mod structure;
pub mod summary;
pub mod timing;
pub mod titles;
pub mod tone;
pub mod topics;
pub mod turns;
pub mod visual;
mod wording;

pub use agents::{analysers, prepare};

use regex::Regex;

/// Whether a transcript in the format of that name can be read at all. What is wrong is said with its line and
/// what would work.
pub fn check_captions(format: &str, text: &str) -> Result<(), String> {
    let format = captions::Format::from_name(format).unwrap_or_else(|| captions::detect("", text));
    let captions = captions::parse(format, text).map_err(|error| error.to_string())?;
    if !segments::have_words(&captions.cues) {
        return Err("there are no words in it; hand in a transcript with words in it".to_owned());
    }
    Ok(())
}

/// A constant pattern over bytes: letters, digits and white space are those of ASCII.
fn ascii_pattern(text: &str) -> regex::bytes::Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
    regex::bytes::RegexBuilder::new(text).unicode(false).build().expect("a constant pattern")
}

/// A constant pattern.
fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
    Regex::new(text).expect("a constant pattern")
}
