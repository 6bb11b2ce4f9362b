//! The scripted server's other protocol, through the platform's own adapter.

use engine::agent::Catalogue;
use engine::error::ErrorKind;
use engine::ports::{Bill as Known, Llm, ModelMessage, ModelRequest};
use llm::ServerConfig;
use llm::anthropic::Anthropic;

use super::faces::{in_process, model, request, script, search_memory, seen};
use crate::scripted::{AGENTS, Fault, ScriptedServer};

fn over_messages(server: &ScriptedServer, stream: bool) -> Anthropic {
    Anthropic::new(ServerConfig { stream, ..ServerConfig::new(server.url(), None) }, vec![model()]).unwrap()
}

/// The protocol names no schema; an agent is known by the catalogue's instructions.
fn instructed(catalogue: &Catalogue, agent: &str) -> ModelRequest {
    let mut request = request(agent);
    let spec = catalogue.agents.iter().find(|spec| spec.id.as_str() == agent).unwrap();
    request.messages[0] = ModelMessage::System { text: spec.prompt.system.clone() };
    request
}

#[tokio::test]
async fn every_agent_says_the_same_as_in_process() {
    let catalogue = boot::load_catalogue().unwrap();
    let (direct, _) = in_process(script());
    let server = ScriptedServer::start(script()).unwrap();
    let (plain, streamed) = (over_messages(&server, false), over_messages(&server, true));
    for (agent, _) in AGENTS {
        let request = instructed(&catalogue, agent);
        let mut expected = direct.complete(&request).await.unwrap();
        let found = plain.complete(&request).await.unwrap();
        // Bounds of the schema are sent in words, which count.
        expected.usage.input_tokens = found.usage.input_tokens;
        assert_eq!(found, expected, "{agent}");
        assert_eq!(streamed.complete(&request).await.unwrap(), expected, "{agent}");
    }
    assert_eq!(server.bill().lines().len(), 2 * AGENTS.len());
}

#[tokio::test]
async fn a_tool_is_called_and_its_answer_used() {
    let catalogue = boot::load_catalogue().unwrap();
    let server = ScriptedServer::start(script()).unwrap();
    for stream in [false, true] {
        let llm = over_messages(&server, stream);
        let request = instructed(&catalogue, "verification_director");
        let mut request = ModelRequest { tools: vec![search_memory()], ..request };
        let first = llm.complete(&request).await.unwrap();
        let call = first.tool_calls[0].clone();
        let (text, tool_calls) = (first.text, first.tool_calls);
        request.messages.push(ModelMessage::Assistant { text, tool_calls, kept: first.kept });
        request.messages.push(ModelMessage::User { text: "Go on.".into() });
        let unanswered = llm.complete(&request).await.unwrap_err();
        assert_eq!(unanswered.error.kind(), ErrorKind::ModelRejected, "a call without its answer");
        request.messages.pop();
        let text = "<data name=\"search_memory\">\n[{\"run_id\":\"R2\",\"text\":\"Harbour dredging costs 6 million.\"}]\n</data>";
        request.messages.push(ModelMessage::Tool { call_id: call.id, text: text.into() });
        let second = llm.complete(&request).await.unwrap();
        assert!(second.tool_calls.is_empty() && second.text.contains("\"run_id\":\"R2\""), "{second:?}");
    }
}

#[tokio::test]
async fn faults_look_as_they_do_over_the_other_protocol() {
    let catalogue = boot::load_catalogue().unwrap();
    let unavailable = ErrorKind::ModelUnavailable;
    for (fault, expected) in [
        (Fault::RateLimited { retry_after_ms: Some(1_500) }, Err((ErrorKind::RateLimited, Known::Nothing))),
        (Fault::Quota, Err((ErrorKind::Quota, Known::Nothing))),
        (Fault::Unavailable, Err((unavailable, Known::Nothing))),
        (Fault::ServerError { billed: true }, Err((unavailable, Known::Unknown))),
        (Fault::Timeout, Err((ErrorKind::Timeout, Known::Unknown))),
        (Fault::CutJson, Err((ErrorKind::Network, Known::Unknown))),
        (Fault::WrongSchema, Ok("unasked")),
        (Fault::Refusal, Ok("refusal=Some(\"The scripted model declines.\")")),
        (Fault::CutOff, Ok("cut_off=true")),
    ] {
        let server = ScriptedServer::start(script().with_fault_at(1, fault)).unwrap();
        let request = instructed(&catalogue, "deep_content_analyst");
        let request = ModelRequest { timeout_ms: 1_000, ..request };
        match (over_messages(&server, true).complete(&request).await, expected) {
            (Ok(reply), Ok(expected)) => assert!(seen(&reply).contains(expected), "{fault:?}: {reply:?}"),
            (Err(failure), Err(expected)) => {
                assert_eq!((failure.error.kind(), failure.bill), expected, "{fault:?}: {failure:?}");
            }
            (found, _) => panic!("{fault:?}: {found:?}"),
        }
    }
}
