//! Queues.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::types::QueueAttributeName;
use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::{Message, Queue, Queues};

use crate::Connection;

/// The longest delay of a message.
const LONGEST_DELAY_MS: u64 = 900_000;
const LONGEST_GROUP: usize = 128;

/// The platform's queues by their addresses. Messages carry their tenant as the group, which on standard queues keeps one
/// tenant from taking every turn and keeps no order.
#[derive(Clone, Debug)]
pub struct Sqs {
    client: Client,
    urls: BTreeMap<Queue, String>,
    parked: Option<String>,
}

impl Sqs {
    /// The queues at `urls`, and at `parked` the one for what nobody understands.
    pub fn new(connection: &Connection, urls: BTreeMap<Queue, String>, parked: Option<String>) -> Self {
        Self { client: Client::new(connection.sdk_config()), urls, parked }
    }

    /// Puts a text that is no message where a person looks.
    pub async fn park(&self, text: &str) -> Result<()> {
        let url = self.parked.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                "ASSAY_QUEUE_PARKED is not set: this function was not told of it",
            )
        })?;
        self.client.send_message().queue_url(url).message_body(text).send().await.map(|_| ()).map_err(failed)
    }

    /// The address of the queue with this name, if it is one of these.
    pub fn url_of_name(&self, name: &str) -> Option<&str> {
        self.urls.values().map(String::as_str).find(|url| url.rsplit('/').next() == Some(name))
    }

    /// All queues there are.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.urls.values().map(String::as_str)
    }

    /// Makes a received message come back after so many seconds, unless it is deleted before.
    pub async fn come_back_in(&self, url: &str, receipt: &str, seconds: u16) -> Result<()> {
        let request = self.client.change_message_visibility().queue_url(url).receipt_handle(receipt);
        request.visibility_timeout(i32::from(seconds)).send().await.map(|_| ()).map_err(failed)
    }

    /// How many messages of a queue wait to be received, about.
    pub async fn waiting(&self, url: &str) -> Result<u64> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.client.get_queue_attributes().queue_url(url).attribute_names(name.clone());
        let answer = request.send().await.map_err(failed)?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&name));
        count
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::Storage, "a queue did not say how many messages wait"))
    }

    fn url(&self, queue: Queue) -> Result<&str> {
        self.urls.get(&queue).map(String::as_str).ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                format!("this function was not told where the queue {queue:?} is"),
            )
        })
    }
}

#[async_trait]
impl Queues for Sqs {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        let body = serde_json::to_string(message)
            .map_err(|error| Error::new(ErrorKind::Internal, "a message is no JSON").because(error))?;
        if delay_ms > LONGEST_DELAY_MS {
            return Err(Error::new(ErrorKind::Internal, "no queue delays a message for so long"));
        }
        let delay_s = i32::try_from(delay_ms.div_ceil(1_000)).unwrap_or(i32::MAX);
        let request = self.client.send_message().queue_url(self.url(queue)?).message_body(body);
        let request = request.message_group_id(group(&message.run().tenant));
        let request = if delay_s > 0 { request.delay_seconds(delay_s) } else { request };
        request.send().await.map(|_| ()).map_err(failed)
    }

    async fn depth(&self, queue: Queue) -> Result<Option<u64>> {
        match self.urls.get(&queue) {
            Some(url) => self.waiting(url).await.map(Some),
            None => Ok(None),
        }
    }
}

/// A group's name has at most 128 letters, digits and marks; a tenant that is no such name goes by its digest.
fn group(tenant: &TenantId) -> String {
    let name = tenant.as_str();
    if !name.is_empty() && name.len() <= LONGEST_GROUP && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return name.to_owned();
    }
    blake3::hash(name.as_bytes()).to_hex().to_string()
}

fn failed<E, R>(error: SdkError<E, R>) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    Error::new(ErrorKind::Storage, "a queue could not be used").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_name_the_service_takes() {
        let check = |tenant: &str, expected: Option<&str>| {
            let group = group(&TenantId::new(tenant));
            assert!(
                group.len() <= LONGEST_GROUP && group.bytes().all(|byte| byte.is_ascii_graphic()),
                "{group}"
            );
            assert!(expected.is_none_or(|expected| group == expected), "{group}");
        };
        check("acme", Some("acme"));
        check("a/b:c", Some("a/b:c"));
        check("", None);
        check("two words", None);
        check("größe", None);
        check(&"x".repeat(129), None);
    }
}
