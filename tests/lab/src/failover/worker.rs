//! One of the processes: its own ports over the common table, its own client of both providers.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use boot::{Config, OsRandom, SystemClock};
use engine::RunRequest;
use engine::agent::{AgentSpec, ModelSpec, Tier};
use engine::memory::{
    MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
};
use engine::model::{Depth, ItemId, NanoUsd, RunKey, Source, StepResult, TenantId, Token};
use engine::ports::{Clock, Llm, LlmError, ModelReply, ModelRequest, Ports, Settings, StepMessage, Workflow};
use futures::future::join_all;
use serde_json::Value;

use super::{Answered, Order};
use crate::stack::Result;

const TRANSCRIPT: &[u8] = include_bytes!("../../data/short.vtt");
/// So often a step is taken up again before it is given up.
const MOST_HOPS: u32 = 30;

/// Reads its order, makes its requests, prints what became of them.
pub(crate) fn work() -> Result<()> {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answered = runtime.block_on(async {
        let ports = ports(&order).await?;
        let each = order.requests.iter().map(|(request, at_ms)| {
            let (ports, begins_ms) = (&ports, order.begins_ms);
            async move {
                ports.clock.sleep((begins_ms + at_ms).saturating_sub(ports.clock.now_ms())).await;
                ask(ports, *request).await
            }
        });
        join_all(each).await.into_iter().collect::<Result<Vec<_>>>()
    })?;
    let mut output = std::io::stdout().lock();
    for one in answered {
        serde_json::to_writer(&mut output, &one)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}

/// One request: a run, and the step of its planner until it has a result.
async fn ask(ports: &Ports, request: usize) -> Result<Answered> {
    let tenant = TenantId::new("fleet");
    let content = ports.content.put(&tenant, TRANSCRIPT).await?;
    let wanted = RunRequest {
        tenant,
        workspace: format!("request-{request}"),
        source: Source {
            name: "short.vtt".to_owned(),
            media_type: "text/vtt".to_owned(),
            bytes: TRANSCRIPT.len() as u64,
            content,
            link: None,
        },
        depth: Depth::Quick,
        use_cache: false,
        idempotency_key: None,
        trace: None,
    };
    let (run, _) = engine::start_run(ports, &wanted).await?;
    let planner = ports.catalogue.planner().cloned().ok_or("no agent plans")?;
    let result = step(ports, &run, &planner).await?.ok_or("a step without an end")?;
    let charges = engine::charges(ports, &run).await?;
    Ok(Answered {
        request,
        calls: charges.len(),
        basis: result.meta.basis.name().to_owned(),
        failures: charges
            .iter()
            .filter_map(|charge| charge.failed)
            .map(|kind| kind.name().to_owned())
            .collect(),
    })
}

async fn step(ports: &Ports, run: &RunKey, agent: &AgentSpec) -> Result<Option<StepResult>> {
    for hop in 0..MOST_HOPS {
        let message = StepMessage {
            run: run.clone(),
            agent: agent.id.clone(),
            item: ItemId::none(),
            hop,
            task_token: Token::new("token"),
        };
        engine::run_step(ports, &message).await?;
        let steps = engine::ledger_view::steps(ports, run).await?;
        if let Some(result) =
            steps.into_iter().find(|step| step.key.agent == agent.id).and_then(|step| step.result)
        {
            return Ok(Some(result));
        }
        ports.clock.sleep(20_000).await;
    }
    Ok(None)
}

async fn ports(order: &Order) -> Result<Ports> {
    let clock: Arc<dyn Clock> = Arc::new(Faster { begins_ms: order.begins_ms, speed: order.speed });
    let catalogue = Arc::new(boot::load_catalogue()?);
    let set = [
        ("LLM_BASE_URL", order.primary.as_str()),
        ("LLM_MODEL", "scripted"),
        ("LLM_PRICE", "0.15/0.60"),
        ("LLM_FALLBACK_BASE_URL", order.fallback.as_str()),
        ("LLM_FALLBACK_MODEL", "scripted"),
        ("LLM_FALLBACK_PRICE", "0.15/0.60"),
    ];
    let mut config = Config::from(|name| {
        set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    })?;
    for server in [&mut config.model, &mut config.fallback].into_iter().flatten() {
        server.first_byte_timeout_ms /= order.speed;
    }
    let model: Option<Arc<dyn Llm>> = boot::open_models(&config, &catalogue, 0)?
        .map(|model| Arc::new(Hurried { model, speed: order.speed }) as Arc<dyn Llm>);
    let table = store::Embedded::open(order.table.as_ref())?;
    Ok(Ports {
        random: Arc::new(OsRandom),
        settings: Settings {
            daily_budget: NanoUsd::from_usd(1_000),
            monthly_budget: None,
            run_cap: None,
            waiting_hour: NanoUsd::ZERO,
        },
        store: Arc::new(table.store().await?),
        content: Arc::new(MemoryContent::default()),
        queues: Arc::new(MemoryQueues::new(clock.clone(), 60_000, 100)),
        workflow: Arc::new(Heard),
        cache: Arc::new(MemoryCache::new(clock.clone(), 1)),
        namespaces: Arc::default(),
        read_back: Arc::default(),
        limits: Arc::new(MemoryLimits::new(clock.clone(), 100_000, 100_000)),
        model,
        embedder: None,
        analysers: Arc::new(analysis::analysers()),
        tools: Arc::new(tools::tools()),
        platforms: Arc::new(vec![Arc::new(platforms::Upload)]),
        memory: Arc::new(MemoryMemories::default()),
        delivery: Arc::new(MemoryDelivery::default()),
        metrics: Arc::new(MemoryMetrics::default()),
        catalogue,
        clock,
    })
}

/// The machine's clock, faster from a moment on.
struct Faster {
    begins_ms: u64,
    speed: u64,
}

#[async_trait]
impl Clock for Faster {
    fn now_ms(&self) -> u64 {
        let real_ms = SystemClock.now_ms();
        real_ms.min(self.begins_ms) + real_ms.saturating_sub(self.begins_ms) * self.speed
    }

    async fn sleep(&self, milliseconds: u64) {
        SystemClock.sleep(milliseconds.div_ceil(self.speed)).await;
    }
}

/// A model whose calls have as much time as they have by the faster clock.
struct Hurried {
    model: Arc<dyn Llm>,
    speed: u64,
}

#[async_trait]
impl Llm for Hurried {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.model.candidates(tier)
    }

    fn learns(&self, tier: Tier) -> bool {
        self.model.learns(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> std::result::Result<ModelReply, LlmError> {
        let timeout_ms = request.timeout_ms.div_ceil(self.speed);
        self.model.complete(&ModelRequest { timeout_ms, ..request.clone() }).await
    }

    async fn reachable(&self) -> engine::error::Result<Option<Vec<String>>> {
        self.model.reachable().await
    }
}

/// Nobody waits for the reports of a step here.
struct Heard;

#[async_trait]
impl Workflow for Heard {
    async fn start(&self, _: &RunKey, _: Value) -> engine::error::Result<()> {
        Ok(())
    }

    async fn succeed(&self, _: &Token, _: Value) -> engine::error::Result<()> {
        Ok(())
    }

    async fn fail(&self, _: &Token, _: &str, _: &str) -> engine::error::Result<()> {
        Ok(())
    }

    async fn stop(&self, _: &RunKey, _: &str) -> engine::error::Result<()> {
        Ok(())
    }
}
