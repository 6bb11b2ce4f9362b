//! The claims with their verdicts and what speaks for and against them.

use std::collections::{BTreeMap, BTreeSet};

use engine::model::{Depth, ReasonCode, Status, StepResult};

use super::places::{Places, Said};
use super::reason_code;
use crate::data::{self, Briefing, Check, Citation, Claim, Statement};
use crate::link::{Link, link};
use crate::report::{Report, agents, shown};
use crate::safe::safe;
use crate::words;

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Supported,
    Refuted,
    Conflicting,
    NotEnoughEvidence,
    NotCheckable,
    NotChecked,
}

impl Verdict {
    /// Every verdict, in the order in which they are counted.
    pub(crate) const ALL: [Verdict; 6] = [
        Verdict::Supported,
        Verdict::Refuted,
        Verdict::Conflicting,
        Verdict::NotEnoughEvidence,
        Verdict::NotCheckable,
        Verdict::NotChecked,
    ];

    fn from_name(name: Option<&str>) -> Verdict {
        match name {
            Some("supported") => Verdict::Supported,
            Some("refuted") => Verdict::Refuted,
            Some("conflicting") => Verdict::Conflicting,
            Some("not_enough_evidence") => Verdict::NotEnoughEvidence,
            Some("not_checkable") => Verdict::NotCheckable,
            _ => Verdict::NotChecked,
        }
    }

    /// The plain word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verdict::Supported => "Supported",
            Verdict::Refuted => "Refuted",
            Verdict::Conflicting => "Conflicting evidence",
            Verdict::NotEnoughEvidence => "Not enough evidence",
            Verdict::NotCheckable => "Not checkable",
            Verdict::NotChecked => "Not checked",
        }
    }

    /// The word after a number of claims.
    pub(crate) fn counted(self) -> &'static str {
        match self {
            Verdict::Supported => "supported",
            Verdict::Refuted => "refuted",
            Verdict::Conflicting => "with conflicting evidence",
            Verdict::NotEnoughEvidence => "without enough evidence",
            Verdict::NotCheckable => "not checkable",
            Verdict::NotChecked => "not checked",
        }
    }

    /// A mark that stands beside the word, never alone.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Verdict::Supported => "✓",
            Verdict::Refuted => "✗",
            Verdict::Conflicting => "±",
            Verdict::NotEnoughEvidence => "?",
            Verdict::NotCheckable => "–",
            Verdict::NotChecked => "○",
        }
    }
}

/// A claim as it is shown.
pub(crate) struct ClaimView {
    /// Its rank, from 1.
    pub(crate) number: usize,
    /// Text, place and speaker.
    pub(crate) said: Said,
    /// How much it is worth checking, two decimals.
    pub(crate) score: String,
    pub(crate) verdict: Verdict,
    /// In per cent.
    pub(crate) confidence: Option<String>,
    /// Why the verdict is not sure, although there is one.
    pub(crate) unsure: Option<String>,
    pub(crate) reasoning: Option<String>,
    /// What the verdict rests on.
    pub(crate) citations: Vec<CitationView>,
    /// What else was found about it.
    pub(crate) evidence: Vec<CitationView>,
}

/// A passage that speaks to a claim.
pub(crate) struct CitationView {
    /// `supports`, `refutes` or `neutral`.
    pub(crate) stance: &'static str,
    /// The stance for people.
    pub(crate) stance_words: &'static str,
    /// Quote, place and speaker.
    pub(crate) said: Said,
    /// Where it is from: `transcript`, `an earlier run`, `the model's own knowledge`.
    pub(crate) source: String,
    pub(crate) link: Option<Link>,
    /// An address that may not become a link.
    pub(crate) address: Option<String>,
}

/// The claims of the briefing, ranked, each with its check.
pub(super) fn claims(report: &Report, briefing: &Briefing, places: &Places) -> Vec<ClaimView> {
    let checks: BTreeMap<&str, &StepResult> =
        report.items(agents::CHECKS).map(|(item, result)| (item.as_str(), result)).collect();
    let view = |(index, claim): (usize, &Claim)| {
        claim_view(index + 1, claim, checks.get(claim.id.as_str()).copied(), places)
    };
    briefing.claims.iter().enumerate().map(view).collect()
}

