//! The report in plain words, once for all forms for people. Every text in it has passed [`safe`].

use engine::model::{Outcome, ReasonCode, RunStatus, StepResult};

use super::data::{self, Acquired, Briefing, Risk, Statement, Transcript};
use super::link::{Link, Moments, link};
use super::report::{Report, agents};
use super::safe::{safe, short};
use super::words;

mod account;
mod claims;
mod places;
mod style;

pub(super) use account::{GapView, Part, StepView, Totals};
pub(super) use claims::{CitationView, ClaimView, Verdict};
pub(super) use places::{Places, Said};
pub(super) use style::{StretchView, StyleTable, StyleView};

/// Everything a form for people shows.
pub(super) struct View {
    pub(super) title: String,
    /// The language code of the content; letters, digits and hyphens only, may be empty.
    pub(super) language: String,
    /// Whether that language is written from right to left.
    pub(super) right_to_left: bool,
    /// What must be known before reading: no briefing, gaps, uncertainty.
    pub(super) notices: Vec<String>,
    /// The source in a few facts: name, kind, length, language, words, speakers.
    pub(super) source: Vec<String>,
    /// Where the source is published.
    pub(super) published_at: Option<Link>,
    /// What lures in the wording of the source's own title, where something does.
    pub(super) title_wording: Option<String>,
    pub(super) has_briefing: bool,
    pub(super) summary: Vec<Said>,
    pub(super) key_points: Vec<Said>,
    pub(super) topics: Vec<TopicView>,
    /// Whether any claim was checked.
    pub(super) any_checked: bool,
    /// What is to be said once about the checking of the claims.
    pub(super) checking: Option<String>,
    pub(super) claims: Vec<ClaimView>,
    pub(super) argument: Vec<Said>,
    pub(super) risk: RiskView,
    pub(super) style: StyleView,
    pub(super) people: Vec<PersonView>,
    pub(super) context: Vec<Said>,
    pub(super) speakers: Vec<SpeakerView>,
    pub(super) segments: Vec<Said>,
    pub(super) duration_ms: Option<u64>,
    /// Texts made from the briefing: where for, and the text, line by line.
    pub(super) posts: Vec<(String, Vec<String>)>,
    /// What would make the next run better, and why.
    pub(super) advice: Vec<(String, String)>,
    pub(super) gaps: Vec<GapView>,
    pub(super) parts: Vec<Part>,
    pub(super) steps: Vec<StepView>,
    pub(super) totals: Totals,
}

/// A topic.
pub(super) struct TopicView {
    pub(super) label: String,
    pub(super) start_ms: Option<u64>,
    pub(super) end_ms: Option<u64>,
    pub(super) keywords: Vec<String>,
    pub(super) sentences: Vec<Said>,
}

impl TopicView {
    /// `00:00–03:10`, `00:00`, or nothing.
    pub(super) fn span(&self) -> String {
        match (self.start_ms, self.end_ms) {
            (Some(start), Some(end)) => format!("{}–{}", words::clock(start), words::clock(end)),
            (Some(start), None) => words::clock(start),
            _ => String::new(),
        }
    }
}

/// Named cues and what else was found about risk.
#[derive(Default)]
pub(super) struct RiskView {
    pub(super) cues: Vec<CueView>,
    pub(super) speakers: Vec<SpeakerRiskView>,
    pub(super) findings: Vec<Said>,
    /// What the counts mean and what not.
    pub(super) note: String,
}

/// A cue with its count.
pub(super) struct CueView {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) per_1000_words: String,
    pub(super) examples: Vec<Said>,
}

/// One speaker's counts.
pub(super) struct SpeakerRiskView {
    pub(super) name: String,
    /// Words, claims, refuted claims, cues.
    pub(super) counts: [u64; 4],
}

/// A person.
pub(super) struct PersonView {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) detail: String,
    pub(super) segment: Option<String>,
}

/// A speaker's part.
pub(super) struct SpeakerView {
    pub(super) name: String,
    pub(super) share: f64,
    /// `62%, 1,204 words, 148 words a minute`.
    pub(super) facts: String,
}

