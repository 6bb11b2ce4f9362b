//! What is missing and what it took.

use super::super::view::View;
use super::super::{Tone, words};
use super::Page;

/// The gaps, one line per reason.
pub(super) fn gaps(page: &mut Page, view: &View) {
    if view.gaps.is_empty() {
        return;
    }
    page.heading("Gaps", "");
    for gap in &view.gaps {
        let text = format!("{}: {}", gap.agents.join(", "), gap.reason);
        page.block("  •  ", Some(Tone::Warn), &text, None);
    }
}

/// Cost, steps, basis, time, id.
pub(super) fn footer(page: &mut Page, view: &View) {
    let totals = &view.totals;
    let line = "─".repeat(page.width.min(60));
    let line = page.style.paint(Tone::Faint, &line);
    page.out.push_str(&format!("\n{line}\n"));
    let mut cost = vec![totals.cost.clone(), words::plural(totals.calls as u64, "model call")];
    cost.extend(totals.saved.as_ref().map(|saved| format!("{saved} saved by the cache")));
    cost.extend(totals.unsettled.as_ref().map(|part| format!("{part} of it unsettled, at its worst case")));
    cost.push(format!("cap {}", totals.cap));
    let mut run = vec![totals.run_id.clone(), totals.status.to_owned(), format!("depth {}", totals.depth)];
    run.extend(totals.duration.as_ref().map(|duration| format!("took {duration}")));
    let parts: Vec<String> =
        view.parts.iter().map(|part| format!("{} by {}", part.names.join(", "), part.basis)).collect();
    for (name, facts) in [
        ("Cost ", cost),
        ("Steps", totals.statuses.clone()),
        ("Basis", totals.bases.clone()),
        ("Parts", parts),
        ("Run  ", run),
    ] {
        if !facts.is_empty() {
            page.block(&format!("{name}  "), Some(Tone::Faint), &facts.join(" · "), None);
        }
    }
}
