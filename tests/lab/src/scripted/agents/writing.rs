//! What people read: the briefing, its voice, its posts and adaptations, insights, and how the run went.

use serde_json::{Value, json};

use super::{Sentence, sentences};
use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{
    clock_time, content_words, field, list, number, shared_words, start_of, text, words,
};

/// Retells the map's summary, and makes points of verdicts, arguments and people as far as those agents delivered.
pub(super) fn intelligence_briefing_curator(evidence: &Evidence) -> Result<Value, Missing> {
    evidence.need("transcription_engineer")?;
    let map = evidence.need("analysis_cartographer")?;
    let claims = list(map, "claims");
    let told = |sentence: &Sentence<'_>| match sentence.speaker {
        Some(speaker) => format!("{speaker} says: {}", sentence.text),
        None => format!("It is said: {}", sentence.text),
    };
    let summary: Vec<_> = sentences(map, "summary")
        .iter()
        .take(6)
        .map(|sentence| {
            json!({"text": told(sentence), "start_ms": sentence.start_ms, "segment": sentence.segment,
                "speaker": sentence.speaker})
        })
        .collect();
    let mut key_points = Vec::new();
    let mut point = |said: String, segment: &str, start_ms: Value| {
        key_points.push(json!({"text": said, "segment": segment, "start_ms": start_ms}));
    };
    let mut refuted = 0;
    for verdict in evidence.each("verification_director") {
        if let Some(claim) = claims.iter().find(|claim| text(claim, "id") == text(verdict, "claim_id")) {
            refuted += usize::from(text(verdict, "verdict") == "refuted");
            let said = format!("{}: {}", text(verdict, "verdict").replace('_', " "), text(claim, "text"));
            point(said, text(claim, "segment"), field(claim, "start_ms"));
        }
    }
    let arguments =
        evidence.get("deep_content_analyst").map_or(&[][..], |structure| list(structure, "arguments"));
    if let Some(argument) = arguments.iter().find(|argument| argument["weakness"].is_string()) {
        let segment = argument.pointer("/conclusion/segment").and_then(Value::as_str).unwrap_or_default();
        point(format!("The argument is weakest here: {}.", text(argument, "weakness")), segment, Value::Null);
    }
    if let Some(claim) = claims.first() {
        let said = format!("Most worth checking of {} claims: {}", claims.len(), text(claim, "text"));
        point(said, text(claim, "segment"), field(claim, "start_ms"));
    }
    key_points.truncate(8);
    let topic = list(map, "topics").first().map_or_else(|| text(map, "title"), |topic| text(topic, "label"));
    let title = match (claims.len(), refuted) {
        (0, _) => topic.to_owned(),
        (count, 0) => format!("{topic}: {count} claims"),
        (count, refuted) => format!("{topic}: {count} claims, {refuted} refuted"),
    };
    Ok(json!({"title": title, "summary": summary, "key_points": key_points}))
}

/// Reads the run's own report: what was slow, what is missing, what it cost.
pub(super) fn system_reliability_officer(evidence: &Evidence) -> Result<Value, Missing> {
    let report = evidence.need("fact.run_report")?;
    let steps = list(report, "steps");
    let mut advice = Vec::new();
    let mut advise = |text: &str, evidence: String| advice.push(json!({"text": text, "evidence": evidence}));
    if let Some(slowest) = steps.iter().max_by_key(|step| number(step, "duration_ms")) {
        let took = format!(
            "{} took {} ms of {} steps.",
            text(slowest, "agent"),
            number(slowest, "duration_ms"),
            steps.len()
        );
        advise("Look at the slowest step first.", took);
    }
    for step in steps.iter().filter(|step| matches!(text(step, "status"), "failed" | "skipped")).take(3) {
        let ended = format!("{} was {}: {}", text(step, "agent"), text(step, "status"), text(step, "reason"));
        advise("Close this gap or take the agent out of the depth.", ended);
    }
    let (cost, cap) = (number(report, "cost_nano_usd"), number(report, "cap_nano_usd"));
    if cap > 0 {
        advise("Compare what it cost with what it may.", format!("{cost} of {cap} nano-dollars were spent."));
    }
    Ok(json!({"advice": advice}))
}

/// Carries the briefing into channels, without pinging anybody.
pub(super) fn community_liaison(evidence: &Evidence) -> Result<Value, Missing> {
    let briefing = evidence.need("intelligence_briefing_curator")?;
    let voiced = evidence.get("personality_synthesis_manager").map(|voice| text(voice, "title"));
    let title = voiced.filter(|title| !title.is_empty()).unwrap_or_else(|| text(briefing, "title"));
    let points: Vec<_> = list(briefing, "key_points")
        .iter()
        .chain(list(briefing, "summary"))
        .take(4)
        .map(|point| {
            format!(
                "- {}{}",
                clock_time(field(point, "start_ms").as_i64()),
                start_of(text(point, "text"), 160)
            )
        })
        .collect();
    let plain = |text: String| text.replace('@', "(at)");
    let missing = match list(briefing, "gaps").len() {
        0 => String::new(),
        gaps => format!("\n{gaps} parts are missing."),
    };
    let discord = start_of(&plain(format!("**{title}**\n{}{missing}", points.join("\n"))), 1_800);
    let bare = start_of(&plain(format!("{title}\n{}{missing}", points.join("\n"))), 1_200);
    Ok(json!({"posts": [{"channel": "discord", "text": discord}, {"channel": "text", "text": bare}]}))
}

