//! Both faces of the scripted model: in process, and over HTTP through the platform's own adapter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::ErrorKind;
use engine::model::{Price, PriceBand};
use engine::ports::{Bill as Known, Clock, Llm, ModelMessage, ModelReply, ModelRequest, ToolSpec};
use llm::ServerConfig;
use llm::openai::OpenAi;
use serde_json::{Value, json};

use super::{answer_schema, row, sample, sent};
use crate::scripted::{AGENTS, Bill, Fault, Script, ScriptedModel, ScriptedServer};

/// A clock whose sleeps end at once and are counted.
#[derive(Default)]
pub(super) struct StillClock(AtomicU64);

#[async_trait]
impl Clock for StillClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    async fn sleep(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

pub(super) fn model() -> Arc<ModelSpec> {
    let base = PriceBand {
        input: 400_000_000,
        cached_input: 100_000_000,
        output: 1_600_000_000,
        ..PriceBand::default()
    };
    Arc::new(ModelSpec {
        id: "scripted-1".into(),
        provider: "scripted".into(),
        tiers: Tier::ALL.to_vec(),
        context_tokens: 128_000,
        max_output_tokens: 16_000,
        price: Some(Price { base, ..Price::default() }),
        price_source: "test".into(),
        price_as_of: None,
    })
}

fn block(agent: &str, name: &str) -> Value {
    if name == "baseline" { sample::baseline(agent) } else { sample::block(name) }
}

pub(super) fn request(agent: &str) -> ModelRequest {
    let data = |name: String| {
        let json = block(agent, &name).to_string().replace('<', "\\u003c");
        format!("Here is {name}:\n<data name=\"{name}\">\n{json}\n</data>\n")
    };
    ModelRequest {
        model: model(),
        messages: vec![
            ModelMessage::System { text: format!("You are {agent}. {}", "Be exact. ".repeat(90)) },
            ModelMessage::User { text: sent(agent).into_iter().map(data).collect() },
        ],
        schema_name: agent.to_owned(),
        schema: answer_schema(agent),
        tools: Vec::new(),
        max_output_tokens: 4_000,
        temperature: 0.0,
        timeout_ms: 5_000,
    }
}

pub(super) fn search_memory() -> ToolSpec {
    ToolSpec {
        name: "search_memory".into(),
        description: "Searches earlier runs.".into(),
        parameters: json!({"type": "object", "properties": {"limit": {"type": "integer"}, "text": {"type": "string"}},
            "required": ["limit", "text"]}),
    }
}

pub(super) fn in_process(script: Script) -> (ScriptedModel, Arc<StillClock>) {
    let clock = Arc::new(StillClock::default());
    (ScriptedModel::new(script, clock.clone()), clock)
}

fn over_http(server: &ScriptedServer, stream: bool) -> OpenAi {
    OpenAi::new(ServerConfig { stream, ..ServerConfig::new(server.url(), None) }, vec![model()]).unwrap()
}

pub(super) fn script() -> Script {
    Script::new(vec![model()])
}

#[tokio::test]
async fn both_faces_say_and_charge_the_same() {
    let (direct, _) = in_process(script());
    let server = ScriptedServer::start(script()).unwrap();
    let (plain, streamed) = (over_http(&server, false), over_http(&server, true));
    for (agent, _) in AGENTS {
        let request = request(agent);
        let expected = direct.complete(&request).await.unwrap();
        let answer: Value = serde_json::from_str(&expected.text).unwrap();
        assert!(row(agent, "answer").iter().all(|field| answer.get(field).is_some()), "{agent}: {answer}");
        assert!(expected.usage.cached_tokens > 0 && expected.usage.input_tokens > 0, "{agent}");
        assert_eq!(plain.complete(&request).await.unwrap(), expected, "{agent}");
        assert_eq!(streamed.complete(&request).await.unwrap(), expected, "{agent}");
    }
    let calls: BTreeMap<_, _> = AGENTS.iter().map(|(agent, _)| ((*agent).to_owned(), 2)).collect();
    assert_eq!(server.bill().calls_by_agent(), calls);
    assert_eq!(server.bill().total(), direct.bill().total() + direct.bill().total());
    let digests = |bill: &Bill| {
        bill.lines().into_iter().map(|line| line.request).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(digests(server.bill()).len(), AGENTS.len());
}

#[tokio::test]
async fn every_other_claim_is_first_looked_up_in_memory() {
    let (direct, _) = in_process(script());
    let server = ScriptedServer::start(script()).unwrap();
    for llm in [&direct as &dyn Llm, &over_http(&server, true), &over_http(&server, false)] {
        let mut request = ModelRequest { tools: vec![search_memory()], ..request("verification_director") };
        let first = llm.complete(&request).await.unwrap();
        let call = first.tool_calls[0].clone();
        assert_eq!(
            (first.text.as_str(), first.tool_calls.len(), call.name.as_str()),
            ("", 1, "search_memory")
        );
        assert_eq!(call.arguments, json!({"text": "Dredging the harbour will cost 6 million crowns."}));
        let found = json!([{"run_id": "R2", "text": "Harbour dredging costs 6 million."}]);
        request.messages.extend([
            ModelMessage::Assistant { text: first.text, tool_calls: first.tool_calls, kept: Vec::new() },
            ModelMessage::Tool {
                call_id: call.id,
                text: format!("<data name=\"search_memory\">\n{found}\n</data>"),
            },
        ]);
        let second = llm.complete(&request).await.unwrap();
        assert!(second.tool_calls.is_empty() && second.text.contains("\"run_id\":\"R2\""), "{second:?}");
    }
    let outcomes: Vec<_> = direct.bill().lines().into_iter().map(|line| (line.item, line.outcome)).collect();
    assert_eq!(outcomes, [("c1".to_owned(), "tools".to_owned()), ("c1".to_owned(), "answer".to_owned())]);
}

#[tokio::test]
async fn a_missing_input_fails_the_call_and_costs_nothing() {
    let (direct, _) = in_process(script());
    let server = ScriptedServer::start(script()).unwrap();
    for llm in [&direct as &dyn Llm, &over_http(&server, true)] {
        let mut request = request("argument_strategist");
        request.messages.truncate(1);
        let failure = llm.complete(&request).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.bill), (ErrorKind::ModelRejected, Known::Nothing));
        assert!(failure.error.message().contains("missing input analysis_cartographer"), "{failure:?}");
        let unknown = ModelRequest { schema_name: "stranger".into(), ..request };
        assert!(llm.complete(&unknown).await.unwrap_err().error.message().contains("script of `stranger`"));
    }
    let lines = direct.bill().lines();
    assert_eq!(lines[0].outcome, "missing input analysis_cartographer");
    assert!(lines.iter().all(|line| !line.billed && line.cost_nano_usd == Some(0)));
}

