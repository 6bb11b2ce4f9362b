//! `/metrics` of the server as it is started, read by Prometheus's own parser and held against the events of its runs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::assay::{root, sample};
use crate::http::{Client, Server, key};

type Labels = BTreeMap<String, String>;

/// Samples as Prometheus read them.
struct Page(Vec<(String, Labels, f64)>);

impl Page {
    /// The page in a form, by the parser of that form.
    fn ask(client: &Client<'_>, accept: &str, form: &str) -> Page {
        let answer = client.ask("GET /metrics", &[("accept", accept)], b"");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let output = Command::new(root().join("tests/python-environment"))
            .args(["venv-metrics", "tests/stack/requirements-metrics.txt"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "no Python environment");
        let environment = root().join(String::from_utf8(output.stdout).unwrap().trim());
        let mut reader = Command::new(environment.join("bin/python"))
            .arg(root().join("tests/stack/read_metrics.py"))
            .arg(form)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        reader.stdin.take().unwrap().write_all(answer.body.as_bytes()).unwrap();
        let output = reader.wait_with_output().unwrap();
        assert!(output.status.success(), "Prometheus does not take it:\n{}", answer.body);
        Page(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn sum(&self, name: &str, with: &[(&str, &str)]) -> f64 {
        let fits = |labels: &Labels| {
            with.iter().all(|(label, value)| labels.get(*label).is_some_and(|other| other == value))
        };
        let samples = self.0.iter().filter(|(other, labels, _)| other == name && fits(labels));
        samples.map(|(.., value)| value).sum()
    }
}

/// How often each agent's steps ended in each way, and the runs, by their events.
fn counted(client: &Client<'_>, runs: &[String]) -> BTreeMap<(String, String), f64> {
    let mut counted = BTreeMap::new();
    for run in runs {
        let mut events = Vec::new();
        client.follow(run, &mut events, |_| false);
        for event in &events {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str() {
                Some("step_finished") => *counted.entry((text("agent"), text("status"))).or_default() += 1.0,
                Some("finished") => *counted.entry(("run".to_owned(), text("status"))).or_default() += 1.0,
                _ => {}
            }
        }
    }
    counted
}

#[test]
fn prometheus_reads_what_the_events_say() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let server = Server::start(folder.path(), |command| command);
    let client = Client { server: &server, key: &key };
    let text = std::fs::read_to_string(sample("flood-budget.vtt")).unwrap();
    let mut runs = Vec::new();
    let mut before = Page::ask(&client, "", "prometheus");
    assert_eq!(before.sum("assay_runs_total", &[]), 0.0);
    for depth in ["quick", "comprehensive", "standard"] {
        let body = json!({ "text": text, "name": "flood-budget.vtt", "depth": depth });
        runs.push(client.start(&body));
        let counted = counted(&client, &runs);
        let page = Page::ask(&client, "text/plain", "prometheus");
        for ((who, status), count) in &counted {
            let told = match who.as_str() {
                "run" => page.sum("assay_runs_total", &[("status", status)]),
                agent => page.sum("assay_steps_total", &[("agent", agent), ("status", status)]),
            };
            assert_eq!(told, *count, "{who} {status}");
        }
        let steps: f64 = counted.iter().filter(|((who, _), _)| who != "run").map(|(_, count)| count).sum();
        assert_eq!(page.sum("assay_steps_total", &[]), steps);
        assert_eq!(page.sum("assay_run_duration_seconds_count", &[]), runs.len() as f64);
        assert_eq!(page.sum("assay_run_duration_seconds_bucket", &[("le", "+Inf")]), runs.len() as f64);
        for (name, labels, value) in &before.0 {
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
            assert!(page.sum(name, &labels) >= *value, "{name} {labels:?} went down");
        }
        before = page;
    }
    let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4";
    let open = Page::ask(&client, accept, "openmetrics");
    let sorted = |page: &Page| {
        let mut samples: Vec<String> = page.0.iter().map(|sample| json!(sample).to_string()).collect();
        samples.sort();
        samples
    };
    assert_eq!(sorted(&open), sorted(&before), "both forms tell the same");
    assert!(before.0.len() <= 2_000);
    let refused: Value = client.ask("GET /metrics?all=1", &[], b"").json();
    assert_eq!(refused["kind"], "InvalidInput");
}
