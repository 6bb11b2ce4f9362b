//! Answers whose bytes are all there, read as they would be from a server.

use engine::ports::{LlmError, ModelReply, ModelRequest};

use crate::server::failure;
use crate::usage::{Plausible, UsageShape};
use crate::{anthropic, bedrock, openai};

/// The usage of a request of so many bytes at least is believed.
const LEAST_REQUEST_BYTES: usize = 1_024;

/// A wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI's chat completions.
    ChatCompletions,
    /// Anthropic's Messages.
    Messages,
    /// Bedrock's Converse.
    Converse,
}

/// What an answer to `request` comes to, whole or in server-sent events, by the code that reads it from a server: for tests and
/// benches that have no server.
///
/// Errors: as the adapters have them.
pub fn read_answer(
    wire: Wire,
    request: &ModelRequest,
    status: u16,
    is_streamed: bool,
    answer: &[u8],
) -> Result<ModelReply, LlmError> {
    if status != 200 {
        return Err(failure::of_status(status, answer, None, None));
    }
    let shape = match wire {
        Wire::ChatCompletions => UsageShape::ChatCompletions,
        Wire::Messages => UsageShape::Messages,
        Wire::Converse => UsageShape::Converse,
    };
    let texts = request.messages.iter().map(|message| format!("{message:?}").len());
    let plausible = Plausible::of(shape, request, texts.sum::<usize>() + LEAST_REQUEST_BYTES);
    match wire {
        Wire::ChatCompletions => openai::whole(answer, is_streamed, &plausible),
        Wire::Messages => anthropic::whole(answer, is_streamed, &plausible),
        Wire::Converse => bedrock::whole(answer, is_streamed, &plausible),
    }
}
