//! A streamed answer: a message begins, its content blocks come in pieces, it ends with its reason and its usage.

use std::collections::BTreeMap;

use engine::error::ErrorKind;
use engine::model::Usage;
use engine::ports::{Bill, LlmError, ModelReply};
use serde_json::{Map, Value};

use super::reply::{self, Block, Gathered};
use crate::Secret;
use crate::reply::string;
use crate::server::failure::{self, failed};
use crate::server::stream::Streamed;
use crate::usage::Plausible;

/// What has come so far.
#[derive(Default)]
pub(super) struct Answer {
    model: String,
    blocks: BTreeMap<u64, Block>,
    end: Gathered,
    usage: Map<String, Value>,
    /// The output was counted: the usage is the whole call's.
    counted: bool,
    events: usize,
    stopped: bool,
}

impl Streamed for Answer {
    fn parse(body: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<ModelReply, LlmError> {
        reply::parse(body, plausible, key)
    }

    fn is_done(&self) -> bool {
        self.stopped
    }

    fn take(&mut self, event: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<(), LlmError> {
        let Ok(event) = serde_json::from_slice::<Value>(event) else {
            let bill = self.known_usage(plausible).map_or(Bill::Unknown, Bill::Used);
            let message = "the model's server sent an event that is not JSON";
            return Err(failed(ErrorKind::ModelUnavailable, message, bill));
        };
        let index = event.get("index").and_then(Value::as_u64).unwrap_or_default();
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "ping" => return Ok(()),
            "error" => {
                let bill = self.known_usage(plausible).map_or(Bill::Unknown, Bill::Used);
                return Err(failure::of_error_object(event.get("error").unwrap_or(&event), bill, key));
            }
            "message_start" => {
                if let Some(message) = event.get("message") {
                    self.model = string(message, "model");
                    self.add_usage(message);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.get("content_block") {
                    self.blocks.insert(index, Block::of(block));
                }
            }
            "content_block_delta" => {
                if let (Some(block), Some(delta)) = (self.blocks.get_mut(&index), event.get("delta")) {
                    block.add(delta);
                }
            }
            "message_delta" => {
                if let Some(delta) = event.get("delta") {
                    self.end.stop(delta);
                }
                self.counted |= self.add_usage(&event);
            }
            "message_stop" => self.stopped = true,
            // New kinds of events may come at any time and are to be passed over.
            _ => {}
        }
        self.events += 1;
        Ok(())
    }

    fn known_usage(&self, plausible: &Plausible) -> Option<Usage> {
        self.counted
            .then(|| Value::Object(self.usage.clone()))
            .and_then(|usage| plausible.usage(Some(&usage)))
    }

    /// A stream is whole once it says why it stopped.
    fn into_reply(self, bytes: usize, plausible: &Plausible) -> Result<ModelReply, LlmError> {
        if self.end.stop_reason.is_none() {
            let message = match (bytes, self.events) {
                (0, _) => "the model's server sent an empty stream",
                (_, 0) => "the model's server sent a stream without an answer",
                _ => "the model's stream ended before the answer did",
            };
            let bill = self.known_usage(plausible).map_or(Bill::Unknown, Bill::Used);
            return Err(failed(ErrorKind::ModelUnavailable, message, bill));
        }
        Gathered {
            model: self.model,
            blocks: self.blocks.into_values().collect(),
            usage: self.counted.then_some(Value::Object(self.usage)),
            ..self.end
        }
        .into_reply(plausible)
    }
}

impl Answer {
    /// Takes the counts an event states; they are totals, so a later one replaces an earlier. True if output is among
    /// them.
    fn add_usage(&mut self, event: &Value) -> bool {
        let stated = event.get("usage").and_then(Value::as_object);
        for (name, count) in stated.into_iter().flatten().filter(|(_, count)| !count.is_null()) {
            self.usage.insert(name.clone(), count.clone());
        }
        stated.is_some_and(|usage| usage.get("output_tokens").is_some_and(|count| !count.is_null()))
    }
}
