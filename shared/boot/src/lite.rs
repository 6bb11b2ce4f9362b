//! The lite profile in one process: rows in an embedded DynamoDB engine, content in files, cache and limits in the same
//! rows. The same adapters run on AWS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::agent::Catalogue;
use engine::error::Result;
use engine::ports::{Analyser, Clock, Llm, Settings, Tool};
use store::lite::{LiteCache, LiteLimits, LiteMemory};

use crate::models::open_models;
use crate::{Config, Owned, SystemClock, fetcher, load_catalogue};

/// The adapters of the lite profile.
pub struct Lite {
    /// The real clock.
    pub clock: Arc<dyn Clock>,
    /// The embedded catalogue.
    pub catalogue: Arc<Catalogue>,
    /// From the configuration.
    pub settings: Settings,
    /// Rows.
    pub store: Arc<Owned>,
    /// Content in files.
    pub content: Arc<dyn engine::ports::ContentStore>,
    /// Stored answers in rows, sealed, with those of the last moments in front.
    pub cache: Arc<dyn engine::ports::Cache>,
    /// Rates in rows.
    pub limits: Arc<dyn engine::ports::Limits>,
    /// Memory in rows.
    pub memory: Arc<dyn engine::ports::Memory>,
    /// The configured model.
    pub model: Option<Arc<dyn Llm>>,
    /// All analysers.
    pub analysers: Arc<BTreeMap<&'static str, Arc<dyn Analyser>>>,
    /// All tools.
    pub tools: Arc<BTreeMap<&'static str, Arc<dyn Tool>>>,
    /// All platforms.
    pub platforms: Arc<Vec<Arc<dyn engine::ports::Platform>>>,
}

/// A connection to a model is kept for the next call for this long; most servers keep one for five seconds, some for two.
const IDLE_MS: u64 = 1_500;

/// Opens the lite profile over a state folder, which must exist and be the caller's alone.
pub async fn open_lite(config: &Config, state: &Path) -> Result<Lite> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalogue = Arc::new(config.recall.applied_to(load_catalogue()?));
    let file = state.join("assay.sqlite");
    let is_new = !file.try_exists().unwrap_or(true);
    let embedded = store::Embedded::open(&file)?;
    // Before the rows are kept in memory, which must be told of every row that goes.
    embedded.forget_expired()?;
    let journal = store::Journal::open(&state.join("journal"))?;
    let table = Arc::new(embedded.store().await?.alone());
    let rows = Arc::new(Owned::open(journal, table, is_new, clock.clone()).await?);
    let store: Arc<dyn engine::ports::Store> = rows.clone();
    let model = open_models(config, &catalogue, IDLE_MS)?;
    let place = Arc::new(LiteCache::new(store.clone(), clock.clone()).holding(config.recall.most));
    let cache = config.recall.over(place, config.recall.key_in(state)?, clock.clone());
    Ok(Lite {
        settings: config.settings(),
        content: Arc::new(store::Files::open(&state.join("content"))?),
        cache,
        limits: Arc::new(LiteLimits::new(store.clone(), clock.clone(), config.rates.clone())),
        memory: Arc::new(LiteMemory::new(store.clone())),
        model,
        analysers: Arc::new(analysis::analysers()),
        tools: Arc::new(tools::tools()),
        platforms: Arc::new(platforms::platforms(&fetcher(config, clock.clone()))),
        clock,
        catalogue,
        store: rows,
    })
}