/// Measures the briefing's sentences to name a voice, and keeps its facts.
pub(super) fn personality_synthesis_manager(evidence: &Evidence) -> Result<Value, Missing> {
    let briefing = evidence.need("intelligence_briefing_curator")?;
    let told = sentences(briefing, "summary");
    let mean = told.iter().map(|sentence| words(sentence.text).len()).sum::<usize>() / told.len().max(1);
    let summary: Vec<_> =
        told.iter().map(|sentence| json!({"text": sentence.text, "segment": sentence.segment})).collect();
    let voice = format!("calm, exact, {mean} words a sentence");
    Ok(json!({"voice": voice, "title": text(briefing, "title"), "summary": summary}))
}

/// Retells the briefing by title for two platforms, with the places it draws on.
pub(super) fn content_generation_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let briefing = evidence.need("intelligence_briefing_curator")?;
    let topics = list(evidence.need("analysis_cartographer")?, "topics");
    let title = text(briefing, "title");
    let points: Vec<_> =
        sentences(briefing, "key_points").into_iter().chain(sentences(briefing, "summary")).collect();
    let segments = |most: usize| {
        let mut ids: Vec<_> = points.iter().take(most).map(|point| point.segment).collect();
        ids.dedup();
        ids
    };
    if points.is_empty() {
        return Ok(json!({"adaptations": []}));
    }
    let posts: Vec<_> = points
        .iter()
        .take(4)
        .enumerate()
        .map(|(index, point)| format!("{}/ {}", index + 1, start_of(point.text, 260)))
        .collect();
    let labels: Vec<_> = topics.iter().map(|topic| text(topic, "label")).take(4).collect();
    let newsletter = format!(
        "Subject: {title}\n\n{}\n\nIt covers {}.",
        points.iter().take(3).map(|point| point.text).collect::<Vec<_>>().join("\n\n"),
        labels.join(", ")
    );
    Ok(json!({"adaptations": [
        {"platform": "thread", "text": format!("{title}\n{}", posts.join("\n")), "segments": segments(4)},
        {"platform": "newsletter", "text": newsletter, "segments": segments(3)},
    ]}))
}

/// Joins the map's claims with what other agents found about the same place or people.
pub(super) fn insight_generation_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let claims = list(evidence.need("analysis_cartographer")?, "claims");
    let from = |agent: &str, field: &str| evidence.get(agent).map_or(&[][..], |data| list(data, field));
    let mut insights = Vec::new();
    for argument in from("deep_content_analyst", "arguments") {
        let segment = argument.pointer("/conclusion/segment").and_then(Value::as_str).unwrap_or_default();
        if let Some(claim) = claims.iter().find(|claim| text(claim, "segment") == segment) {
            let said = format!("An argument concludes in the same sentence as claim {}.", text(claim, "id"));
            let basis = format!(
                "deep_content_analyst: a conclusion in {segment}; analysis_cartographer: {} stands there",
                text(claim, "id")
            );
            insights.push(json!({"text": said, "segment": segment, "basis": basis}));
        }
    }
    for watched in from("guest_intelligence_specialist", "watch") {
        let name = text(watched, "name");
        let tie = from("network_discovery_specialist", "relations").iter().find(|tie| text(tie, "a") == name);
        if let Some(tie) = tie {
            let said = format!("{name}, whom to watch, {} {}.", text(tie, "relation"), text(tie, "b"));
            let basis = format!(
                "guest_intelligence_specialist: {}; network_discovery_specialist: {} in {}",
                text(watched, "why"),
                text(tie, "relation"),
                text(tie, "segment")
            );
            insights.push(json!({"text": said, "segment": text(tie, "segment"), "basis": basis}));
        }
    }
    let assessment =
        evidence.get("controversy_tracker_specialist").map_or("", |tracker| text(tracker, "assessment"));
    let near = claims.iter().find(|claim| !shared_words(text(claim, "text"), assessment).is_empty());
    if let Some(claim) = near {
        let matter = content_words(text(claim, "text")).into_iter().take(2).collect::<Vec<_>>().join(" and ");
        let basis = format!(
            "controversy_tracker_specialist: {assessment}; analysis_cartographer: {}",
            text(claim, "id")
        );
        let said = format!("The conflict turns on {matter}.");
        insights.push(json!({"text": said, "segment": text(claim, "segment"), "basis": basis}));
    }
    insights.truncate(6);
    Ok(json!({"insights": insights}))
}
