//! A small house: three agents, services in memory, a model that says what it is told to say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::agent::{AgentSpec, CachePolicy, Catalogue, Fact, ModelSpec, Profile, Prompt, StepLimits, Tier};
use crate::error::{Error, ErrorKind, Result};
use crate::memory::{
    MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
    MemoryStore, SeededRandom, VirtualTime, virtual_time::Executor,
};
use crate::model::{
    AgentId, Charge, Depth, ItemId, NanoUsd, Price, PriceBand, RunKey, Source, StepResult, TenantId, Token,
    Usage,
};
use crate::ports::{
    Analyser, Bill, Clock, Llm, LlmError, ModelReply, ModelRequest, Ports, Queue, Row, SILENT_MS, Settings,
    StepMessage, Tool, ToolAnswer, ToolCall, ToolScope, ToolSpec, Workflow,
};
use crate::step_input::{Analysis, StepInput};
use crate::{RunRequest, ledger_view, run_step, start_run};

/// What the model says next.
pub(crate) enum Says {
    Text(Value),
    /// Says this, and what it cost.
    AtCost(NanoUsd, Value),
    /// Uses all it may and is cut off.
    CutOff,
    Refusal,
    Tool(&'static str),
    Fails(ErrorKind, Bill, Option<u64>),
    /// Says this after so many milliseconds.
    Slowly(u64, Value),
}

pub(crate) struct House {
    pub(crate) ports: Ports,
    pub(crate) time: Arc<VirtualTime>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) model: Arc<Told>,
    pub(crate) run: RunKey,
}

/// The workflow service as a list of what was reported to it.
#[derive(Default)]
pub(crate) struct Reports(pub(super) Mutex<Vec<String>>);

#[async_trait]
impl Workflow for Reports {
    async fn start(&self, _: &RunKey, _: Value) -> Result<()> {
        Ok(())
    }
    async fn succeed(&self, token: &Token, output: Value) -> Result<()> {
        self.0.lock().unwrap().push(format!("{token} {output}"));
        Ok(())
    }
    async fn fail(&self, token: &Token, error: &str, _: &str) -> Result<()> {
        self.0.lock().unwrap().push(format!("{token} {error}"));
        Ok(())
    }
    async fn stop(&self, _: &RunKey, _: &str) -> Result<()> {
        Ok(())
    }
}

pub(crate) struct Told {
    clock: Arc<dyn Clock>,
    says: Mutex<VecDeque<Says>>,
    pub(crate) asked: Mutex<Vec<ModelRequest>>,
    pub(crate) models: Mutex<Vec<Arc<ModelSpec>>>,
    /// Providers that do not answer.
    pub(crate) dead: Mutex<BTreeSet<String>>,
    /// Providers that send nothing.
    pub(crate) silent: Mutex<BTreeSet<String>>,
    /// Providers that are busy, and when to come back if they say so.
    pub(crate) busy: Mutex<BTreeMap<String, Option<u64>>>,
    /// Models that their server does not know.
    pub(crate) rejected: Mutex<BTreeSet<String>>,
    /// Which of the models is asked first is learned.
    pub(crate) learns: AtomicBool,
}

/// So long an answer has to begin.
const FIRST_BYTE_MS: u64 = 60_000;

const USED: Usage = Usage {
    input_tokens: 100,
    output_tokens: 10,
    cached_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    audio_tokens: 0,
    reasoning_tokens: 0,
    audio_ms: 0,
    queries: 0,
};

#[async_trait]
impl Llm for Told {
    fn candidates(&self, _: Tier) -> Vec<Arc<ModelSpec>> {
        self.models.lock().unwrap().clone()
    }

    fn learns(&self, _: Tier) -> bool {
        self.learns.load(Ordering::Relaxed)
    }

