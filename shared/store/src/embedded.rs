//! A DynamoDB engine inside this process: no server, no network, no account.
//!
//! The client of the SDK stays; its HTTP connector is replaced by a call into the engine, so the adapter that talks to
//! the real service is the one that runs here. The data is one SQLite file with a write-ahead log. An acknowledged
//! write is in the operating system's hands: it survives the end of the process, however it ends. After a loss of power
//! the newest writes may be missing; what is left is whole.

mod connector;
mod dispatch;

use std::path::Path;

use aws_sdk_dynamodb::config::retry::{ReconnectMode, RetryConfig};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::{Client, Config};
use dynoxide::{Database, DynoxideError};
use engine::error::{Error, ErrorKind, Result};

use crate::dynamo::{Dynamo, create_table};

const TABLE: &str = "assay";

/// A DynamoDB engine in this process.
#[derive(Clone)]
pub struct Embedded {
    database: Database,
    client: Client,
}

impl Embedded {
    /// Opens the file, and makes it if it is not there. Kind `Storage` if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let Some(path) = path.to_str() else {
            return Err(Error::new(ErrorKind::Configuration, "the path of the store is not valid UTF-8"));
        };
        let database = Database::new(path).map_err(unopened)?;
        // Its one effect here: commits leave the flush to the disk to the next checkpoint of the log.
        database.disable_bulk_loading().map_err(unopened)?;
        Self::over(database)
    }

    /// An engine that forgets everything when it is dropped.
    pub fn memory() -> Result<Self> {
        Self::over(Database::memory().map_err(unopened)?)
    }

    /// A client of the engine.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The platform's rows in this engine; makes their table if it is not there.
    pub async fn store(&self) -> Result<Dynamo> {
        create_table(&self.client, TABLE).await?;
        Ok(Dynamo::new(self.client(), TABLE))
    }

    /// Deletes the rows that have expired by the system's clock, as the real service does by itself. Returns how many. Not
    /// for a store whose rows somebody keeps in memory.
    pub fn forget_expired(&self) -> Result<usize> {
        self.database
            .sweep_ttl()
            .map_err(|error| Error::new(ErrorKind::Storage, "expired rows cannot be deleted").because(error))
    }

    fn over(database: Database) -> Result<Self> {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("local"))
            .endpoint_url("http://localhost")
            .allow_no_auth()
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(connector::InProcess(database.clone()))
            .build();
        Ok(Self { database, client: Client::from_conf(config) })
    }
}

fn unopened(error: DynoxideError) -> Error {
    Error::new(ErrorKind::Storage, "the embedded store cannot be opened").because(error)
}
