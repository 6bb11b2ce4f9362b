//! Hand-made reports for tests.

use engine::model::{
    AgentId, Basis, CacheLevel, CallId, Charge, ChargeState, ContentRef, Depth, ItemId, Meta, NanoUsd,
    Outcome, Reason, ReasonCode, Run, RunId, RunKey, RunStatus, Source, StepResult, TenantId, Usage,
};
use serde_json::{Value, json};

use super::Report;
use super::report::agents;

const CREATED_MS: u64 = 1_747_000_000_000;

/// A deep run with a model: verdicts, citations, risk, people, posts.
pub(crate) fn with_model() -> Report {
    let mut report = empty(Depth::Deep, RunStatus::Partial);
    let model = Some("swift-2");
    put(
        &mut report,
        agents::SOURCE,
        "-",
        Outcome::Ok(json!({
            "rung": "captions",
            "format": "vtt",
            "title": "You won't believe this wall",
            "clickbait": {"score": 0.99, "cues": [{"cue": "speaks_to_you", "words": "You"},
                {"cue": "wording", "words": "wall"}, {"cue": "points_without_naming", "words": "this"}]},
        })),
        None,
        40,
    );
    put(&mut report, agents::TRANSCRIPT, "-", Outcome::Ok(transcript()), model, 900);
    put(&mut report, agents::MAP, "-", Outcome::Ok(map()), model, 4_100);
    put(&mut report, agents::CHECKS, "c1", Outcome::Ok(check("supported", 0.87)), model, 5_300);
    put(&mut report, agents::CHECKS, "c2", Outcome::Ok(check("refuted", 0.72)), model, 6_200);
    let unsure = Outcome::Uncertain {
        reason: Reason::new(ReasonCode::InvalidOutput, "a quote does not occur"),
        data: Some(check("conflicting", 0.4)),
    };
    put(&mut report, agents::CHECKS, "c3", unsure, model, 9_000);
    put(&mut report, agents::RISK, "-", Outcome::Ok(risk()), None, 12);
    put(&mut report, agents::BRIEFING, "-", Outcome::Ok(briefing(true)), model, 3_800);
    let posts = json!({"posts": [{"channel": "discord", "text": "A vote on 42 million pounds.\nRead on."}], "mentions_allowed": false});
    put(&mut report, agents::POSTS, "-", Outcome::Ok(posts), model, 1_200);
    let skipped = Outcome::Skipped(Reason::new(ReasonCode::NotApplicable, "no images"));
    put(&mut report, "visual_intelligence_specialist", "-", skipped, None, 3);
    let advice = json!({"advice": [{"text": "Raise the budget of verification.", "evidence": "one check stayed invalid"}]});
    put(&mut report, agents::RELIABILITY, "-", Outcome::Ok(advice), None, 8);
    let last = report.steps.len() - 3;
    report.steps[last].1.meta.basis = Basis::Cache { level: CacheLevel::L3, similarity: 0.97 };
    report.steps[last].1.meta.saved = NanoUsd(2_000_000);
    report.run.finished_ms = Some(CREATED_MS + 31_400);
    report
}

/// A standard run without a model: everything by rules.
pub(crate) fn without_model() -> Report {
    let mut report = empty(Depth::Standard, RunStatus::Complete);
    put(&mut report, agents::SOURCE, "-", Outcome::Ok(json!({"rung": "captions", "format": "vtt"})), None, 4);
    put(&mut report, agents::TRANSCRIPT, "-", Outcome::Ok(transcript()), None, 20);
    for item in ["c1", "c2", "c10"] {
        let mut data = check("not_checked", 0.0);
        data["citations"] = json!([]);
        data["confidence"] = Value::Null;
        data["reasoning"] = Value::Null;
        let unsure = Outcome::Uncertain { reason: ReasonCode::NoModel.into(), data: Some(data) };
        put(&mut report, agents::CHECKS, item, unsure, None, 2);
    }
    put(&mut report, agents::RISK, "-", Outcome::Ok(risk()), None, 5);
    put(&mut report, agents::BRIEFING, "-", Outcome::Ok(briefing(false)), None, 3);
    let skipped = || Outcome::Skipped(ReasonCode::NoModel.into());
    put(&mut report, "argument_strategist", "-", skipped(), None, 0);
    put(&mut report, "personality_synthesis_manager", "-", skipped(), None, 0);
    report.run.finished_ms = Some(CREATED_MS + 640);
    report
}