impl View {
    /// The view of `report`.
    pub(super) fn of(report: &Report) -> View {
        let transcript: Transcript = data::read(report.data(agents::TRANSCRIPT));
        let briefing: Briefing = data::read(report.briefing());
        let acquired: Acquired = data::read(report.data(agents::SOURCE));
        let places = Places::of(&transcript, Moments::of(acquired.time_link.as_deref()));
        let said =
            |statements: &[Statement]| statements.iter().map(|statement| places.said(statement)).collect();
        let claims = claims::claims(report, &briefing, &places);
        let language = language_code(&briefing, &transcript);
        let title_wording = title_wording(&acquired, &language);
        let title = [&briefing.title, &report.run.source.name].map(|text| short(text));
        View {
            title: title.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
            right_to_left: words::is_right_to_left(&language),
            language,
            notices: notices(report, &acquired),
            source: source(report, &acquired, &briefing, &transcript),
            published_at: acquired
                .link
                .as_deref()
                .or(report.run.source.link.as_deref())
                .filter(|place| *place != report.run.source.name)
                .and_then(link),
            title_wording,
            has_briefing: report.briefing().is_some(),
            summary: said(&briefing.summary),
            key_points: said(&briefing.key_points),
            topics: briefing.topics.iter().map(|topic| topic_view(topic, &places)).collect(),
            checking: claims::checking(report, &claims),
            any_checked: claims.iter().any(|claim| claim.verdict != Verdict::NotChecked),
            claims,
            argument: said(&briefing.argument),
            risk: risk(report, &briefing, &places),
            style: StyleView::of(report, &places),
            people: briefing.people.iter().map(|person| person_view(person, &places)).collect(),
            context: said(&briefing.context),
            speakers: transcript.speakers.iter().map(|speaker| speaker_view(speaker, &places)).collect(),
            segments: transcript.segments.iter().map(|segment| places.segment(segment)).collect(),
            duration_ms: transcript.duration_ms.or(briefing.source.duration_ms),
            posts: posts(report),
            advice: advice(report),
            gaps: account::gaps(report, &briefing),
            parts: account::parts(report),
            steps: account::steps(report),
            totals: Totals::of(report),
        }
    }

