//! When a stored answer is used next, from the gaps between its earlier uses, and whether making it ahead pays.
//!
//! Times are milliseconds since the last use. Gaps are taken as draws from one distribution that nobody knows. A new gap is
//! as likely to be in any of the spaces between the earlier ones, sorted, as in any other; so each earlier gap that is
//! still possible stands for one share, and one share more is for a use that comes after all of them or never.

/// How likely there is a use after `opens_ms` and no later than `closes_ms`, given that there was none for `waited_ms`: 0 to 1. A use
/// before that does not count, but another may come after it.
pub(super) fn chance(gaps_ms: &[u64], waited_ms: u64, opens_ms: u64, closes_ms: u64) -> f64 {
    if closes_ms <= opens_ms {
        return 0.0;
    }
    let window_ms = closes_ms - opens_ms;
    let short = gaps_ms.iter().filter(|gap_ms| **gap_ms <= window_ms).count();
    let another = short as f64 / (gaps_ms.len() + 1) as f64;
    let possible = gaps_ms.iter().filter(|gap_ms| **gap_ms > waited_ms);
    let (mut shares, mut hits) = (1.0, 0.0);
    for gap_ms in possible {
        shares += 1.0;
        hits += match *gap_ms {
            gap_ms if gap_ms <= opens_ms => another,
            gap_ms if gap_ms <= closes_ms => 1.0,
            _ => 0.0,
        };
    }
    hits / shares
}

/// The gap that is expected: the middle one of those still possible, or of all if none is; 0 if there are none.
pub(super) fn expected_gap_ms(gaps_ms: &[u64], waited_ms: u64) -> u64 {
    let mut gaps: Vec<u64> = gaps_ms.iter().copied().filter(|gap_ms| *gap_ms > waited_ms).collect();
    if gaps.is_empty() {
        gaps = gaps_ms.to_vec();
    }
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().unwrap_or(0)
}

/// Whether it pays to make an answer ahead of a use that is as likely as this. If it is used, it costs what its first asker would
/// have paid, who does not wait for it; if not, its cost is lost.
///
/// `hour` and `cost` are nano-dollars: what an hour of waiting is worth, and what making the answer costs.
pub(super) fn pays(chance: f64, took_ms: u64, hour: i64, cost: i64) -> bool {
    const HOUR_MS: f64 = 3_600_000.0;
    chance * (took_ms as f64 / HOUR_MS) * hour as f64 > (1.0 - chance) * cost as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn check(gaps: &[u64], [waited, opens, closes]: [u64; 3], expected: f64) {
        let gaps: Vec<u64> = gaps.iter().map(|gap| gap * MINUTE).collect();
        let told = chance(&gaps, waited * MINUTE, opens * MINUTE, closes * MINUTE);
        assert!((told - expected).abs() < 1e-9, "{told} for {gaps:?}");
    }

    #[test]
    fn regular_uses_are_likely_and_what_has_stopped_is_not() {
        check(&[60, 60], [18, 21, 99], 2.0 / 3.0);
        check(&[60; 8], [18, 21, 99], 8.0 / 9.0);
        check(&[60; 8], [70, 75, 150], 0.0);
        check(&[10; 8], [2, 21, 99], 8.0 / 9.0 * 8.0 / 9.0);
        check(&[5, 400, 12, 800, 3], [78, 81, 159], 0.0);
        check(&[30, 100, 100, 500], [40, 81, 159], 2.0 / 4.0);
        check(&[], [1, 2, 3], 0.0);
        check(&[60; 8], [18, 99, 21], 0.0);
    }

    #[test]
    fn the_next_use_is_expected_at_the_middle_gap_that_is_still_possible() {
        assert_eq!(expected_gap_ms(&[10, 70, 90, 80], 60), 80);
        assert_eq!(expected_gap_ms(&[10, 20, 30], 60), 20);
        assert_eq!(expected_gap_ms(&[], 60), 0);
    }

    #[test]
    fn it_pays_where_the_waiting_is_worth_more_than_what_may_be_lost() {
        let check = |chance: f64, took_ms: u64, hour: i64, cost: i64, expected: bool| {
            assert_eq!(pays(chance, took_ms, hour, cost), expected, "{chance} {took_ms} {hour} {cost}");
        };
        check(1.0, 30_000, 0, 0, false);
        check(0.9, 30_000, 0, 1_000, false);
        // Half a minute is worth 120th of an hour's worth; at 3 to 1 it may cost three times that.
        check(0.75, 30_000, 1_200_000, 29_900, true);
        check(0.75, 30_000, 1_200_000, 30_100, false);
        check(0.0, 30_000, i64::MAX, 1, false);
        check(0.1, 30_000, 1, 0, true);
        check(0.9, 0, 1_000_000, 1, false);
    }

    proptest! {
        #[test]
        fn a_chance_is_one_and_grows_with_its_window(
            gaps in proptest::collection::vec(0..=u64::MAX, 0..9),
            waited: u64, opens: u64, closes: u64, later: u64, earlier: u64,
        ) {
            let told = chance(&gaps, waited, opens, closes);
            prop_assert!((0.0..=1.0).contains(&told), "{told}");
            prop_assert!(chance(&gaps, waited, opens, closes.max(later)) >= told);
            prop_assert!(chance(&gaps, waited, opens.min(earlier), closes) >= told);
        }

        #[test]
        fn windows_of_real_size_too(
            gaps in proptest::collection::vec(0..500u64, 0..9),
            waited in 0..500u64, opens in 0..500u64, closes in 0..900u64, more in 0..300u64,
        ) {
            let told = chance(&gaps, waited, opens, closes);
            prop_assert!((0.0..=1.0).contains(&told), "{told}");
            prop_assert!(chance(&gaps, waited, opens, closes + more) >= told);
            prop_assert!(chance(&gaps, waited, opens.saturating_sub(more), closes) >= told);
        }

        #[test]
        fn what_pays_still_pays_where_more_is_saved_or_less_is_lost(
            chance in 0.0..=1.0f64, more in 0.0..=1.0f64, took in 0..10_000_000u64, hour in 0..1_000_000_000_000i64,
            cost in 0..1_000_000_000_000i64, less in 0..1_000_000_000_000i64,
        ) {
            if pays(chance, took, hour, cost) {
                prop_assert!(pays(chance.max(more), took, hour, cost));
                prop_assert!(pays(chance, took * 2, hour, cost));
                prop_assert!(pays(chance, took, hour, cost.min(less)));
            }
            prop_assert!(!pays(chance, took, 0, cost));
        }
    }
}
