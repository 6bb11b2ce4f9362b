//! Reading a streamed answer, whatever its events mean.

use engine::model::Usage;
use engine::ports::{Bill, LlmError, ModelReply};
use reqwest::Response;

use super::begins::Begins;
use super::body::{self, Limits};
use super::events::Events;
use crate::Secret;
use crate::usage::Plausible;

/// An answer that comes in events, or whole from servers that cannot stream.
pub(crate) trait Streamed: Default {
    /// Takes the `data` of one event.
    fn take(&mut self, event: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<(), LlmError>;

    /// Nothing more is to come, though the body may go on.
    fn is_done(&self) -> bool;

    /// What the call used, where it is known already.
    fn known_usage(&self, plausible: &Plausible) -> Option<Usage>;

    /// The same answer where it came whole.
    fn parse(body: &[u8], plausible: &Plausible, key: Option<&Secret>) -> Result<ModelReply, LlmError>;

    /// What was said, of a stream of so many bytes.
    fn into_reply(self, bytes: usize, plausible: &Plausible) -> Result<ModelReply, LlmError>;
}

/// The same of an answer whose bytes are all there.
pub(crate) fn whole<A: Streamed>(
    bytes: &[u8],
    is_streamed: bool,
    plausible: &Plausible,
) -> Result<ModelReply, LlmError> {
    const PART_BYTES: usize = 8 * 1024;
    if !is_streamed {
        return A::parse(bytes, plausible, None);
    }
    let (mut answer, mut events) = (A::default(), Events::default());
    for part in bytes.chunks(PART_BYTES) {
        if answer.is_done() {
            break;
        }
        events.push(part, |event| answer.take(event, plausible, None))?;
    }
    events.finish(|event| answer.take(event, plausible, None))?;
    answer.into_reply(bytes.len(), plausible)
}

/// Reads a stream, which begins in time, to its end. After a break, a timeout or too much of it the bill is what was said before it, if that is
/// known.
pub(crate) async fn read<A: Streamed>(
    mut response: Response,
    begins: Begins,
    limits: Limits,
    plausible: &Plausible,
    key: Option<&Secret>,
) -> Result<ModelReply, LlmError> {
    let mut answer = A::default();
    let mut events = Events::default();
    let mut so_far = 0;
    let known = |answer: &A, LlmError { error, bill }| LlmError {
        error,
        bill: answer.known_usage(plausible).map_or(bill, Bill::Used),
    };
    while !answer.is_done() {
        let part = body::next(&mut response, so_far, limits);
        let part = if so_far == 0 { begins.or_silent(part).await? } else { part.await };
        let part = part.map_err(|failure| known(&answer, failure))?;
        let Some(part) = part else { break };
        so_far += part.len();
        events.push(&part, |event| answer.take(event, plausible, key))?;
    }
    events.finish(|event| answer.take(event, plausible, key))?;
    answer.into_reply(so_far, plausible)
}
