//! Reading a body: counted after decompression, given up when it is too large or too slow.

use std::pin::pin;

use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock;
use futures::future::{Either, select};
use reqwest::Response;

use super::bytes_in_words;
use super::client::Times;

/// What becomes of a body with more bytes than are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Refuse,
    Cut,
}

/// Reads the body to its end or to an error: `TooLarge` over `most` bytes unless it is cut there, `Timeout` when it is too
/// slow.
pub(super) async fn read(
    clock: &dyn Clock,
    times: &Times,
    mut response: Response,
    (most, over): (usize, Over),
    end_ms: u64,
) -> Result<Vec<u8>> {
    let began_ms = clock.now_ms();
    let mut body = Vec::new();
    loop {
        let now_ms = clock.now_ms();
        let checked_ms = (began_ms + times.slow_after_ms).max(now_ms + times.slow_after_ms / 4).min(end_ms);
        let chunk = {
            let chunk = pin!(response.chunk());
            let check = pin!(clock.sleep(checked_ms.saturating_sub(now_ms)));
            match select(chunk, check).await {
                Either::Left((chunk, _)) => Some(chunk.map_err(|error| broken(&error))?),
                Either::Right(_) => None,
            }
        };
        match chunk {
            Some(None) => return Ok(body),
            Some(Some(chunk)) if body.len() + chunk.len() > most && over == Over::Cut => {
                body.extend_from_slice(chunk.get(..most - body.len()).unwrap_or_default());
                return Ok(body);
            }
            Some(Some(chunk)) if body.len() + chunk.len() > most => {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("there is more than the {} that are read of it", bytes_in_words(most)),
                ));
            }
            Some(Some(chunk)) => body.extend_from_slice(&chunk),
            None => {}
        }
        let now_ms = clock.now_ms();
        let took_ms = now_ms - began_ms;
        let too_slow = took_ms >= times.slow_after_ms
            && (body.len() as u64).saturating_mul(1_000) < times.least_bytes_per_second * took_ms;
        if too_slow || now_ms >= end_ms {
            let what = format!(
                "it comes too slowly ({} in {} s); save its text and hand in the file",
                bytes_in_words(body.len()),
                took_ms.div_ceil(1_000)
            );
            return Err(Error::new(ErrorKind::Timeout, what));
        }
    }
}

fn broken(error: &reqwest::Error) -> Error {
    if error.is_decode() {
        return Error::new(ErrorKind::Parsing, "the body is not compressed as it says");
    }
    Error::new(ErrorKind::Network, "the connection broke off")
}
