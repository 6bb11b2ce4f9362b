//! Parts of the briefing that come from dispensable agents; a missing agent leaves its part empty.

use engine::model::Status;
use engine::step_input::StepInput;
use serde_json::{Value, json};

use super::input::{self, Cartography};
use super::read::{Transcript, verifications};
use crate::segments::Segment;
use crate::speakers::UNKNOWN;
use crate::titles::capitalised;

const MOST_ROWS: usize = 12;
/// Places named within one row, and warnings about the source.
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
                    detail.push_str(&format!("; met in {}", plural(before as u64, "earlier run")));
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

/// What surrounds it: memory, background, trends, network, pictures, delivery, insights. A finding from the transcript
/// points to its segment; one from other runs points nowhere.
pub(super) fn context(input: &StepInput, transcript: &Transcript) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let mut add = |text: String, segment: &Value, from: &str| {
        rows.push(json!({"text": text, "segment": segment, "start_ms": null, "from": from}));
    };
    const NOWHERE: &Value = &Value::Null;
    let from = "insight_generation_specialist";
    for insight in list(input, from, "insights") {
        add(text(&insight["text"]).to_owned(), &insight["segment"], from);
    }
    let from = "signal_recon_specialist";
    for related in list(input, from, "related").iter().take(5) {
        let shared: Vec<&str> =
            related["overlap"].as_array().into_iter().flatten().filter_map(Value::as_str).take(4).collect();
        add(format!("Earlier run “{}” shares {}", text(&related["title"]), shared.join(", ")), NOWHERE, from);
    }
    let from = "research_synthesist";
    for term in list(input, from, "background").iter().take(6) {
        let outside =
            term["passages"].as_array().into_iter().flatten().find(|passage| passage["run_id"].is_string());
        if let Some(passage) = outside.or_else(|| term["passages"].get(0)) {
            add(format!("{}: {}", text(&term["term"]), text(&passage["text"])), &passage["segment"], from);
        }
    }
    let from = "trend_intelligence_specialist";
    for forecast in list(input, from, "forecasts").iter().filter(|row| row["horizon_days"] == 7).take(3) {
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
        add(line, NOWHERE, from);
    }
    let from = "cross_platform_intelligence_specialist";
    for spread in list(input, from, "spread").iter().take(3) {
        let count = spread["places"].as_array().map_or(0, Vec::len) as u64;
        add(
            format!("{} came up in {}", text(&spread["topic"]), plural(count, "earlier source")),
            NOWHERE,
            from,
        );
    }
    let from = "network_discovery_specialist";
    let often = |edge: &&Value| edge["weight"].as_u64().is_some_and(|weight| weight > 1);
    for edge in list(input, from, "edges").iter().filter(often).take(5) {
        let turns = || {
            let joins = |exchange: &&Value| {
                let ends = [&exchange["from"], &exchange["to"]].map(|name| input::fold(text(name)));
                let pair = [&edge["a"], &edge["b"]].map(|name| input::fold(text(name)));
                ends == pair || (ends[0] == pair[1] && ends[1] == pair[0])
            };
            list(input, from, "exchanges").iter().find(joins).map(|exchange| &exchange["segments"][0])
        };
        let shared = edge["segments"].get(0);
        add(together(edge), shared.or_else(turns).unwrap_or(NOWHERE), from);
    }
    for exchange in list(input, from, "exchanges").iter().take(4) {
        let (one, other) = (text(&exchange["from"]), text(&exchange["to"]));
        let asked = exchange["to_questions"].as_u64().unwrap_or(0);
        let count = times(exchange["count"].as_u64().unwrap_or(0));
        let line = match exchange["way"].as_str() {
            Some("answers") => format!("{one} follows {other} {count}, {} after a question", times(asked)),
            _ => format!("{one} names {other} {count}"),
        };
        add(line, &exchange["segments"][0], from);
    }
    let from = "guest_intelligence_specialist";
    for watch in list(input, from, "watch").iter().take(3) {
        add(format!("Watch {}: {}", text(&watch["name"]), text(&watch["why"])), NOWHERE, from);
    }
    let from = "visual_intelligence_specialist";
    for reference in list(input, from, "references").iter().take(5) {
        let quote = text(&reference["quote"]);
        // A line of the source may be part of a sentence, or hold several.
        let holds = |segment: &&Segment| segment.text.contains(quote) || quote.contains(&segment.text);
        let segment = transcript.segments.iter().find(holds).map_or(Value::Null, |segment| json!(segment.id));
        add(format!("Something was shown: “{quote}”"), &segment, from);
    }
    let from = "audio_intelligence_specialist";
    if let Some(pause) = list(input, from, "pauses").first() {
        let before = transcript.segments.iter().find(|segment| pause["after_segment"] == segment.id.as_str());
        let seconds = pause["ms"].as_f64().unwrap_or_default() / 1000.0;
        let begins =
            before.and_then(|segment| segment.end_ms).map(|end_ms| format!(", from {}", clock(end_ms)));
        let line = format!("The longest pause is {seconds:.1} s{}", begins.unwrap_or_default());
        add(line, &pause["after_segment"], from);
    }
    let from = "trend_intelligence_scout";
    for suggestion in list(input, from, "suggestions").iter().take(3) {
        let line = format!("Worth a run: {} ({})", text(&suggestion["query"]), text(&suggestion["why"]));
        add(line, &suggestion["segment"], from);
    }
    rows
}

/// What joins two people, and how often.
fn together(edge: &Value) -> String {
    let count = |field: &str| edge[field].as_array().map_or(0, Vec::len) as u64;
    let mut ways: Vec<String> = Vec::new();
    if let Some(answers) = edge["answers"].as_u64().filter(|answers| *answers > 0) {
        ways.push(format!("speak in turn {}", times(answers)));
    }
    if count("segments") > 0 {
        ways.push(format!("share {}", plural(count("segments"), "sentence")));
    }
    if count("runs") > 0 {
        ways.push(format!("were both in {}", plural(count("runs"), "earlier run")));
    }
    format!("{} and {} {}", text(&edge["a"]), text(&edge["b"]), ways.join(", "))
}

/// Every planned agent that did not succeed, and what the sources lack; nothing is passed over in silence.
pub(super) fn gaps(input: &StepInput, map: &Cartography, transcript: &Transcript) -> Vec<Value> {
    let mut gaps: Vec<Value> = Vec::new();
    if let Some(reason) = damage(transcript) {
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

/// What of the source could not be read, and where.
fn damage(transcript: &Transcript) -> Option<String> {
    let mut places = transcript.warnings.iter().take(MOST_EXAMPLES).cloned().collect::<Vec<_>>().join("; ");
    if transcript.warnings.len() > MOST_EXAMPLES {
        places.push_str(&format!("; and {} more", transcript.warnings.len() - MOST_EXAMPLES));
    }
    let dropped = match transcript.dropped_cues {
        0 => return Some(places).filter(|places| !places.is_empty()),
        1 => "1 caption could not be read and was left out".to_owned(),
        count => format!("{count} captions could not be read and were left out"),
    };
    Some(if places.is_empty() { dropped } else { format!("{dropped} ({places})") })
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
    let times = times(mentions);
    match share {
        Some(share) if mentions == 0 => format!("says {:.0}% of the words", share * 100.0),
        Some(share) => format!("says {:.0}% of the words, is mentioned {times}", share * 100.0),
        None => format!("mentioned {times}"),
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
