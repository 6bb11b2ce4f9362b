//! How well something was guessed: the measures the field uses, with an interval each.

use std::collections::BTreeMap;

/// The interval in which 95 % of such samples would put a share, by Wilson's score.
pub fn wilson(successes: usize, sample: usize) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if sample == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (sample as f64, successes as f64 / sample as f64);
    let middle = share + Z * Z / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let all = 1.0 + Z * Z / n;
    (((middle - reach) / all).max(0.0), ((middle + reach) / all).min(1.0))
}

/// The interval that holds the middle 95 % of what `measure` says of samples drawn again from `sample` rows. The draws
/// are the same each time.
pub fn bootstrap(sample: usize, measure: impl Fn(&[usize]) -> f64) -> (f64, f64) {
    const DRAWS: usize = 1_000;
    if sample == 0 {
        return (f64::NAN, f64::NAN);
    }
    let mut random = Lcg(0x5eed);
    let mut values: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let rows: Vec<usize> = (0..sample).map(|_| random.below(sample)).collect();
            measure(&rows)
        })
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (values.len().saturating_sub(1) as f64 * share).round() as usize;
        values.get(place).copied().unwrap_or(f64::NAN)
    };
    (at(0.025), at(0.975))
}

/// A generator of the same numbers everywhere (Knuth's MMIX constants).
pub struct Lcg(pub u64);

impl Lcg {
    /// A number from 0 to `bound`, without `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound.max(1) as u64) as usize
    }
}

/// The area under the receiver's curve: how often a positive row scores above a negative one, ties half.
pub fn auc(rows: &[(f64, bool)]) -> f64 {
    let mut sorted: Vec<&(f64, bool)> = rows.iter().collect();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let positives = rows.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = rows.len() as f64 - positives;
    let (mut below, mut sum) = (0.0, 0.0);
    for tie in sorted.chunk_by(|one, other| one.0 == other.0) {
        let hits = tie.iter().filter(|(_, positive)| *positive).count() as f64;
        let misses = tie.len() as f64 - hits;
        sum += hits * (below + misses / 2.0);
        below += misses;
    }
    sum / (positives * negatives)
}

/// The mean of the F1 of both classes, of (truth, guess).
pub fn macro_f1(rows: &[(bool, bool)]) -> f64 {
    let of = |class: bool| {
        let count = |truth: bool, guess: bool| {
            rows.iter().filter(|row| (row.0 == class) == truth && (row.1 == class) == guess).count() as f64
        };
        let (hits, alarms, misses) = (count(true, true), count(false, true), count(true, false));
        if hits == 0.0 { 0.0 } else { 2.0 * hits / (2.0 * hits + alarms + misses) }
    };
    (of(true) + of(false)) / 2.0
}

/// F1 of counts.
pub fn f1(hits: f64, alarms: f64, misses: f64) -> f64 {
    if hits == 0.0 { 0.0 } else { 2.0 * hits / (2.0 * hits + alarms + misses) }
}

/// Words shared by two texts in their order, four at a time: hits, alarms and misses, as shares of all.
///
/// As evaluate.py of scrapinghub/article-extraction-benchmark.
pub fn shingles(truth: &str, guess: &str) -> [f64; 3] {
    const WORDS: usize = 4;
    fn count(text: &str) -> BTreeMap<Vec<&str>, u64> {
        let words: Vec<&str> = text
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let mut counts = BTreeMap::new();
        if words.is_empty() {
            return counts;
        }
        for shingle in words.windows(WORDS.min(words.len())) {
            *counts.entry(shingle.to_vec()).or_default() += 1;
        }
        counts
    }
    let (truth, guess) = (count(truth), count(guess));
    let in_guess = |shingle| guess.get(shingle).copied().unwrap_or(0);
    let hits: u64 = truth.iter().map(|(shingle, count)| in_guess(shingle).min(*count)).sum();
    let alarms = guess.values().sum::<u64>() - hits;
    let misses = truth.values().sum::<u64>() - hits;
    let all = (hits + alarms + misses).max(1) as f64;
    [hits as f64 / all, alarms as f64 / all, misses as f64 / all]
}

