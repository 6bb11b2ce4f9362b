//! Runs of this machine as traces: the command and the server send every span before they end.

use serde_json::json;

use crate::assay::{assay, json as report, run, sample};
use crate::collector::{Collector, attribute, check};
use crate::http::{Client, Server, key};

#[test]
fn a_command_sends_its_spans_before_it_ends() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let (path, state) = (sample("flood-budget.vtt"), folder.path().join("state"));
    let mut command = assay(&["run", path.to_str().unwrap(), "--json", "--state", state.to_str().unwrap()]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let report = report(&run(&mut command));
    let spans = collector.spans_of(spans_trace(&collector).as_str());
    let counts = check(&spans);
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["status"] != "skipped").count();
    assert_eq!((counts["invoke_workflow"], counts.get("chat")), (1, None));
    assert!(counts["invoke_agent"] >= steps, "{counts:?}, {steps} steps");
    let conversation = attribute(&spans[0], "gen_ai.conversation.id");
    assert_eq!(conversation.as_deref(), report["run_id"].as_str());
}

/// The only trace there is.
fn spans_trace(collector: &Collector) -> String {
    let traces = collector.traces();
    assert_eq!(traces.len(), 1, "{traces:?}");
    traces.into_iter().next().unwrap()
}

#[test]
fn a_server_goes_on_with_its_callers_trace() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let server =
        Server::start(folder.path(), |command| command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()));
    let client = Client { server: &server, key: &key };
    let body =
        json!({ "text": "The council spent 42 million pounds on a wall.", "depth": "quick" }).to_string();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("content-type", "application/json"), ("traceparent", traceparent)];
    let answer = client.ask("POST /runs", &headers, body.as_bytes());
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = answer.json()["run_id"].as_str().unwrap().to_owned();
    client.follow(&id, &mut Vec::new(), |_| false);
    server.end();
    let counts = check(&collector.spans_of("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(counts["invoke_workflow"], 1);
    assert_eq!(collector.traces().len(), 1);
}
