//! One small run as the agents of it are sent it.

use serde_json::{Value, json};

fn ok(data: Value) -> Value {
    json!({"status": "ok", "data": data})
}

const SAID: [(&str, &str, i64, i64, &str); 8] = [
    ("s1", "Dana", 0, 4_000, "Welcome, I'm Dana Holm, and this chart shows the harbour of Norvik."),
    ("s2", "Dana", 4_000, 9_000, "Dredging the harbour will cost 6 million crowns."),
    ("s3", "Jon", 12_500, 17_000, "It will cost 4 million crowns for the harbour dredging, the audit says."),
    ("s4", "Dana", 17_000, 21_000, "The Larsen Group lost the tender and Dana Holm called it a bad deal."),
    ("s5", "Jon", 21_000, 25_000, "The town must act, because the channel is broken."),
    ("s6", "Jon", 25_000, 30_000, "In 2019 the Larsen Group moved 300 ships."),
    ("s7", "Dana", 30_000, 34_000, "Therefore the port will close in 2030."),
    ("s8", "Jon", 34_000, 38_000, "Thank you, Dana."),
];

fn place(index: usize) -> Value {
    let (segment, speaker, start_ms, _, text) = SAID[index];
    json!({"segment": segment, "start_ms": start_ms, "speaker": speaker, "text": text})
}

fn claim(id: &str, index: usize) -> Value {
    let (segment, speaker, start_ms, _, text) = SAID[index];
    let context = [index - 1, index + 1].map(|near| json!({"segment": SAID[near].0, "text": SAID[near].4}));
    json!({"id": id, "text": text, "quote": text, "speaker": speaker, "start_ms": start_ms, "segment": segment,
        "score": 0.8, "cues": ["number"], "context": context})
}

/// A claim that no other passage settles.
pub(super) fn second_claim() -> Value {
    claim("c2", 5)
}

fn segments() -> Value {
    SAID.iter()
        .map(|(id, speaker, start_ms, end_ms, text)| {
            json!({"id": id, "speaker": speaker, "start_ms": start_ms, "end_ms": end_ms, "text": text})
        })
        .collect()
}

fn map() -> Value {
    json!({
        "title": "Harbour talk",
        "topics": [{"id": "t1", "label": "harbour dredging", "first_segment": "s1", "last_segment": "s8",
            "keywords": ["harbour", "dredging"], "key_sentences": [place(1)]}],
        "key_phrases": [{"text": "port", "score": 0.5, "mentions": 1, "segments": ["s7"]}],
        "entities": [
            {"name": "Larsen Group", "kind": "organisation", "mentions": 2, "segments": ["s4", "s6"]},
            {"name": "Dana Holm", "kind": "person", "mentions": 2, "segments": ["s1", "s4"]},
        ],
        "claims": [claim("c1", 1), claim("c2", 5), claim("c3", 6)],
        "summary": [place(1), place(2), place(3), place(6)],
        "speakers": [{"label": "Dana", "words": 40, "share": 0.5}, {"label": "Jon", "words": 40, "share": 0.5}],
        "sentiment": {"basis": "counts", "overall": -0.5, "most_negative": [place(3)]},
    })
}

fn briefing() -> Value {
    let point = |index: usize| json!({"text": place(index)["text"], "segment": place(index)["segment"], "start_ms": 4000});
    json!({"title": "Harbour dredging: who pays", "summary": [point(1), point(2)], "key_points": [point(3)],
        "gaps": [{"agent": "persona_archivist", "reason": "Timeout"}]})
}

