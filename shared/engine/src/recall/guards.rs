//! Whether an answer to one short text answers another: every difference between the two must be explained.
//!
//! Likeness of vectors does not see numbers, negations or who did what to whom. So both texts are read into a common form
//! ([`Reading`]), in which ways of asking, contractions, dates and passives that say the same are alike; then they are
//! compared word for word, in their order. Only a listed synonym, another spelling or, in a general question, another number
//! of a noun is let through. A word that nobody knows has to be the same word, so nothing has to be known of it.
//!
//! - `tokens` cuts a text, `own_terms` refuses what does not stand for itself, `reading` brings the rest into its common form
//!   with `rewrite` (`frames.txt`), `inflect` relates words (`irregular.txt`, `synonyms.txt`), `compare` goes through two
//!   readings and names what does not agree; `bearing` tells what may be left out beside a text. `words.txt` has the lists that
//!   name a refusal, `different.txt` and `traps.txt` pairs for the tests.
//!
//! Deliberately not here: vectors, and texts that are not English, which are refused.

mod bearing;
mod compare;
mod inflect;
mod own_terms;
mod reading;
mod rewrite;
mod tokens;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use self::reading::Reading;
use crate::recall::lists::Lists;

static WORDS: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("guards/words.txt")));

/// What refused a pair of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// One text is empty or too long to be compared.
    Length,
    /// One text is not known to be English.
    Language,
    /// One text points at its moment, its place or its speaker.
    Pointing,
    /// Quoted words differ.
    Quote,
    /// Numbers differ.
    Number,
    /// Units differ.
    Unit,
    /// Dates differ.
    Date,
    /// One text denies what the other does not.
    Negation,
    /// One asks and the other tells, or they ask for different things.
    Question,
    /// How much or how many is meant differs.
    Scope,
    /// A comparison differs.
    Comparison,
    /// What can, may, must or should be differs.
    Modal,
    /// The time of a verb differs.
    Tense,
    /// Names differ.
    Entity,
    /// The same words in another order: who does what to whom may differ.
    Role,
    /// A word differs, or is there in one text only, and nothing explains it.
    Word,
}

/// Why two texts do not count as the same: the guard, and what stands at that place in either text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What refused.
    pub guard: Guard,
    /// What the stored text says there; empty if it says nothing.
    pub stored: String,
    /// What the asked text says there; empty if it says nothing.
    pub asked: String,
}

impl Refusal {
    fn of_one(guard: Guard, what: &str) -> Self {
        Self { guard, stored: String::new(), asked: what.to_owned() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = serde_json::to_value(self.guard).unwrap_or_default();
        write!(to, "{}: {:?} and {:?}", guard.as_str().unwrap_or_default(), self.stored, self.asked)
    }
}

/// Judges whether the answer to `stored` answers `asked`. Refused with the first guard that does not agree.
pub fn judge(stored: &str, asked: &str) -> Result<(), Refusal> {
    let swap = |refusal: Refusal| Refusal { stored: refusal.asked, asked: String::new(), ..refusal };
    compare::compare(&Reading::of(stored).map_err(swap)?, &Reading::of(asked)?)
}

/// Whether what `passage` says may change the answer to `text`, beside which it was found: it does not if it says the same, or
/// shares no word with it that tells what it is about, has no figure where the text has one, and denies and takes back nothing.
pub fn bears_on(text: &str, passage: &str) -> bool {
    judge(text, passage).is_err() && bearing::bears_on(text, passage)
}

impl Reading {
    /// Judges, as [`judge`] does, whether the answer to a stored text answers this one.
    pub fn is_answered_by(&self, stored: &Self) -> Result<(), Refusal> {
        compare::compare(stored, self)
    }
}

/// Every word in a list of the guards, for who must not test them with their own words.
pub fn listed_words() -> std::collections::BTreeSet<String> {
    let frames = include_str!("guards/frames.txt").lines().filter(|line| !line.starts_with('#'));
    let frames = frames.flat_map(|line| line.split([' ', '|', '!', '^']));
    WORDS.all().chain(inflect::listed()).chain(frames).map(str::to_owned).collect()
}
