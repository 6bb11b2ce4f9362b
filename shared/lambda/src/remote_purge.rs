//! Redis stands in a network that the API is not in: what the API makes void, the function `health` does for it, which is there. Both ends
//! of that conversation.

use std::sync::Arc;

use async_trait::async_trait;
use aws::Connection;
use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::{Cache, Clock, Entry, Flight, Generation, Looked, Lookup, Neighbour};
use engine::recall;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Opened;
use crate::health::check_health;

const TIMEOUT_MS: u64 = 15_000;

/// A cache that is out of reach, but for what another function does in it.
pub(crate) struct RemotePurge {
    pub(crate) connection: Connection,
    pub(crate) function: String,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What is asked for.
#[derive(Serialize, Deserialize)]
struct Asked {
    tenant: TenantId,
    tag: String,
}

/// The checks, or the purge that the event asks for, which only those may send whom AWS lets invoke the function.
pub fn check_health_or_purge(opened: &Opened, event: Value) -> BoxFuture<'_, Result<Value>> {
    let Some(asked) = event.get("purge").cloned() else { return check_health(opened) };
    async move {
        let Asked { tenant, tag } = serde_json::from_value(asked).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, "a purge names a tenant and a tag").because(error)
        })?;
        let generation = recall::purge(&opened.ports, &tenant, &tag).await?;
        Ok(json!({ "generation": generation }))
    }
    .boxed()
}

fn out_of_reach<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Storage, "stored answers are out of reach of this function"))
}

#[async_trait]
impl Cache for RemotePurge {
    async fn look_up(&self, _: &TenantId, _: &Lookup) -> Result<Looked> {
        out_of_reach()
    }

    async fn put(&self, _: &TenantId, _: &str, _: &Entry) -> Result<()> {
        out_of_reach()
    }

    async fn lead(&self, _: &TenantId, _: &str, _: &Flight) -> Result<bool> {
        out_of_reach()
    }

    async fn release(&self, _: &TenantId, _: &str, _: &str) -> Result<()> {
        out_of_reach()
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        let payload = json!({ "purge": Asked { tenant: tenant.clone(), tag: tag.to_owned() } });
        let asked =
            aws::invoke::invoke(&self.connection, self.clock.as_ref(), &self.function, &payload, TIMEOUT_MS);
        let unknown = |error: Error| match error.kind() {
            // It says so where Redis does not answer.
            ErrorKind::Internal => {
                Error::new(ErrorKind::Storage, "it is not known whether stored answers were made void")
                    .because(error)
            }
            _ => error,
        };
        let answer = asked.await.map_err(unknown)?;
        serde_json::from_value(answer["generation"].clone())
            .map_err(|error| Error::new(ErrorKind::Internal, "a purge has no generation").because(error))
    }

    async fn add(&self, _: &TenantId, _: &str, _: &Neighbour, _: u64) -> Result<()> {
        out_of_reach()
    }
}
