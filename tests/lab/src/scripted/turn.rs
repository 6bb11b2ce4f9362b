//! One call: what was asked, what is said, and what it costs, the same for both faces.

use engine::model::Usage;
use engine::ports::{ModelMessage, ToolCall, ToolSpec};
use serde_json::{Map, Value, json};

use super::agents;
use super::bill::{Bill, BillLine};
use super::evidence::{Evidence, Missing, item_of};
use super::fault::{Fault, Script};

const BYTES_PER_TOKEN: usize = 4;
/// Providers cache prompts in blocks of this many tokens.
const CACHE_BLOCK_TOKENS: u64 = 128;
const SEARCH_MEMORY: &str = "search_memory";

/// A request, whichever way it came.
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) agent: String,
    pub(super) messages: Vec<ModelMessage>,
    pub(super) schema: Value,
    pub(super) tools: Vec<ToolSpec>,
    pub(super) max_output_tokens: u64,
}

/// What a model says when all goes well.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) refusal: Option<String>,
    pub(super) cut_off: bool,
    pub(super) usage: Usage,
}

/// How a call ends, after so many milliseconds; a stream pauses for so many more.
pub(super) struct Turn {
    pub(super) number: u64,
    pub(super) latency_ms: u64,
    pub(super) pause_ms: u64,
    pub(super) ending: Ending,
}

pub(super) enum Ending {
    Said(Said),
    /// Evidence was not sent: the request is refused.
    Missing(Missing),
    /// Nothing, or half of what it would have said, reaches the client.
    Fault(Fault, Said),
    /// The books could not be kept.
    Broken(String),
}

/// Answers a call and books it, before any waiting: work that was begun is charged, whoever hangs up.
pub(super) fn take(asked: &Asked, script: &Script, bill: &Bill) -> Turn {
    let evidence = Evidence::of(&asked.messages);
    let call = bill.number(&asked.agent, &item_of(&asked.messages), &asked.model);
    let fault = script.fault_of(&call);
    let said = say(asked, &evidence, script.uses_tools().then_some(call.number))
        .map(|said| price_in_tokens(asked, at_fault(said, fault)));
    let (billed, outcome) = match (&said, fault) {
        (_, Some(fault)) => (fault.is_billed() && said.is_ok(), format!("{fault:?}")),
        (Ok(said), None) if said.tool_calls.is_empty() => (true, "answer".to_owned()),
        (Ok(_), None) => (true, "tools".to_owned()),
        (Err(missing), None) => (false, missing.to_string()),
    };
    let usage = said.as_ref().ok().filter(|_| billed).map_or(Usage::default(), |said| said.usage);
    let price = script.models().iter().find(|model| model.id == asked.model).and_then(|model| model.price);
    let booked = bill.book(BillLine {
        at_ms: 0,
        number: call.number,
        agent: call.agent.clone(),
        item: call.item.clone(),
        model: asked.model.clone(),
        request: digest(asked),
        outcome,
        billed,
        usage,
        cost_nano_usd: price.map(|price| price.cost(&usage).0),
    });
    let ending = match (booked, said, fault) {
        (Err(error), _, _) => Ending::Broken(error.to_string()),
        (Ok(()), Err(missing), _) => Ending::Missing(missing),
        (Ok(()), Ok(said), None | Some(Fault::WrongSchema | Fault::Refusal | Fault::CutOff)) => {
            Ending::Said(said)
        }
        (Ok(()), Ok(said), Some(fault)) => Ending::Fault(fault, said),
    };
    let (latency_ms, pause_ms) = (script.latency_of(&call), script.pause_of(&call));
    Turn { number: call.number, latency_ms, pause_ms, ending }
}

/// The verification agent searches memory first for every other claim; all else is answered at once.
fn say(asked: &Asked, evidence: &Evidence, tool_call: Option<u64>) -> Result<Said, Missing> {
    let answer = agents::answer(&asked.agent, &asked.messages, &asked.schema)?;
    let search = asked.tools.iter().find(|tool| tool.name == SEARCH_MEMORY);
    if let (Some(tool), Some(number), true) = (search, tool_call, wants_to_search(asked, evidence)) {
        let claim = evidence.need("item")?.get("text").cloned().unwrap_or_default();
        let arguments = arguments(tool, &claim);
        let call = ToolCall { id: format!("call_{number}"), name: tool.name.clone(), arguments };
        return Ok(Said { tool_calls: vec![call], ..Said::default() });
    }
    Ok(Said { text: answer.to_string(), ..Said::default() })
}

