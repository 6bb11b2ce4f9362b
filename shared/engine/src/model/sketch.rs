//! What content is told by after somebody has edited some lines of it.

use serde::{Deserialize, Serialize};

/// So many hashes stand for all of a content's: the share that two contents have in common is told by them to within 4 % of it
/// in two of three cases.
const KEPT: usize = 128;
/// Content of fewer runs of words says too little to be told by them.
const FEWEST: usize = 32;
/// Of all runs of words in both versions of a content so many in a hundred are in both: with every twentieth line exchanged
/// it is some 87.
const SAME_RUNS: usize = 75;
/// Of all figures so many: a report with the words of the last one has other figures nearly throughout, an edited one a few.
const SAME_FIGURES: usize = 60;

/// The least of the hashes of a content's runs of words and of its figures (bottom-k sketches, Broder 1997): as many of
/// them are in two sketches as there are of both in two contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Of figures with what stands beside them, ascending, each once; if there are few, all.
    figures: Vec<u32>,
    /// Of runs of words.
    runs: Vec<u32>,
}

impl Sketch {
    /// Of the hashes of all figures and all runs of words; none for content that is too short.
    pub fn of(figures: Vec<u32>, runs: Vec<u32>) -> Option<Self> {
        let [figures, runs] = [figures, runs].map(|mut hashes| {
            hashes.sort_unstable();
            hashes.dedup();
            hashes.truncate(KEPT);
            hashes
        });
        (runs.len() >= FEWEST).then_some(Self { figures, runs })
    }

    /// Whether two contents are versions of one, of which some lines were edited.
    pub fn is_version_of(&self, other: &Self) -> bool {
        share([&self.runs, &other.runs]) >= SAME_RUNS
            && share([&self.figures, &other.figures]) >= SAME_FIGURES
    }
}

/// How many of a hundred hashes of both are in both; all, if there are none.
fn share(sets: [&[u32]; 2]) -> usize {
    let mut all = sets.concat();
    all.sort_unstable();
    all.dedup();
    // Beyond the least of both, one that is in one sketch only may be in both contents.
    if sets.iter().any(|set| set.len() == KEPT) {
        all.truncate(KEPT);
    }
    let shared = all.iter().filter(|hash| sets.iter().all(|set| set.binary_search(hash).is_ok())).count();
    if all.is_empty() { 100 } else { shared * 100 / all.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(numbers: std::ops::Range<u32>) -> Vec<u32> {
        let hash = |number: u32| {
            let digest = blake3::hash(&number.to_le_bytes());
            u32::from_le_bytes(digest.as_bytes()[..4].try_into().unwrap())
        };
        numbers.map(hash).collect()
    }

    /// Whether two contents with so many of their own and so many in both are taken for one, by their runs of words and by
    /// their figures; `None` for content that is too short.
    fn check([left, both, right]: [u32; 3], by_runs: Option<bool>, by_figures: bool) {
        let (one, other) = (hashes(0..left + both), hashes(left..left + both + right));
        let same = hashes(0..99);
        let sketches = |figures: [&Vec<u32>; 2], runs: [&Vec<u32>; 2]| {
            let [one, other] = [0, 1].map(|at: usize| Sketch::of(figures[at].clone(), runs[at].clone()));
            let [one, other] = [one?, other?];
            assert_eq!(one.is_version_of(&other), other.is_version_of(&one));
            Some(one.is_version_of(&other))
        };
        assert_eq!(sketches([&same, &same], [&one, &other]), by_runs, "runs {left} {both} {right}");
        assert_eq!(
            sketches([&one, &other], [&same, &same]),
            Some(by_figures),
            "figures {left} {both} {right}"
        );
    }

    #[test]
    fn content_is_the_same_if_most_of_both_is() {
        check([0, 0, 0], None, true);
        check([0, 31, 0], None, true);
        check([0, 32, 0], Some(true), true);
        check([1, 2, 0], None, true);
        check([1, 2, 1], None, false);
        check([4, 40, 4], Some(true), true);
        check([9, 40, 9], Some(false), true);
        check([70, 900, 70], Some(true), true);
        check([170, 700, 170], Some(false), true);
        check([400, 600, 400], Some(false), false);
        // Content that only contains another is another, however much longer.
        check([0, 80, 45], Some(false), true);
        check([0, 40, 4_000], Some(false), false);
        check([0, 128, 28], Some(true), true);
        check([500, 0, 500], Some(false), false);
    }

    proptest! {
        #[test]
        fn a_sketch_is_a_version_of_itself_and_comes_back(
            figures in prop::collection::vec(any::<u32>(), 0..300),
            runs in prop::collection::vec(any::<u32>(), 0..300),
        ) {
            let Some(sketch) = Sketch::of(figures, runs) else { return Ok(()) };
            prop_assert!(sketch.is_version_of(&sketch));
            let text = serde_json::to_string(&sketch).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sketch>(&text).unwrap(), sketch);
        }
    }
}
