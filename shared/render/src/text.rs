//! What a terminal prints after a run.

use super::report::Report;
use super::view::{CitationView, ClaimView, Said, Verdict, View};
use super::words::plural;
use super::wrap::{width_of, wrap};
use super::{Style, Tone};

mod footer;
mod style;

/// How many claims are shown; the rest is counted.
const MOST_CLAIMS: usize = 12;
/// How many passages are shown under a claim; the rest is counted.
const MOST_PASSAGES: usize = 3;
/// How many entries any other list shows; the rest is counted.
const MOST_ENTRIES: usize = 12;

/// The report for a terminal `width` columns wide, with a newline at its end. Lines are at most 100 columns, for
/// reading. Without escape sequences unless `style` asks for them; none that content brings along survives.
pub fn render(report: &Report, style: Style, width: usize) -> String {
    let view = View::of(report);
    let mut page = Page { out: String::new(), style, width: width.clamp(30, 100) };
    head(&mut page, &view);
    if view.has_briefing {
        summary(&mut page, &view);
        topics(&mut page, &view);
        claims(&mut page, &view);
        list(&mut page, "Argument", &view.argument);
        risk(&mut page, &view);
        style::wording(&mut page, &view);
        people(&mut page, &view);
        list(&mut page, "Context", &view.context);
    }
    footer::gaps(&mut page, &view);
    footer::footer(&mut page, &view);
    page.out
}

/// The text so far, and how it is laid out.
struct Page {
    out: String,
    style: Style,
    width: usize,
}

impl Page {
    /// A heading with a faint remark beside it.
    fn heading(&mut self, name: &str, remark: &str) {
        let lead = format!("{}{}", name.to_uppercase(), if remark.is_empty() { "" } else { "  " });
        self.out.push('\n');
        self.block(&lead, Some(Tone::Strong), remark, Some(Tone::Faint));
    }