fn wants_to_search(asked: &Asked, evidence: &Evidence) -> bool {
    let id = evidence.get("item").and_then(|item| item.get("id")?.as_str()).unwrap_or_default();
    let number = id.trim_start_matches(|first: char| !first.is_ascii_digit()).parse::<u64>();
    asked.agent == "verification_director"
        && evidence.tool_answers().is_empty()
        && number.is_ok_and(|number| number % 2 == 1)
}

/// The question, under the name of the tool's first required text.
fn arguments(tool: &ToolSpec, question: &Value) -> Value {
    let required = tool.parameters.get("required").and_then(Value::as_array);
    let mut names = required.into_iter().flatten().filter_map(Value::as_str);
    let is_text =
        |name: &&str| tool.parameters.pointer(&format!("/properties/{name}/type")) == Some(&json!("string"));
    let name = names.find(is_text).unwrap_or("query");
    Value::Object(Map::from_iter([(name.to_owned(), question.clone())]))
}

fn at_fault(said: Said, fault: Option<Fault>) -> Said {
    match fault {
        Some(Fault::WrongSchema) => {
            Said { text: json!({"unasked": said.text.len()}).to_string(), ..Said::default() }
        }
        Some(Fault::Refusal) => {
            Said { refusal: Some("The scripted model declines.".to_owned()), ..Said::default() }
        }
        Some(Fault::CutOff) => Said {
            text: said.text.chars().take(said.text.chars().count() / 2).collect(),
            cut_off: true,
            ..said
        },
        _ => said,
    }
}

/// Tokens from lengths: four bytes a token, never more than allowed. Long instructions are read from the provider's
/// cache, and one token of eight is hidden reasoning, so that every kind of token occurs.
fn price_in_tokens(asked: &Asked, mut said: Said) -> Said {
    let (mut system, mut rest) = (0, asked.schema.to_string().len());
    for message in &asked.messages {
        match message {
            ModelMessage::System { text } => system += text.len(),
            ModelMessage::User { text } | ModelMessage::Tool { text, .. } => rest += text.len(),
            ModelMessage::Assistant { text, tool_calls, .. } => rest += text.len() + bytes_of(tool_calls),
        }
    }
    rest += asked.tools.iter().map(|tool| json!(tool).to_string().len()).sum::<usize>();
    let most = usize::try_from(asked.max_output_tokens).unwrap_or(usize::MAX);
    if said.text.len().div_ceil(BYTES_PER_TOKEN) > most {
        let mut end = most.saturating_mul(BYTES_PER_TOKEN).min(said.text.len());
        while !said.text.is_char_boundary(end) {
            end -= 1;
        }
        said.text.truncate(end);
        said.cut_off = true;
    }
    let system = tokens(system);
    let cached_tokens = system - system % CACHE_BLOCK_TOKENS;
    let refusal = said.refusal.as_ref().map_or(0, String::len);
    let output_tokens =
        tokens(said.text.len() + refusal + bytes_of(&said.tool_calls)).min(asked.max_output_tokens);
    said.usage = Usage {
        input_tokens: tokens(rest) + system - cached_tokens,
        cached_tokens,
        cache_write_tokens: 0,
        output_tokens,
        reasoning_tokens: (output_tokens / 8).min(asked.max_output_tokens - output_tokens),
        ..Usage::default()
    };
    said
}

fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
}

fn bytes_of(calls: &[ToolCall]) -> usize {
    calls.iter().map(|call| call.name.len() + call.arguments.to_string().len()).sum()
}

fn digest(asked: &Asked) -> String {
    let all =
        json!([asked.model, asked.agent, asked.messages, asked.schema, asked.tools, asked.max_output_tokens]);
    blake3::hash(all.to_string().as_bytes()).to_hex().chars().take(32).collect()
}