    async fn complete(&self, request: &ModelRequest) -> std::result::Result<ModelReply, LlmError> {
        self.asked.lock().unwrap().push(request.clone());
        if self.dead.lock().unwrap().contains(&request.model.provider) {
            let error = Error::new(ErrorKind::Network, "the provider is dead");
            return Err(LlmError { error, bill: Bill::Nothing });
        }
        if self.silent.lock().unwrap().contains(&request.model.provider) {
            let waits_ms = request.timeout_ms.min(FIRST_BYTE_MS);
            self.clock.sleep(waits_ms).await;
            let error = Error::new(ErrorKind::Timeout, "the provider is silent");
            let error = if waits_ms == FIRST_BYTE_MS { error.with(SILENT_MS, waits_ms) } else { error };
            return Err(LlmError { error, bill: Bill::Unknown });
        }
        if let Some(after_ms) = self.busy.lock().unwrap().get(&request.model.provider) {
            let error = Error::new(ErrorKind::RateLimited, "the provider is busy");
            let error = after_ms.map_or(error.clone(), |after_ms| error.retry_after(after_ms));
            return Err(LlmError { error, bill: Bill::Nothing });
        }
        if self.rejected.lock().unwrap().contains(&request.model.id) {
            let error = Error::new(ErrorKind::ModelRejected, "there is no such model");
            return Err(LlmError { error, bill: Bill::Nothing });
        }
        let reply = ModelReply {
            text: String::new(),
            tool_calls: Vec::new(),
            kept: Vec::new(),
            refusal: None,
            cut_off: false,
            usage: USED,
            reported_cost: None,
            model: "told".into(),
        };
        let next = self.says.lock().unwrap().pop_front();
        match next.expect("the model was asked more often than the scenario says") {
            Says::Text(value) => Ok(ModelReply { text: value.to_string(), ..reply }),
            Says::AtCost(cost, value) => {
                Ok(ModelReply { text: value.to_string(), reported_cost: Some(cost), ..reply })
            }
            Says::Slowly(after_ms, value) => {
                self.clock.sleep(after_ms).await;
                Ok(ModelReply { text: value.to_string(), ..reply })
            }
            Says::CutOff => {
                let usage = Usage { output_tokens: request.max_output_tokens, ..USED };
                Ok(ModelReply { text: "{".into(), cut_off: true, usage, ..reply })
            }
            Says::Refusal => Ok(ModelReply { refusal: Some("I will not".into()), ..reply }),
            Says::Tool(name) => {
                let call = ToolCall { id: "1".into(), name: name.into(), arguments: json!({}) };
                Ok(ModelReply { tool_calls: vec![call], kept: vec![json!("as it came")], ..reply })
            }
            Says::Fails(kind, bill, after) => {
                let error = Error::new(kind, "told to fail");
                Err(LlmError { error: after.map_or(error.clone(), |after| error.retry_after(after)), bill })
            }
        }
    }
}

impl Told {
    /// What is said from now on, and nothing else.
    pub(crate) fn say_only(&self, says: impl IntoIterator<Item = Says>) {
        *self.says.lock().unwrap() = says.into_iter().collect();
    }

    /// What is said next.
    pub(crate) fn say(&self, next: Says) {
        self.says.lock().unwrap().push_back(next);
    }
}

/// A model at a price of so many nano-dollars per million tokens, whatever their kind.
pub(super) fn told(id: &str, price: Option<i64>) -> ModelSpec {
    let band = |price| PriceBand {
        input: price,
        cached_input: price,
        cache_write: price,
        output: price,
        ..PriceBand::default()
    };
    ModelSpec {
        id: id.to_owned(),
        provider: "test".into(),
        tiers: vec![Tier::Standard],
        context_tokens: 100_000,
        max_output_tokens: 1_000,
        price: price.map(|price| Price { base: band(price), ..Price::default() }),
        price_source: "test".into(),
        price_as_of: None,
    }
}

struct Fixed(Analysis);

impl Analyser for Fixed {
    fn analyse(&self, _: &StepInput) -> Analysis {
        self.0.clone()
    }
}

struct Searches;

#[async_trait]
impl Tool for Searches {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "search".into(),
            description: "searches".into(),
            parameters: json!({"type": "object"}),
        }
    }
    async fn call(&self, _: ToolScope<'_>, _: &Value) -> Result<ToolAnswer> {
        Ok(ToolAnswer::Answer(json!({"segment": "s9"})))
    }
}

