//! What became of forecasts of stored answers' uses, and of answers made ahead.

use std::fmt::Write as _;

use engine::model::Warmed;

use super::{Page, thousandths};

impl Page {
    pub(super) fn warming(&mut self, warmed: &Warmed) {
        let Warmed { forecasts, expected_permille, used, unused, .. } = *warmed;
        let help = "Forecasts of a stored answer's next use: made, and what became of them.";
        let counts = [("made", forecasts), ("used", used), ("unused", unused)];
        self.counts("warming_forecasts", help, "outcome", &counts.into(), &[]);
        let help = "How likely the forecasts said a use was, summed: so many uses were expected.";
        self.head("warming_expected_uses", "counter", help);
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "assay_warming_expected_uses_total {}", thousandths(expected_permille));
        let help = "How far from their forecast the uses were that came in its time.";
        self.seconds("warming_forecast_off", help, warmed.off_ms);
        let Warmed { refreshed, refreshed_used, refreshed_vain, spared, failed, .. } = *warmed;
        let help =
            "Stored answers made ahead of their next use, what became of them, and those that were not made.";
        let counts = [
            ("made", refreshed),
            ("used", refreshed_used),
            ("vain", refreshed_vain),
            ("spared", spared),
            ("failed", failed),
        ];
        self.counts("warming_answers", help, "outcome", &counts.into(), &[]);
        self.dollars("warming_spent", "What that cost, as booked; a part of the cost.", warmed.spent);
        self.seconds("warming_waiting_saved", "The waiting that it saved.", warmed.waiting_saved_ms);
    }
}
