//! The report as Markdown (CommonMark with tables), good to paste anywhere. Content cannot bring markup, links, images,
//! mentions or raw HTML of its own.

use std::fmt::Write as _;

use super::report::Report;
use super::view::{CitationView, ClaimView, Said, Verdict, View};
use super::words;

mod escape;
mod style;

use escape::escape;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let view = View::of(report);
    let mut out = format!("# {}\n\n", escape(&view.title));
    let mut facts: Vec<String> = view.source.iter().map(|fact| escape(fact)).collect();
    facts.extend(view.published_at.iter().map(|link| format!("[{}](<{}>)", escape(&link.host), link.href)));
    paragraph(&mut out, &facts.join(" · "));
    if let Some(wording) = &view.title_wording {
        paragraph(&mut out, &format!("*{}*", escape(wording)));
    }
    for notice in &view.notices {
        paragraph(&mut out, &format!("> **Note:** {}", escape(notice)));
    }
    if view.has_briefing {
        list(&mut out, "Summary", view.summary.iter().map(said));
        list(&mut out, "Key points", view.key_points.iter().map(said));
        list(
            &mut out,
            "Topics",
            view.topics.iter().map(|topic| {
                let keywords: Vec<String> = topic.keywords.iter().map(|word| escape(word)).collect();
                let words =
                    if keywords.is_empty() { String::new() } else { format!(": {}", keywords.join(", ")) };
                format!("{}**{}**{words}", place(&topic.span()), escape(&topic.label))
            }),
        );
        claims(&mut out, &view);
        list(&mut out, "Argument", view.argument.iter().map(said));
        risk(&mut out, &view);
        style::style(&mut out, &view);
        list(
            &mut out,
            "People",
            view.people.iter().map(|person| {
                let facts: Vec<String> = [&person.role, &person.detail]
                    .into_iter()
                    .filter(|fact| !fact.is_empty())
                    .map(|fact| escape(fact))
                    .collect();
                let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(": ")) };
                format!("**{}**{facts}", escape(&person.name))
            }),
        );
        list(&mut out, "Context", view.context.iter().map(said));
    }
    list(
        &mut out,
        "Gaps",
        view.gaps.iter().map(|gap| {
            let agents: Vec<String> = gap.agents.iter().map(|agent| escape(agent)).collect();
            format!("{}: {}", agents.join(", "), escape(&gap.reason))
        }),
    );
    account(&mut out, &view);
    out
}

fn paragraph(out: &mut String, text: &str) {
    out.push_str(text);
    out.push_str("\n\n");
}

fn list(out: &mut String, heading: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<String> = entries.map(|entry| format!("- {entry}\n")).collect();
    if !entries.is_empty() {
        let _ = write!(out, "## {heading}\n\n{}\n", entries.concat());
    }
}

/// `` `04:12` `` and a space, or nothing.
fn place(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!("`{place}` ") }
}

/// `` [`04:12`](<link to the moment>) `` where the source has such links, else `` `04:12` ``.
fn moment(said: &Said) -> Option<String> {
    let place = said.place()?;
    Some(match &said.moment {
        Some(link) => format!("[`{place}`](<{}>)", link.href),
        None => format!("`{place}`"),
    })
}

fn said(said: &Said) -> String {
    let speaker =
        said.speaker.as_ref().map_or_else(String::new, |speaker| format!("**{}:** ", escape(speaker)));
    let count = said.count.filter(|count| *count > 1).map_or_else(String::new, |count| format!(" ×{count}"));
    let place = moment(said).map_or_else(String::new, |place| place + " ");
    format!("{place}{speaker}{}{count}", escape(&said.text))
}

fn claims(out: &mut String, view: &View) {
    if view.claims.is_empty() {
        return;
    }
    paragraph(out, "## Claims");
    if let Some(note) = &view.checking {
        paragraph(out, &format!("*{}*", escape(note)));
    }
    let checked = view.claims.iter().any(|claim| claim.verdict != Verdict::NotChecked);
    for claim in &view.claims {
        claim_entry(out, claim, checked);
    }
    out.push('\n');
}