/// The block of that name.
pub(super) fn block(name: &str) -> Value {
    match name {
        "item" => claim("c1", 1),
        "request" => {
            json!({"source_name": "harbour talk.vtt", "media_type": "text/vtt", "bytes": 900, "depth": "deep"})
        }
        "fact.plan" => json!({"depth": "deep", "agents": [
            {"agent": "audio_intelligence_specialist", "in_depth": true, "dispensable": true},
            {"agent": "analysis_cartographer", "in_depth": true, "dispensable": false}]}),
        "fact.content" => {
            let lines: Vec<_> = SAID.iter().map(|(_, _, _, _, text)| *text).collect();
            json!({"format": "vtt", "text": lines.join("\n00:01.000 --> 00:02.000\n")})
        }
        "fact.run_report" => json!({"depth": "deep", "cost_nano_usd": 7, "cap_nano_usd": 9, "steps": [
            {"agent": "analysis_cartographer", "status": "ok", "duration_ms": 90},
            {"agent": "persona_archivist", "status": "failed", "reason": "Timeout", "duration_ms": 4_100}]}),
        "mission_orchestrator" => ok(json!({"depth": "deep"})),
        "acquisition_specialist" => ok(json!({"rung": "captions", "author": null})),
        "transcription_engineer" => ok(json!({"timed": true, "segments": segments()})),
        "analysis_cartographer" => ok(map()),
        "verification_director" => ok(json!([
            {"item": "c1", "status": "ok", "data": {"claim_id": "c1", "verdict": "refuted"}},
            {"item": "c2", "status": "failed", "reason": "Timeout"}])),
        "intelligence_briefing_curator" => ok(briefing()),
        "personality_synthesis_manager" => ok(json!({"voice": "calm", "title": "Harbour, calmly told"})),
        "signal_recon_specialist" => {
            ok(json!({"related": [{"run_id": "R2", "title": "Harbour budget", "created_ms": 1_000}]}))
        }
        "network_discovery_specialist" => ok(json!({"edges": [{"a": "Dana", "b": "Jon", "weight": 3}],
            "relations": [{"a": "Dana", "b": "Jon", "relation": "speaks with", "segment": "s3"}]})),
        "deep_content_analyst" => {
            ok(json!({"arguments": [{"conclusion": {"text": SAID[6].4, "segment": "s7"},
            "premises": [], "weakness": "s5 gives no figure"}]}))
        }
        "guest_intelligence_specialist" => ok(json!({"watch": [{"name": "Dana", "why": "Tied to Jon."}]})),
        "controversy_tracker_specialist" => ok(json!({"assessment": "low: a bad deal over the harbour"})),
        _ => json!({"status": "not_planned"}),
    }
}

/// What the agent's analyser found.
pub(super) fn baseline(agent: &str) -> Value {
    match agent {
        "acquisition_specialist" => {
            json!({"kind": "upload", "rung": "captions", "name": "harbour talk.vtt", "title": null,
                "glimpse": {"opening": SAID.map(|(_, _, _, _, text)| text).join(" "), "middle": "", "end": ""}})
        }
        "transcription_engineer" => json!({"segments": segments()}),
        "audio_intelligence_specialist" => json!({
            "speakers": [{"label": "Dana", "segment": "s1", "speaking_ms": 17_000, "words_per_minute": 124},
                {"label": "Jon", "segment": "s3", "speaking_ms": 17_500, "words_per_minute": 130}],
            "pauses": [{"after_segment": "s2", "before_segment": "s3", "text_before": SAID[1].4,
                "text_after": SAID[2].4, "ms": 3_500}]}),
        "verification_director" => json!({"evidence": [
            {"source": "transcript", "segment": "s3", "run_id": null, "quote": SAID[2].4, "stance": "neutral"}]}),
        "persona_archivist" => {
            json!({"people": [{"name": "Dana Holm", "label": "Dana", "role": "speaker", "mentions": 2,
            "quotes": [{"segment": "s2", "text": SAID[1].4}], "seen_before": [{"run_id": "R2", "title": "Harbour budget"}]}]})
        }
        "signal_recon_specialist" => {
            json!({"related": [{"run_id": "R2", "title": "Harbour budget", "overlap": ["harbour", "dredging"]}]})
        }
        "research_synthesist" => json!({"background": [{"term": "Dana Holm", "passages": [
            {"text": "The port was deepened in 1998.", "segment": null, "run_id": "R1"}]}]}),
        "guest_intelligence_specialist" => {
            json!({"guests": [{"name": "Dana", "evidence": "labelled", "connections": 1,
            "seen_before": [{"run_id": "R2", "title": "Harbour budget"}]}]})
        }
        "risk_intelligence_analyst" => json!({"cues": [{"cue": "certainty", "count": 2, "examples": [
            {"segment": "s7", "start_ms": 30_000, "words": "will"}]}]}),
        "trend_intelligence_specialist" => json!({"unknown": [{"topic": "tender", "reason": "too few days"}],
            "forecasts": [{"topic": "harbour", "horizon_days": 7, "value": 4, "low": 2, "high": 6, "sample": 30}]}),
        "cross_platform_intelligence_specialist" => json!({"spread": [{"topic": "harbour", "first_ms": 0,
            "last_ms": 12 * 86_400_000i64, "places": [{"source_name": "b.vtt", "run_id": "R2", "created_ms": 9},
            {"source_name": "a.vtt", "run_id": "R1", "created_ms": 1}]}]}),
        "controversy_tracker_specialist" => {
            json!({"count": 1, "kinds": [{"kind": "heated", "count": 1, "per_1000_words": 2.5}], "signals": [{"kind": "heated",
            "words": "bad deal", "segment": "s4", "start_ms": 17_000}]})
        }
        _ => json!({}),
    }
}
