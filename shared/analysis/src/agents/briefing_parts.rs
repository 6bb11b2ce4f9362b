//! Parts of the briefing that come from dispensable agents; a missing agent leaves its part empty.

use engine::model::Status;
use engine::step_input::StepInput;
use serde_json::{Value, json};

use super::input::Cartography;
use super::read::{Transcript, verifications};
use crate::speakers::UNKNOWN;

const MOST_ROWS: usize = 12;
/// Places named within one row.
const MOST_EXAMPLES: usize = 3;

/// `12:07` or `1:02:03`.
pub(super) fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How it argues: positions of agent 13, cues and arguments of agent 23.
pub(super) fn argument(input: &StepInput) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    for position in list(input, "argument_strategist", "positions") {
        let holder = position["holder"].as_str().map(|holder| format!("{holder}: ")).unwrap_or_default();
        let text = format!("{holder}{}", text(&position["position"]));
        let segment = &position["steelman"][0]["segment"];
        rows.push(json!({"text": text, "segment": segment, "start_ms": null, "from": "argument_strategist"}));
    }
    let from = "deep_content_analyst";
    for argument in list(input, from, "arguments").iter().take(5) {
        let premises = argument["premises"].as_array().map_or(0, Vec::len);
        let conclusion = text(&argument["conclusion"]["text"]);
        let weakness =
            argument["weakness"].as_str().map(|words| format!(" Weak point: {words}")).unwrap_or_default();
        let support = if premises == 1 { "one reason".to_owned() } else { format!("{premises} reasons") };
        let text = format!("Conclusion from {support}: {conclusion}{weakness}");
        rows.push(json!({"text": text, "segment": argument["conclusion"]["segment"], "start_ms": null, "from": from}));
    }
    for cue in list(input, from, "cues").iter().take(MOST_ROWS) {
        let text = format!("Possible {}: “{}”", text(&cue["cue"]).replace('_', " "), text(&cue["words"]));
        rows.push(
            json!({"text": text, "segment": cue["segment"], "start_ms": cue["start_ms"], "from": from}),
        );
    }
    rows
}

/// Risk cues and findings of agent 6, conflict signals of agent 25.
pub(super) fn risks(input: &StepInput) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let from = "risk_intelligence_analyst";
    for finding in list(input, from, "findings") {
        rows.push(json!({
            "text": finding["text"], "count": null, "segment": finding["segment"],
            "start_ms": finding["start_ms"], "from": from,
        }));
    }
    for cue in list(input, from, "cues") {
        let example = &cue["examples"][0];
        let words = example["words"].as_str().map(|words| format!(", such as “{words}”")).unwrap_or_default();
        let rate = cue["per_1000_words"].as_f64().unwrap_or_default();
        let text =
            format!("{}{words} ({rate} per 1,000 words)", capitalised(&text(&cue["cue"]).replace('_', " ")));
        rows.push(json!({
            "text": text, "count": cue["count"], "segment": example["segment"],
            "start_ms": example["start_ms"], "from": from,
        }));
    }
    let from = "controversy_tracker_specialist";
    for kind in list(input, from, "kinds") {
        let signals: Vec<&Value> =
            list(input, from, "signals").iter().filter(|signal| signal["kind"] == kind["kind"]).collect();
        let said = |signal: &&Value| {
            let at = signal["start_ms"].as_u64().map(|start_ms| format!(" ({})", clock(start_ms)));
            format!("“{}”{}", text(&signal["words"]), at.unwrap_or_default())
        };
        let examples: Vec<String> = signals.iter().take(MOST_EXAMPLES).map(said).collect();
        let rate = kind["per_1000_words"].as_f64().unwrap_or_default();
        let line = format!(
            "Wording of conflict, {}: {} ({rate} per 1,000 words)",
            kind_of_conflict(text(&kind["kind"])),
            examples.join(", ")
        );
        let first = signals.first().map_or(&Value::Null, |signal| *signal);
        rows.push(json!({
            "text": line, "count": kind["count"], "segment": first["segment"],
            "start_ms": first["start_ms"], "from": from,
        }));
    }
    rows
}

