//! What an answer means.

use engine::error::ErrorKind;
use engine::model::Usage;
use engine::ports::{Bill, LlmError, ModelReply, ToolCall};
use serde_json::Value;

use super::ANSWER_TOOL;
use crate::Secret;
use crate::reply::string;
use crate::server::failure::{self, failed, no_believable_usage};
use crate::server::stream::Streamed;
use crate::usage::Plausible;

/// An answer; it never comes in events.
#[derive(Default)]
pub(super) struct Answer;

impl Streamed for Answer {
    fn parse(body: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<ModelReply, LlmError> {
        parse(body, plausible, key)
    }

    fn take(&mut self, _: &[u8], _: &Plausible, _: Option<&Secret>) -> Result<(), LlmError> {
        Err(unasked())
    }

    fn is_done(&self) -> bool {
        false
    }

    fn known_usage(&self, _: &Plausible) -> Option<Usage> {
        None
    }

    fn into_reply(self, _: usize, _: &Plausible) -> Result<ModelReply, LlmError> {
        Err(unasked())
    }
}

fn unasked() -> LlmError {
    let what = "the model's server sent events instead of an answer; check LLM_BASE_URL";
    failed(ErrorKind::ModelUnavailable, what, Bill::Unknown)
}

fn parse(body: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<ModelReply, LlmError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| failure::unreadable(body))?;
    let usage = plausible.usage(body.get("usage"));
    let bill = usage.map_or(Bill::Unknown, Bill::Used);
    let Some(content) = body.pointer("/output/message/content").and_then(Value::as_array) else {
        let named = body.get("message").or_else(|| body.get("Message")).filter(|message| message.is_string());
        if let Some(message) = named {
            return Err(failure::of_error_object(message, bill, key));
        }
        let message = "the model's server sent an answer without content";
        return Err(failed(ErrorKind::ModelOutput, message, bill));
    };
    let usage = usage.ok_or_else(no_believable_usage)?;
    let said: Vec<&str> = content.iter().filter_map(|block| block.get("text")?.as_str()).collect();
    let calls: Vec<&Value> = content.iter().filter_map(|block| block.get("toolUse")).collect();
    let answer = calls.iter().find(|call| string(call, "name") == ANSWER_TOOL);
    let granted = calls.iter().filter(|call| string(call, "name") != ANSWER_TOOL);
    let tool_calls: Vec<ToolCall> = granted.enumerate().map(tool_call).collect();
    let text = match answer.and_then(|call| call.get("input")) {
        // What a tool finds comes first; the answer did not know it.
        Some(_) if !tool_calls.is_empty() => String::new(),
        // Some models write the object as a text.
        Some(Value::String(text)) => text.clone(),
        Some(input) => input.to_string(),
        None => said.concat(),
    };
    let reason = body.get("stopReason").and_then(Value::as_str).unwrap_or_default();
    let declined = matches!(reason, "guardrail_intervened" | "content_filtered");
    let thought = content.iter().any(|block| block.get("reasoningContent").is_some());
    let back =
        content.iter().filter(|block| block.pointer("/toolUse/name").is_none_or(|name| name != ANSWER_TOOL));
    Ok(ModelReply {
        kept: if thought && !tool_calls.is_empty() { back.cloned().collect() } else { Vec::new() },
        refusal: declined.then(|| format!("stopped by the provider: {reason}")),
        cut_off: matches!(reason, "max_tokens" | "model_context_window_exceeded"),
        text,
        tool_calls,
        usage,
        reported_cost: None,
        model: String::new(),
    })
}

fn tool_call((number, call): (usize, &&Value)) -> ToolCall {
    let id = Some(string(call, "toolUseId")).filter(|id| !id.is_empty());
    ToolCall {
        id: id.unwrap_or_else(|| format!("call_{number}")),
        name: string(call, "name"),
        arguments: call.get("input").cloned().unwrap_or_default(),
    }
}
