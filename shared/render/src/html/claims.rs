//! The claims as cards: verdict, who and when, and what speaks for and against.

use super::super::view::{CitationView, ClaimView, Verdict, View};
use super::markup::Markup;
use super::{content, place};
use crate::words::plural;

/// The section.
pub(super) fn claims(page: &mut Markup, view: &View) {
    let checked = view.claims.iter().any(|claim| claim.verdict != Verdict::NotChecked);
    if checked {
        page.raw("<ul class=\"counts\">");
        for (verdict, count) in view.verdicts() {
            page.raw("<li>");
            badge(page, verdict, &format!("{count} {}", verdict.counted()));
            page.raw("</li>");
        }
        page.raw("</ul>\n");
    }
    if let Some(note) = &view.checking {
        page.raw("<p class=\"note\">").text(note).raw("</p>\n");
    }
    page.raw("<ol class=\"claims\">\n");
    for claim in &view.claims {
        card(page, view, claim, checked);
    }
    page.raw("</ol>\n");
}

/// The anchor of a claim.
pub(super) fn anchor(number: usize) -> String {
    format!("claim-{number}")
}

/// The class that gives a verdict its colour.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "supported",
        Verdict::Refuted => "refuted",
        Verdict::Conflicting | Verdict::NotEnoughEvidence => "open",
        Verdict::NotCheckable | Verdict::NotChecked => "none",
    }
}

fn badge(page: &mut Markup, verdict: Verdict, words: &str) {
    page.raw("<span class=\"badge ")
        .raw(class(verdict))
        .raw("\"><span aria-hidden=\"true\">")
        .raw(verdict.mark());
    page.raw("</span> ").text(words).raw("</span>");
}

fn card(page: &mut Markup, view: &View, claim: &ClaimView, checked: bool) {
    page.raw("<li class=\"card ")
        .raw(class(claim.verdict))
        .raw("\"")
        .attr("id", &anchor(claim.number))
        .raw(">\n");
    page.raw("<h3");
    content(page, view).raw("><span class=\"number\">").text(&claim.number.to_string()).raw("</span> ");
    page.text(&claim.said.text).raw("</h3>\n<p class=\"meta\">");
    if checked {
        badge(page, claim.verdict, claim.verdict.word());
        if let Some(confidence) = &claim.confidence {
            page.raw(" <span>confidence ").text(confidence).raw("</span>");
        }
    }
    page.raw(" ");
    place(page, &claim.said);
    if let Some(speaker) = &claim.said.speaker {
        page.raw(" <span><bdi>").text(speaker).raw("</bdi></span>");
    }
    page.raw(" <span class=\"faint\">worth checking ").text(&claim.score).raw("</span></p>\n");
    if let Some(unsure) = &claim.unsure {
        page.raw("<p class=\"note\">Uncertain: ").text(unsure).raw("</p>\n");
    }
    if let Some(reasoning) = &claim.reasoning {
        page.raw("<p class=\"reasoning\"");
        content(page, view).raw(">").text(reasoning).raw("</p>\n");
    }
    passages(page, view, &claim.citations);
    if !claim.evidence.is_empty() {
        let further = if claim.citations.is_empty() { "" } else { "further " };
        let found = plural(claim.evidence.len() as u64, &format!("{further}passage"));
        page.raw("<details><summary>").text(&found).raw(" found about it</summary>\n");
        passages(page, view, &claim.evidence);
        page.raw("</details>\n");
    }
    page.raw("</li>\n");
}

fn passages(page: &mut Markup, view: &View, passages: &[CitationView]) {
    if passages.is_empty() {
        return;
    }
    page.raw("<ul class=\"passages\">\n");
    for passage in passages {
        page.raw("<li><span class=\"stance ").raw(passage.stance).raw("\">").raw(passage.stance_words);
        page.raw("</span><div><blockquote");
        content(page, view).raw(">").text(&passage.said.text).raw("</blockquote><p class=\"meta\"><span>");
        page.text(&passage.source).raw("</span> ");
        place(page, &passage.said);
        if let Some(speaker) = &passage.said.speaker {
            page.raw(" <span><bdi>").text(speaker).raw("</bdi></span>");
        }
        match (&passage.link, &passage.address) {
            (Some(link), _) => {
                page.raw(" <a rel=\"noopener nofollow noreferrer\"").attr("href", &link.href).raw(">");
                page.text(&link.host).raw("</a>");
            }
            (None, Some(address)) => {
                page.raw(" <span class=\"address\">").text(address).raw("</span>");
            }
            (None, None) => {}
        }
        page.raw("</p></div></li>\n");
    }
    page.raw("</ul>\n");
}
