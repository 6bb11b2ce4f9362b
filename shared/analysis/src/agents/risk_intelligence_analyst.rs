//! Risk and trust as counts: named cues of wording, how sure it is, its sources, verdicts, all with their places.

use std::collections::BTreeMap;

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Cartography};
use super::read::{Item, transcript, verifications};
use super::style_rows;
use crate::document::Document;
use crate::speakers::UNKNOWN;
use crate::{cues, numbers, sourcing, speakers};

const NOTE: &str = "Counts of named cues in the wording. They are no probability that anybody lies: people who tell the \
    truth hedge, exaggerate and leave out sources too.";
const VERDICTS: [&str; 6] =
    ["supported", "refuted", "conflicting", "not_enough_evidence", "not_checkable", "not_checked"];

/// Counts cues and verdicts, in all and by speaker.
pub fn baseline(input: &StepInput) -> Analysis {
    let transcript = transcript(input);
    let map = input::cartography(input);
    let verdicts = verdict_by_claim(&map, &verifications(input));
    let document = Document::new(&transcript.segments, &transcript.language.code);
    let numbers = numbers::find(&document);
    let places = cues::risk_places(&document, &numbers);
    let counts: Vec<Value> = cues::risk_counts(&document, &places)
        .into_iter()
        .map(|count| {
            let examples = style_rows::places(&document, &count.examples);
            json!({"cue": count.cue, "count": count.count, "per_1000_words": count.per_1000_words, "examples": examples})
        })
        .collect();
    let mut totals = serde_json::Map::new();
    for verdict in VERDICTS {
        totals
            .insert(verdict.to_owned(), json!(verdicts.values().filter(|other| **other == verdict).count()));
    }
    let by_speaker: Vec<Value> = speakers::find(&document)
        .into_iter()
        .map(|speaker| {
            let said = |label: &Option<String>| label.as_deref().unwrap_or(UNKNOWN) == speaker.label;
            let claims = map.claims.iter().filter(|claim| said(&claim.speaker));
            let refuted = claims.clone().filter(|claim| verdicts.get(claim.id.as_str()) == Some(&"refuted"));
            let fired = places.iter().filter(|place| said(&document.segments[place.segment].speaker));
            json!({
                "label": speaker.label,
                "words": speaker.words,
                "claims": claims.clone().count(),
                "refuted": refuted.count(),
                "cues": fired.count(),
            })
        })
        .collect();
    Analysis::Complete(json!({
        "cues": counts,
        "verdicts": totals,
        "by_speaker": by_speaker,
        "certainty": style_rows::certainty(&document),
        "sourcing": style_rows::sourcing(&document, &sourcing::find(&document, &numbers)),
        "note": NOTE,
        "findings": [],
    }))
}

/// The verdict of every claim; claims nobody looked at are not checked.
fn verdict_by_claim<'a>(map: &'a Cartography, rows: &[Item]) -> BTreeMap<&'a str, &'static str> {
    let verdict = |id: &str| {
        let row = rows.iter().find(|row| row.item == id)?;
        let verdict = row.verdict()?;
        VERDICTS.into_iter().find(|known| *known == verdict)
    };
    map.claims.iter().map(|claim| (claim.id.as_str(), verdict(&claim.id).unwrap_or("not_checked"))).collect()
}
