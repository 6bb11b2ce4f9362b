//! A run through the functions as one trace: its request's, over queues and workflow, with nothing left behind in a function.

use engine::model::{ChargeState, EventKind, RunId};

use super::{Bundle, request, script, until};
use crate::collector::{Collector, attribute, check};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn a_run_is_one_trace_from_its_request_to_its_post() {
    let collector = Collector::start();
    let bundle = Bundle::start_with("it-traces", script(), |options| {
        options.parameter("OtlpEndpoint", collector.url())
    });
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let headers = [("content-type", "application/json"), ("traceparent", traceparent.as_str())];
    let body = request("comprehensive").to_string();
    let answer = bundle.stack.ask("POST", "/runs", &headers, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    let run = RunId::new(answer.json()["run_id"].as_str().unwrap());
    let ended = bundle.wait(&run);
    let roots = || {
        let spans = collector.spans_of(TRACE);
        spans.iter().filter(|span| span["name"] == "invoke_workflow content-intelligence").count()
    };
    until("the run is told", || roots() == 1);

    let spans = collector.spans_of(TRACE);
    assert_eq!(spans.len(), collector.count(), "all spans are of this trace");
    let counts = check(&spans);
    let begun = bundle
        .events(&run)
        .iter()
        .filter(|event| matches!(event.kind, EventKind::StepStarted { .. }))
        .count();
    let charges =
        bundle.stack.block_on(engine::charges(bundle.stack.ports(), &bundle.stack.run_key(&run))).unwrap();
    assert!(charges.iter().all(|charge| charge.state == ChargeState::Settled));
    assert_eq!(counts["invoke_workflow"], 1);
    assert_eq!(counts["invoke_agent"], begun, "an attempt is a span");
    assert_eq!(counts["chat"], charges.len(), "a call is a span");
    println!("{} spans: {counts:?}", spans.len());
    let root = spans.iter().find(|span| span["parentSpanId"] == PARENT).unwrap();
    assert_eq!(attribute(root, "assay.status").as_deref(), Some(ended.run.status.name()));
    let costs = spans.iter().filter(|span| span["name"].as_str().unwrap().starts_with("chat "));
    let costs: i64 =
        costs.map(|span| attribute(span, "assay.cost.nano_usd").unwrap().parse::<i64>().unwrap()).sum();
    assert_eq!(costs, ended.run.cost.0, "the calls of the trace cost what the run did");
    for (_, result) in &ended.steps {
        assert_eq!(result.meta.trace_id, TRACE);
    }

    // Without a caller's trace, a run is the trace of its own id.
    let own = bundle.post("quick");
    let trace = bundle.wait(&own).run.trace_id().to_string();
    until("the second run is told", || {
        collector.spans_of(&trace).iter().any(|span| span["parentSpanId"].is_null())
    });
    check(&collector.spans_of(&trace));
}