/// F1 of pages from their [`shingles`]: of the mean precision and the mean recall, as the same script has it.
pub fn article_f1(pages: &[[f64; 3]]) -> f64 {
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let share = |hits: f64, others: f64| if hits == 0.0 { 0.0 } else { hits / (hits + others) };
    let precision = pages.iter().filter(|page| page[0] + page[1] > 0.0).map(|page| share(page[0], page[1]));
    let recall = pages.iter().filter(|page| page[0] + page[2] > 0.0).map(|page| share(page[0], page[2]));
    let (precision, recall) = (mean(precision.collect()), mean(recall.collect()));
    2.0 * precision * recall / (precision + recall)
}

/// A labelled stretch of a text, in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first character.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// What it is.
    pub label: String,
}

/// Hits, alarms and misses of guessed spans. A guess hits one span not yet hit that has its label and shares at least half
/// of the characters of both together.
pub fn span_counts(truth: &[Span], guesses: &[Span]) -> [f64; 3] {
    let mut open: Vec<&Span> = truth.iter().collect();
    let mut hits = 0;
    for guess in guesses {
        let overlap = |span: &Span| {
            let shared = span.end.min(guess.end).saturating_sub(span.start.max(guess.start)) as f64;
            shared / (span.end.max(guess.end) - span.start.min(guess.start)).max(1) as f64
        };
        let best = open
            .iter()
            .enumerate()
            .filter(|(_, span)| span.label == guess.label && overlap(span) >= 0.5)
            .max_by(|one, other| overlap(one.1).total_cmp(&overlap(other.1)));
        if let Some((place, _)) = best {
            open.remove(place);
            hits += 1;
        }
    }
    [hits as f64, (guesses.len() - hits) as f64, (truth.len() - hits) as f64]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-3, "{left} instead of {right}");
    }

    #[test]
    fn intervals_hold_the_share() {
        // Wilson (1927), as R's prop.test without correction gives it.
        let (low, high) = wilson(8, 10);
        near(low, 0.4902);
        near(high, 0.9433);
        assert!(wilson(10, 10).1 > 0.999 && wilson(10, 10).0 < 0.75);
        let values = [0.0, 1.0, 1.0, 1.0];
        let (low, high) =
            bootstrap(4, |rows| rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len() as f64);
        assert!(low <= 0.5 && high > 0.99);
    }

    #[test]
    fn ranking_and_classes() {
        near(auc(&[(0.9, true), (0.8, false), (0.7, true), (0.1, false)]), 0.75);
        near(auc(&[(0.5, true), (0.5, false)]), 0.5);
        near(
            macro_f1(&[(true, true), (true, false), (false, false), (false, false)]),
            (2.0 / 3.0 + 0.8) / 2.0,
        );
        near(macro_f1(&[(true, true), (false, false)]), 1.0);
        near(macro_f1(&[(true, false), (false, true)]), 0.0);
    }

    #[test]
    fn texts_by_their_words() {
        assert_eq!(shingles("a b c d e", "a b c d e"), [1.0, 0.0, 0.0]);
        assert_eq!(shingles("a b c d e", "a b c d"), [0.5, 0.0, 0.5]);
        assert_eq!(shingles("a b", "a b"), [1.0, 0.0, 0.0]);
        assert_eq!(shingles("", ""), [0.0, 0.0, 0.0]);
        near(article_f1(&[[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]), 2.0 * 0.75 / 1.75);
    }

    #[test]
    fn spans_by_label_and_overlap() {
        let span = |start, end, label: &str| Span { start, end, label: label.to_owned() };
        let truth = [span(0, 10, "a"), span(20, 30, "b")];
        assert_eq!(span_counts(&truth, &[span(2, 10, "a"), span(20, 30, "a")]), [1.0, 1.0, 1.0]);
        assert_eq!(span_counts(&truth, &[span(0, 4, "a")]), [0.0, 1.0, 2.0]);
        assert_eq!(span_counts(&truth, &[span(0, 10, "a"), span(0, 10, "a")]), [1.0, 1.0, 1.0]);
        assert_eq!(span_counts(&[], &[]), [0.0, 0.0, 0.0]);
        near(f1(1.0, 1.0, 1.0), 0.5);
    }
}
