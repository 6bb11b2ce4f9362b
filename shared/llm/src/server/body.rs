//! Reading an answer's bytes, but not more than allowed.

use engine::error::{Error, ErrorKind};
use engine::ports::{Bill, LlmError};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::failure::failed;

/// Bounds of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes at most.
    pub(crate) bytes: usize,
}

/// True if the server says that it streams.
pub(crate) fn is_event_stream(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// The whole body.
pub(crate) async fn read(mut response: Response, limits: Limits) -> Result<Vec<u8>, LlmError> {
    let mut body = Vec::new();
    while let Some(part) = next(&mut response, body.len(), limits).await? {
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// The next part of a body of which `so_far` bytes are read.
pub(crate) async fn next(
    response: &mut Response,
    so_far: usize,
    limits: Limits,
) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>, LlmError> {
    let part = response.chunk().await.map_err(|error| LlmError {
        error: Error::new(ErrorKind::Network, "the connection to the model's server broke during its answer")
            .because(error.without_url()),
        bill: Bill::Unknown,
    })?;
    match part {
        Some(part) if so_far.saturating_add(part.len()) > limits.bytes => Err(failed(
            ErrorKind::ModelOutput,
            format!("the answer of the model's server is larger than {} bytes", limits.bytes),
            Bill::Unknown,
        )),
        part => Ok(part),
    }
}
