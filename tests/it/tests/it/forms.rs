//! What programs read of a run: its machine form, and what it cost.

use std::collections::BTreeMap;

use engine::model::NanoUsd;
use lab::scripted::{Script, ScriptedServer};
use serde_json::Value;

use crate::assay::{assay, json, run, sample};
use crate::cli::{path_text, run_sample, text};

#[test]
fn usage_is_what_the_runs_paid() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = assay(&[arguments, &["--state", path_text(&state)]].concat());
        command.env("LLM_BASE_URL", server.url()).env("LLM_MODEL", "scripted").env("LLM_PRICE", "0.15/0.60");
        run(&mut command)
    };
    let reports = ["flood-budget.vtt", "speech.txt"]
        .map(|name| json(&ask(&["run", path_text(&sample(name)), "--depth", "quick", "--json"])));
    let sum = |pointers: &[&str]| -> i64 {
        let of = |report: &Value| -> i64 {
            pointers.iter().map(|pointer| report.pointer(pointer).unwrap().as_i64().unwrap()).sum()
        };
        reports.iter().map(of).sum()
    };
    let sent = sum(&["/usage/input_tokens", "/usage/cached_tokens", "/usage/cache_write_tokens"]);
    let answered = sum(&["/usage/output_tokens", "/usage/reasoning_tokens"]);
    let cost = NanoUsd(sum(&["/cost/total_nano_usd"]));
    let billed = server.bill().lines().len();
    assert!(billed > 2 && sent > 0 && answered > 0 && cost > NanoUsd::ZERO);
    let usage = text(&ask(&["usage", "--by", "agent"]).stdout);
    let figures: Vec<Vec<&str>> = usage.lines().map(|line| line.split_whitespace().collect()).collect();
    let all = figures.iter().find(|line| line.starts_with(&["in", "all"])).unwrap();
    let expected = [billed.to_string(), sent.to_string(), answered.to_string(), cost.to_string()];
    assert_eq!(all[2..], expected, "{usage}");
    let steps = reports.iter().flat_map(|report| report["steps"].as_array().unwrap());
    let mut by_agent: BTreeMap<&str, i64> = BTreeMap::new();
    for step in steps.filter(|step| step["basis"] == "model") {
        *by_agent.entry(step["agent"].as_str().unwrap()).or_default() +=
            step["cost_nano_usd"].as_i64().unwrap();
    }
    assert!(by_agent.len() > 2, "{by_agent:?}");
    for (agent, cost) in by_agent {
        let line = figures.iter().find(|line| line.first() == Some(&agent)).unwrap();
        assert_eq!(line.last(), Some(&NanoUsd(cost).to_string().as_str()), "{usage}");
    }
    let csv = text(&ask(&["usage", "--csv"]).stdout);
    assert_eq!(csv.lines().filter(|line| line.contains(",settled,")).count(), billed, "{csv}");
}

#[test]
fn the_machine_form_keeps_its_keys() {
    const TOKENS: &str = "cache_write_tokens cached_tokens input_tokens output_tokens reasoning_tokens";
    let (_folder, output) = run_sample("flood-budget.vtt", &["--depth", "deep", "--json"]);
    let report = json(&output);
    let keys = |value: &Value| {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    let briefing = &report["briefing"];
    for (value, expected) in [
        (
            &report,
            "briefing briefing_status catalogue_version checks cost created_ms depth duration_ms failure \
             finished_ms format gaps run_id source status steps style usage use_cache workspace",
        ),
        (&report["cost"], "cap_nano_usd saved_nano_usd total_nano_usd unsettled_nano_usd"),
        (
            briefing,
            "argument claims context gaps highlights key_points people risks source summary title topics",
        ),
        (&briefing["summary"][0], "segment speaker start_ms text"),
        (&briefing["claims"][0], "citations confidence id score segment speaker start_ms text verdict"),
        (&report["source"], "bytes digest link media_type name"),
        (&report["usage"], TOKENS),
        (
            &report["steps"][0],
            "agent attempt basis cache cost_nano_usd duration_ms finished_ms gaps item model reason \
             saved_nano_usd status usage warnings",
        ),
        (&report["steps"][0]["usage"], TOKENS),
        (&report["gaps"][0], "agent item reason status"),
        (&report["checks"][0], "data item status"),
        (&report["style"], "certainty readability repetition sentiment sourcing"),
    ] {
        assert_eq!(keys(value), expected);
    }
}