fn kind_of_conflict(kind: &str) -> &str {
    match kind {
        "heated" => "heated words",
        "legal" => "words of law",
        other => other,
    }
}

/// Who speaks and who is spoken of: agent 7 where it ran, else the map.
pub(super) fn people(input: &StepInput, map: &Cartography) -> Vec<Value> {
    let archived = list(input, "persona_archivist", "people");
    if !archived.is_empty() {
        let dossiers = list(input, "persona_archivist", "dossiers");
        return archived
            .iter()
            .map(|person| {
                let dossier = dossiers.iter().find(|dossier| dossier["name"] == person["name"]);
                let mut detail = share(person["share"].as_f64(), person["mentions"].as_u64().unwrap_or(0));
                let before = person["seen_before"].as_array().map_or(0, Vec::len);
                if before > 0 {
                    detail.push_str(&format!("; met in {before} earlier runs"));
                }
                if let Some(dossier) = dossier {
                    detail = format!("{} ({detail})", text(&dossier["text"]));
                }
                let segment = &person["quotes"][0]["segment"];
                json!({"name": person["name"], "role": person["role"], "detail": detail, "segment": segment})
            })
            .collect();
    }
    let speakers = map.speakers.iter().filter(|speaker| speaker.label != UNKNOWN).map(|speaker| {
        let mentions = map.entities.iter().find(|entity| entity.name == speaker.label);
        let detail = share(Some(speaker.share), mentions.map_or(0, |entity| entity.mentions));
        let segment =
            map.passages().into_iter().find(|sentence| sentence.speaker.as_ref() == Some(&speaker.label));
        json!({
            "name": speaker.label, "role": "speaker", "detail": detail,
            "segment": segment.map(|sentence| sentence.segment),
        })
    });
    let is_speaker = |name: &str| map.speakers.iter().any(|speaker| speaker.label == name);
    let mentioned = map
        .entities
        .iter()
        .filter(|entity| entity.kind == "person" && !is_speaker(&entity.name))
        .take(MOST_ROWS)
        .map(|entity| {
            let detail = share(None, entity.mentions);
            json!({"name": entity.name, "role": "mentioned", "detail": detail, "segment": entity.segments.first()})
        });
    speakers.chain(mentioned).collect()
}

