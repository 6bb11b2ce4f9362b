//! A streamed answer: server-sent events, each with a part of the answer in its `data`.

use engine::error::ErrorKind;
use engine::ports::{Bill, LlmError, ModelReply};
use serde_json::Value;

use super::reply::{self, Gathered};
use crate::Secret;
use crate::reply::string;
use crate::server::failure::{self, failed};
use crate::server::stream::Streamed;
use crate::usage::Plausible;

/// What has come so far.
#[derive(Default)]
pub(super) struct Answer {
    gathered: Gathered,
    events: usize,
    done: bool,
}

impl Streamed for Answer {
    fn parse(body: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<ModelReply, LlmError> {
        reply::parse(body, plausible, key)
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn take(&mut self, event: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<(), LlmError> {
        if event == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let broken = || {
            failed(
                ErrorKind::ModelUnavailable,
                "the model's server sent an event that is not JSON",
                Bill::Unknown,
            )
        };
        let event: Value = serde_json::from_slice(event).map_err(|_| broken())?;
        self.events += 1;
        if let Some(usage) = event.get("usage").filter(|usage| !usage.is_null()) {
            self.gathered.usage = Some(usage.clone());
        }
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            let bill = self.known_usage(plausible).map_or(Bill::Unknown, Bill::Used);
            return Err(failure::of_error_object(error, bill, key));
        }
        if self.gathered.model.is_empty() {
            self.gathered.model = string(&event, "model");
        }
        let Some(choice) = event.pointer("/choices/0") else { return Ok(()) };
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.gathered.finish_reason = Some(reason.to_owned());
        }
        if let Some(part) = choice.get("delta").or_else(|| choice.get("message")) {
            self.gathered.add(part);
        }
        Ok(())
    }

    fn known_usage(&self, plausible: &Plausible) -> Option<engine::model::Usage> {
        let usage = self.gathered.usage.as_ref()?;
        plausible.usage(Some(usage))
    }

    /// A stream is whole once it says why it finished; `[DONE]` alone does not count.
    fn into_reply(self, bytes: usize, plausible: &Plausible) -> Result<ModelReply, LlmError> {
        if self.gathered.finish_reason.is_some() {
            return self.gathered.into_reply(plausible);
        }
        let message = match (bytes, self.events) {
            (0, _) => "the model's server sent an empty stream",
            (_, 0) => "the model's server sent a stream without events",
            _ => "the model's stream ended before the answer did",
        };
        let bill = self.known_usage(plausible).map_or(Bill::Unknown, Bill::Used);
        Err(failed(ErrorKind::ModelUnavailable, message, bill))
    }
}
