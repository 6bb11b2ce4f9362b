//! The sections of the page in their order, those without anything to say left out.

use super::super::view::{PersonView, Said, View};
use super::markup::Markup;
use super::{account, charts, claims, content, place, style, transcript};

/// One section.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) write: fn(&mut Markup, &View),
}

/// The sections that `view` has something for.
pub(super) fn sections(view: &View) -> Vec<Section> {
    let risk = !view.risk.cues.is_empty() || !view.risk.findings.is_empty();
    let all: [(bool, Section); 12] = [
        (!view.summary.is_empty(), Section { id: "summary", name: "Summary", write: summary }),
        (!view.claims.is_empty(), Section { id: "claims", name: "Claims", write: claims::claims }),
        (!view.topics.is_empty(), Section { id: "topics", name: "Topics", write: charts::topics }),
        (!view.argument.is_empty(), Section { id: "argument", name: "Argument", write: argument }),
        (risk, Section { id: "risk", name: "Risk cues", write: account::risk }),
        (!view.style.is_empty(), Section { id: "style", name: "Tone and wording", write: style::style }),
        (
            !view.speakers.is_empty() || !view.people.is_empty(),
            Section { id: "people", name: "People", write: people },
        ),
        (!view.context.is_empty(), Section { id: "context", name: "Context", write: context }),
        (!view.posts.is_empty(), Section { id: "posts", name: "Ready to post", write: posts }),
        (!view.gaps.is_empty(), Section { id: "gaps", name: "Gaps", write: account::gaps }),
        (
            !view.segments.is_empty(),
            Section { id: "transcript", name: "Transcript", write: transcript::transcript },
        ),
        (!view.steps.is_empty(), Section { id: "steps", name: "How this was made", write: account::steps }),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, section)| section).collect()
}

fn summary(page: &mut Markup, view: &View) {
    page.raw("<ol class=\"summary\">\n");
    for said in &view.summary {
        page.raw("<li><span>");
        place(page, said);
        page.raw("</span><p");
        content(page, view).raw(">").text(&said.text);
        speaker(page, said);
        page.raw("</p></li>\n");
    }
    page.raw("</ol>\n");
    let fresh = |point: &&Said| view.summary.iter().all(|said| said.text != point.text);
    let points: Vec<&Said> = view.key_points.iter().filter(fresh).collect();
    if !points.is_empty() {
        page.raw("<h3>Key points</h3>\n");
        list(page, view, points.into_iter());
    }
}

/// Who says it, after a sentence.
fn speaker(page: &mut Markup, said: &Said) {
    if let Some(speaker) = &said.speaker {
        page.raw(" <span class=\"who\"><bdi>").text(speaker).raw("</bdi></span>");
    }
}

/// Sentences with their places.
pub(super) fn list<'a>(page: &mut Markup, view: &View, entries: impl Iterator<Item = &'a Said>) {
    page.raw("<ul class=\"said\">\n");
    for said in entries {
        page.raw("<li><p");
        content(page, view).raw(">").text(&said.text);
        if let Some(count) = said.count.filter(|count| *count > 1) {
            page.raw(" <span class=\"faint\">×").text(&count.to_string()).raw("</span>");
        }
        page.raw("</p>");
        if said.place().is_some() || said.segment.is_some() || said.speaker.is_some() || said.from.is_some() {
            page.raw("<p class=\"meta\">");
            place(page, said);
            speaker(page, said);
            if let Some(from) = &said.from {
                page.raw(" <span class=\"from\">").text(from).raw("</span>");
            }
            page.raw("</p>");
        }
        page.raw("</li>\n");
    }
    page.raw("</ul>\n");
}

fn argument(page: &mut Markup, view: &View) {
    list(page, view, view.argument.iter());
}

fn context(page: &mut Markup, view: &View) {
    list(page, view, view.context.iter());
}

fn people(page: &mut Markup, view: &View) {
    charts::speakers(page, view);
    if view.people.is_empty() {
        return;
    }
    page.raw("<dl class=\"people\">\n");
    for PersonView { name, role, detail, segment } in &view.people {
        page.raw("<div><dt><bdi>")
            .text(name)
            .raw("</bdi> <span class=\"faint\">")
            .text(role)
            .raw("</span></dt><dd");
        content(page, view).raw(">").text(detail);
        if let Some(segment) = segment {
            page.raw(" ");
            place(page, &segment_of(view, segment));
        }
        page.raw("</dd></div>\n");
    }
    page.raw("</dl>\n");
}

/// The moment of a segment.
fn segment_of(view: &View, segment: &str) -> Said {
    view.segments.iter().find(|said| said.segment.as_deref() == Some(segment)).cloned().unwrap_or_default()
}

fn posts(page: &mut Markup, view: &View) {
    for (channel, lines) in &view.posts {
        page.raw("<details class=\"post\"><summary>").text(channel).raw("</summary><div");
        content(page, view).raw(">");
        for line in lines {
            page.raw("<p>").text(line).raw("</p>");
        }
        page.raw("</div></details>\n");
    }
}
