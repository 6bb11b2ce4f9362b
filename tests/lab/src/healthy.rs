//! Every port there is, in memory and well.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use boot::Config;
use engine::error::Result;
use engine::memory::{
    MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
    MemoryStore, SeededRandom,
};
use engine::model::NanoUsd;
use engine::ports::{Clock, Embedder, Ports, Queues, Random, Settings, Store};
use local::workflow::LocalWorkflow;
use store::lite::{LiteCache, LiteLimits, LiteMemory};

use crate::scripted::{Script, ScriptedModel};
use crate::sim;

/// What stands behind cache, rates and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Services of their own.
    Full,
    /// Rows of the one store.
    Lite,
}

pub(crate) struct House {
    pub(crate) ports: Ports,
    profile: Profile,
}

impl House {
    /// A house whose time `clock` tells. Errors: `Configuration`, of what is built in.
    pub(crate) fn on(profile: Profile, clock: Arc<dyn Clock>) -> Result<Self> {
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(7));
        let queues: Arc<dyn Queues> = Arc::new(MemoryQueues::new(clock.clone(), 60_000, 5));
        let script = Script::new(vec![sim::model()]);
        let ports = Ports {
            random: random.clone(),
            catalogue: Arc::new(boot::load_catalogue()?),
            settings: Settings {
                daily_budget: NanoUsd::from_usd(20),
                monthly_budget: None,
                run_cap: None,
                waiting_hour: NanoUsd::ZERO,
            },
            store: Arc::new(MemoryStore::default()),
            content: Arc::new(MemoryContent::default()),
            workflow: Arc::new(LocalWorkflow::new(clock.clone(), random, queues.clone())?),
            queues,
            cache: Arc::new(MemoryCache::new(clock.clone(), 1_000)),
            limits: Arc::new(MemoryLimits::new(clock.clone(), 60, 60)),
            model: Some(Arc::new(ScriptedModel::new(script, clock.clone()))),
            embedder: Some(Arc::new(Words)),
            namespaces: Arc::default(),
            read_back: Arc::default(),
            analysers: Arc::new(BTreeMap::new()),
            tools: Arc::new(tools::tools()),
            platforms: Arc::default(),
            memory: Arc::new(MemoryMemories::default()),
            delivery: Arc::new(MemoryDelivery::default()),
            metrics: Arc::new(MemoryMetrics::default()),
            clock,
        };
        let mut house = Self { ports, profile };
        house.ports = house.over(house.ports.store.clone())?;
        Ok(house)
    }

    /// The same ports over another store, with all that stands on it.
    pub(crate) fn over(&self, store: Arc<dyn Store>) -> Result<Ports> {
        let (ports, clock) = (self.ports.clone(), self.ports.clock.clone());
        let rates = Config::from(|_| None)?.rates;
        Ok(match self.profile {
            Profile::Full => Ports { store, ..ports },
            Profile::Lite => Ports {
                cache: Arc::new(LiteCache::new(store.clone(), clock.clone())),
                limits: Arc::new(LiteLimits::new(store.clone(), clock, rates)),
                memory: Arc::new(LiteMemory::new(store.clone())),
                store,
                ..ports
            },
        })
    }
}

/// Two texts are as near as they share words.
struct Words;

#[async_trait]
impl Embedder for Words {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| of_words(text)).collect())
    }
}

fn of_words(text: &str) -> Vec<f32> {
    const DIMENSIONS: usize = 256;
    let mut vector = vec![0.0f32; DIMENSIONS];
    for word in
        text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
    {
        vector[usize::from(blake3::hash(word.as_bytes()).as_bytes()[0])] += 1.0;
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.into_iter().map(|value| value / length).collect()
}
