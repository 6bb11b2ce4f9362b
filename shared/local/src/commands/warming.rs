//! The line of `assay cache stats` about answers made ahead.

use engine::model::Warmed;
use render::{dollars, seconds};

/// What forecasts of stored answers' uses came to, and what was made ahead; nothing as long as there is none.
pub(super) fn line(warmed: &Warmed) -> String {
    if warmed.is_nothing() {
        return String::new();
    }
    let Warmed { forecasts, expected_permille, used, unused, .. } = *warmed;
    let open = forecasts.saturating_sub(used + unused);
    let off = warmed.off_ms.checked_div(used);
    let off = off.map_or_else(String::new, |off_ms| format!(", {} off on the mean", seconds(off_ms)));
    let Warmed { refreshed, refreshed_used, refreshed_vain, spent, waiting_saved_ms, .. } = *warmed;
    format!(
        "forecast    {forecasts} next uses, {:.1} expected: {used} came{off}, {unused} did not, {open} open; {refreshed} answers \
         made ahead for {}: {refreshed_used} used, {refreshed_vain} in vain, {} of waiting saved\n",
        expected_permille as f64 / 1_000.0,
        dollars(spent),
        seconds(waiting_saved_ms),
    )
}

#[cfg(test)]
mod tests {
    use engine::model::NanoUsd;

    use super::*;

    #[test]
    fn forecast_and_fact_stand_in_one_line() {
        assert_eq!(line(&Warmed::default()), "");
        let warmed = Warmed {
            forecasts: 9,
            expected_permille: 6_240,
            used: 6,
            unused: 2,
            off_ms: 12_000,
            refreshed: 4,
            refreshed_used: 3,
            refreshed_vain: 1,
            spent: NanoUsd(12_000_000),
            waiting_saved_ms: 61_000,
            ..Warmed::default()
        };
        assert_eq!(
            line(&warmed),
            "forecast    9 next uses, 6.2 expected: 6 came, 2.0 s off on the mean, 2 did not, 1 open; 4 answers made \
             ahead for $0.012: 3 used, 1 in vain, 1 min 01 s of waiting saved\n"
        );
    }
}
