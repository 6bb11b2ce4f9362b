//! Which sentences a reader would say are the same again, for choosing what is shown and what is checked.
//!
//! Two measures. [`Likeness::alike`] is for choosing what to show: it passes over figures, so that twenty lines of one
//! form with other numbers count as one, and sees what two sentences share when one begins in the middle of the other,
//! as pieces of captions do. [`Likeness::copies`] is for what may be merged: figures and negations must agree too.

use crate::document::Document;
use crate::near_duplicates::{LEAST_SIMILARITY, Sketch, shared_weight, similarity};

/// Sentences in pieces that are compared.
pub struct Likeness<'d, 's> {
    document: &'d Document<'s>,
    sketches: Vec<Sketch>,
    /// The hashes of each sentence's runs of words, ascending.
    runs: Vec<Vec<u64>>,
}

/// Words in a run.
const RUN: usize = 5;
/// Sentences that share this part of the shorter one's runs of words are alike.
const RUNS_ALIKE: f64 = 1.0 / 3.0;
/// Sentences that share this part of the shorter one's runs of words are copies.
const RUNS_COPIED: f64 = 0.8;

impl<'d, 's> Likeness<'d, 's> {
    /// Takes every sentence to pieces; linear.
    pub fn new(document: &'d Document<'s>) -> Self {
        let segments = 0..document.segments.len();
        let sketches = segments.clone().map(|segment| Sketch::new(document, segment)).collect();
        Self { document, sketches, runs: segments.map(|segment| runs(document, segment)).collect() }
    }

    /// True if a reader would say that both say the same, but for the figures. Symmetric.
    pub fn alike(&self, left: usize, right: usize) -> bool {
        let (one, other) = (&self.sketches[left], &self.sketches[right]);
        let same_words = one.negations == other.negations
            && shared_weight(self.document, &one.words, &other.words) >= LEAST_SIMILARITY;
        same_words || self.shared_runs(left, right) >= RUNS_ALIKE
    }

    /// True if both say the same, or one holds the other in nearly the same words; figures and negations agree.
    /// Symmetric.
    pub fn copies(&self, left: usize, right: usize) -> bool {
        let (one, other) = (&self.sketches[left], &self.sketches[right]);
        let within = |few: &[u32], many: &[u32]| few.iter().all(|figure| many.binary_search(figure).is_ok());
        let held = one.negations == other.negations
            && (within(&one.figures, &other.figures) || within(&other.figures, &one.figures))
            && self.shared_runs(left, right) >= RUNS_COPIED;
        held || similarity(self.document, left, right) >= LEAST_SIMILARITY
    }

    /// The part of the shorter sentence's runs of words that the other has too.
    fn shared_runs(&self, left: usize, right: usize) -> f64 {
        let (left, right) = (&self.runs[left], &self.runs[right]);
        let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
        let shared = short.iter().filter(|run| long.binary_search(run).is_ok()).count();
        if short.is_empty() { 0.0 } else { shared as f64 / short.len() as f64 }
    }
}

/// Runs of neighbouring words, figures all the same.
fn runs(document: &Document<'_>, segment: usize) -> Vec<u64> {
    const FIGURE: u64 = u64::MAX;
    let words: Vec<u64> = document.tokens[segment]
        .iter()
        .map(|token| document.word(token))
        .map(|word| if Sketch::is_figure(&word.text) { FIGURE } else { u64::from(word.term) })
        .collect();
    let hash = |run: &[u64]| {
        run.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, word| {
            (hash ^ (hash >> 29) ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        })
    };
    let mut runs: Vec<u64> = words.windows(RUN).map(hash).collect();
    runs.sort_unstable();
    runs.dedup();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    /// Whether they are alike, and whether they are copies.
    fn check(left: &str, right: &str, expected: (bool, bool)) {
        let segments = [left, right].map(|text| Segment { text: text.to_owned(), ..Segment::default() });
        let document = Document::new(&segments, "en");
        let likeness = Likeness::new(&document);
        assert_eq!((likeness.alike(0, 1), likeness.copies(0, 1)), expected, "{left} / {right}");
        assert_eq!((likeness.alike(1, 0), likeness.copies(1, 0)), expected, "{right} / {left}");
    }

    #[test]
    fn figures_differ_in_facts_and_not_in_form() {
        let line = "The council voted for wall 3 and the river rose by 12 percent.";
        check(line, "The council voted for wall 4 and the river rose by 17 percent.", (true, false));
        check(line, "So the council voted for wall 3, and the river rose by 12 percent!", (true, true));
        check(line, "The council voted against the school roof.", (false, false));
        check(
            "The wall protects twelve hundred homes here.",
            "The wall protects thirteen hundred homes here.",
            (true, false),
        );
    }

    #[test]
    fn the_opposite_is_news() {
        check("The wall is safe for the town.", "The wall is not safe for the town.", (false, false));
    }

    #[test]
    fn pieces_of_captions_overlap() {
        let first = "the council wants to borrow 24 million pounds and raise the river banks";
        check(
            first,
            "borrow 24 million pounds and raise the river banks by two metres this year",
            (true, false),
        );
        check(
            "wants to borrow 24 million pounds and raise the river banks",
            &format!("{first} by two metres this year"),
            (true, true),
        );
        check(first, &format!("it is not true that {first}"), (true, false));
    }
}