fn agent(id: &str, number: u32, needs: &[&str], analyser: Option<&str>) -> Arc<AgentSpec> {
    let text = json!({"type": "string"});
    Arc::new(AgentSpec {
        id: AgentId::new(id),
        number,
        role: id.into(),
        goal: id.into(),
        profile: Profile::Light,
        depth: Depth::Quick,
        needs: needs.iter().map(AgentId::new).collect(),
        uses: Vec::new(),
        facts: if number == 1 { [Fact::Plan].into() } else { BTreeSet::new() },
        answer: vec!["said".into(), "segment".into()],
        tools: vec!["search".into()],
        analyser: analyser.map(str::to_owned),
        tier: Tier::Standard,
        without_model: "test".into(),
        dispensable: number > 2,
        fan_out: None,
        effects: Vec::new(),
        same_answer: Vec::new(),
        limits: StepLimits { turns: 4, output_tokens: 100, cost: NanoUsd::from_usd(1) },
        cache: CachePolicy {
            exact: true,
            compressed: None,
            ttl_seconds: 3_600,
            semantic_text: None,
            passages: None,
            threshold: Default::default(),
        },
        shortens: None,
        temperature: 0.0,
        prompt: Prompt { system: "Answer.".into(), user: "{{request}} {{baseline}}".into() },
        schema: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["said", "segment", "counted"],
            "properties": {"said": text, "segment": {"type": ["string", "null"]}, "counted": {"type": "integer"}},
        }),
        prompt_version: "1".into(),
        answer_schema: Default::default(),
        compiled: Default::default(),
    })
}

pub(crate) fn baseline() -> Value {
    json!({"said": "by rule", "segment": "s1", "counted": 3})
}

impl House {
    /// A house whose second agent's analyser makes `analysis`, and whose model says `says`; no model if it is `None`.
    pub(crate) fn new(analysis: Option<Analysis>, says: Option<Vec<Says>>) -> Self {
        Self::priced(analysis, says, Some(1_000_000_000), NanoUsd::from_usd(1))
    }

    pub(crate) fn priced(
        analysis: Option<Analysis>,
        says: Option<Vec<Says>>,
        price_per_million: Option<i64>,
        daily_budget: NanoUsd,
    ) -> Self {
        let time = VirtualTime::new(1_795_305_600_000);
        let clock: Arc<dyn Clock> = time.clone();
        let store = Arc::new(MemoryStore::default());
        let queues = Arc::new(MemoryQueues::new(clock.clone(), 60_000, 5));
        let reports = Arc::new(Reports::default());
        let models = Mutex::new(vec![Arc::new(told("told", price_per_million))]);
        let model = Arc::new(Told {
            clock: clock.clone(),
            asked: Mutex::default(),
            models,
            dead: Mutex::default(),
            silent: Mutex::default(),
            busy: Mutex::default(),
            rejected: Mutex::default(),
            learns: AtomicBool::new(false),
            says: Mutex::default(),
        });
        let has_model = says.is_some();
        model.says.lock().unwrap().extend(says.unwrap_or_default());
        let analyser = analysis.as_ref().map(|_| "fixed");
        let mut analysers: BTreeMap<&'static str, Arc<dyn Analyser>> = BTreeMap::new();
        analysers.insert("fixed", Arc::new(Fixed(analysis.unwrap_or(Analysis::Complete(baseline())))));
        analysers.insert("whole", Arc::new(Fixed(Analysis::Complete(baseline()))));
        let catalogue = Catalogue {
            version: "test".into(),
            agents: vec![
                agent("planner", 1, &[], Some("whole")),
                agent("worker", 2, &[], analyser),
                agent("reader", 3, &["worker"], Some("whole")),
            ],
            models: Vec::new(),
            prices_hold_days: 365,
        };
        let ports = Ports {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(1)),
            catalogue: Arc::new(catalogue),
            settings: Settings {
                daily_budget,
                monthly_budget: None,
                run_cap: None,
                waiting_hour: NanoUsd::ZERO,
            },
            store: store.clone(),
            content: Arc::new(MemoryContent::default()),
            queues: queues.clone(),
            workflow: reports.clone(),
            cache: Arc::new(MemoryCache::new(clock.clone(), 100)),
            limits: Arc::new(MemoryLimits::new(clock, 100, 100)),
            model: has_model.then(|| model.clone() as Arc<dyn Llm>),
            embedder: None,
            namespaces: Default::default(),
            read_back: Default::default(),
            analysers: Arc::new(analysers),
            tools: Arc::new([("search", Arc::new(Searches) as Arc<dyn Tool>)].into()),
            platforms: Arc::default(),
            memory: Arc::new(MemoryMemories::default()),
            delivery: Arc::new(MemoryDelivery::default()),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        let mut house = Self { ports, time, store, queues, reports, model, run: key("-") };
        house.run = house.start();
        house
    }

