//! Tone and wording, in short.

use super::super::Tone;
use super::super::view::{StretchView, View};
use super::Page;

/// The facts, and the tone over time as a line of bars; tables are for other forms.
pub(super) fn wording(page: &mut Page, view: &View) {
    let style = &view.style;
    if style.is_empty() {
        return;
    }
    page.heading("Tone and wording", "");
    page.block("  ", None, style.note, Some(Tone::Faint));
    for (name, facts) in &style.facts {
        page.block(&format!("  {name:<11}  "), Some(Tone::Accent), facts, None);
        if *name == "Tone" && style.curve.len() > 1 {
            page.block("               ", None, &sparkline(&style.curve), None);
        }
    }
    for (name, sentences) in &style.extremes {
        for said in sentences.iter().take(1) {
            let place = said.place().map_or_else(String::new, |place| format!(", {place}"));
            let text = format!("{name}{place}: “{}”", said.text);
            page.block("  •  ", Some(Tone::Accent), &text, None);
        }
    }
}

/// One bar for each part of the curve: the middle is neutral.
fn sparkline(curve: &[StretchView]) -> String {
    const BARS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
    // Means of many sentences stay near zero: half the scale is full height.
    const FULL: f64 = 0.5;
    let bar = |stretch: &StretchView| {
        let height = (stretch.value / FULL).clamp(-1.0, 1.0) * 3.0 + 3.0;
        BARS.get(height.round() as usize).copied().unwrap_or(BARS[3])
    };
    curve.iter().map(bar).collect()
}
