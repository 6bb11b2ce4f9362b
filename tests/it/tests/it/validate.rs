//! `assay validate` as a process, in front of somebody who takes connections and never answers.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use boot::SystemClock;
use engine::ports::Clock as _;
use serde_json::Value;

use crate::assay::{assay, json, run};

/// In this time the process has ended.
const IN_TIME: Duration = Duration::from_millis(2_600);

/// The system takes connections for it, and nobody reads them.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The whole process, from its start to its end, and each component's verdict. The quickest of three: a busy machine stands still
/// for seconds now and then, but not each time.
fn timed(what: &str, command: &mut Command) -> (Output, BTreeMap<String, String>) {
    let mut once = || {
        let began_ms = SystemClock.now_ms();
        let output = run(command);
        let took = Duration::from_millis(SystemClock.now_ms() - began_ms);
        let report = json(&output);
        println!("{what}: {} ms of the process, {} ms of them told", took.as_millis(), report["took_ms"]);
        (took, output, report)
    };
    let (mut took, mut output, mut report) = once();
    for _ in 0..2 {
        if took >= IN_TIME {
            (took, output, report) = once();
        }
    }
    let rows = report["components"].as_array().unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let verdicts = rows.iter().map(|row| (text(row, "component"), text(row, "verdict"))).collect();
    assert!(took < IN_TIME, "{what}: {took:?}: {report:#}");
    (output, verdicts)
}

#[test]
fn a_provider_that_never_answers_holds_nothing_up() {
    let (_held, url) = silent();
    let state = tempfile::tempdir().unwrap();
    let validate = || assay(&["validate", "--json", "--state", state.path().to_str().unwrap()]);
    let (output, well) = timed("no provider", &mut validate());
    assert_eq!(output.status.code(), Some(0));
    let mut asks = validate();
    asks.env("LLM_BASE_URL", format!("{url}/v1")).env("LLM_MODEL", "silent").env("LLM_PRICE", "1/1");
    let (output, rows) = timed("a silent provider", &mut asks);
    // No component is the provider itself: the check of it fails, and the row of checks says how many do.
    assert_eq!(rows, well);
    let report = json(&output);
    let mut checks = report["components"].as_array().unwrap().iter();
    let checks = checks.find(|row| row["component"] == "health_checks").unwrap();
    assert!(checks["evidence"].as_str().unwrap().contains(" 1 fail,"), "{checks}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_api_that_never_answers_is_given_up() {
    let (_held, url) = silent();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "ak_nobody.nothing").unwrap();
    let mut command = assay(&["validate", "--json", "--url", &url, "--key-from", key.to_str().unwrap()]);
    let (output, rows) = timed("a silent API", &mut command);
    assert_eq!(output.status.code(), Some(1));
    // What only a step of a run uses is not asked after.
    let unasked = ["fact_check", "research", "download", "discord", "cost_optimisation"];
    for (component, verdict) in rows {
        let expected = if unasked.contains(&component.as_str()) { "unknown" } else { "fail" };
        assert_eq!(verdict, expected, "{component}");
    }
}
