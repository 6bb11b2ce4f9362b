//! The transcript: every sentence can be linked to, and says which claims rest on it.

use std::collections::BTreeMap;

use super::super::view::View;
use super::content;
use super::markup::Markup;

/// The anchor of a segment.
fn anchor(segment: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    format!("at-{}", segment.chars().map(plain).collect::<String>())
}

/// The link to a segment.
pub(super) fn link(segment: &str) -> String {
    format!("#{}", anchor(segment))
}

/// The section: open, since not every browser opens a closed part when a link leads into it.
pub(super) fn transcript(page: &mut Markup, view: &View) {
    let mut claims: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for claim in &view.claims {
        if let Some(segment) = &claim.said.segment {
            claims.entry(segment).or_default().push(claim.number);
        }
    }
    page.raw("<details class=\"transcript\" open><summary>");
    page.text(&super::super::words::plural(view.segments.len() as u64, "sentence")).raw("</summary>\n");
    page.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Transcript\">\n");
    let mut speaker = None;
    for (index, said) in view.segments.iter().enumerate() {
        if index == 0 || speaker != said.speaker {
            page.raw(if index == 0 { "" } else { "</div>\n" }).raw("<div class=\"turn\">\n");
            if let Some(name) = &said.speaker {
                page.raw("<h3><bdi>").text(name).raw("</bdi></h3>\n");
            }
            speaker.clone_from(&said.speaker);
        }
        let segment = said.segment.as_deref().unwrap_or_default();
        page.raw("<p").attr("id", &anchor(segment)).raw(">");
        if let Some(place) = said.place() {
            page.raw("<a class=\"place\"").attr("href", &link(segment)).raw(">").text(&place).raw("</a>");
            super::moment(page, said, &place);
            page.raw(" ");
        }
        page.raw("<span");
        content(page, view).raw(">").text(&said.text).raw("</span>");
        for number in claims.get(segment).into_iter().flatten() {
            page.raw(" <a class=\"back\"").attr("href", &format!("#{}", super::claims::anchor(*number)));
            page.raw(">claim ").text(&number.to_string()).raw("</a>");
        }
        page.raw("</p>\n");
    }
    page.raw("</div>\n</div>\n</details>\n");
}
