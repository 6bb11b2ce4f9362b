//! The report as one self-contained HTML file, fit to send to someone: no script, nothing loaded from anywhere, a
//! policy in the file that forbids both. Reads well on a phone, in dark and light, on paper and with a keyboard.
//!
//! Content reaches the page through `Markup::text` and `Markup::attr` only, which escape it; markup itself can
//! only be written as a literal of this program.

use super::report::Report;
use super::view::{Said, View};

mod account;
mod charts;
mod claims;
mod markup;
mod sections;
mod style;
mod transcript;

use markup::Markup;

/// The style sheet, written into the page.
const STYLE: &str = include_str!("html/style.css");

/// The report as a whole HTML document.
pub fn render(report: &Report) -> String {
    let view = View::of(report);
    let mut page = Markup::default();
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    page.raw("style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.raw("<meta name=\"robots\" content=\"noindex\">\n<title>").text(&view.title).raw("</title>\n");
    page.raw("<style>\n").raw(STYLE).raw("</style>\n</head>\n");
    page.raw(if view.right_to_left { "<body class=\"rtl\">\n" } else { "<body>\n" });
    page.raw("<a class=\"skip\" href=\"#main\">Skip to the briefing</a>\n");
    let sections = sections::sections(&view);
    head(&mut page, &view, &sections);
    page.raw("<main id=\"main\">\n");
    for section in &sections {
        page.raw("<section aria-labelledby=\"")
            .raw(section.id)
            .raw("\">\n<h2 id=\"")
            .raw(section.id)
            .raw("\">");
        page.raw(section.name).raw("</h2>\n");
        (section.write)(&mut page, &view);
        page.raw("</section>\n");
    }
    page.raw("</main>\n");
    account::footer(&mut page, &view);
    page.raw("</body>\n</html>\n");
    page.finish()
}

fn head(page: &mut Markup, view: &View, sections: &[sections::Section]) {
    page.raw("<header>\n<p class=\"kind\">Briefing</p>\n<h1");
    content(page, view).raw(">").text(&view.title).raw("</h1>\n<ul class=\"facts\">");
    for fact in &view.source {
        page.raw("<li dir=\"auto\">").text(fact).raw("</li>");
    }
    if let Some(link) = &view.published_at {
        page.raw("<li><a rel=\"noopener nofollow noreferrer\"").attr("href", &link.href).raw(">");
        page.text(&link.host).raw("</a></li>");
    }
    page.raw("</ul>\n");
    if let Some(wording) = &view.title_wording {
        page.raw("<p class=\"note\" dir=\"auto\">").text(wording).raw("</p>\n");
    }
    for notice in &view.notices {
        page.raw("<p class=\"notice\" role=\"note\"><span aria-hidden=\"true\">⚠ </span>")
            .text(notice)
            .raw("</p>\n");
    }
    page.raw("<nav aria-label=\"Sections\"><ul>");
    for section in sections {
        page.raw("<li><a href=\"#").raw(section.id).raw("\">").raw(section.name).raw("</a></li>");
    }
    page.raw("</ul></nav>\n</header>\n");
}

/// The attributes of an element that holds content: its language and its own direction.
fn content<'a>(page: &'a mut Markup, view: &View) -> &'a mut Markup {
    if !view.language.is_empty() {
        page.attr("lang", &view.language);
    }
    page.raw(" dir=\"auto\"")
}

/// A place in the source, linked to the transcript if that has it.
fn place(page: &mut Markup, said: &Said) {
    let Some(place) = said.place() else {
        if let Some(segment) = &said.segment {
            page.raw("<a class=\"place\"").attr("href", &transcript::link(segment)).raw(">in transcript</a>");
        }
        return;
    };
    match &said.segment {
        Some(segment) => {
            page.raw("<a class=\"place\"").attr("href", &transcript::link(segment));
            page.attr("aria-label", &format!("{place} in the transcript")).raw(">").text(&place).raw("</a>");
        }
        None => {
            page.raw("<span class=\"place\">").text(&place).raw("</span>");
        }
    }
    moment(page, said, &place);
}

/// The link into the source itself, where its platform has one.
fn moment(page: &mut Markup, said: &Said, place: &str) {
    if let Some(link) = &said.moment {
        page.raw("<a class=\"moment\" rel=\"noopener nofollow noreferrer\"").attr("href", &link.href);
        page.attr("aria-label", &format!("{place} at {}", link.host)).raw(">▸</a>");
    }
}
