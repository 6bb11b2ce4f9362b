//! Recall by meaning, measured: pairs of texts that must not be taken for one another, pairs that may, labelled pairs, and
//! streams that drift.
//!
//! - `traps` (and `trap_wordings`) generates pairs that differ in one thing that matters, `paraphrases` pairs that differ in nothing; both from the
//!   pools and templates of `pools`, which know nothing of the guards' lists.
//! - `labelled` scores thresholds on pairs that people labelled. `embedded` asks the embedding model, in processes of its own.
//! - `drift` plays streams to the bound on wrong serves.

pub mod drift;
pub mod embedded;
pub mod labelled;
pub mod paraphrases;
mod pools;
mod trap_wordings;
pub mod traps;

#[cfg(test)]
mod tests;

/// Two texts, what kind of pair they are, and the words they differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// What was done to make the second from the first.
    pub kind: &'static str,
    /// The text that has an answer.
    pub stored: String,
    /// The text that is asked.
    pub asked: String,
    /// The words that make the difference, in small letters.
    pub words: Vec<String>,
}
