//! Rows in one DynamoDB table.
//!
//! Every item has `pk` and `sk` (`keys`), a `version`, and the row as JSON in `body` (`items`). Two sparse
//! indexes: a tenant's runs by time, and the rows that are due. Both indexes are read eventually on the real service;
//! everything else is read strongly. Retries belong to the engine, so a client must be built without its own.

mod errors;
mod items;
mod keys;
mod list;
mod read;
mod table;
mod write;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{ReconnectMode, RetryConfig};

use engine::error::Result;
use engine::ports::{Change, Key, Page, Range, Store, Versioned};

pub(crate) use items::check_row;
pub use table::create_table;
pub(crate) use write::{check, check_rows};

/// Rows in one DynamoDB table, made by [`create_table`] or a template that says the same.
#[derive(Clone, Debug)]
pub struct Dynamo {
    client: Client,
    table: String,
    /// Whether the table lets go of expired rows by itself.
    forgets: bool,
    /// Whether nobody else writes rows.
    is_alone: bool,
}

impl Dynamo {
    /// The rows of `table` where `config` says, asked without retries of the client's own: the engine decides again instead.
    pub fn connect(config: &aws_types::SdkConfig, table: impl Into<String>) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
            .build();
        Self { forgets: true, ..Self::new(Client::from_conf(config), table) }
    }

    /// Makes the table, where no template does.
    pub async fn create(&self) -> Result<()> {
        create_table(&self.client, &self.table).await
    }

    /// The rows of `table`, reached through `client`, where nothing expires by itself.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), forgets: false, is_alone: false }
    }

    /// For one owner who keeps the rows and their versions in memory and is the only one to write: a row written whatever was there
    /// is put in its place whole, which is less work than counting its version on, and its version begins again.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }
}

#[async_trait]
impl Store for Dynamo {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        read::read(self, keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        write::write(self, changes).await
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        list::list(self, range, from, limit).await
    }

    fn forgets(&self) -> bool {
        self.forgets
    }
}
