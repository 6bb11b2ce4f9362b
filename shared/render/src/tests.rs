use super::sample::{hostile, with_model, without_model};
use super::{Style, html, json, markdown, text, width_of};
use serde_json::Value;

/// Asserts that `page` has all of `lines`, in this order.
#[track_caller]
fn has(page: &str, lines: &[&str]) {
    let mut rest = page;
    for line in lines {
        let Some(at) = rest.find(line) else { panic!("missing, or not in order: {line}\n---\n{page}") };
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn text_with_a_model() {
    let page = text::render(&with_model(), Style::Plain, 100);
    has(
        &page,
        &[
            "\nMarlow Bridge votes on 42 million pounds against floods\n",
            "flood-budget.vtt · captions (vtt) · 06:01 · English · 1,840 words · 2 speakers\n",
            "The source's title, “You won't believe this wall”, is worded like headlines that lure: “You” (speaks\nto you), “this” (points without naming). Learnt from English headlines of about 2016;",
            "! Parts are missing; see the gaps below.\n",
            "\nSUMMARY\n  00:10  Nora: The council votes in May",
            "  00:46  Daniel Okafor: The last flood cost",
            "\nTOPICS\n  00:00–02:00  Flood-defence budget\n",
            "budget, council, vote\n",
            "\nCLAIMS  1 supported · 1 refuted · 1 with conflicting evidence\n",
            "   1. The Environment Office counted 612 flooded homes.\n",
            "      ✓ Supported, confidence 87%\n",
            "      05:30 · Daniel Okafor · worth checking 0.91\n",
            "      + for: “The Environment Office counted 612 flooded homes.” (transcript 05:30)\n",
            "      + for: “The count was 612.” (published fact check) https://checks.example/floods\n",
            "      ✗ Refuted, confidence 72%\n",
            "      − against: “The Environment Office",
            "      ± Conflicting evidence, confidence 40% (uncertain: the model's answer stayed invalid: a quote",
            "\nARGUMENT\n  04:12  The wall failed",
            "\nRISK CUES\n  Counts of named cues, not a probability of lying.\n",
            "    4× appeal to common knowledge (2.2 per 1,000 words), such as “everybody knows”, 04:12\n",
            "\nTONE AND WORDING\n  Counted from the wording by rules.",
            "  Tone         neutral (-0.03): 20% of the sentences positive, 30% neutral, 50% negative\n               ▆▁\n",
            "  Certainty    hedging 3 times (1.6 per 1,000 words), certainty 2 times (1.1 per 1,000 words)\n",
            "  Sources      7% of the sentences name one, quotation is not marked, 3 of 8 figures have one\n",
            "  Readability  reading ease 71 (Flesch), school grade 6.4 (Flesch-Kincaid), 14.6 words a sentence,\n",
            "  Repetition   6 of 126 sentences say an earlier one again (5%); denser than in most talk: link\n",
            "  •  Most positive, 00:01: “Welcome back",
            "  •  Most negative, 00:46: “The insured losses",
            "\nPEOPLE\n  •  Daniel Okafor (speaker: chairs the finance committee)\n",
            "\nCONTEXT\n",
            "\nGAPS\n",
            "Signal recon specialist: left out of the plan\n",
            "Visual intelligence specialist: nothing in this content for it: no images\n",
            "Cost   $0.0086415 · 7 model calls · $0.002 saved by the cache · cap $3.00\n",
            "Steps  9 ok · 1 uncertain · 1 skipped\n",
            "Basis  6 by model swift-2 · 3 by rules · 1 from cache\n",
            "Parts  transcript, topics and claims, verdicts, briefing by model swift-2 · risk cues by rules\n",
            "Run    01JV0000000000000000000001 · partial · depth deep · took 31.4 s\n",
        ],
    );
    assert!(!page.contains('\x1b'));
}

#[test]
fn text_without_a_model_says_so_once() {
    let page = text::render(&without_model(), Style::Plain, 80);
    has(
        &page,
        &[
            "CLAIMS\n  Not checked: no model is configured, so no claim has a verdict. Evidence is",
            "   1. The Environment Office",
            "05:30 · Daniel Okafor · worth checking 0.91 · 2 pieces of evidence\n",
            "Argument strategist, Personality synthesis manager, Verification director\n     (3 items): no model is configured\n",
            "Cost   $0 · 0 model calls · cap $1.50\n",
            "Basis  7 by rules\n",
            "took 640 ms",
        ],
    );
    assert_eq!(page.matches("Not checked").count(), 1);
    assert!(!page.contains("confidence") && !page.contains("KEY POINTS"));
}

#[test]
fn limits_of_agents_that_ended_well_are_gaps() {
    let mut report = without_model();
    let briefing = report.steps.iter_mut().find(|(key, ..)| key.agent.as_str() == super::agents::BRIEFING);
    let Some((_, result, _)) = briefing else { panic!("no briefing") };
    if let engine::model::Outcome::Ok(data) = &mut result.outcome {
        let limit = "readability: the formulas are made for English, not for de";
        data["gaps"] = serde_json::json!([{"agent": super::agents::TRANSCRIPT, "reason": limit}]);
    }
    let page = text::render(&report, Style::Plain, 100);
    has(
        &page,
        &[
            "GAPS",
            "  •  Transcription engineer: readability: the formulas are made for English, not for de\n",
        ],
    );
}

#[test]
fn what_is_not_looked_for_in_a_language_is_not_said_to_be_missing() {
    let mut report = with_model();
    let none = serde_json::json!({"count": 0, "examples": []});
    let sourcing = serde_json::json!({"sentences": 4, "sourced_share": null, "quoted_share": null,
        "sourced_sentences": none, "quotations": none, "figures_with_source": none, "figures_without_source": none});
    for (key, result, _) in &mut report.steps {
        if let engine::model::Outcome::Ok(data) = &mut result.outcome {
            match key.agent.as_str() {
                super::agents::MAP => data["language"] = "zh".into(),
                super::agents::RISK => *data = serde_json::json!({"cues": [], "sourcing": sourcing}),
                _ => {}
            }
        }
    }
    let page = text::render(&report, Style::Plain, 100);
    has(
        &page,
        &[
            "in digits, and in words they are not read in this language\n",
            "Parts  transcript, topics and claims, verdicts, briefing",
        ],
    );
    assert!(!page.contains("risk cues"), "{page}");
}

#[test]
fn a_failed_run_is_told_in_words_for_people() {
    let mut report = without_model();
    let not_reached =
        engine::error::Error::new(engine::error::ErrorKind::Timeout, "the run ended before this step did");
    report.steps.retain(|(key, ..)| key.agent.as_str() != super::agents::BRIEFING);
    for (key, result, _) in &mut report.steps {
        match (&mut result.outcome, key.agent.as_str()) {
            (engine::model::Outcome::Ok(data), super::agents::TRANSCRIPT) => data["word_count"] = 1.into(),
            (outcome, super::agents::RISK) => {
                *outcome = engine::model::Outcome::Failed((&not_reached).into())
            }
            _ => {}
        }
    }
    report.run.status = engine::model::RunStatus::Failed;
    report.run.failure = Some(engine::model::RunFailure {
        agent: Some(engine::model::AgentId::new(super::agents::MAP)),
        kind: engine::error::ErrorKind::InvalidInput,
        message: "unusable_content: the transcript has 1 word".to_owned(),
    });
    let page = text::render(&report, Style::Plain, 100);
    has(
        &page,
        &[
            "English · 1 word · ",
            "! The run failed. Analysis cartographer: the content is too poor to say anything: the transcript",
        ],
    );
    for hidden in ["InvalidInput", "unusable_content", "ended before this step"] {
        assert!(!page.contains(hidden), "{hidden}\n{page}");
    }
}

#[test]
fn text_fits_its_width() {
    for report in [with_model(), without_model(), hostile()] {
        for width in [30, 46, 80, 100] {
            let page = text::render(&report, Style::Plain, width);
            assert!(page.lines().all(|line| width_of(line) <= width), "{width}\n{page}");
        }
    }
    assert!(text::render(&with_model(), Style::Ansi, 80).contains("\x1b[1mSUMMARY\x1b[0m"));
}

#[test]
fn hostile_content_does_not_reach_a_terminal() {
    let page = text::render(&hostile(), Style::Plain, 80);
    assert!(!page.contains(['\x1b', '\u{202e}']));
}

#[test]
fn json_is_stable() {
    let page = json::render(&with_model());
    has(
        &page,
        &[
            "{\n  \"run_id\": \"01JV",
            "\"status\": \"partial\"",
            "\"depth\": \"deep\"",
            "\"source\"",
            "\"created_ms\"",
            "\"duration_ms\": 31400",
            "\"failure\": null",
            "\"total_nano_usd\": 8641500",
            "\"cap_nano_usd\": 3000000000",
            "\"steps\": [",
            "\"gaps\": [",
            "\"briefing\": {\n    \"title\"",
            "\"source\"",
            "\"summary\"",
            "\"claims\": [",
            "\"id\": \"c1\"",
            "\"text\"",
            "\"speaker\"",
            "\"start_ms\"",
            "\"segment\"",
            "\"score\"",
            "\"verdict\"",
            "\"confidence\"",
            "\"citations\"",
            "\"briefing_status\": \"ok\"",
            "\"style\": {\n    \"sentiment\": {",
            "\"repetition\": {",
            "\"certainty\": {",
            "\"sourcing\": {",
            "\"checks\": [",
            "\"format\": 1\n}\n",
        ],
    );
    let read: Value = serde_json::from_str(&page).unwrap();
    let steps = read["steps"].as_array().unwrap();
    let keys = |value: &Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys.join(" ")
    };
    assert_eq!(
        keys(&steps[0]),
        "agent attempt basis cache cost_nano_usd duration_ms finished_ms gaps item model reason saved_nano_usd status usage warnings"
    );
    assert_eq!(
        keys(&steps[0]["usage"]),
        "cache_write_tokens cached_tokens input_tokens output_tokens reasoning_tokens"
    );
    let step = |agent: &str| steps.iter().find(|step| step["agent"] == agent).unwrap();
    assert_eq!(step("community_liaison")["cache"], serde_json::json!({"level": "l3", "similarity": 0.97}));
    assert_eq!(step("visual_intelligence_specialist")["reason"], "not_applicable: no images");
    assert_eq!(step("transcription_engineer")["item"], Value::Null);
    let billed: i64 = steps.iter().map(|step| step["cost_nano_usd"].as_i64().unwrap()).sum();
    assert_eq!(read["cost"]["total_nano_usd"], billed);
}

#[test]
fn the_cap_is_the_runs_own() {
    let mut report = with_model();
    report.run.cap = Some(engine::model::NanoUsd::from_milli_usd(10));
    assert!(text::render(&report, Style::Plain, 100).contains("cap $0.01"));
    assert!(html::render(&report).contains("$0.01"));
    assert!(json::render(&report).contains("\"cap_nano_usd\": 10000000"));
}

#[test]
fn json_orders_items_by_number_and_has_no_briefing_without_one() {
    let mut report = without_model();
    let read: Value = serde_json::from_str(&json::render(&report)).unwrap();
    let items: Vec<&str> =
        read["checks"].as_array().unwrap().iter().map(|check| check["item"].as_str().unwrap()).collect();
    assert_eq!(items, ["c1", "c2", "c10"]);
    report.steps.clear();
    let read: Value = serde_json::from_str(&json::render(&report)).unwrap();
    assert_eq!((&read["briefing"], &read["briefing_status"]), (&Value::Null, &Value::Null));
}

#[test]
fn json_is_exact_and_safe_to_look_at() {
    let report = hostile();
    let page = json::render(&report);
    assert!(!page.contains(['\x1b', '\u{202e}']));
    let read: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(read["briefing"]["title"], report.briefing().unwrap()["title"]);
}

#[test]
fn markdown_with_and_without_a_model() {
    let page = markdown::render(&with_model());
    has(
        &page,
        &[
            "# Marlow Bridge votes on 42 million pounds against floods\n\n",
            "*The source's title, “You won't believe this wall”, is worded like headlines that lure",
            "> **Note:** Parts are missing",
            "## Summary\n\n- `00:10` **Nora:** The council votes",
            "## Topics\n\n- `00:00–02:00` **Flood-defence budget**: budget, council, vote\n",
            "## Claims\n\n1. **The Environment Office counted 612 flooded homes.**\n\n   ✓ Supported, confidence 87% · `05:30` · Daniel Okafor",
            "(published fact check, [checks.example](<https://checks.example/floods>))",
            "| appeal to common knowledge | 4 | 2.2 | `04:12` **Nora:** everybody knows |",
            "## Tone and wording\n\n*Counted from",
            "- **Tone:** neutral (-0.03)",
            "- **Tone over time:** 00:01, positive (+0.25), 12 sentences; 04:12, negative (-0.50), 12 sentences\n",
            "- **Most negative:** `00:46` **Daniel Okafor:** The insured losses",
            "**Tone by topic**\n\n| Topic | Tone | Sentences | From |\n|---|---:|---:|---|\n| Flood-defence budget | \\+0.20 | 12 | `00:01` |\n",
            "| absolute | 2 | 1\\.1 | everybody ×2 | `04:12` **Nora:** Everybody |\n",
            "| figures without | 5 | `04:12` **Nora:** Everybody |\n",
            "## Gaps\n",
            "---\n\nCost \\$0.0086415 · 7 model calls",
        ],
    );
    let page = markdown::render(&without_model());
    has(&page, &["*Not checked: no model is configured", "- about: “The council itself spent"]);
}

#[test]
fn hostile_content_brings_no_markdown() {
    let page = markdown::render(&hostile());
    for markup in ["<script", "<img", "](javascript", "![", " http://evil", "@everyone"] {
        let at = page.match_indices(markup).find(|(at, _)| !page[..*at].ends_with('\\'));
        assert_eq!(at, None, "{markup}");
    }
    assert!(!page.contains(['\x1b', '\u{202e}']));
}

#[test]
fn html_with_a_model() {
    let page = html::render(&with_model());
    has(
        &page,
        &[
            "<!doctype html>\n<html lang=\"en\">",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
            "<h1 lang=\"en\" dir=\"auto\">Marlow Bridge votes",
            "<p class=\"note\" dir=\"auto\">The source",
            "<nav aria-label=\"Sections\">",
            "<h2 id=\"claims\">Claims</h2>",
            "<li class=\"card supported\" id=\"claim-1\">",
            "<span class=\"badge supported\"><span aria-hidden=\"true\">✓</span> Supported</span>",
            "<a class=\"place\" href=\"#at-s7\"",
            "<a rel=\"noopener nofollow noreferrer\" href=\"https://checks.example/floods\">checks.example</a>",
            "1 further passage found about it",
            "Uncertain: the model&#39;s answer stayed invalid",
            "style=\"left:0%;width:33.24%\"",
            "<h2 id=\"style\">Tone and wording</h2>",
            "<ol class=\"tone\">\n<li title=\"00:01, positive (+0.25), 12 sentences\"><span class=\"up\" style=\"height:25%\">",
            "<span class=\"down\" style=\"height:50%\">",
            "<caption>Hedging and certainty</caption>",
            "<span class=\"hue-0\" style=\"flex-grow:62\">",
            "<p id=\"at-s7\">",
            "href=\"#claim-1\">claim 1</a>",
            "<caption>Steps</caption>",
            "$0.0012345",
        ],
    );
}

#[test]
fn html_links_lead_somewhere() {
    for report in [with_model(), without_model(), hostile()] {
        let page = html::render(&report);
        for (at, _) in page.match_indices("href=\"#") {
            let target = page[at + 7..].split('"').next().unwrap();
            assert!(page.contains(&format!(" id=\"{target}\"")), "{target}");
        }
        let mut ids: Vec<&str> =
            page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        for tag in [
            "section", "div", "ul", "ol", "li", "dl", "details", "table", "p", "span", "a", "h3", "dt", "dd",
            "tr", "td",
        ] {
            let opened =
                page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}

#[test]
fn hostile_content_brings_no_html() {
    let page = html::render(&hostile());
    for markup in [
        "<script",
        "<img",
        "\"><",
        "href=\"javascript",
        "\x1b",
        "\u{202e}",
        "onerror=\"",
        "http://evil.example\"",
    ] {
        let found = page.find(markup).map(|at| &page[at.saturating_sub(60)..]);
        let found = found.map(|rest| rest.chars().take(120).collect::<String>());
        let allowed = markup == "\"><";
        assert!(allowed || found.is_none(), "{markup}: {found:?}");
    }
    assert!(
        page.contains("&lt;script&gt;")
            && page.contains("<span class=\"address\">javascript:alert(1)</span>")
    );
}

#[test]
fn html_without_a_model_has_no_verdicts() {
    let page = html::render(&without_model());
    has(&page, &["<p class=\"note\">Not checked: no model is configured", "2 passages found about it"]);
    assert!(!page.contains("class=\"badge"));
}

#[test]
fn a_run_without_a_briefing_says_why() {
    let mut report = without_model();
    report.steps.retain(|(key, ..)| key.agent.as_str() != super::agents::BRIEFING);
    report.run.status = engine::model::RunStatus::Failed;
    report.run.failure = Some(engine::model::RunFailure {
        agent: Some(engine::model::AgentId::new("transcription_engineer")),
        kind: engine::error::ErrorKind::Parsing,
        message: "cue 3 has no time".to_owned(),
    });
    let told = "The run failed. Transcription engineer: cue 3 has no time";
    for page in [text::render(&report, Style::Plain, 100), markdown::render(&report), html::render(&report)] {
        assert!(page.contains(told), "{page}");
    }
    report.steps.clear();
    assert!(!text::render(&report, Style::Plain, 80).contains("SUMMARY"));
}

#[test]
fn what_is_to_be_known_of_a_source_is_a_notice() {
    let mut report = with_model();
    let warning = "The host xn--a.example may pretend to be another site.";
    for (key, result, _) in &mut report.steps {
        if key.agent.as_str() == super::agents::SOURCE {
            let data = serde_json::json!({"rung": "captions", "format": "vtt", "warnings": [warning]});
            result.outcome = engine::model::Outcome::Ok(data);
        }
    }
    let page = text::render(&report, Style::Plain, 100);
    assert!(page.contains(&format!("! {warning}")), "{page}");
}
