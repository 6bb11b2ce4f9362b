//! A plain answer, and what an answer means once all of it is there.

use engine::error::ErrorKind;
use engine::ports::{Bill, LlmError, ModelReply, ToolCall};
use serde_json::Value;

use crate::Secret;
use crate::reply::string;
use crate::server::failure::{self, failed, no_believable_usage};
use crate::usage::Plausible;

/// An answer, gathered from a plain body or from a stream.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) text: String,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Vec<RawToolCall>,
    pub(super) finish_reason: Option<String>,
    pub(super) usage: Option<Value>,
    pub(super) model: String,
}

/// A tool call as it is written.
#[derive(Default)]
pub(super) struct RawToolCall {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// The reply in a plain JSON body.
pub(super) fn parse(
    body: &[u8],
    plausible: &Plausible,
    key: Option<&Secret>,
) -> Result<ModelReply, LlmError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| failure::unreadable(body))?;
    let usage = plausible.usage(body.get("usage"));
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(failure::of_error_object(error, usage.map_or(Bill::Unknown, Bill::Used), key));
    }
    let mut gathered =
        Gathered { usage: body.get("usage").cloned(), model: string(&body, "model"), ..Gathered::default() };
    let choice = body.pointer("/choices/0");
    if let Some(choice) = choice {
        gathered.finish_reason = choice.get("finish_reason").and_then(Value::as_str).map(str::to_owned);
        if let Some(message) = choice.get("message") {
            gathered.add(message);
        }
    }
    match choice {
        Some(_) => gathered.into_reply(plausible),
        None => Err(failed(
            ErrorKind::ModelOutput,
            "the model's server sent an answer without a choice",
            usage.map_or(Bill::Unknown, Bill::Used),
        )),
    }
}

impl Gathered {
    /// Adds a message, or the next part of one.
    pub(super) fn add(&mut self, part: &Value) {
        match part.get("content") {
            Some(Value::String(text)) => self.text.push_str(text),
            // Some servers send a list of typed parts.
            Some(Value::Array(parts)) => {
                self.text.extend(parts.iter().filter_map(|part| part.get("text")?.as_str()));
            }
            _ => {}
        }
        if let Some(refusal) =
            part.get("refusal").and_then(Value::as_str).filter(|refusal| !refusal.is_empty())
        {
            self.refusal.get_or_insert_default().push_str(refusal);
        }
        for call in part.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.add_tool_call(call);
        }
    }

    fn add_tool_call(&mut self, part: &Value) {
        let index = part.get("index").and_then(Value::as_u64);
        let id = string(part, "id");
        let known = self.tool_calls.iter().position(|call| match index {
            // Servers that number all calls 0 still give each its own id.
            Some(_) => call.index == index && (id.is_empty() || call.id == id),
            None => !id.is_empty() && call.id == id,
        });
        let position = known.unwrap_or_else(|| {
            self.tool_calls.push(RawToolCall { index, id, ..RawToolCall::default() });
            self.tool_calls.len() - 1
        });
        let (Some(call), Some(function)) = (self.tool_calls.get_mut(position), part.get("function")) else {
            return;
        };
        if call.name.is_empty() {
            call.name = string(function, "name");
        }
        match function.get("arguments") {
            Some(Value::String(text)) => call.arguments.push_str(text),
            Some(object @ Value::Object(_)) => call.arguments = object.to_string(),
            _ => {}
        }
    }

    /// The reply, if its usage is believable.
    pub(super) fn into_reply(self, plausible: &Plausible) -> Result<ModelReply, LlmError> {
        let Some(usage) = plausible.usage(self.usage.as_ref()) else {
            return Err(no_believable_usage());
        };
        let filtered = self.finish_reason.as_deref() == Some("content_filter");
        let refusal =
            self.refusal.or_else(|| filtered.then(|| "stopped by the provider's content filter".to_owned()));
        let tool_calls =
            self.tool_calls.into_iter().enumerate().map(|(index, call)| call.into_call(index)).collect();
        Ok(ModelReply {
            text: self.text,
            tool_calls,
            kept: Vec::new(),
            refusal,
            cut_off: self.finish_reason.as_deref() == Some("length"),
            usage,
            reported_cost: plausible.cost(self.usage.as_ref(), &usage),
            model: self.model,
        })
    }
}

impl RawToolCall {
    /// Arguments that are no JSON stay the text they are.
    fn into_call(self, index: usize) -> ToolCall {
        let arguments = crate::reply::arguments(&self.arguments);
        let id = if self.id.is_empty() { format!("call_{index}") } else { self.id };
        ToolCall { id, name: self.name, arguments }
    }
}
