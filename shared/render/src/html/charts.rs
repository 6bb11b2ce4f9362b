//! Bars: topics and claims over time, and who speaks how much. Each bar has its legend in words beside it.

use super::super::view::{Said, TopicView, View};
use super::claims::{anchor, class};
use super::markup::Markup;
use super::{content, place};

/// How many colours the bars have before they start again.
const HUES: usize = 6;

/// The class of the colour of entry `index`.
fn hue(index: usize) -> &'static str {
    ["hue-0", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5"][index % HUES]
}

/// The topics: a bar over time, then each with its words.
pub(super) fn topics(page: &mut Markup, view: &View) {
    timeline(page, view);
    page.raw("<ol class=\"topics\">\n");
    for (index, topic) in view.topics.iter().enumerate() {
        page.raw("<li")
            .attr("id", &format!("topic-{}", index + 1))
            .raw("><h3><span class=\"swatch ")
            .raw(hue(index));
        page.raw("\" aria-hidden=\"true\"></span><span class=\"number\">").text(&(index + 1).to_string());
        page.raw("</span><span");
        content(page, view)
            .raw(">")
            .text(&topic.label)
            .raw("</span> <span class=\"place\">")
            .text(&topic.span());
        page.raw("</span></h3>\n");
        if !topic.keywords.is_empty() {
            page.raw("<p class=\"keywords\"");
            content(page, view).raw(">");
            for (index, word) in topic.keywords.iter().enumerate() {
                page.raw(if index == 0 { "" } else { " · " }).text(word);
            }
            page.raw("</p>\n");
        }
        sentences(page, view, topic);
        page.raw("</li>\n");
    }
    page.raw("</ol>\n");
}

fn sentences(page: &mut Markup, view: &View, topic: &TopicView) {
    for said in &topic.sentences {
        page.raw("<p class=\"sentence\">");
        place(page, said);
        page.raw(" <span");
        content(page, view).raw(">").text(&said.text).raw("</span></p>\n");
    }
}

/// The bar of topics, to scale, with the claims as marks under it. Only for sources with times.
fn timeline(page: &mut Markup, view: &View) {
    let ends = view.topics.iter().filter_map(|topic| topic.end_ms);
    let Some(end) = view.duration_ms.into_iter().chain(ends).max().filter(|end| *end > 0) else { return };
    let percent = |milliseconds: u64| (milliseconds.min(end) as f64) * 100.0 / (end as f64);
    if view.topics.iter().all(|topic| topic.start_ms.is_none()) {
        return;
    }
    page.raw("<div class=\"timeline\">\n<div class=\"track\">");
    for (index, topic) in view.topics.iter().enumerate() {
        let Some(start) = topic.start_ms else { continue };
        let until =
            topic.end_ms.or_else(|| view.topics.get(index + 1).and_then(|next| next.start_ms)).unwrap_or(end);
        let width = (percent(until) - percent(start)).max(0.5);
        page.raw("<a class=\"").raw(hue(index)).raw("\"").attr("href", &format!("#topic-{}", index + 1));
        page.attr("title", &format!("{} {}", topic.label, topic.span()));
        page.attr("aria-label", &format!("Topic {}: {}, {}", index + 1, topic.label, topic.span()));
        page.raw(" style=\"left:").number(percent(start)).raw("%;width:").number(width).raw("%\">");
        if width > 4.0 {
            page.text(&(index + 1).to_string());
        }
        page.raw("</a>");
    }
    page.raw("</div>\n<div class=\"marks\">");
    for claim in &view.claims {
        let Said { start_ms: Some(start), text, .. } = &claim.said else { continue };
        let about = format!("Claim {} ({}): {text}", claim.number, claim.verdict.counted());
        page.raw("<a class=\"")
            .raw(class(claim.verdict))
            .raw("\"")
            .attr("href", &format!("#{}", anchor(claim.number)));
        page.attr("title", &about).attr("aria-label", &about);
        page.raw(" style=\"left:").number(percent(*start)).raw("%\"></a>");
    }
    page.raw("</div>\n<p class=\"axis\"><span>00:00</span><span>claims</span><span>");
    page.text(&crate::clock(end)).raw("</span></p>\n</div>\n");
}

/// Who speaks how much.
pub(super) fn speakers(page: &mut Markup, view: &View) {
    if view.speakers.is_empty() {
        return;
    }
    page.raw("<div class=\"bar\" aria-hidden=\"true\">");
    for (index, speaker) in view.speakers.iter().enumerate() {
        page.raw("<span class=\"")
            .raw(hue(index))
            .raw("\" style=\"flex-grow:")
            .number(speaker.share.max(0.001) * 100.0);
        page.raw("\"></span>");
    }
    page.raw("</div>\n<ul class=\"legend\">\n");
    for (index, speaker) in view.speakers.iter().enumerate() {
        page.raw("<li><span class=\"swatch ").raw(hue(index)).raw("\" aria-hidden=\"true\"></span><bdi>");
        page.text(&speaker.name)
            .raw("</bdi> <span class=\"faint\">")
            .text(&speaker.facts)
            .raw("</span></li>\n");
    }
    page.raw("</ul>\n");
}
