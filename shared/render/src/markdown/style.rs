//! Tone and wording in Markdown.

use std::fmt::Write as _;

use super::super::view::{Said, View};
use super::escape::escape;
use super::{paragraph, said};

/// The facts, the sentences at both ends, and the tables.
pub(super) fn style(out: &mut String, view: &View) {
    let style = &view.style;
    if style.is_empty() {
        return;
    }
    paragraph(out, "## Tone and wording");
    paragraph(out, &format!("*{}*", escape(style.note)));
    for (name, facts) in &style.facts {
        let _ = writeln!(out, "- **{name}:** {}", escape(facts));
    }
    if style.curve.len() > 1 {
        let stretches: Vec<String> = style.curve.iter().map(|stretch| escape(&stretch.legend())).collect();
        let _ = writeln!(out, "- **Tone over time:** {}", stretches.join("; "));
    }
    for (name, sentences) in &style.extremes {
        for sentence in sentences {
            let _ = writeln!(out, "- **{name}:** {}", said(sentence));
        }
    }
    out.push('\n');
    for table in &style.tables {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.trim_start_matches('#')).collect();
        let rules: Vec<&str> =
            table.columns.iter().map(|column| if column.starts_with('#') { "---:" } else { "---" }).collect();
        let _ = writeln!(out, "**{}**\n\n| {} |\n|{}|", table.name, columns.join(" | "), rules.join("|"));
        for (cells, places) in &table.rows {
            let mut cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
            if cells.len() < columns.len() {
                cells.push(places.first().map(place_or_words).unwrap_or_default());
            }
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out.push('\n');
    }
}

/// The words in their place, or where there are no words the place alone.
fn place_or_words(row: &Said) -> String {
    if row.text.is_empty() { super::moment(row).unwrap_or_default() } else { said(row) }
}
