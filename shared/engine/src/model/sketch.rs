//! What content is told by after somebody has edited a line of it.

use serde::{Deserialize, Serialize};

/// So many runs of words stand for all of a content's; what two contents share is known to within some 4 % by them.
const KEPT: usize = 64;
/// Content of fewer runs of words says too little to be told by them.
const FEWEST: usize = 32;
/// The same content, edited, has at least this share of the runs of words of both versions in common, in hundredths: every
/// twentieth line exchanged leaves about 90.
const SAME: usize = 80;

/// A content's figures and the least of the hashes of its runs of words (a bottom-k sketch, Broder 1997): as many of them are
/// in two sketches as there are runs of words in both contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// All numbers and negations, whatever their order: content with another figure says another thing.
    figures: u32,
    /// The least hashes, ascending, each once; of content with fewer, all.
    runs: Vec<u32>,
}

impl Sketch {
    /// Of the hash of all numbers and negations and the hashes of all runs of words; none for content that is too short.
    pub fn of(figures: u32, runs: impl IntoIterator<Item = u32>) -> Option<Self> {
        let mut runs: Vec<u32> = runs.into_iter().collect();
        runs.sort_unstable();
        runs.dedup();
        runs.truncate(KEPT);
        (runs.len() >= FEWEST).then_some(Self { figures, runs })
    }

    /// Whether two contents are one, of which some lines may be edited.
    pub fn is_same(&self, other: &Self) -> bool {
        let mut all = [&self.runs[..], &other.runs[..]].concat();
        all.sort_unstable();
        all.dedup();
        // Beyond the least ones of both, a run that is in one sketch only may be in both contents.
        if self.runs.len().max(other.runs.len()) == KEPT {
            all.truncate(KEPT);
        }
        let is_in = |runs: &[u32], run: &u32| runs.binary_search(run).is_ok();
        let shared = all.iter().filter(|run| is_in(&self.runs, run) && is_in(&other.runs, run)).count();
        self.figures == other.figures && shared * 100 >= all.len() * SAME
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether two contents of so many runs of words, with so many in both, are taken for one.
    fn check([left, both, right]: [u32; 3], expected: Option<bool>) {
        let hash = |number: u32| {
            u32::from_le_bytes(blake3::hash(&number.to_le_bytes()).as_bytes()[..4].try_into().unwrap())
        };
        let [one, other] =
            [0..left + both, left..left + both + right].map(|runs| Sketch::of(1, runs.map(hash)));
        let same =
            one.as_ref().zip(other.as_ref()).map(|(one, other)| [one.is_same(other), other.is_same(one)]);
        assert_eq!(same, expected.map(|same| [same, same]), "{left} {both} {right}");
    }

    #[test]
    fn content_is_the_same_if_most_of_both_is() {
        check([0, 31, 0], None);
        check([0, 32, 0], Some(true));
        check([3, 40, 3], Some(true));
        check([8, 40, 8], Some(false));
        check([50, 900, 50], Some(true));
        check([300, 700, 300], Some(false));
        // Content that only contains another is another.
        check([0, 400, 400], Some(false));
        check([0, 40, 4_000], Some(false));
        check([500, 0, 500], Some(false));
    }

    proptest! {
        #[test]
        fn a_sketch_is_itself_and_comes_back(figures: u32, runs in prop::collection::vec(any::<u32>(), 32..300)) {
            let Some(sketch) = Sketch::of(figures, runs.clone()) else { return Ok(()) };
            prop_assert!(sketch.is_same(&sketch));
            let other = Sketch { figures: figures.wrapping_add(1), ..sketch.clone() };
            prop_assert!(!sketch.is_same(&other));
            let text = serde_json::to_string(&sketch).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sketch>(&text).unwrap(), sketch);
        }
    }
}
