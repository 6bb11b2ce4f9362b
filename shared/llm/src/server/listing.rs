//! The question which models there are: the one that costs nothing and still needs the key.

use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use reqwest::header::{ACCEPT, HeaderValue};
use serde_json::Value;

use super::body::{self, Limits};
use super::{Server, address, failure};

/// A server that does not answer this in that time does not answer.
const MOST_MS: u64 = 10_000;
/// More than this says nobody of itself.
const LARGEST_BYTES: usize = 4 << 20;

/// Servers that offer no such list.
const NO_SUCH_QUESTION: [u16; 3] = [404, 405, 501];

impl Server {
    /// The ids that `GET path` lists, in the shape that all providers share: `{"data": [{"id": ...}]}`. `None` from a server
    /// that offers no list. Errors as of a call; `Parsing` for an answer that is no list.
    pub(crate) async fn listed(&self, path: &str, query: Option<&str>) -> Result<Option<Vec<String>>> {
        let mut address = address::under(&self.config.base_url, path, self.config.api_key.is_some())?;
        address.set_query(query);
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let ask = async {
            let sent = self.client.get(address).headers(headers).send().await;
            let response = sent.map_err(|error| failure::not_sent(error).error)?;
            let status = response.status().as_u16();
            let retry_after_ms = failure::retry_after_ms(response.headers());
            let read = body::read(response, Limits { bytes: LARGEST_BYTES }).await;
            match status {
                200 => ids(&read.map_err(|failed| failed.error)?).map(Some),
                _ if NO_SUCH_QUESTION.contains(&status) => Ok(None),
                _ => {
                    let body = read.unwrap_or_default();
                    Err(failure::of_status(status, &body, retry_after_ms, self.key()).error)
                }
            }
        };
        let late = |_| Error::new(ErrorKind::Timeout, "the model's server did not list its models in time");
        tokio::time::timeout(Duration::from_millis(MOST_MS), ask).await.map_err(late)?
    }
}

fn ids(body: &[u8]) -> Result<Vec<String>> {
    let no_list = || Error::new(ErrorKind::Parsing, "the model's server answered with no list of models");
    let answer: Value = serde_json::from_slice(body).map_err(|error| no_list().because(error))?;
    let rows = answer["data"].as_array().ok_or_else(no_list)?;
    Ok(rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned).collect())
}
