//! Links are fetched by a function of its own, which holds no secrets and stands outside the network of the others. Both
//! ends of that conversation.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use aws::Connection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boot::Cloud;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use platforms::fetch::{Fetch, Fetched, LARGEST_FILE_BYTES, Request};
use serde::{Deserialize, Serialize};
use url::Url;

/// A function's answer has at most 6 MB.
const MOST_BODY: usize = 5_500_000;
const TIMEOUT_MS: u64 = 65_000;

/// Asks the function that fetches.
pub(crate) struct RemoteFetch {
    connection: Connection,
    function: Option<String>,
    clock: Arc<dyn Clock>,
}

impl RemoteFetch {
    pub(crate) fn new(connection: &Connection, cloud: &Cloud, clock: Arc<dyn Clock>) -> Self {
        Self { connection: connection.clone(), function: cloud.fetch_function.clone(), clock }
    }
}

#[async_trait]
impl Fetch for RemoteFetch {
    async fn fetch(&self, request: &Request) -> Result<Fetched> {
        let Some(function) = &self.function else {
            return Err(Error::new(ErrorKind::Configuration, "ASSAY_FETCH_FUNCTION is not set"));
        };
        let asked = Asked { link: request.link.clone(), robots: request.robots };
        let payload = serde_json::to_value(asked).map_err(unreadable)?;
        let answer =
            aws::invoke::invoke(&self.connection, self.clock.as_ref(), function, &payload, TIMEOUT_MS)
                .await?;
        serde_json::from_value::<Answered>(answer).map_err(unreadable)?.into_result()
    }
}

/// The question.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    link: String,
    robots: bool,
}

impl Asked {
    /// What the fetcher is asked.
    pub(crate) fn request(&self) -> Request {
        Request { link: self.link.clone(), robots: self.robots }
    }
}

/// The answer: what came, or why nothing did.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answered {
    Fetched {
        url: String,
        media_type: String,
        charset: Option<String>,
        /// Compressed, in base64.
        body: String,
        hops: Vec<String>,
        robots: bool,
        fetched_ms: u64,
    },
    Refused {
        kind: ErrorKind,
        message: String,
        retry_after_ms: Option<u64>,
    },
}

impl Answered {
    /// What is to be told of a fetch.
    pub(crate) fn of(fetched: Result<Fetched>) -> Self {
        let packed = fetched.and_then(|fetched| Ok((pack(&fetched.body)?, fetched)));
        match packed {
            Ok((body, Fetched { url, media_type, charset, body: _, hops, robots, fetched_ms })) => {
                Self::Fetched { url: url.into(), media_type, charset, body, hops, robots, fetched_ms }
            }
            Err(error) => Self::Refused {
                kind: error.kind(),
                message: error.message().to_owned(),
                retry_after_ms: error.retry_after_ms(),
            },
        }
    }

    fn into_result(self) -> Result<Fetched> {
        match self {
            Self::Fetched { url, media_type, charset, body, hops, robots, fetched_ms } => {
                let url = Url::parse(&url).map_err(unreadable)?;
                Ok(Fetched { url, media_type, charset, body: unpack(&body)?, hops, robots, fetched_ms })
            }
            Self::Refused { kind, message, retry_after_ms } => {
                let error = Error::new(kind, message);
                Err(match retry_after_ms {
                    Some(after_ms) => error.retry_after(after_ms),
                    None => error,
                })
            }
        }
    }
}

fn pack(body: &[u8]) -> Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| {
        Error::new(ErrorKind::Internal, "what was fetched cannot be compressed").because(error)
    })?;
    let text = STANDARD.encode(packed);
    if text.len() > MOST_BODY {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "what was fetched is larger than one function can tell another",
        ));
    }
    Ok(text)
}

fn unpack(text: &str) -> Result<Vec<u8>> {
    let packed = STANDARD.decode(text).map_err(unreadable)?;
    let mut body = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(LARGEST_FILE_BYTES as u64)
        .read_to_end(&mut body)
        .map_err(unreadable)?;
    Ok(body)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Internal,
        "the function that fetches and the one that asked it do not understand each other",
    )
    .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_and_why_not_survive_the_way() {
        let there_and_back = |fetched: Result<Fetched>| {
            let text = serde_json::to_string(&Answered::of(fetched)).unwrap();
            serde_json::from_str::<Answered>(&text).unwrap().into_result()
        };
        let fetched = Fetched {
            url: "https://example.org/a".parse().unwrap(),
            media_type: "text/html".to_owned(),
            charset: Some("utf-8".to_owned()),
            body: "naïve \u{0}\u{fffd}".repeat(1_000).into_bytes(),
            hops: vec!["https://example.org/".to_owned()],
            robots: true,
            fetched_ms: 7,
        };
        assert_eq!(there_and_back(Ok(fetched.clone())).unwrap(), fetched);
        let limited = Error::new(ErrorKind::RateLimited, "later").retry_after(1_500);
        let error = there_and_back(Err(limited)).unwrap_err();
        assert_eq!(
            (error.kind(), error.message(), error.retry_after_ms()),
            (ErrorKind::RateLimited, "later", Some(1_500))
        );
        // Bytes that do not compress.
        let noise: Vec<u8> = (0..LARGEST_FILE_BYTES as u64 / 8)
            .flat_map(|number| {
                (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (number << 7))
                    .wrapping_mul(0xD134_2543_DE82_EF95)
                    .to_le_bytes()
            })
            .collect();
        let error = there_and_back(Ok(Fetched { body: noise, ..fetched })).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}