/// Checks what a client makes of a fault, on both faces, and that the books have it right. The call after it succeeds.
async fn check(fault: Fault, expected: Result<&str, (ErrorKind, Known, Option<u64>)>) {
    let script = script().with_fault_at(1, fault);
    let (direct, _) = in_process(script.clone());
    let server = ScriptedServer::start(script).unwrap();
    for (llm, bill) in [(&direct as &dyn Llm, direct.bill()), (&over_http(&server, true), server.bill())] {
        let request = ModelRequest { timeout_ms: 1_000, ..request("deep_content_analyst") };
        let found = llm.complete(&request).await;
        match (&found, &expected) {
            (Ok(reply), Ok(expected)) => assert!(seen(reply).contains(expected), "{fault:?}: {reply:?}"),
            (Err(failure), Err(expected)) => {
                let seen = (failure.error.kind(), failure.bill, failure.error.retry_after_ms());
                // Over the wire an answer that breaks off is a broken connection.
                let broken = (ErrorKind::Network, Known::Unknown, None);
                assert!(
                    seen == *expected || fault == Fault::CutJson && seen == broken,
                    "{fault:?}: {failure:?}"
                );
            }
            _ => panic!("{fault:?}: {found:?}"),
        }
        let lines = bill.lines();
        assert_eq!(
            (lines.len(), lines[0].billed, lines[0].cost_nano_usd > Some(0)),
            (1, fault.is_billed(), fault.is_billed())
        );
        assert!(llm.complete(&request).await.is_ok(), "after {fault:?}");
    }
}

