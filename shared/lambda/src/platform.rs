//! The ports of a function, opened at its first event and kept for the next ones.

use std::sync::Arc;

use aws::{Connection, Place, S3, Sqs, StepFunctions};
use boot::{Cloud, Config, OsRandom, SystemClock};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Clock, ContentStore, Delivery, Ports, Settings, Workflow};
use store::Dynamo;
use store::lite::{LiteCache, LiteLimits, LiteMemory, Rates};
use tokio::sync::Mutex;

use crate::metrics::Emf;
use crate::parts::Recipe;
use crate::remote_fetch::RemoteFetch;

/// A secret is read again after this long, so that a changed one is used without a deployment.
const SECRET_MS: u64 = 5 * 60 * 1000;

/// A function's ports, opened when they are first asked for.
pub struct Platform {
    recipe: Recipe,
    opened: Mutex<Option<(Arc<Opened>, u64)>>,
    clock: Arc<dyn Clock>,
}

/// Open ports, and the adapters behind some of them.
pub struct Opened {
    /// The ports.
    pub ports: Ports,
    /// What the environment says of the deployment.
    pub cloud: Cloud,
    /// What the operator decided.
    pub config: Config,
    pub(crate) connection: Connection,
    pub(crate) sqs: Arc<Sqs>,
    pub(crate) metrics: Arc<Emf>,
}

impl Platform {
    /// Nothing is opened yet.
    pub fn new(recipe: Recipe) -> Self {
        Self { recipe, opened: Mutex::new(None), clock: Arc::new(SystemClock) }
    }

    /// The ports. Errors: `Configuration`, naming what is missing; `Storage` if the secret cannot be read just now.
    pub async fn open(&self) -> Result<Arc<Opened>> {
        let mut opened = self.opened.lock().await;
        let now = self.clock.now_ms();
        if let Some((open, at_ms)) = opened.as_ref()
            && (open.cloud.secret.is_none() || !self.recipe.needs_secret || now < at_ms + SECRET_MS)
        {
            return Ok(open.clone());
        }
        match open(self.recipe, self.clock.clone()).await {
            Ok(open) => {
                let open = Arc::new(open);
                *opened = Some((open.clone(), now));
                Ok(open)
            }
            // An old secret is better than none while the service is away.
            Err(error) if error.kind() == ErrorKind::Storage => match opened.as_ref() {
                Some((open, _)) => {
                    tracing::warn!(%error, "the secret could not be read again; the one read before is used");
                    Ok(open.clone())
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

async fn open(recipe: Recipe, clock: Arc<dyn Clock>) -> Result<Opened> {
    let cloud = Cloud::from_env()?;
    let connection = Connection::new(Place {
        region: cloud.region.clone(),
        endpoint: cloud.endpoint.clone(),
        access_key_id: cloud.credentials.access_key_id.clone(),
        secret_access_key: cloud.credentials.secret_access_key.clone(),
        session_token: cloud.credentials.session_token.clone(),
        caller: cloud.function.clone(),
    })?;
    let secrets = match cloud.secret.as_ref().filter(|_| recipe.needs_secret) {
        Some(id) => aws::secrets::read(&connection, clock.as_ref(), id).await?,
        None => Default::default(),
    };
    let config = Config::from_env_and(&secrets)?;
    let parts = (recipe.make)(&config, Arc::new(RemoteFetch::new(&connection, &cloud, clock.clone())))?;
    let store: Arc<dyn engine::ports::Store> =
        Arc::new(Dynamo::connect(connection.sdk_config(), told(&cloud.table, "ASSAY_TABLE")?));
    let sqs = Arc::new(Sqs::new(&connection, cloud.queues.clone(), cloud.parked.clone()));
    let (content, delivery): (Arc<dyn ContentStore>, Arc<dyn Delivery>) = match &cloud.bucket {
        Some(bucket) => {
            let bucket = Arc::new(S3::new(&connection, bucket, clock.clone())?);
            (bucket.clone(), bucket)
        }
        None => (Arc::new(Untold("ASSAY_BUCKET")), Arc::new(Untold("ASSAY_BUCKET"))),
    };
    let workflow: Arc<dyn Workflow> = match &cloud.state_machine {
        Some(arn) => Arc::new(StepFunctions::new(&connection, arn)),
        // Tokens carry where they belong; only starting and stopping need to know the machine.
        None => Arc::new(StepFunctions::new(&connection, "")),
    };
    let rates = Rates {
        requests_per_minute_tenant: config.requests_per_minute,
        requests_per_minute_provider: config.requests_per_minute,
    };
    let metrics = Arc::new(Emf::new(cloud.stack.clone()));
    let ports = Ports {
        random: Arc::new(OsRandom),
        catalogue: parts.catalogue,
        settings: Settings { daily_budget: config.daily_budget, run_cap: config.run_cap },
        content,
        queues: sqs.clone(),
        workflow,
        cache: Arc::new(LiteCache::new(store.clone(), clock.clone())),
        limits: Arc::new(LiteLimits::new(store.clone(), clock.clone(), rates)?),
        model: parts.model,
        embedder: None,
        analysers: parts.analysers,
        tools: parts.tools,
        platforms: parts.platforms,
        memory: Arc::new(LiteMemory::new(store.clone())),
        delivery,
        metrics: metrics.clone(),
        store,
        clock,
    };
    Ok(Opened { ports, cloud, config, connection, sqs, metrics })
}

fn told<'a>(value: &'a Option<String>, name: &'static str) -> Result<&'a str> {
    value.as_deref().ok_or_else(|| unset(name))
}

fn unset(name: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{name} is not set: this function was not told of it"))
}

/// A place this function was not told of.
struct Untold(&'static str);

#[async_trait::async_trait]
impl ContentStore for Untold {
    async fn put(&self, _: &engine::model::TenantId, _: &[u8]) -> Result<engine::model::ContentRef> {
        Err(unset(self.0))
    }

    async fn get(&self, _: &engine::model::TenantId, _: &engine::model::ContentRef) -> Result<Vec<u8>> {
        Err(unset(self.0))
    }
}

#[async_trait::async_trait]
impl Delivery for Untold {
    fn channel(&self) -> &str {
        "nowhere"
    }

    async fn post(&self, _: &engine::ports::Post) -> Result<String> {
        Err(unset(self.0))
    }
}
