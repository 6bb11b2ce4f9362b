//! Each component is broken where it is used, and exactly its row must say so.

mod hanging;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use api::Api;
use async_trait::async_trait;
use boot::Config;
use engine::error::{ErrorKind, Result};
use engine::health::{PROBES, Watch};
use engine::memory::{Broken, Fault};
use engine::model::{Counters, Scope};
use engine::ports::{Admission, Backend, Becomes, Change, Expect, Key, Limits, Row as Stored, Take, Used};
use futures::future::{Either, select};
use serde_json::json;

use super::remote::Deployed;
use super::*;
use crate::commands::session;

/// A fresh state folder with every port behind it, and the site.
struct House {
    ports: Ports,
    site: Site,
    config: Config,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        Self::reaching(|site| vec![site.address()]).await
    }

    /// A house whose fetcher may reach these addresses of the site.
    async fn reaching(addresses: fn(&Site) -> Vec<SocketAddr>) -> Self {
        let site = Site::open().await.unwrap();
        let mut config = Config::from(|_| None).unwrap();
        config.fetch_allow = addresses(&site);
        let folder = tempfile::tempdir().unwrap();
        let session = session::open(&config, folder.path()).await.unwrap();
        Self { ports: session.ports, site, config, _folder: folder }
    }

    async fn validate(&self, ports: &Ports) -> Vec<Row> {
        let tenant = TenantId::new("local");
        match select(pin!(validate(ports, &tenant, &self.site)), pin!(self.site.serve())).await {
            Either::Left((rows, _)) => rows,
            Either::Right(((), _)) => unreachable!(),
        }
    }

    /// The ports over a store whose rows are broken that the function names.
    fn rows(&self, concerns: fn(&Key) -> bool) -> Ports {
        let broken =
            Broken::new(self.ports.store.clone(), self.ports.clock.clone(), Fault::Down).only(concerns);
        Ports { store: Arc::new(broken), ..self.ports.clone() }
    }
}

/// Whose row it is.
fn tenant_of(key: &Key) -> &str {
    let tenant = match key {
        Key::Run(run) | Key::Purse(run) => &run.tenant,
        Key::Step(step) => &step.run.tenant,
        Key::Charge(call) => &call.step.run.tenant,
        Key::Budget(tenant, _) | Key::Counters(tenant, _) | Key::Cache(tenant, _) => tenant,
        _ => return "",
    };
    tenant.as_str()
}

fn is_of(key: &Key, check: &str) -> bool {
    tenant_of(key).strip_prefix(PROBES).is_some_and(|rest| rest.starts_with(&format!("/{check}/")))
}

/// What is `unknown` in a fresh folder without a model; all else passes.
fn fresh(component: &str) -> Verdict {
    match component {
        "discord" | "performance" => Verdict::Unknown,
        _ => Verdict::Pass,
    }
}

/// The ports with one component broken, and no other.
async fn broken(house: &House, component: &str) -> Ports {
    let (mut ports, clock) = (house.ports.clone(), house.ports.clock.clone());
    let mut analysers = (*ports.analysers).clone();
    let mut catalogue = (*ports.catalogue).clone();
    match component {
        "step_result" => ports.content = Arc::new(Broken::new(ports.content, clock, Fault::Wrong)),
        "monitoring" => ports.metrics = Arc::new(Broken::new(ports.metrics, clock, Fault::ReadOnly)),
        "performance_validator" => return house.rows(|key| is_of(key, "performance_validator")),
        "cost_optimizer" => return house.rows(|key| is_of(key, "cost_optimizer")),
        "cost_optimisation" => return house.rows(|key| is_of(key, "cost_optimisation")),
        "health_checks" => return house.rows(|key| matches!(key, Key::Cache(_, name) if name == "history")),
        "fact_check" => {
            let other = analysers["research_synthesist"].clone();
            analysers.insert("verification_director", other);
        }
        "research" => {
            let other = analysers["risk_intelligence_analyst"].clone();
            analysers.insert("research_synthesist", other);
        }
        "download" => ports.platforms = Arc::new(ports.platforms.iter().rev().take(1).cloned().collect()),
        "memory" => ports.memory = Arc::new(Broken::new(ports.memory, clock, Fault::Wrong)),
        "mcp_tools" => {
            let broken = |tool| {
                Arc::new(Broken::new(tool, clock.clone(), Fault::Wrong)) as Arc<dyn engine::ports::Tool>
            };
            ports.tools =
                Arc::new(ports.tools.iter().map(|(name, tool)| (*name, broken(tool.clone()))).collect());
        }
        "crew_configuration" => {
            let mut agent = (*catalogue.agents[0]).clone();
            agent.schema = json!({ "type": 12 });
            (agent.answer_schema, agent.compiled) = Default::default();
            catalogue.agents[0] = Arc::new(agent);
        }
        "agent_count" => {
            catalogue.agents.retain(|agent| agent.id.as_str() != "content_generation_specialist")
        }
        "performance" => {
            let slow = Counters { recall_lookups: 1_000, ..Counters::default() };
            let change = Change {
                key: Key::Counters(TenantId::new("local"), 3),
                expect: Expect::Absent,
                to: Becomes::Row(Stored::Counters(slow)),
                due_ms: None,
            };
            ports.store.write(&[change]).await.unwrap();
        }
        "distributed_rate_limiting" => {
            ports.limits = Arc::new(Broken::new(ports.limits, clock, Fault::Wrong))
        }
        "advanced_caching" => ports.cache = Arc::new(Broken::new(ports.cache, clock, Fault::ReadOnly)),
        other => panic!("{other}"),
    }
    Ports { analysers: Arc::new(analysers), catalogue: Arc::new(catalogue), ..ports }
}