    /// The number of claims by verdict, verdicts that do not occur left out.
    pub(super) fn verdicts(&self) -> Vec<(Verdict, usize)> {
        Verdict::ALL
            .into_iter()
            .map(|verdict| (verdict, self.claims.iter().filter(|claim| claim.verdict == verdict).count()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

fn language_code(briefing: &Briefing, transcript: &Transcript) -> String {
    let code = if transcript.language.code.is_empty() {
        &briefing.source.language
    } else {
        &transcript.language.code
    };
    let plain =
        code.len() <= 35 && code.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if plain && !matches!(code.as_str(), "und" | "unknown") { code.clone() } else { String::new() }
}

fn notices(report: &Report, acquired: &Acquired) -> Vec<String> {
    let mut notices = Vec::new();
    let run = &report.run;
    match (run.status, &run.failure) {
        (_, Some(failure)) => {
            let agent = failure
                .agent
                .as_ref()
                .map_or_else(String::new, |agent| format!("{}: ", words::role(agent.as_str())));
            notices.push(format!("The run failed. {agent}{}", words::reason(&failure.message)));
        }
        (RunStatus::Failed, None) => notices.push("The run failed.".to_owned()),
        (RunStatus::Cancelled, None) => {
            notices.push("The run was cancelled; this is what was done by then.".to_owned())
        }
        (RunStatus::Running, None) => {
            notices.push("The run has not ended; this is what is done so far.".to_owned())
        }
        (RunStatus::Partial, None) => notices.push("Parts are missing; see the gaps below.".to_owned()),
        (RunStatus::Complete, None) => {}
    }
    notices.extend(acquired.warnings.iter().map(|warning| safe(warning)));
    if let Some(Outcome::Uncertain { reason, data: Some(_) }) =
        report.result(agents::BRIEFING).map(|step| &step.outcome)
    {
        let why = words::reason(&reason.to_string());
        notices.push(match reason.code {
            ReasonCode::NoModel => format!("This briefing was put together by rules: {why}."),
            _ => format!("This briefing is uncertain: {why}."),
        });
    }
    notices
}

fn source(report: &Report, acquired: &Acquired, briefing: &Briefing, transcript: &Transcript) -> Vec<String> {
    let mut facts = vec![safe(&report.run.source.name)];
    facts.extend(acquired.author.as_deref().map(safe));
    facts.extend(acquired.published.as_deref().map(safe));
    let rung = briefing.source.rung.as_deref().or(acquired.rung.as_deref()).map(safe);
    let format = acquired.format.as_deref().map(safe).filter(|format| !format.is_empty());
    let kind = match (rung.as_deref(), briefing.source.kind.as_deref()) {
        (Some("full_text"), _) => Some("full text".to_owned()),
        (Some("captions"), _) => Some("captions".to_owned()),
        (Some("audio_to_transcribe"), _) => Some("audio, not transcribed".to_owned()),
        (Some("metadata_only"), _) => Some("metadata only".to_owned()),
        (Some("blocked"), _) => Some("blocked".to_owned()),
        (Some(other), _) => Some(other.replace('_', " ")),
        (None, kind) => kind.map(safe),
    };
    facts.extend(match (kind, format) {
        (Some(kind), Some(format)) => Some(format!("{kind} ({format})")),
        (kind, format) => kind.or(format),
    });
    facts.extend(transcript.duration_ms.or(briefing.source.duration_ms).map(words::clock));
    let code = if transcript.language.code.is_empty() {
        &briefing.source.language
    } else {
        &transcript.language.code
    };
    if report.briefing().is_some() || !transcript.segments.is_empty() {
        facts.push(words::language(code));
        let count = report.briefing().map_or(transcript.word_count, |_| briefing.source.word_count);
        facts.push(words::plural(count, "word"));
    }
    if !transcript.speakers.is_empty() {
        facts.push(words::plural(transcript.speakers.len() as u64, "speaker"));
    }
    facts.retain(|fact| !fact.is_empty());
    facts
}

/// From this score on the words are shown, where so many cues have a name.
const LURING: f64 = 0.9;
const FEWEST_NAMED: usize = 2;

/// What lures in the title's words. Titles of other languages are not judged.
fn title_wording(acquired: &Acquired, language: &str) -> Option<String> {
    let (title, wording) = (acquired.title.as_deref()?, acquired.clickbait.as_ref()?);
    let named = wording.cues.iter().filter(|cue| !matches!(cue.cue.as_str(), "wording" | "mark"));
    let cues: Vec<String> =
        named.map(|cue| format!("“{}” ({})", safe(&cue.words), safe(&cue.cue).replace('_', " "))).collect();
    let judged = matches!(language, "" | "en");
    (judged && wording.score >= LURING && cues.len() >= FEWEST_NAMED).then(|| {
        format!(
            "The source's title, “{}”, is worded like headlines that lure: {}. Learnt from English headlines of about \
             2016; it says nothing about what is said.",
            short(title),
            cues.join(", ")
        )
    })
}

fn topic_view(topic: &data::Topic, places: &Places) -> TopicView {
    TopicView {
        label: short(&topic.label),
        start_ms: topic.start_ms,
        end_ms: topic.end_ms,
        // What the label says already is not said again.
        keywords: topic
            .keywords
            .iter()
            .filter(|word| !topic.label.split(", ").any(|part| part == word.as_str()))
            .map(|word| short(word))
            .collect(),
        sentences: topic.sentences.iter().map(|sentence| places.said(sentence)).collect(),
    }
}

/// The counts of the risk agent where there are any, else what the briefing took over from it.
fn risk(report: &Report, briefing: &Briefing, places: &Places) -> RiskView {
    let risk: Risk = data::read(report.data(agents::RISK));
    let counted = !risk.cues.is_empty();
    let others =
        briefing.risks.iter().filter(|found| !counted || found.from.as_deref() != Some(agents::RISK));
    let mut findings: Vec<Said> =
        risk.findings.iter().chain(others).map(|found| places.said(found)).collect();
    let mut seen = std::collections::BTreeSet::new();
    findings.retain(|found| seen.insert(found.text.clone()));
    let example =
        |example: &data::Example| places.quoted(&example.words, example.segment.as_deref(), example.start_ms);
    RiskView {
        cues: risk
            .cues
            .iter()
            .filter(|cue| cue.count > 0)
            .map(|cue| CueView {
                name: safe(&cue.cue).replace('_', " "),
                count: cue.count,
                per_1000_words: format!("{:.1}", cue.per_1000_words),
                examples: cue.examples.iter().map(example).collect(),
            })
            .collect(),
        speakers: risk
            .by_speaker
            .iter()
            .map(|speaker| SpeakerRiskView {
                name: places.name(&speaker.label),
                counts: [speaker.words, speaker.claims, speaker.refuted, speaker.cues],
            })
            .collect(),
        findings,
        note: safe(&risk.note),
    }
}

fn person_view(person: &data::Person, places: &Places) -> PersonView {
    PersonView {
        name: short(&person.name),
        role: safe(&person.role).replace('_', " "),
        detail: safe(&person.detail),
        segment: person.segment.as_deref().filter(|segment| places.knows(segment)).map(safe),
    }
}

fn speaker_view(speaker: &data::Speaker, places: &Places) -> SpeakerView {
    let mut facts = vec![words::percent(speaker.share), words::plural(speaker.words, "word")];
    facts.push(words::plural(speaker.turns, "turn"));
    facts.extend(speaker.words_per_minute.map(|pace| format!("{pace:.0} words a minute")));
    SpeakerView {
        name: places.name(&speaker.label),
        share: speaker.share.clamp(0.0, 1.0),
        facts: facts.join(" · "),
    }
}

fn posts(report: &Report) -> Vec<(String, Vec<String>)> {
    let posts: data::Posts = data::read(report.data(agents::POSTS));
    let adaptations: data::Adaptations = data::read(report.data(agents::ADAPTATIONS));
    let lines = |text: &str| text.lines().map(safe).collect();
    let all = posts.posts.iter().chain(&adaptations.adaptations);
    all.map(|post| (words::role(&post.channel), lines(&post.text))).collect()
}

fn advice(report: &Report) -> Vec<(String, String)> {
    let account: data::Reliability = data::read(report.data(agents::RELIABILITY));
    account.advice.iter().map(|advice| (safe(&advice.text), safe(&advice.evidence))).collect()
}

/// The code of the reason of a skipped or uncertain result.
fn reason_code(result: &StepResult) -> Option<ReasonCode> {
    match &result.outcome {
        Outcome::Skipped(reason) | Outcome::Uncertain { reason, .. } => Some(reason.code),
        Outcome::Ok(_) | Outcome::Failed(_) => None,
    }
}