    /// What an analyser makes from now on: `whole` is the first and the third agent's, `fixed` the second's.
    pub(crate) fn analyse(&mut self, analyser: &'static str, analysis: Option<Analysis>) {
        let mut analysers = BTreeMap::clone(&self.ports.analysers);
        analysers.insert(analyser, Arc::new(Fixed(analysis.unwrap_or(Analysis::Complete(baseline())))));
        self.ports.analysers = Arc::new(analysers);
    }

    /// Changes an agent's row.
    pub(crate) fn with_row(&mut self, agent: &str, change: impl FnOnce(&mut AgentSpec)) {
        let mut catalogue = Catalogue::clone(&self.ports.catalogue);
        let row = catalogue.agents.iter_mut().find(|row| row.id.as_str() == agent).unwrap();
        change(Arc::make_mut(row));
        self.ports.catalogue = Arc::new(catalogue);
    }

    /// Accepts one more run of the same content.
    pub(crate) fn start(&self) -> RunKey {
        let ports = self.ports.clone();
        self.block_on(async move { start_run(&ports, &request(&ports, None).await).await.unwrap().0 })
    }

    /// Accepts a run of other content, so that nothing is recalled.
    pub(crate) fn start_other(&self, number: u64) -> RunKey {
        let ports = self.ports.clone();
        self.block_on(async move {
            let mut request = request(&ports, None).await;
            request.use_cache = false;
            request.workspace = format!("w{number}");
            start_run(&ports, &request).await.unwrap().0
        })
    }

    pub(crate) fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        Executor::new(self.time.clone(), 1).block_on(future).expect("the scenario got stuck")
    }

    pub(crate) fn message(&self, agent: &str, hop: u32) -> StepMessage {
        StepMessage {
            run: self.run.clone(),
            agent: AgentId::new(agent),
            item: ItemId::none(),
            hop,
            task_token: Token::new("token"),
        }
    }

    /// Runs one step of `agent` to the end of its message.
    pub(crate) fn step(&self, agent: &str, hop: u32) -> Result<()> {
        let (ports, message) = (self.ports.clone(), self.message(agent, hop));
        self.block_on(async move { run_step(&ports, &message).await })
    }

    pub(crate) fn result(&self, agent: &str) -> Option<StepResult> {
        let (ports, run, agent) = (self.ports.clone(), self.run.clone(), AgentId::new(agent));
        self.block_on(async move {
            let steps = ledger_view::steps(&ports, &run).await.unwrap();
            steps.into_iter().find(|step| step.key.agent == agent)?.result
        })
    }

    pub(crate) fn charges(&self) -> Vec<Charge> {
        let rows = self.store.all_rows();
        rows.into_iter()
            .filter_map(|(_, row)| match row {
                Row::Charge(charge) => Some(charge),
                _ => None,
            })
            .collect()
    }

    /// When the next message of the agents' queue can be received, from now, in milliseconds.
    pub(crate) fn next_in_ms(&self) -> Option<u64> {
        let at_ms = self.queues.next_visible_ms(Queue::Agents(Profile::Light))?;
        Some(at_ms.saturating_sub(self.time.now_ms()))
    }
}

/// A request for the house's one content.
pub(crate) async fn request(ports: &Ports, idempotency_key: Option<&str>) -> RunRequest {
    let tenant = TenantId::new("t");
    let content = ports.content.put(&tenant, b"content").await.unwrap();
    RunRequest {
        tenant,
        workspace: "w".into(),
        source: Source {
            name: "a.txt".into(),
            media_type: "text/plain".into(),
            bytes: 7,
            content,
            link: None,
        },
        depth: Depth::Quick,
        use_cache: true,
        idempotency_key: idempotency_key.map(str::to_owned),
        trace: None,
    }
}

fn key(run: &str) -> RunKey {
    RunKey { tenant: TenantId::new("t"), run: crate::model::RunId::new(run) }
}
