//! The ports of a function, opened at its first event and kept for the next ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws::{Connection, Place, S3, Sqs, StepFunctions};
use boot::{Cloud, Config, OsRandom, Signer, SystemClock};
use engine::error::{Error, ErrorKind, Result};
use engine::model::{ContentRef, TenantId};
use engine::ports::{
    Cache, Clock, ContentStore, Delivery, Embedder, Limits, Ports, Post, Random as _, Store,
};
use redis_ports::{CacheSettings, RedisCache, RedisLimits, Spare};
use store::Dynamo;
use store::lite::{LiteCache, LiteLimits, LiteMemory};
use tokio::sync::{Mutex, OnceCell};

use crate::metrics::Emf;
use crate::parts::Recipe;
use crate::remote_fetch::RemoteFetch;
use crate::remote_purge::RemotePurge;
use crate::signature::AsThisFunction;

/// A secret is read again after this long, so that a changed one is used without a deployment.
const SECRET_MS: u64 = 5 * 60 * 1000;

/// A function's ports, opened when they are first asked for.
pub struct Platform {
    recipe: Recipe,
    reached: OnceCell<Arc<Reached>>,
    embedder: OnceCell<Arc<dyn Embedder>>,
    opened: Mutex<Option<Held>>,
    clock: Arc<dyn Clock>,
}

/// What is had without asking anybody anything.
pub struct Reached {
    /// What the environment says of the deployment.
    pub cloud: Cloud,
    pub(crate) connection: Connection,
    pub(crate) sqs: Arc<Sqs>,
    pub(crate) metrics: Arc<Emf>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Open ports, and what they stand on.
pub struct Opened {
    /// The ports.
    pub ports: Ports,
    /// What the operator decided.
    pub config: Config,
    /// The services behind some of them.
    pub reached: Arc<Reached>,
    /// Why the secret could not be read again, if what stood in it before is used.
    pub(crate) secret_lost: Option<Error>,
}

impl Opened {
    /// The same ports, and why their secret cannot be read any more, if it cannot.
    fn without_secret(&self, secret_lost: Option<Error>) -> Self {
        Self {
            ports: self.ports.clone(),
            config: self.config.clone(),
            reached: self.reached.clone(),
            secret_lost,
        }
    }
}

struct Held {
    opened: Arc<Opened>,
    secrets: Secrets,
    read_ms: u64,
}

type Secrets = BTreeMap<String, String>;

impl Platform {
    /// Nothing is opened yet.
    pub fn new(recipe: Recipe) -> Self {
        Self {
            recipe,
            reached: OnceCell::new(),
            embedder: OnceCell::new(),
            opened: Mutex::new(None),
            clock: Arc::new(SystemClock),
        }
    }

    /// The services, not yet asked. Errors: `Configuration`, naming what is missing.
    pub async fn reach(&self) -> Result<&Arc<Reached>> {
        self.reached.get_or_try_init(async || reach(self.clock.clone()).map(Arc::new)).await
    }

    /// The ports. Errors: `Configuration`, naming what is missing; `Storage` if the secret cannot be read just now. Once they
    /// were open, what stood in the secret then is used as long as it cannot be read again.
    pub async fn open(&self) -> Result<Arc<Opened>> {
        let reached = self.reach().await?;
        let mut held = self.opened.lock().await;
        let now = self.clock.now_ms();
        if let Some(held) = held.as_ref()
            && (!self.recipe.needs_secret || now < held.read_ms + SECRET_MS)
        {
            return Ok(held.opened.clone());
        }
        let secrets = match (self.secrets(reached).await, held.as_mut()) {
            (Ok(secrets), Some(held)) if held.secrets == secrets => {
                held.read_ms = now;
                if held.opened.secret_lost.is_some() {
                    held.opened = Arc::new(held.opened.without_secret(None));
                }
                return Ok(held.opened.clone());
            }
            (Ok(secrets), _) => secrets,
            (Err(error), Some(held)) => {
                tracing::error!(%error, causes = error.causes(), "the secret could not be read again; what was read before is used");
                held.read_ms = now;
                held.opened = Arc::new(held.opened.without_secret(Some(error)));
                return Ok(held.opened.clone());
            }
            (Err(error), None) => return Err(error),
        };
        let embedder = self.embedder(reached).await;
        let opened = Arc::new(open(self.recipe, reached, &secrets, embedder).await?);
        *held = Some(Held { opened: opened.clone(), secrets, read_ms: now });
        Ok(opened)
    }

    /// The embedder, opened once: a changed secret changes nothing about it. One that cannot be opened fails whoever asks it,
    /// which costs steps nothing but what recall by meaning saves, and is what `health` looks for.
    async fn embedder(&self, reached: &Reached) -> Option<Arc<dyn Embedder>> {
        let open = self.recipe.embedder?;
        let opened = self.embedder.get_or_init(async || {
            let path = reached.cloud.embedding_model.as_deref();
            let opened = path.ok_or_else(|| unset("ASSAY_EMBEDDING_MODEL")).and_then(open);
            opened.unwrap_or_else(|error| {
                tracing::error!(%error, causes = error.causes(), "nothing is embedded");
                Arc::new(Unopened(error))
            })
        });
        Some(opened.await.clone())
    }

