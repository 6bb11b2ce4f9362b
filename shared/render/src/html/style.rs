//! Tone and wording: the facts, the curve of the tone as bars over time, and tables with places.

use super::super::view::{StretchView, StyleTable, View};
use super::account::{close_table, open_table};
use super::markup::Markup;
use super::{content, place, sections};

/// A mean tone of this is a full bar; means of many sentences stay near zero.
const FULL_TONE: f64 = 0.5;

/// All of it.
pub(super) fn style(page: &mut Markup, view: &View) {
    let style = &view.style;
    page.raw("<p class=\"note\">").text(style.note).raw("</p>\n<dl class=\"parts\">\n");
    for (name, facts) in &style.facts {
        page.raw("<div><dt>").raw(name).raw("</dt><dd dir=\"auto\">").text(facts).raw("</dd></div>\n");
    }
    page.raw("</dl>\n");
    if style.curve.len() > 1 {
        curve(page, &style.curve);
    }
    for (name, sentences) in &style.extremes {
        page.raw("<h3>").raw(name).raw("</h3>\n");
        sections::list(page, view, sentences.iter());
    }
    if style.tables.is_empty() {
        return;
    }
    page.raw("<details><summary>Counts and places</summary>\n");
    for table in &style.tables {
        rows(page, view, table);
    }
    page.raw("</details>\n");
}

/// One bar for each part, up from the middle where the tone is positive, down where it is negative.
fn curve(page: &mut Markup, stretches: &[StretchView]) {
    page.raw("<h3>Tone over time</h3>\n<ol class=\"tone\">\n");
    for stretch in stretches {
        let height = (stretch.value / FULL_TONE).clamp(-1.0, 1.0) * 50.0;
        let legend = stretch.legend();
        page.raw("<li").attr("title", &legend).raw("><span class=\"");
        page.raw(if height < 0.0 { "down" } else { "up" }).raw("\" style=\"height:");
        page.number(height.abs().max(1.0)).raw("%\"></span><span class=\"unseen\">").text(&legend);
        page.raw("</span></li>\n");
    }
    page.raw("</ol>\n<p class=\"axis\">");
    for stretch in [stretches.first(), stretches.last()].into_iter().flatten() {
        page.raw("<span>");
        place(page, &stretch.at);
        page.raw("</span>");
    }
    page.raw("</p>\n");
}

fn rows(page: &mut Markup, view: &View, table: &StyleTable) {
    open_table(page, table.name, table.columns);
    for (cells, places) in &table.rows {
        page.raw("<tr>");
        for (cell, column) in cells.iter().zip(table.columns) {
            page.raw(if column.starts_with('#') { "<td class=\"n\">" } else { "<td dir=\"auto\">" });
            page.text(cell).raw("</td>");
        }
        if cells.len() < table.columns.len() {
            page.raw("<td>");
            for said in places {
                page.raw("<p class=\"example\">");
                place(page, said);
                if !said.text.is_empty() {
                    page.raw(" <q");
                    content(page, view).raw(">").text(&said.text).raw("</q>");
                }
                page.raw("</p>");
            }
            page.raw("</td>");
        }
        page.raw("</tr>\n");
    }
    close_table(page);
}