pub(super) fn seen(reply: &ModelReply) -> String {
    format!("{} refusal={:?} cut_off={}", reply.text, reply.refusal, reply.cut_off)
}

#[tokio::test]
async fn faults_look_the_same_from_outside() {
    let unavailable = ErrorKind::ModelUnavailable;
    let wait = Fault::RateLimited { retry_after_ms: Some(1_500) };
    check(wait, Err((ErrorKind::RateLimited, Known::Nothing, Some(1_500)))).await;
    check(Fault::RateLimited { retry_after_ms: None }, Err((ErrorKind::RateLimited, Known::Nothing, None)))
        .await;
    check(Fault::Quota, Err((ErrorKind::Quota, Known::Nothing, None))).await;
    check(Fault::Unavailable, Err((unavailable, Known::Nothing, None))).await;
    check(Fault::ServerError { billed: false }, Err((unavailable, Known::Unknown, None))).await;
    check(Fault::ServerError { billed: true }, Err((unavailable, Known::Unknown, None))).await;
    check(Fault::Timeout, Err((ErrorKind::Timeout, Known::Unknown, None))).await;
    check(Fault::CutJson, Err((unavailable, Known::Unknown, None))).await;
    check(Fault::WrongSchema, Ok("unasked")).await;
    check(Fault::Refusal, Ok("refusal=Some(")).await;
    check(Fault::CutOff, Ok("cut_off=true")).await;
}

#[tokio::test]
async fn latency_passes_on_the_clock_and_can_be_too_long() {
    let (llm, clock) = in_process(script().with_latency(|call| if call.nth == 2 { 9_000 } else { 700 }));
    let request = request("deep_content_analyst");
    assert!(llm.complete(&request).await.is_ok());
    assert_eq!(clock.now_ms(), 700);
    let failure = llm.complete(&request).await.unwrap_err();
    assert_eq!(
        (failure.error.kind(), failure.bill, clock.now_ms()),
        (ErrorKind::Timeout, Known::Unknown, 5_700)
    );
    assert!(llm.bill().lines().iter().all(|line| line.billed));
}

#[tokio::test]
async fn the_bill_outlives_a_client_that_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bill.jsonl");
    let server = ScriptedServer::with_bill_file(script().with_latency_ms(60_000), &path).unwrap();
    let hasty = ModelRequest { timeout_ms: 300, ..request("deep_content_analyst") };
    let failure = over_http(&server, true).complete(&hasty).await.unwrap_err();
    assert_eq!(failure.bill, Known::Unknown);
    let expected = server.bill().lines();
    drop(server);
    assert_eq!(Bill::read(&path).unwrap(), expected);
    assert_eq!((expected.len(), expected[0].billed), (1, true));
}

#[tokio::test]
async fn output_is_never_longer_than_allowed() {
    let (llm, _) = in_process(script());
    let request = ModelRequest { max_output_tokens: 10, ..request("analysis_cartographer") };
    let reply = llm.complete(&request).await.unwrap();
    assert!(reply.cut_off && reply.text.len() <= 40);
    assert_eq!(reply.usage.output_tokens + reply.usage.reasoning_tokens, 10);
}

#[tokio::test]
async fn a_script_may_leave_tools_alone_and_serve_any_model() {
    let server = ScriptedServer::start(Script::new(Vec::new()).without_tools()).unwrap();
    let request = ModelRequest { tools: vec![search_memory()], ..request("verification_director") };
    let reply = over_http(&server, true).complete(&request).await.unwrap();
    assert!(reply.tool_calls.is_empty() && reply.text.contains("verdict"));
    assert_eq!(server.bill().lines()[0].cost_nano_usd, None);
    let named = ScriptedServer::start(Script::new(vec![model()])).unwrap();
    let other = Arc::new(ModelSpec { id: "other".into(), ..ModelSpec::clone(&model()) });
    let failure =
        over_http(&named, true).complete(&ModelRequest { model: other, ..request }).await.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::ModelRejected);
}
