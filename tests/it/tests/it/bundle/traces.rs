//! A run through the functions as one trace: its request's, over queues and workflow, with nothing left behind in a function.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::UdpSocket;

use engine::model::{ChargeState, EventKind, RunId};
use serde_json::{Value, json};

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
    let begun = begun(&bundle, &run);
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
    let mut before = 0;
    let own = first_step_by_hand(&bundle, || before = collector.count());
    assert_eq!(collector.count(), before + 2, "a call and its step are told before the function answers");
    assert_eq!(bundle.stack.enable_mapping("agent-light", true).unwrap(), 1);
    let trace = bundle.wait(&own).run.trace_id().to_string();
    until("the second run is told", || {
        collector.spans_of(&trace).iter().any(|span| span["parentSpanId"].is_null())
    });
    check(&collector.spans_of(&trace));

    x_ray_is_told_before_a_function_answers(&bundle);
}

/// Starts a quick run and takes its first step to the function by hand, so that what is there when this returns was there when
/// the function answered. Nothing takes the further steps until its mapping is switched on again.
fn first_step_by_hand(bundle: &Bundle, before: impl FnOnce()) -> RunId {
    let stack = &bundle.stack;
    assert_eq!(stack.enable_mapping("agent-light", false).unwrap(), 1);
    let run = bundle.post("quick");
    until("its first step waits", || stack.queue_depth("agent-light").unwrap().visible == 1);
    before();
    let answer = stack.hand_over("agent-light").unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    run
}

/// How often a step of the run was begun.
fn begun(bundle: &Bundle, run: &RunId) -> usize {
    let events = bundle.events(run);
    events.iter().filter(|event| matches!(event.kind, EventKind::StepStarted { .. })).count()
}

/// With no collector and the daemon's address, as Lambda gives it to a function that is traced.
fn x_ray_is_told_before_a_function_answers(bundle: &Bundle) {
    let stack = &bundle.stack;
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_nonblocking(true).unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("AWS_XRAY_DAEMON_ADDRESS", address.as_str())];
    for function in ["agent-light", "agent-tools", "agent-semantic", "deliver"] {
        stack.set_variables(function, &variables).unwrap();
    }
    let run = first_step_by_hand(bundle, || {
        assert!(segments(&daemon).is_empty(), "nothing has been done");
    });
    // What is there now was sent before the function answered: whoever freezes after its answer has left nothing behind.
    let mut told = segments(&daemon);
    let names = |told: &[Value]| {
        let names = told.iter().map(|segment| segment["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&told).len(), 2, "{told:#?}");
    for expected in ["chat scripted", "invoke_agent mission_orchestrator"] {
        assert!(names(&told).iter().any(|name| name == expected), "{told:#?}");
    }

    assert_eq!(stack.enable_mapping("agent-light", true).unwrap(), 1);
    let ended = bundle.wait(&run);
    until("the run is told", || {
        told.extend(segments(&daemon));
        told.iter().any(|segment| segment["parent_id"].is_null())
    });
    let trace = ended.run.trace_id().to_string();
    let (epoch, rest) = trace.split_at(8);
    let ids: BTreeSet<&str> = told.iter().map(|segment| segment["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), told.len(), "twice: {told:#?}");
    for segment in &told {
        assert_eq!(segment["trace_id"], format!("1-{epoch}-{rest}"), "{segment:#}");
        assert!(segment["start_time"].as_f64() <= segment["end_time"].as_f64(), "{segment:#}");
        match segment["parent_id"].as_str() {
            Some(parent) => {
                assert!(ids.contains(parent) && segment["type"] == "subsegment", "{segment:#}");
            }
            None => assert_eq!(segment["name"], "assay", "{segment:#}"),
        }
    }
    let charges = stack.block_on(engine::charges(stack.ports(), &stack.run_key(&run))).unwrap().len();
    let of = |kind: &str| names(&told).iter().filter(|name| name.starts_with(kind)).count();
    println!("{} segments to X-Ray: {} of steps, {} of calls", told.len(), of("invoke_agent "), of("chat "));
    assert_eq!((of("invoke_agent "), of("chat ")), (begun(bundle, &run), charges));
}

/// What has arrived for the daemon and not been read.
fn segments(daemon: &UdpSocket) -> Vec<Value> {
    const LARGEST_BYTES: usize = 65_536;
    let mut segments = Vec::new();
    let mut bytes = vec![0; LARGEST_BYTES];
    loop {
        match daemon.recv(&mut bytes) {
            Ok(length) => {
                let text = std::str::from_utf8(&bytes[..length]).unwrap();
                let (head, document) = text.split_once('\n').unwrap();
                assert_eq!(
                    serde_json::from_str::<Value>(head).unwrap(),
                    json!({ "format": "json", "version": 1 })
                );
                segments.push(serde_json::from_str(document).unwrap());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return segments,
            Err(error) => panic!("{error}"),
        }
    }
}
