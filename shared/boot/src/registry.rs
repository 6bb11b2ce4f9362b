//! What agents are made of, as the crates that hold it list it.

use std::sync::Arc;

use engine::agent::Catalogue;
use engine::error::{Error, ErrorKind, Result};
use engine::model::PriceList;
use engine::ports::Clock;
use platforms::fetch::{self, Fetch, GuardedFetcher};

use crate::Config;

/// The embedded catalogue, checked against the analysers and tools there are.
pub fn load_catalogue() -> Result<Catalogue> {
    let analysers: Vec<&str> = analysis::analysers().into_keys().collect();
    let tools: Vec<&str> = tools::tools().into_keys().collect();
    load(Some(&catalogue::Registered { analysers: &analysers, tools: &tools }))
}

/// The embedded catalogue for a process that runs no step, and so has no analyser and no tool.
pub fn load_catalogue_without_steps() -> Result<Catalogue> {
    load(None)
}

fn load(registered: Option<&catalogue::Registered<'_>>) -> Result<Catalogue> {
    catalogue::load(registered).map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))
}

/// Prices from a text with rows as in the catalogue's `models.toml`. Errors: `Configuration`, saying what is wrong with it.
pub fn read_prices(text: &str) -> Result<PriceList> {
    catalogue::prices(text).map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))
}

/// The guarded fetcher of this process.
pub fn fetcher(config: &Config, clock: Arc<dyn Clock>) -> Arc<dyn Fetch> {
    let config = fetch::Config {
        contact: config.fetch_contact.clone(),
        allow: config.fetch_allow.clone(),
        ..fetch::Config::default()
    };
    Arc::new(GuardedFetcher::new(config, clock))
}