    /// `text` wrapped, the first line after `lead`, the others under its end. `lead` must be free of escape sequences.
    fn block(&mut self, lead: &str, lead_tone: Option<Tone>, text: &str, tone: Option<Tone>) {
        let indent = width_of(lead);
        for (index, line) in wrap(text, self.width.saturating_sub(indent)).iter().enumerate() {
            let start = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
            let start = lead_tone.map_or(start.clone(), |tone| self.style.paint(tone, &start));
            let line = tone.map_or(line.clone(), |tone| self.style.paint(tone, line));
            self.out.push_str(start.as_str());
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }

    /// A faint line of facts with dots between.
    fn facts(&mut self, lead: &str, facts: &[String]) {
        if !facts.is_empty() {
            self.block(lead, None, &facts.join(" · "), Some(Tone::Faint));
        }
    }

    /// Says how many more there are than `shown` of `all`.
    fn more(&mut self, lead: &str, shown: usize, all: usize) {
        if all > shown {
            self.block(lead, None, &format!("… and {} more", all - shown), Some(Tone::Faint));
        }
    }

    /// A sentence after its place, and who says it.
    fn said(&mut self, said: &Said) {
        let lead = format!("  {}  ", said.place().unwrap_or_else(|| "•".to_owned()));
        let count =
            said.count.filter(|count| *count > 1).map_or_else(String::new, |count| format!(" ×{count}"));
        let text = match &said.speaker {
            Some(speaker) => format!("{speaker}: {}{count}", said.text),
            None => format!("{}{count}", said.text),
        };
        self.block(&lead, Some(Tone::Accent), &text, None);
    }
}

fn head(page: &mut Page, view: &View) {
    page.out.push('\n');
    page.block("", None, &view.title, Some(Tone::Strong));
    page.facts("", &view.source);
    if let Some(link) = &view.published_at {
        page.block("", None, &link.href, Some(Tone::Faint));
    }
    if let Some(wording) = &view.title_wording {
        page.block("", None, wording, Some(Tone::Faint));
    }
    for notice in &view.notices {
        page.out.push('\n');
        page.block("! ", Some(Tone::Warn), notice, Some(Tone::Warn));
    }
}

fn summary(page: &mut Page, view: &View) {
    if !view.summary.is_empty() {
        page.heading("Summary", "");
        view.summary.iter().for_each(|said| page.said(said));
    }
    // Without a model the points are the sentences of the summary; nobody wants to read them twice.
    let fresh = |point: &&Said| view.summary.iter().all(|said| said.text != point.text);
    let points: Vec<Said> = view.key_points.iter().filter(fresh).cloned().collect();
    list(page, "Key points", &points);
}

fn list(page: &mut Page, name: &str, entries: &[Said]) {
    if entries.is_empty() {
        return;
    }
    page.heading(name, "");
    for said in entries.iter().take(MOST_ENTRIES) {
        page.said(said);
    }
    page.more("  ", MOST_ENTRIES, entries.len());
}

fn topics(page: &mut Page, view: &View) {
    if view.topics.is_empty() {
        return;
    }
    page.heading("Topics", "");
    for topic in view.topics.iter().take(MOST_ENTRIES) {
        let span = topic.span();
        let lead = if span.is_empty() { "  •  ".to_owned() } else { format!("  {span}  ") };
        page.block(&lead, Some(Tone::Accent), &topic.label, None);
        if !topic.keywords.is_empty() {
            page.block(&" ".repeat(width_of(&lead)), None, &topic.keywords.join(", "), Some(Tone::Faint));
        }
    }
    page.more("  ", MOST_ENTRIES, view.topics.len());
}

fn claims(page: &mut Page, view: &View) {
    if view.claims.is_empty() {
        return;
    }
    let checked = view.claims.iter().any(|claim| claim.verdict != Verdict::NotChecked);
    let counts: Vec<String> = match checked {
        true => view.verdicts().iter().map(|(verdict, n)| format!("{n} {}", verdict.counted())).collect(),
        false => Vec::new(),
    };
    page.heading("Claims", &counts.join(" · "));
    if let Some(note) = &view.checking {
        page.block("  ", None, note, Some(Tone::Warn));
    }
    for claim in view.claims.iter().take(MOST_CLAIMS) {
        page.out.push('\n');
        claim_block(page, claim, checked);
    }
    if view.claims.len() > MOST_CLAIMS {
        page.out.push('\n');
    }
    page.more("  ", MOST_CLAIMS, view.claims.len());
}

/// One claim; its verdict only if any claim has one, since `checking` has said it once otherwise.
fn claim_block(page: &mut Page, claim: &ClaimView, checked: bool) {
    let lead = format!("{:>4}. ", claim.number);
    page.block(&lead, None, &claim.said.text, Some(Tone::Strong));
    let indent = " ".repeat(lead.len());
    if checked {
        let mut words = format!("{} {}", claim.verdict.mark(), claim.verdict.word());
        if let Some(confidence) = &claim.confidence {
            words.push_str(&format!(", confidence {confidence}"));
        }
        if let Some(unsure) = &claim.unsure {
            words.push_str(&format!(" (uncertain: {unsure})"));
        }
        page.block(&indent, None, &words, Some(tone(claim.verdict)));
    }
    let mut facts: Vec<String> = claim.said.place().into_iter().chain(claim.said.speaker.clone()).collect();
    facts.push(format!("worth checking {}", claim.score));
    if !checked && !claim.evidence.is_empty() {
        facts.push(format!("{} of evidence", plural(claim.evidence.len() as u64, "piece")));
    }
    page.facts(&indent, &facts);
    if let Some(reasoning) = &claim.reasoning {
        page.block(&indent, None, reasoning, None);
    }
    for passage in claim.citations.iter().take(MOST_PASSAGES) {
        citation(page, &indent, passage);
    }
    page.more(&indent, MOST_PASSAGES, claim.citations.len());
    if checked && claim.citations.is_empty() && !claim.evidence.is_empty() {
        page.facts(&indent, &[format!("{} found about it", plural(claim.evidence.len() as u64, "passage"))]);
    }
}

fn citation(page: &mut Page, indent: &str, passage: &CitationView) {
    let (mark, tone) = match passage.stance {
        "supports" => ("+", Tone::Good),
        "refutes" => ("−", Tone::Bad),
        _ => ("·", Tone::Faint),
    };
    let place = passage.said.place().map_or_else(String::new, |place| format!(" {place}"));
    let address = passage.link.as_ref().map(|link| link.href.as_str()).or(passage.address.as_deref());
    let address = address.map_or_else(String::new, |address| format!(" {address}"));
    let text =
        format!("{}: “{}” ({}{place}){address}", passage.stance_words, passage.said.text, passage.source);
    page.block(&format!("{indent}{mark} "), Some(tone), &text, None);
}

/// The colour of a verdict.
fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Supported => Tone::Good,
        Verdict::Refuted => Tone::Bad,
        Verdict::Conflicting | Verdict::NotEnoughEvidence => Tone::Warn,
        Verdict::NotCheckable | Verdict::NotChecked => Tone::Faint,
    }
}

fn risk(page: &mut Page, view: &View) {
    let risk = &view.risk;
    if risk.cues.is_empty() && risk.findings.is_empty() {
        return;
    }
    page.heading("Risk cues", "");
    if !risk.note.is_empty() {
        page.block("  ", None, &risk.note, Some(Tone::Faint));
    }
    for cue in risk.cues.iter().take(MOST_ENTRIES) {
        let example = cue.examples.first().map_or_else(String::new, |example| {
            let place = example.place().map_or_else(String::new, |place| format!(", {place}"));
            format!(", such as “{}”{place}", example.text)
        });
        let text = format!("{} ({} per 1,000 words){example}", cue.name, cue.per_1000_words);
        page.block(&format!("{:>5}× ", cue.count), Some(Tone::Accent), &text, None);
    }
    page.more("  ", MOST_ENTRIES, risk.cues.len());
    for said in risk.findings.iter().take(MOST_ENTRIES) {
        page.said(said);
    }
    page.more("  ", MOST_ENTRIES, risk.findings.len());
}

fn people(page: &mut Page, view: &View) {
    if view.people.is_empty() {
        return;
    }
    page.heading("People", "");
    for person in view.people.iter().take(MOST_ENTRIES) {
        let facts: Vec<&str> = [&person.role, &person.detail]
            .into_iter()
            .map(String::as_str)
            .filter(|fact| !fact.is_empty())
            .collect();
        let text = if facts.is_empty() {
            person.name.clone()
        } else {
            format!("{} ({})", person.name, facts.join(": "))
        };
        page.block("  •  ", Some(Tone::Accent), &text, None);
    }
    page.more("  ", MOST_ENTRIES, view.people.len());
}