fn claim_entry(out: &mut String, claim: &ClaimView, checked: bool) {
    let number = format!("{}. ", claim.number);
    let indent = " ".repeat(number.len());
    let _ = writeln!(out, "{number}**{}**", escape(&claim.said.text));
    let mut facts = Vec::new();
    if checked {
        let confidence =
            claim.confidence.as_ref().map_or_else(String::new, |share| format!(", confidence {share}"));
        facts.push(format!("{} {}{confidence}", claim.verdict.mark(), claim.verdict.word()));
        facts.extend(claim.unsure.as_ref().map(|unsure| format!("uncertain: {}", escape(unsure))));
    }
    facts.extend(moment(&claim.said));
    facts.extend(claim.said.speaker.as_ref().map(|speaker| escape(speaker)));
    facts.push(format!("worth checking {}", claim.score));
    let _ = writeln!(out, "\n{indent}{}", facts.join(" · "));
    if let Some(reasoning) = &claim.reasoning {
        let _ = writeln!(out, "\n{indent}{}", escape(reasoning));
    }
    if !claim.citations.is_empty() || !claim.evidence.is_empty() {
        out.push('\n');
    }
    for passage in claim.citations.iter().chain(&claim.evidence) {
        let _ = writeln!(out, "{indent}- {}", citation(passage));
    }
    out.push('\n');
}

fn citation(passage: &CitationView) -> String {
    let place = moment(&passage.said).map_or_else(String::new, |place| format!(" {place}"));
    let address = match (&passage.link, &passage.address) {
        (Some(link), _) => format!(", [{}](<{}>)", escape(&link.host), link.href),
        (None, Some(address)) => format!(", {}", escape(address)),
        (None, None) => String::new(),
    };
    let (stance, quote, source) = (passage.stance_words, escape(&passage.said.text), escape(&passage.source));
    format!("{stance}: “{quote}” ({source}{place}{address})")
}

fn risk(out: &mut String, view: &View) {
    let risk = &view.risk;
    if risk.cues.is_empty() && risk.findings.is_empty() {
        return;
    }
    paragraph(out, "## Risk cues");
    if !risk.note.is_empty() {
        paragraph(out, &format!("*{}*", escape(&risk.note)));
    }
    if !risk.cues.is_empty() {
        out.push_str("| cue | count | per 1,000 words | for example |\n|---|---:|---:|---|\n");
        for cue in &risk.cues {
            let example = cue.examples.first().map(said).unwrap_or_default();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {example} |",
                escape(&cue.name),
                cue.count,
                cue.per_1000_words
            );
        }
        out.push('\n');
    }
    let findings: Vec<String> =
        risk.findings.iter().map(|finding| format!("- {}\n", said(finding))).collect();
    if !findings.is_empty() {
        let _ = writeln!(out, "{}", findings.concat());
    }
}

fn account(out: &mut String, view: &View) {
    let totals = &view.totals;
    out.push_str("---\n\n");
    let mut facts = vec![
        format!("Cost {}", totals.cost),
        words::plural(totals.calls as u64, "model call"),
        format!("{}: {}", words::plural(totals.steps as u64, "step"), totals.statuses.join(", ")),
    ];
    facts.extend(totals.saved.as_ref().map(|saved| format!("saved by the cache {saved}")));
    facts.extend(totals.unsettled.as_ref().map(|part| format!("unsettled, at worst case {part}")));
    facts.extend(totals.duration.as_ref().map(|duration| format!("took {duration}")));
    facts.extend([format!("depth {}", totals.depth), totals.status.to_owned(), totals.created.clone()]);
    facts.push(format!("run {}", totals.run_id));
    let facts: Vec<String> = facts.iter().map(|fact| escape(fact)).collect();
    paragraph(out, &facts.join(" · "));
    let parts: Vec<String> = view
        .parts
        .iter()
        .map(|part| escape(&format!("{} by {}", part.names.join(", "), part.basis)))
        .collect();
    if !parts.is_empty() {
        let _ = writeln!(out, "Basis: {}", parts.join(" · "));
    }
}