/// What surrounds it: memory, background, trends, network, pictures, delivery, insights.
pub(super) fn context(input: &StepInput) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let mut add = |text: String, from: &str| rows.push(json!({"text": text, "from": from}));
    for insight in list(input, "insight_generation_specialist", "insights") {
        add(text(&insight["text"]).to_owned(), "insight_generation_specialist");
    }
    for related in list(input, "signal_recon_specialist", "related").iter().take(5) {
        let shared: Vec<&str> =
            related["overlap"].as_array().into_iter().flatten().filter_map(Value::as_str).take(4).collect();
        add(
            format!("Earlier run “{}” shares {}", text(&related["title"]), shared.join(", ")),
            "signal_recon_specialist",
        );
    }
    for term in list(input, "research_synthesist", "background").iter().take(6) {
        let outside =
            term["passages"].as_array().into_iter().flatten().find(|passage| passage["run_id"].is_string());
        if let Some(passage) = outside.or_else(|| term["passages"].get(0)) {
            add(format!("{}: {}", text(&term["term"]), text(&passage["text"])), "research_synthesist");
        }
    }
    for forecast in list(input, "trend_intelligence_specialist", "forecasts")
        .iter()
        .filter(|row| row["horizon_days"] == 7)
        .take(3)
    {
        let line = format!(
            "{}: about {} runs a day expected a week from now ({} to {}, from {} days; {} on known days erred by {} on the mean)",
            text(&forecast["topic"]),
            forecast["value"],
            forecast["low"],
            forecast["high"],
            forecast["sample"],
            text(&forecast["method"]),
            forecast["error"],
        );
        add(line, "trend_intelligence_specialist");
    }
    for spread in list(input, "cross_platform_intelligence_specialist", "spread").iter().take(3) {
        let count = spread["places"].as_array().map_or(0, Vec::len);
        add(
            format!("{} came up in {count} earlier sources", text(&spread["topic"])),
            "cross_platform_intelligence_specialist",
        );
    }
    let often = |edge: &&Value| edge["weight"].as_u64().is_some_and(|weight| weight > 1);
    for edge in list(input, "network_discovery_specialist", "edges").iter().filter(often).take(5) {
        let line =
            format!("{} and {} appear together {} times", text(&edge["a"]), text(&edge["b"]), edge["weight"]);
        add(line, "network_discovery_specialist");
    }
    for exchange in list(input, "network_discovery_specialist", "exchanges").iter().take(4) {
        let (from, to) = (text(&exchange["from"]), text(&exchange["to"]));
        let asked = exchange["to_questions"].as_u64().unwrap_or(0);
        let line = match exchange["way"].as_str() {
            Some("answers") => {
                format!("{from} follows {to} {} times, {asked} times after a question", exchange["count"])
            }
            _ => format!("{from} names {to} {} times", exchange["count"]),
        };
        add(line, "network_discovery_specialist");
    }
    for watch in list(input, "guest_intelligence_specialist", "watch").iter().take(3) {
        add(
            format!("Watch {}: {}", text(&watch["name"]), text(&watch["why"])),
            "guest_intelligence_specialist",
        );
    }
    for reference in list(input, "visual_intelligence_specialist", "references").iter().take(5) {
        add(
            format!("Something was shown: “{}”", text(&reference["quote"])),
            "visual_intelligence_specialist",
        );
    }
    if let Some(pause) = list(input, "audio_intelligence_specialist", "pauses").first() {
        let seconds = pause["ms"].as_f64().unwrap_or_default() / 1000.0;
        add(
            format!("The longest pause is {seconds:.1} s, after {}", text(&pause["after_segment"])),
            "audio_intelligence_specialist",
        );
    }
    for suggestion in list(input, "trend_intelligence_scout", "suggestions").iter().take(3) {
        add(
            format!("Worth a run: {} ({})", text(&suggestion["query"]), text(&suggestion["why"])),
            "trend_intelligence_scout",
        );
    }
    rows
}

/// Every planned agent that did not succeed, and what the sources lack; nothing is passed over in silence.
pub(super) fn gaps(input: &StepInput, map: &Cartography, transcript: &Transcript) -> Vec<Value> {
    let mut gaps: Vec<Value> = Vec::new();
    if transcript.dropped_cues > 0 {
        let reason = format!("{} captions could not be read and were left out", transcript.dropped_cues);
        gaps.push(json!({"agent": "transcription_engineer", "reason": reason}));
    }
    for limit in &map.limits {
        let reason = format!("{}: {}", limit.analyser.replace('_', " "), limit.reason);
        gaps.push(json!({"agent": "analysis_cartographer", "reason": reason}));
    }
    for (agent, other) in &input.inputs {
        if other.status != Status::Ok {
            let reason = other.reason.clone().unwrap_or_else(|| other.status.name().to_owned());
            let reason = match agent.as_str() {
                "verification_director" => format!("{reason}{}", unchecked(input)),
                _ => reason,
            };
            gaps.push(json!({"agent": agent.as_str(), "reason": reason}));
        }
    }
    gaps
}

/// How many claims of those looked at ended without a verdict.
fn unchecked(input: &StepInput) -> String {
    let rows = verifications(input);
    let open = rows.iter().filter(|row| row.status != "ok").count();
    if rows.is_empty() {
        String::new()
    } else {
        format!(" ({open} of {} claims have no verdict)", rows.len())
    }
}

fn list<'a>(input: &'a StepInput, agent: &str, field: &str) -> &'a [Value] {
    input.ok(agent).and_then(|data| data[field].as_array()).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn share(share: Option<f64>, mentions: u64) -> String {
    let times = if mentions == 1 { "once".to_owned() } else { format!("{mentions} times") };
    match share {
        Some(share) if mentions == 0 => format!("says {:.0} % of the words", share * 100.0),
        Some(share) => format!("says {:.0} % of the words, is mentioned {times}", share * 100.0),
        None => format!("mentioned {times}"),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