/// A run in which every text from outside is hostile.
pub(crate) fn hostile() -> Report {
    let mut report = with_model();
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>\x1b[2J\u{202e}[x](javascript:alert(1)) \
                ![p](http://evil.example/p.png) http://evil.example @everyone";
    for (_, result, _) in &mut report.steps {
        result.warnings = vec![evil.to_owned()];
        if let Outcome::Ok(data) | Outcome::Uncertain { data: Some(data), .. } = &mut result.outcome {
            poison(data, evil, "");
        }
    }
    report.run.source.name = evil.to_owned();
    report
}

fn poison(data: &mut Value, evil: &str, key: &str) {
    match data {
        Value::String(text) if key == "url" => *text = "javascript:alert(1)".to_owned(),
        Value::String(_) if ["segment", "id", "verdict", "stance"].contains(&key) => {}
        Value::String(text) => *text = evil.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(|value| poison(value, evil, key)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| poison(value, evil, key)),
        _ => {}
    }
}

fn empty(depth: Depth, status: RunStatus) -> Report {
    let key = RunKey { tenant: TenantId::new("local"), run: RunId::new("01JV0000000000000000000001") };
    let run = Run {
        key,
        workspace: "default".to_owned(),
        source: Source {
            name: "flood-budget.vtt".to_owned(),
            media_type: "text/vtt".to_owned(),
            bytes: 15_274,
            content: ContentRef::new("ab12"),
            link: None,
        },
        depth,
        cap: Some(depth.cap()),
        use_cache: true,
        catalogue_version: "v1".to_owned(),
        created_ms: CREATED_MS,
        deadline_ms: CREATED_MS + depth.deadline_ms(),
        status,
        cancel_requested: false,
        failure: None,
        finished_ms: None,
        cost: NanoUsd::ZERO,
        saved: NanoUsd::ZERO,
        sketch: None,
        versions: Vec::new(),
        warms: None,
        trace: None,
        models: engine::model::ModelPolicy::default(),
        repeats: None,
    };
    Report { run, steps: Vec::new(), charges: Vec::new() }
}

fn put(
    report: &mut Report,
    agent: &str,
    item: &str,
    outcome: Outcome,
    model: Option<&str>,
    duration_ms: u64,
) {
    let key = report.run.key.step(&AgentId::new(agent), &ItemId::new(item));
    let usage = match model {
        Some(_) => Usage { input_tokens: 1_200, output_tokens: 240, cached_tokens: 300, ..Usage::default() },
        None => Usage::default(),
    };
    let cost = NanoUsd(if model.is_some() { 1_234_500 } else { 0 });
    if let Some(model) = model {
        report.charges.push(Charge {
            call: CallId { step: key.clone(), epoch: 1, call: 1 },
            model: model.to_owned(),
            workspace: "default".to_owned(),
            state: ChargeState::Settled,
            worst_case: NanoUsd(9_000_000),
            output_tokens: 1_000,
            price_as_of: None,
            cost,
            usage,
            reserved_ms: CREATED_MS,
            provider: "sample".to_owned(),
            failed: None,
            took_ms: Some(900),
        });
    }
    let meta = Meta {
        run: key.run.run.clone(),
        agent: key.agent.clone(),
        item: key.item.clone(),
        attempt: 1,
        basis: if model.is_some() { Basis::Model } else { Basis::Deterministic },
        model: model.map(str::to_owned),
        prompt_version: String::new(),
        usage,
        cost,
        saved: NanoUsd::ZERO,
        spared_tokens: 0,
        duration_ms,
        finished_ms: CREATED_MS + 100 * report.steps.len() as u64,
        gaps: Vec::new(),
        input_digest: String::new(),
        trace_id: String::new(),
        looked_up: false,
        recall: None,
        routing: None,
    };
    report.steps.push((key, StepResult { outcome, warnings: Vec::new(), meta }, cost));
}

const SENTENCES: [(&str, u64, &str, &str); 7] = [
    ("s1", 1_200, "Nora", "Welcome back to Harbour Street, the podcast about how Marlow Bridge is run."),
    (
        "s2",
        10_480,
        "Nora",
        "On the fourteenth of May the council votes on a flood-defence budget of 42 million pounds.",
    ),
    ("s3", 26_493, "Speaker 2", "Thanks for having me, Nora."),
    ("s4", 46_482, "Speaker 2", "The insured losses came to 27 million pounds."),
    (
        "s5",
        53_507,
        "Speaker 2",
        "The council itself spent another 3.1 million on pumping and temporary housing.",
    ),
    ("s6", 252_900, "Nora", "Everybody knows that the wall was built for nothing!"),
    ("s7", 330_000, "Speaker 2", "The Environment Office counted 612 flooded homes."),
];

fn transcript() -> Value {
    let segments: Vec<Value> = SENTENCES
        .iter()
        .map(|(id, start_ms, speaker, text)| {
            json!({"id": id, "start_ms": start_ms, "end_ms": start_ms + 4_000, "speaker": speaker, "text": text})
        })
        .collect();
    json!({
        "language": {"code": "en", "confidence": 0.99, "reliable": true}, "timed": true, "duration_ms": 361_000, "word_count": 1_840,
        "speakers": [
            {"label": "Speaker 2", "turns": 31, "words": 1_141, "share": 0.62, "words_per_minute": 171.4},
            {"label": "Nora", "turns": 32, "words": 699, "share": 0.38, "words_per_minute": null},
        ],
        "segments": segments, "dropped_cues": 0, "warnings": [],
        "names": [{"label": "Speaker 2", "name": "Daniel Okafor", "segment": "s3", "quote": "Daniel"}],
    })
}

fn citation(source: &str, segment: Option<&str>, url: Option<&str>, quote: &str, stance: &str) -> Value {
    json!({"source": source, "segment": segment, "run_id": null, "url": url, "quote": quote, "stance": stance})
}

fn check(verdict: &str, confidence: f64) -> Value {
    let stance = if verdict == "refuted" { "refutes" } else { "supports" };
    json!({
        "claim_id": "c1", "claim": "", "verdict": verdict, "confidence": confidence,
        "reasoning": "The figure is named twice and an independent count agrees with it.",
        "citations": [
            citation("transcript", Some("s7"), None, SENTENCES[6].3, stance),
            citation("fact_check", None, Some("https://checks.example/floods"), "The count was 612.", stance),
        ],
        "evidence": [
            citation("transcript", Some("s7"), None, SENTENCES[6].3, "supports"),
            citation("transcript", Some("s5"), None, SENTENCES[4].3, "neutral"),
        ],
    })
}

fn briefing(checked: bool) -> Value {
    let said = |index: usize, text: Option<&str>| {
        let (segment, start_ms, speaker, verbatim) = SENTENCES[index];
        json!({"text": text.unwrap_or(verbatim), "segment": segment, "start_ms": start_ms, "speaker": speaker})
    };
    let claim = |id: &str, index: usize, score: f64, verdict: &str, confidence: f64| {
        let (segment, start_ms, speaker, text) = SENTENCES[index];
        json!({
            "id": id, "text": text, "speaker": speaker, "start_ms": start_ms, "segment": segment, "score": score,
            "verdict": if checked { verdict } else { "not_checked" },
            "confidence": if checked { Some(confidence) } else { None },
            "citations": if checked { check(verdict, confidence)["citations"].clone() } else { json!([]) },
        })
    };
    json!({
        "title": "Marlow Bridge votes on 42 million pounds against floods",
        "source": {"name": "flood-budget.vtt", "kind": "upload", "rung": "captions", "language": "en", "duration_ms": 361_000, "word_count": 1_840},
        "summary": [
            said(1, checked.then_some("The council votes in May on 42 million pounds for flood defences.")),
            said(3, checked.then_some("The last flood cost insurers 27 million pounds.")),
            said(4, None),
        ],
        "key_points": [said(3, None)],
        "topics": [
            {"label": "Flood-defence budget", "start_ms": 0, "end_ms": 120_000, "keywords": ["budget", "council", "vote"], "sentences": [said(1, None)]},
            {"label": "Cost of the February flood", "start_ms": 120_000, "end_ms": 270_000, "keywords": ["losses", "insurers"], "sentences": [said(3, None)]},
            {"label": "The Eastgate wall", "start_ms": 270_000, "end_ms": 361_000, "keywords": ["wall", "homes"], "sentences": []},
        ],
        "claims": [
            claim("c1", 6, 0.91, "supported", 0.87), claim("c2", 3, 0.83, "refuted", 0.72), claim("c3", 4, 0.64, "conflicting", 0.4),
        ],
        "argument": [{"text": "The wall failed, so the budget must be larger.", "segment": "s6", "start_ms": 252_900, "from": "deep_content_analyst"}],
        "risks": [{"text": "Appeals to what everybody knows", "count": 2, "segment": "s6", "start_ms": 252_900, "from": "controversy_tracker_specialist"}],
        "people": [{"name": "Daniel Okafor", "role": "speaker", "detail": "chairs the finance committee", "segment": "s3"}],
        "context": [{"text": "An earlier run on the same budget had 36 million.", "segment": null, "start_ms": null, "from": "research_synthesist"}],
        "gaps": [{"agent": "signal_recon_specialist", "reason": "not_planned"}],
    })
}

fn map() -> Value {
    let toned = |index: usize, value: f64| {
        let (segment, start_ms, speaker, text) = SENTENCES[index];
        json!({"segment": segment, "start_ms": start_ms, "speaker": speaker, "text": text, "value": value})
    };
    let stretch = |index: usize, value: f64| {
        let (segment, start_ms, ..) = SENTENCES[index];
        json!({
            "start_ms": start_ms, "end_ms": start_ms + 60_000, "first_segment": segment, "last_segment": segment,
            "value": value, "sentences": 12,
        })
    };
    let mut topic = stretch(0, 0.2);
    topic["topic"] = json!("t1");
    json!({
        "topics": [{"label": "Flood-defence budget", "first_segment": "s1"}],
        "sentiment": {
            "basis": "VADER", "overall": -0.031, "sentences": 24, "negative": 0.5, "neutral": 0.3, "positive": 0.2,
            "curve": [stretch(0, 0.25), stretch(5, -0.5)], "by_topic": [topic],
            "by_speaker": [
                {"label": "Nora", "value": 0.1, "sentences": 12}, {"label": "Speaker 2", "value": -0.2, "sentences": 12},
            ],
            "most_positive": [toned(0, 0.46)], "most_negative": [toned(3, -0.32)],
        },
        "readability": {
            "reading_ease": 71.2, "grade": 6.4, "mean_sentence_words": 14.6, "mean_word_syllables": 1.42,
            "long_word_share": 0.21, "words": 1_840, "sentences": 126,
        },
        "repetition": {
            "sentences": 126, "repeated_sentences": 6, "repeated_share": 0.0476,
            "phrases": [{"text": "flood-defence budget", "count": 4,
                "examples": [{"segment": "s2", "start_ms": 10_480, "words": "flood-defence budget"}]}],
            "cues": [{"cue": "link", "count": 3, "per_1000_words": 1.63,
                "examples": [{"segment": "s1", "start_ms": 1_200, "words": "Harbour Street"}]}],
            "spam": ["link"],
        },
    })
}

fn risk() -> Value {
    let place = || json!({"segment": "s6", "start_ms": 252_900, "words": "Everybody"});
    let some =
        |count: u64| json!({"count": count, "examples": if count > 0 { vec![place()] } else { vec![] }});
    json!({
        "cues": [
            {"cue": "appeal_to_common_knowledge", "count": 4, "per_1000_words": 2.17, "examples": [{"segment": "s6", "start_ms": 252_900, "words": "everybody knows"}]},
            {"cue": "absolute_language", "count": 2, "per_1000_words": 1.09, "examples": []},
        ],
        "verdicts": {"supported": 1, "refuted": 1, "conflicting": 1, "not_enough_evidence": 0, "not_checkable": 0, "not_checked": 0},
        "by_speaker": [
            {"label": "Nora", "words": 699, "claims": 4, "refuted": 0, "cues": 4},
            {"label": "Speaker 2", "words": 1_141, "claims": 9, "refuted": 1, "cues": 2},
        ],
        "certainty": {
            "kinds": [
                {"kind": "modal_hedge", "count": 3, "per_1000_words": 1.63, "words": [{"text": "may", "count": 3}], "examples": []},
                {"kind": "absolute", "count": 2, "per_1000_words": 1.09, "words": [{"text": "everybody", "count": 2}], "examples": [place()]},
            ],
            "by_speaker": [
                {"label": "Nora", "words": 699, "hedging": 3, "hedging_per_1000_words": 4.29, "certain": 2, "certain_per_1000_words": 2.86},
                {"label": "Speaker 2", "words": 1_141, "hedging": 0, "hedging_per_1000_words": 0.0, "certain": 0, "certain_per_1000_words": 0.0},
            ],
        },
        "sourcing": {
            "sentences": 126, "sourced_share": 0.0714, "quoted_share": null, "sourced_sentences": some(9),
            "quotations": some(0), "figures_with_source": some(3), "figures_without_source": some(5),
        },
        "note": "Counts of named cues, not a probability of lying.",
        "findings": [],
    })
}
