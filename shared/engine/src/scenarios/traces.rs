//! A run as spans, with the names of the conventions it is pinned to.
#![allow(
    deprecated,
    reason = "the conventions for generative AI moved to a repository of their own after this version"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use opentelemetry_semantic_conventions::{SCHEMA_URL, trace as names};

use super::house::{House, Says, request};
use super::{complete, good};
use crate::error::ErrorKind;
use crate::memory::MemoryMetrics;
use crate::model::{RunKey, SpanId, Traceparent};
use crate::ports::{Bill, Clock as _, Metrics, Ports};
use crate::trace::{CONVENTIONS, Fact, Span, SpanKind};

#[derive(Default)]
struct Recorded {
    counts: MemoryMetrics,
    spans: Mutex<Vec<Span>>,
}

impl Metrics for Recorded {
    fn count(&self, name: &'static str, by: u64) {
        self.counts.count(name, by);
    }
    fn duration_ms(&self, name: &'static str, milliseconds: u64) {
        self.counts.duration_ms(name, milliseconds);
    }
    fn span(&self, span: Span) {
        self.spans.lock().unwrap().push(span);
    }
}

/// Runs all three steps, the second as often as it comes back, then ends and posts the run, twice each.
fn told(says: Vec<Says>, traceparent: Option<&str>) -> (House, Vec<Span>) {
    let mut house = House::new(complete(), Some(says));
    let recorded = Arc::new(Recorded::default());
    house.ports = Ports { metrics: recorded.clone(), ..house.ports.clone() };
    if let Some(traceparent) = traceparent {
        let (ports, trace) = (house.ports.clone(), Traceparent::parse(traceparent));
        house.run = house.block_on(async move {
            let request = crate::RunRequest { trace, ..request(&ports, None).await };
            crate::start_run(&ports, &request).await.unwrap().0
        });
    }
    for hop in 0..9 {
        house.step("worker", hop).unwrap();
        if house.result("worker").is_some() {
            break;
        }
        let (clock, after_ms) = (house.time.clone(), house.next_in_ms().unwrap());
        house.block_on(async move { clock.sleep(after_ms).await });
    }
    for _ in 0..2 {
        let (ports, run) = (house.ports.clone(), house.run.clone());
        house.block_on(async move { end(&ports, &run).await });
    }
    let spans = recorded.spans.lock().unwrap().clone();
    (house, spans)
}

async fn end(ports: &Ports, run: &RunKey) {
    crate::finish_run(ports, run, None).await.unwrap();
    crate::deliver(ports, run).await.unwrap();
}

fn tool_then_answer() -> Vec<Says> {
    vec![Says::Fails(ErrorKind::Timeout, Bill::Unknown, None), Says::Tool("search"), good()]
}

fn check(spans: &[Span], name: &str, kind: SpanKind, attributes: &[&str]) {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert!(!found.is_empty(), "no {name} in {spans:#?}");
    for span in found {
        assert_eq!(span.kind, kind, "{name}");
        let own = |name: &&str| !name.starts_with("assay.");
        let told: BTreeSet<&str> = span.attributes.iter().map(|(name, _)| *name).filter(own).collect();
        let mut expected: BTreeSet<&str> = attributes.iter().copied().collect();
        if span.error.is_some() {
            expected.insert(names::ERROR_TYPE);
            // What a call used is known of those that were answered.
            expected.retain(|name| {
                told.contains(name)
                    || !name.starts_with("gen_ai.usage.") && *name != names::GEN_AI_RESPONSE_FINISH_REASONS
            });
        }
        if !told.contains(names::GEN_AI_USAGE_INPUT_TOKENS) {
            expected.retain(|name| !name.starts_with("gen_ai.usage."));
        }
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn spans_have_the_names_of_the_conventions() {
    assert_eq!(SCHEMA_URL, format!("https://opentelemetry.io/schemas/{CONVENTIONS}"));
    let (_, spans) = told(tool_then_answer(), None);
    let (operation, conversation) = (names::GEN_AI_OPERATION_NAME, names::GEN_AI_CONVERSATION_ID);
    let (input, output) = (names::GEN_AI_USAGE_INPUT_TOKENS, names::GEN_AI_USAGE_OUTPUT_TOKENS);
    let agent = names::GEN_AI_AGENT_NAME;
    let workflow = [operation, names::GEN_AI_WORKFLOW_NAME, conversation];
    check(&spans, "invoke_workflow content-intelligence", SpanKind::Internal, &workflow);
    let version = names::GEN_AI_AGENT_VERSION;
    let invoked = [operation, agent, version, conversation, input, output];
    check(&spans, "invoke_agent worker", SpanKind::Internal, &invoked);
    let called = [
        operation,
        agent,
        input,
        output,
        names::GEN_AI_PROVIDER_NAME,
        names::GEN_AI_REQUEST_MODEL,
        names::GEN_AI_REQUEST_MAX_TOKENS,
        names::GEN_AI_REQUEST_TEMPERATURE,
        names::GEN_AI_OUTPUT_TYPE,
        names::GEN_AI_RESPONSE_FINISH_REASONS,
        names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
        names::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
        names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    ];
    check(&spans, "chat told", SpanKind::Client, &called);
    let used = [operation, agent, names::GEN_AI_TOOL_NAME, names::GEN_AI_TOOL_TYPE];
    check(&spans, "execute_tool search", SpanKind::Internal, &used);
}

#[test]
fn a_run_is_one_tree_of_spans_and_none_is_told_twice() {
    let (house, spans) = told(tool_then_answer(), None);
    let count = |name: &str| spans.iter().filter(|span| span.name.starts_with(name)).count();
    assert_eq!(
        [count("invoke_workflow"), count("invoke_agent"), count("chat"), count("execute_tool")],
        [1, 2, 3, 1]
    );
    let ids: BTreeSet<SpanId> = spans.iter().map(|span| span.id).collect();
    assert_eq!(ids.len(), spans.len());
    let trace = ulid::Ulid::from_string(house.run.run.as_str()).unwrap().0;
    for span in &spans {
        assert_eq!(span.trace.0, trace);
        assert!(span.start_ms <= span.end_ms);
        match span.parent {
            None => assert!(span.name.starts_with("invoke_workflow")),
            Some(parent) => assert!(ids.contains(&parent), "{span:?}"),
        }
    }
    let failed = spans.iter().filter(|span| span.error == Some(ErrorKind::Timeout)).count();
    assert_eq!(failed, 2, "the call that timed out, and the run whose other steps never came");
}

#[test]
fn a_callers_trace_goes_on_unless_it_is_not_recorded() {
    let traceparent = |flags: &str| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    let (house, spans) = told(vec![good()], Some(&traceparent("01")));
    let root = spans.iter().find(|span| span.name.starts_with("invoke_workflow")).unwrap();
    assert_eq!(root.parent, Some(SpanId(0x00f0_67aa_0ba9_02b7)));
    assert!(spans.iter().all(|span| span.trace.to_string() == "4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(house.result("worker").unwrap().meta.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(told(vec![good()], Some(&traceparent("00"))).1, []);
}

/// Neither what the content is, nor what a model said, nor what a run is named after.
#[test]
fn spans_hold_no_content() {
    let (_, spans) = told(tool_then_answer(), None);
    for span in &spans {
        for (name, fact) in &span.attributes {
            let Fact::Text(text) = fact else { continue };
            for hidden in ["by model", "by rule", "a.txt", "Answer.", "told to fail"] {
                assert!(!text.contains(hidden), "{name}: {text}");
            }
        }
        assert!(!span.name.contains("a.txt"));
    }
}
