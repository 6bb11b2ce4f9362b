//! Tables and sums: risk cues, gaps, steps, the bill.

use engine::model::Status;

use super::super::view::{StepView, View};
use super::markup::Markup;
use super::{content, place, sections};
use crate::{dollars, seconds, words};

/// Named cues with their counts, and what else was found.
pub(super) fn risk(page: &mut Markup, view: &View) {
    let risk = &view.risk;
    if !risk.note.is_empty() {
        page.raw("<p class=\"note\">").text(&risk.note).raw("</p>\n");
    }
    if !risk.cues.is_empty() {
        open_table(page, "Named cues", &["Cue", "#Count", "#Per 1,000 words", "For example"]);
        for cue in &risk.cues {
            page.raw("<tr><th scope=\"row\">").text(&cue.name).raw("</th><td class=\"n\">");
            page.text(&words::count(cue.count))
                .raw("</td><td class=\"n\">")
                .text(&cue.per_1000_words)
                .raw("</td><td>");
            for example in cue.examples.iter().take(3) {
                page.raw("<p class=\"example\">");
                place(page, example);
                page.raw(" <q");
                content(page, view).raw(">").text(&example.text).raw("</q></p>");
            }
            page.raw("</td></tr>\n");
        }
        close_table(page);
    }
    if risk.speakers.len() > 1 {
        open_table(page, "Counts by speaker", &["Speaker", "#Words", "#Claims", "#Refuted", "#Cues"]);
        for speaker in &risk.speakers {
            page.raw("<tr><th scope=\"row\"><bdi>").text(&speaker.name).raw("</bdi></th>");
            let [words, claims, refuted, cues] = speaker.counts.map(words::count);
            // Where nothing was checked, nothing can have been refuted.
            let refuted = if view.any_checked { refuted } else { "–".to_owned() };
            for count in [words, claims, refuted, cues] {
                page.raw("<td class=\"n\">").text(&count).raw("</td>");
            }
            page.raw("</tr>\n");
        }
        close_table(page);
    }
    if !risk.findings.is_empty() {
        sections::list(page, view, risk.findings.iter());
    }
}

/// What is missing, by reason.
pub(super) fn gaps(page: &mut Markup, view: &View) {
    page.raw("<dl class=\"gaps\">\n");
    for gap in &view.gaps {
        page.raw("<div><dt dir=\"auto\">").text(&gap.reason).raw("</dt><dd>").text(&gap.agents.join(", "));
        page.raw("</dd></div>\n");
    }
    page.raw("</dl>\n");
}

/// What each part rests on, advice, and every step.
pub(super) fn steps(page: &mut Markup, view: &View) {
    page.raw("<dl class=\"parts\">\n");
    for part in &view.parts {
        page.raw("<div><dt>")
            .text(&part.names.join(", "))
            .raw("</dt><dd>")
            .text(&part.basis)
            .raw("</dd></div>\n");
    }
    page.raw("</dl>\n");
    if !view.advice.is_empty() {
        page.raw("<h3>For the next run</h3>\n<ul class=\"said\">\n");
        for (text, evidence) in &view.advice {
            page.raw("<li><p dir=\"auto\">")
                .text(text)
                .raw("</p><p class=\"meta\" dir=\"auto\">")
                .text(evidence);
            page.raw("</p></li>\n");
        }
        page.raw("</ul>\n");
    }
    page.raw("<details><summary>").text(&words::plural(view.steps.len() as u64, "step")).raw(" (");
    page.text(&view.totals.statuses.join(", ")).raw(")</summary>\n");
    open_table(page, "Steps", &["Agent", "Status", "Basis", "#Tokens in", "#Tokens out", "#Cost", "#Time"]);
    for step in &view.steps {
        row(page, step);
    }
    close_table(page);
    page.raw("</details>\n");
}

fn row(page: &mut Markup, step: &StepView) {
    page.raw("<tr><th scope=\"row\">").text(&step.role);
    if let Some(item) = &step.item {
        page.raw(" <span class=\"faint\">").text(item).raw("</span>");
    }
    let (class, mark) = match step.status {
        Status::Ok => ("supported", "✓"),
        Status::Uncertain => ("open", "?"),
        Status::Skipped => ("none", "–"),
        Status::Failed => ("refuted", "✗"),
    };
    page.raw("</th><td><span class=\"")
        .raw(class)
        .raw("\"><span aria-hidden=\"true\">")
        .raw(mark)
        .raw("</span> ");
    page.raw(step.status.name()).raw("</span>");
    if let Some(reason) = &step.reason {
        page.raw("<p class=\"faint\" dir=\"auto\">").text(reason).raw("</p>");
    }
    if step.attempt > 1 {
        page.raw("<p class=\"faint\">attempt ").text(&step.attempt.to_string()).raw("</p>");
    }
    for warning in &step.warnings {
        page.raw("<p class=\"faint\" dir=\"auto\">").text(warning).raw("</p>");
    }
    page.raw("</td><td>").text(&step.basis).raw("</td>");
    let (input, output) = step.tokens;
    let or_dash = |number: u64| if number == 0 { "–".to_owned() } else { words::count(number) };
    let cost = if step.cost.0 == 0 { "–".to_owned() } else { dollars(step.cost) };
    for cell in [or_dash(input), or_dash(output), cost, seconds(step.duration_ms)] {
        page.raw("<td class=\"n\">").text(&cell).raw("</td>");
    }
    page.raw("</tr>\n");
}

/// Opens a table that scrolls sideways on a narrow screen; a `#` before a heading marks a column of numbers.
pub(super) fn open_table(page: &mut Markup, name: &'static str, columns: &[&'static str]) {
    page.raw("<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"")
        .raw(name)
        .raw("\"><table>\n<caption>");
    page.raw(name).raw("</caption>\n<thead><tr>");
    for column in columns {
        match column.strip_prefix('#') {
            Some(column) => page.raw("<th scope=\"col\" class=\"n\">").raw(column).raw("</th>"),
            None => page.raw("<th scope=\"col\">").raw(column).raw("</th>"),
        };
    }
    page.raw("</tr></thead>\n<tbody>\n");
}

pub(super) fn close_table(page: &mut Markup) {
    page.raw("</tbody></table></div>\n");
}

/// The bill and the run.
pub(super) fn footer(page: &mut Markup, view: &View) {
    let totals = &view.totals;
    let mut facts = vec![("Cost", format!("{} of at most {}", totals.cost, totals.cap))];
    facts.push(("Model calls", words::count(totals.calls as u64)));
    facts.extend(totals.saved.clone().map(|saved| ("Saved by the cache", saved)));
    facts.extend(totals.unsettled.clone().map(|part| ("Unsettled, at worst case", part)));
    facts.push(("Basis of the steps", totals.bases.join(", ")));
    facts.extend(totals.duration.clone().map(|duration| ("Took", duration)));
    facts.push(("Depth", totals.depth.to_owned()));
    facts.push(("Status", totals.status.to_owned()));
    facts.push(("Made", totals.created.clone()));
    facts.push(("Run", totals.run_id.clone()));
    page.raw("<footer>\n<dl>\n");
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        page.raw("<div><dt>").raw(name).raw("</dt><dd>").text(fact).raw("</dd></div>\n");
    }
    page.raw("</dl>\n</footer>\n");
}
