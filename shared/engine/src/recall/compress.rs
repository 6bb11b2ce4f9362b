//! Texts made shorter without a change of meaning: for the key of the compressed level, and for prompts before they are sent.
//!
//! What is done, outside of quotes: letters are brought to their usual form (Unicode NFKC), white space is folded inside of
//! lines, the capital of a listed first word is lowered, politeness and filler are dropped where they can be nothing else,
//! and what is told to be the request's own id or time becomes a marker.
//!
//! What is never touched: numbers, dates, units, negations, modals, comparatives, names and quoted text. Each step says
//! what it may take; a word that no step knows stays as it is, so other languages are left unharmed. All steps are linear
//! in the text.
//!
//! - `chunks` cuts a text into quotes and words. `polite` drops, `volatile` marks.
//!
//! Deliberately not here: what is compressed. Content that is quoted must stay as it is, or the quotes would not be found.

mod chunks;
mod polite;
mod volatile;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::LazyLock;

use self::chunks::Chunk;
use crate::error::{Error, ErrorKind, Result};
use crate::prompt::tokens_at_most;
use crate::recall::lists::Lists;

static WORDS: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("compress/words.txt")));

/// So often a step can make room for another; texts that still change then are left alone.
const PASSES: usize = 6;

/// The largest share of a text's bytes that compression may take away. A text that would lose more is left as it is: what
/// consists of blanks and thanks for its larger part is no usual request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppableShare {
    permille: u16,
}

impl Default for DroppableShare {
    /// Half of a text.
    fn default() -> Self {
        Self { permille: 500 }
    }
}

impl DroppableShare {
    /// Reads a share as `CACHE_COMPRESSION_RATIO` has it: a number from 0 (nothing is taken) to 1. Errors: `Configuration`
    /// if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let share: f64 = text.trim().parse().unwrap_or(f64::NAN);
        if !(0.0..=1.0).contains(&share) {
            let what = format!(
                "CACHE_COMPRESSION_RATIO is {text:?}; it is the largest share of a text that may be \
                 dropped, a number from 0 to 1"
            );
            return Err(Error::new(ErrorKind::Configuration, what));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1000")]
        Ok(Self { permille: (share * 1000.0).round() as u16 })
    }

    fn allows(self, before: usize, after: usize) -> bool {
        let dropped = before.saturating_sub(after) as u64;
        dropped.saturating_mul(1000) <= u64::from(self.permille).saturating_mul(before as u64)
    }
}

/// A compressed text and what that saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression<'a> {
    before: &'a str,
    /// The text; the one given, if there was nothing to take or too much.
    pub text: String,
}

impl Compression<'_> {
    /// At most so many tokens were in the text given.
    pub fn tokens_before(&self) -> u64 {
        tokens_at_most(self.before)
    }

    /// How many tokens are saved, by the engine's own upper estimate of both texts.
    pub fn saved_tokens(&self) -> u64 {
        self.tokens_before().saturating_sub(tokens_at_most(&self.text))
    }
}

/// A request's text without what carries no meaning. Compressing it again changes nothing.
pub fn compress(text: &str, most: DroppableShare) -> Compression<'_> {
    shortened(text, most, true)
}

/// The same of a source, whose ids and times are its own words, not its request's.
pub fn compress_source(text: &str, most: DroppableShare) -> Compression<'_> {
    shortened(text, most, false)
}

fn shortened(text: &str, most: DroppableShare, is_request: bool) -> Compression<'_> {
    let shorter = settled(text, is_request).filter(|shorter| most.allows(text.len(), shorter.len()));
    Compression { before: text, text: shorter.unwrap_or_else(|| text.to_owned()) }
}

/// The text after as many passes as it takes until none changes it.
fn settled(text: &str, is_request: bool) -> Option<String> {
    let mut before = Cow::Borrowed(text);
    for _ in 0..=PASSES {
        let (after, may_go_on) = pass(&before, is_request);
        if !may_go_on || after == before {
            return Some(after);
        }
        before = Cow::Owned(after);
    }
    None
}

/// The text after a pass, and whether another could change it: none does where this one has but folded blanks and lowered first
/// words: a first word that was lowered begins its sentence still.
fn pass(text: &str, is_request: bool) -> (String, bool) {
    let mut chunks = chunks::cut(text);
    if is_request {
        volatile::mark(&mut chunks);
    }
    let has_dropped = polite::drop(&mut chunks);
    lower_first_words(&mut chunks);
    (chunks::join(&chunks), has_dropped || is_request || !text.is_ascii())
}

/// A sentence's first word with its capital lowered, if it is listed: then it is not a name.
fn lower_first_words(chunks: &mut [Chunk<'_>]) {
    for place in 0..chunks.len() {
        if chunks[place].is_quote || !chunks::begins_sentence(chunks, place) {
            continue;
        }
        let lower = chunks[place].core.to_lowercase();
        let rest_is_lower = chunks[place].core.chars().skip(1).all(char::is_lowercase);
        if rest_is_lower && (WORDS.has("instructions", &lower) || WORDS.has("starters", &lower)) {
            chunks[place].core = lower.into();
        }
    }
}