fn claim_view(number: usize, claim: &Claim, result: Option<&StepResult>, places: &Places) -> ClaimView {
    let check: Check = data::read(result.and_then(shown));
    let verdict = Verdict::from_name(claim.verdict.as_deref().or(check.verdict.as_deref()));
    let citations = if claim.citations.is_empty() { &check.citations } else { &claim.citations };
    let mut seen = BTreeSet::new();
    let mut views = |passages: &[Citation]| -> Vec<CitationView> {
        let fresh =
            passages.iter().filter(|passage| seen.insert((passage.quote.clone(), passage.segment.clone())));
        fresh.map(|passage| citation_view(passage, places)).collect()
    };
    let unsure =
        result.filter(|result| verdict != Verdict::NotChecked && result.status() == Status::Uncertain);
    ClaimView {
        number,
        said: places.said(&Statement {
            text: claim.text.clone(),
            start_ms: claim.start_ms,
            segment: claim.segment.clone(),
            speaker: claim.speaker.clone(),
            ..Statement::default()
        }),
        // Cut, not rounded: no score is a whole 1.
        score: format!("{:.2}", (claim.score * 100.0).floor() / 100.0),
        verdict,
        confidence: claim
            .confidence
            .or(check.confidence)
            .filter(|_| verdict != Verdict::NotChecked)
            .map(words::percent),
        unsure: unsure.and_then(StepResult::reason).map(|reason| words::reason(&reason)),
        reasoning: check.reasoning.as_deref().map(safe).filter(|text| !text.is_empty()),
        citations: views(citations),
        evidence: views(&check.evidence),
    }
}

fn citation_view(citation: &Citation, places: &Places) -> CitationView {
    let (stance, stance_words) = match citation.stance.as_str() {
        "supports" => ("supports", "for"),
        "refutes" => ("refutes", "against"),
        _ => ("neutral", "about"),
    };
    let address = citation.url.as_deref().filter(|address| !address.trim().is_empty());
    let link = address.and_then(link);
    let source = match (citation.source.as_str(), citation.run_id.as_deref()) {
        ("transcript", _) => "transcript".to_owned(),
        ("memory", Some(run_id)) => format!("earlier run {}", safe(run_id)),
        ("memory", None) => "memory".to_owned(),
        ("fact_check", _) => "published fact check".to_owned(),
        ("model_knowledge", _) => "the model's own knowledge, no source".to_owned(),
        (other, _) => safe(other).replace('_', " "),
    };
    CitationView {
        stance,
        stance_words,
        said: places.quoted(&citation.quote, citation.segment.as_deref(), None),
        source,
        address: address.filter(|_| link.is_none()).map(safe),
        link,
    }
}

/// What is to be said once about the checking of `claims`.
pub(super) fn checking(report: &Report, claims: &[ClaimView]) -> Option<String> {
    if claims.is_empty() {
        return None;
    }
    let checked = claims.iter().filter(|claim| claim.verdict != Verdict::NotChecked).count();
    let results: Vec<&StepResult> = report.items(agents::CHECKS).map(|(_, result)| result).collect();
    if checked == claims.len() {
        return None;
    }
    if checked > 0 {
        return Some(format!("{checked} of {} claims were checked, best first.", claims.len()));
    }
    if results.is_empty() {
        let depth = report.run.depth;
        return Some(match depth {
            Depth::Quick => "Not checked: depth quick only finds claims.".to_owned(),
            _ => "Not checked.".to_owned(),
        });
    }
    if results.iter().all(|result| reason_code(result) == Some(ReasonCode::NoModel)) {
        return Some(
            "Not checked: no model is configured, so no claim has a verdict. Evidence is what was found in the \
             transcript and in earlier runs."
                .to_owned(),
        );
    }
    let reasons: BTreeSet<String> =
        results.iter().filter_map(|result| result.reason()).map(|reason| words::reason(&reason)).collect();
    let reasons: Vec<String> = reasons.into_iter().take(3).collect();
    Some(if reasons.is_empty() {
        "Not checked.".to_owned()
    } else {
        format!("Not checked: {}.", reasons.join("; "))
    })
}