    async fn secrets(&self, reached: &Reached) -> Result<Secrets> {
        match reached.cloud.secret.as_ref().filter(|_| self.recipe.needs_secret) {
            Some(id) => aws::secrets::read(&reached.connection, self.clock.as_ref(), id).await,
            None => Ok(Secrets::new()),
        }
    }
}

fn reach(clock: Arc<dyn Clock>) -> Result<Reached> {
    let cloud = Cloud::from_env()?;
    let connection = Connection::new(Place {
        region: cloud.region.clone(),
        endpoint: cloud.endpoint.clone(),
        access_key_id: cloud.credentials.access_key_id.clone(),
        secret_access_key: cloud.credentials.secret_access_key.clone(),
        session_token: cloud.credentials.session_token.clone(),
        caller: cloud.function.clone(),
    })?;
    let sqs = Arc::new(Sqs::new(&connection, cloud.queues.clone(), cloud.parked.clone()));
    let metrics = Arc::new(Emf::new(cloud.stack.clone()));
    Ok(Reached { cloud, connection, sqs, metrics, clock })
}

async fn open(
    recipe: Recipe,
    reached: &Arc<Reached>,
    secrets: &Secrets,
    embedder: Option<Arc<dyn Embedder>>,
) -> Result<Opened> {
    let Reached { cloud, connection, sqs, metrics, clock } = reached.as_ref();
    let signer = Signer(Arc::new(AsThisFunction { connection: connection.clone(), clock: clock.clone() }));
    let config = Config { signer: Some(signer), ..Config::from_env_and(secrets)? };
    if let Some(destination) = &config.spans {
        metrics.trace_to(destination)?;
    }
    let parts = (recipe.make)(&config, Arc::new(RemoteFetch::new(connection, cloud, clock.clone())))?;
    let table = cloud.table.as_deref().ok_or_else(|| unset("ASSAY_TABLE"))?;
    let store: Arc<dyn Store> = Arc::new(Dynamo::connect(connection.sdk_config(), table));
    let (content, delivery): (Arc<dyn ContentStore>, Arc<dyn Delivery>) = match &cloud.bucket {
        Some(bucket) => {
            let bucket = Arc::new(S3::new(connection, bucket, clock.clone())?);
            (bucket.clone(), bucket)
        }
        None => (Arc::new(NoBucket), Arc::new(NoBucket)),
    };
    let ports = Ports {
        random: Arc::new(OsRandom),
        catalogue: parts.catalogue,
        settings: config.settings(),
        content,
        queues: sqs.clone(),
        workflow: Arc::new(StepFunctions::new(connection, cloud.state_machine.clone())),
        cache: cache(reached, &config, &store).await?,
        limits: limits(cloud, &config, &store, clock).await?,
        model: parts.model,
        embedder,
        namespaces: Arc::default(),
        read_back: Arc::default(),
        analysers: parts.analysers,
        tools: parts.tools,
        platforms: parts.platforms,
        memory: Arc::new(LiteMemory::new(store.clone())),
        delivery,
        metrics: metrics.clone(),
        store,
        clock: clock.clone(),
    };
    Ok(Opened { ports, config, reached: reached.clone(), secret_lost: None })
}

/// Stored answers in Redis where the deployment has one, else in the table; sealed in both. A function outside of the network of
/// Redis asks one inside.
async fn cache(reached: &Reached, config: &Config, store: &Arc<dyn Store>) -> Result<Arc<dyn Cache>> {
    let Reached { cloud, connection, clock, .. } = reached;
    if let Some(function) = cloud.purge_function.clone() {
        let (connection, clock) = (connection.clone(), clock.clone());
        return Ok(Arc::new(RemotePurge { connection, function, clock }));
    }
    let place: Arc<dyn Cache> = match &cloud.redis {
        Some(address) => Arc::new(RedisCache::open(&address.0, CacheSettings::of(config.recall.most)).await?),
        None => Arc::new(LiteCache::new(store.clone(), clock.clone()).holding(config.recall.most)),
    };
    Ok(config.recall.over(place, config.recall.key_of_deployment(config.model.is_some())?, clock.clone()))
}

/// Rates in Redis where the deployment has one, else in the table.
async fn limits(
    cloud: &Cloud,
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Limits>> {
    let Some(address) = &cloud.redis else {
        return Ok(Arc::new(LiteLimits::new(store.clone(), clock.clone(), config.rates.clone())));
    };
    let spare = Spare::of(&config.rates, |rates| {
        Arc::new(LiteLimits::spare(store.clone(), clock.clone(), rates)) as Arc<dyn Limits>
    });
    let process = format!("{}/{:016x}", cloud.function, OsRandom.next_u64());
    let settings = redis_ports::Settings::of(&process);
    Ok(Arc::new(RedisLimits::open(&address.0, config.rates.clone(), settings, Some(spare)).await?))
}

fn unset(name: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{name} is not set: this function was not told of it"))
}

/// An embedder that could not be opened, for that reason.
struct Unopened(Error);

#[async_trait]
impl Embedder for Unopened {
    async fn embed(&self, _: &[String]) -> Result<Vec<Vec<f32>>> {
        Err(self.0.clone())
    }
}

/// A function that was not told of the bucket.
struct NoBucket;

#[async_trait]
impl ContentStore for NoBucket {
    async fn put(&self, _: &TenantId, _: &[u8]) -> Result<ContentRef> {
        Err(unset("ASSAY_BUCKET"))
    }

    async fn get(&self, _: &TenantId, _: &ContentRef) -> Result<Vec<u8>> {
        Err(unset("ASSAY_BUCKET"))
    }
}

#[async_trait]
impl Delivery for NoBucket {
    fn channel(&self) -> &str {
        "nowhere"
    }

    async fn post(&self, _: &Post) -> Result<String> {
        Err(unset("ASSAY_BUCKET"))
    }
}