#[tokio::test]
async fn breaking_a_component_turns_exactly_its_row() {
    let mut longest_ms = 0;
    for component in COMPONENTS.into_iter().filter(|component| *component != "discord") {
        let house = House::new().await;
        let began_ms = house.ports.clock.now_ms();
        let rows = house.validate(&house.ports).await;
        longest_ms = longest_ms.max(house.ports.clock.now_ms() - began_ms);
        assert_eq!(rows.iter().map(|row| row.component).collect::<Vec<_>>(), COMPONENTS);
        for row in &rows {
            assert_eq!(row.verdict, fresh(row.component), "{row:?}");
            assert!(
                !row.evidence.is_empty() && (row.verdict == Verdict::Pass || !row.to_do.is_empty()),
                "{row:?}"
            );
        }
        for row in house.validate(&broken(&house, component).await).await {
            let expected = if row.component == component { Verdict::Fail } else { fresh(row.component) };
            assert_eq!(row.verdict, expected, "{component} is broken: {row:?}");
        }
    }
    println!(
        "16 components broken, each seen in its own row; the longest of 16 healthy validations took {longest_ms} ms"
    );
    assert!(longest_ms < 2_600, "{longest_ms} ms");
}

#[tokio::test]
async fn a_fetcher_that_reaches_the_inside_is_seen() {
    let house = House::reaching(|site| vec![site.address(), site.inside()]).await;
    let rows = house.validate(&house.ports).await;
    let failing: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Fail).collect();
    assert_eq!(failing.iter().map(|row| row.component).collect::<Vec<_>>(), ["download"], "{failing:?}");
    assert!(house.site.is_inside_reached());
}

#[test]
fn a_warning_is_unknown_and_says_what_to_do() {
    let reading = Reading {
        component: "distributed_rate_limiter".to_owned(),
        status: Status::Warn,
        output: "Redis does not answer".to_owned(),
        took_ms: 1,
        observed: None,
        at_ms: 1,
    };
    let row = of_reading(&("distributed_rate_limiting", "distributed_rate_limiter"), &[reading]).unwrap();
    assert_eq!((row.verdict, row.evidence.as_str()), (Verdict::Unknown, "Redis does not answer"));
    assert!(!row.to_do.is_empty());
    let told =
        json!({ "checks": { "mcp_tools:responseTime": [{ "status": "warn", "output": "no example" }] } });
    let found = remote::check(&told, "mcp_tools");
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(!found.to_do.is_empty());
}

/// Rates as they are held while Redis does not answer.
struct OnShare(Arc<dyn Limits>);

#[async_trait]
impl Limits for OnShare {
    async fn take(&self, take: &Take) -> Result<Admission> {
        Ok(Admission { backend: Backend::Share, ..self.0.take(take).await? })
    }

    async fn settle(&self, take: &Take, used: &Used) -> Result<()> {
        self.0.settle(take, used).await
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        self.0.refund(take).await
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        self.0.allow(key, tokens).await
    }
}

#[tokio::test]
async fn rates_on_a_share_are_a_warning() {
    let house = House::new().await;
    let ports = Ports { limits: Arc::new(OnShare(house.ports.limits.clone())), ..house.ports.clone() };
    let rows = house.validate(&ports).await;
    let row = rows.iter().find(|row| row.component == "distributed_rate_limiting").unwrap();
    assert_eq!(row.verdict, Verdict::Unknown, "{row:?}");
    assert!(row.evidence.starts_with("Redis does not answer"), "{row:?}");
}

/// What the API over these ports says, to this key.
async fn remote_rows(house: &House, ports: &Ports, key: &str) -> Result<Vec<(&'static str, Verdict)>> {
    let (config, health) = (house.config.clone(), Watch::probing());
    let api = Api { ports: ports.clone(), config, longest_wait_ms: 1_000, health };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deployed = Deployed::new(&format!("http://{}", listener.local_addr().unwrap()), key).unwrap();
    let server = IntoFuture::into_future(axum::serve(listener, api::router(&Arc::new(api))));
    match select(pin!(remote::validate(&deployed)), pin!(server)).await {
        Either::Left((rows, _)) => Ok(rows?.iter().map(|row| (row.component, row.verdict)).collect()),
        Either::Right(_) => unreachable!(),
    }
}

#[tokio::test]
async fn an_api_is_asked_for_what_it_may_be_asked() {
    let house = House::new().await;
    let ports = &house.ports;
    let issued =
        engine::create_key(ports, &TenantId::new("local"), &[Scope::Read], None, [7; 32]).await.unwrap();
    let expected = |component: &str| match component {
        // Nothing outside a run uses the first four; no embedder, and too few runs.
        "fact_check" | "research" | "download" | "discord" | "memory" | "performance" => Verdict::Unknown,
        "cost_optimisation" => Verdict::Unknown,
        _ => Verdict::Pass,
    };
    let all: Vec<_> = COMPONENTS.iter().map(|component| (*component, expected(component))).collect();
    assert_eq!(remote_rows(&house, ports, &issued.text).await.unwrap(), all);

    let cacheless = broken(&house, "advanced_caching").await;
    let rows = remote_rows(&house, &cacheless, &issued.text).await.unwrap();
    let fail =
        |component: &str| if component == "advanced_caching" { Verdict::Fail } else { expected(component) };
    assert_eq!(rows, COMPONENTS.iter().map(|component| (*component, fail(component))).collect::<Vec<_>>());

    let stranger = remote_rows(&house, ports, "ak_nobody.nothing").await.unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::Unauthorized, "{stranger}");
    let refused = ["http://example.org", "ftp://127.0.0.1", "nonsense"];
    assert!(refused.iter().all(|url| Deployed::new(url, "key").is_err()));
}
