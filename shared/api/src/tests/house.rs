//! The API over ports in memory, and a client that checks each answer against the document.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use boot::Config;
use engine::error::Result;
use engine::health::Watch;
use engine::memory::virtual_time::Executor;
use engine::memory::{
    MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
    MemoryStore, SeededRandom, VirtualTime,
};
use engine::model::{NanoUsd, RunKey, Scope, TenantId, Token};
use engine::ports::{Change, Clock, Key, Page, Ports, Range, Settings, Store, Versioned, Workflow};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Api, openapi, problem, router};

pub(super) const START_MS: u64 = 1_795_305_600_000;

pub(super) struct House {
    pub(super) ports: Ports,
    pub(super) store: Arc<Counted>,
    pub(super) router: axum::Router,
    time: Arc<VirtualTime>,
    document: Value,
}

/// A store that tells which rows were asked for.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) rows: MemoryStore,
    asked: Mutex<Vec<String>>,
}

impl Counted {
    pub(super) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn note(&self, what: impl std::fmt::Debug) {
        self.asked.lock().unwrap().push(format!("{what:?}"));
    }
}

#[async_trait]
impl Store for Counted {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        keys.iter().for_each(|key| self.note(key));
        self.rows.read(keys).await
    }
    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.note(changes);
        self.rows.write(changes).await
    }
    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.note(range);
        self.rows.list(range, from, limit).await
    }
}

struct Idle;

#[async_trait]
impl Workflow for Idle {
    async fn start(&self, _: &RunKey, _: Value) -> Result<()> {
        Ok(())
    }
    async fn succeed(&self, _: &Token, _: Value) -> Result<()> {
        Ok(())
    }
    async fn fail(&self, _: &Token, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
    async fn stop(&self, _: &RunKey, _: &str) -> Result<()> {
        Ok(())
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// A request in the making.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Ask {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Ask {
        Ask { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }
    pub(super) fn key(self, key: &str) -> Ask {
        self.header("authorization", format!("Bearer {key}"))
    }
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.push((name, value.into()));
        self
    }
    pub(super) fn json(self, body: &Value) -> Ask {
        self.bytes(body.to_string()).header("content-type", "application/json")
    }
    pub(super) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.body = body.into();
        self
    }
    pub(super) fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }
}

impl House {
    pub(super) fn new() -> House {
        let time = VirtualTime::new(START_MS);
        let clock: Arc<dyn Clock> = time.clone();
        let store = Arc::new(Counted::default());
        let ports = Ports {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(7)),
            catalogue: Arc::new(boot::load_catalogue().unwrap()),
            settings: Settings {
                daily_budget: NanoUsd::from_usd(20),
                monthly_budget: None,
                run_cap: None,
                waiting_hour: NanoUsd::ZERO,
            },
            store: store.clone(),
            content: Arc::new(MemoryContent::default()),
            queues: Arc::new(MemoryQueues::new(clock.clone(), 300_000, 5)),
            workflow: Arc::new(Idle),
            cache: Arc::new(MemoryCache::new(clock.clone(), 1_000)),
            limits: Arc::new(MemoryLimits::new(clock, 600, 600)),
            model: None,
            embedder: None,
            namespaces: Default::default(),
            read_back: Default::default(),
            analysers: Arc::new(BTreeMap::new()),
            tools: Arc::new(BTreeMap::new()),
            platforms: Arc::default(),
            memory: Arc::new(MemoryMemories::default()),
            delivery: Arc::new(MemoryDelivery::default()),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        let config = Config::from(|_| None).unwrap();
        let router = router(&Arc::new(Api {
            ports: ports.clone(),
            config,
            longest_wait_ms: 20_000,
            health: Watch::probing(),
        }));
        House { ports, store, router, time, document: openapi::document() }
    }

    pub(super) fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        Executor::new(self.time.clone(), 1).block_on(future).expect("the request got stuck")
    }

    /// A key of `tenant`; each one made of other bytes.
    pub(super) fn key(&self, tenant: &str, scopes: &[Scope], expires_ms: Option<u64>) -> engine::IssuedKey {
        let (ports, tenant, scopes) = (self.ports.clone(), TenantId::new(tenant), scopes.to_vec());
        self.block_on(async move {
            let entropy = std::array::from_fn(|_| (ports.random.next_u64() & 0xFF) as u8);
            engine::create_key(&ports, &tenant, &scopes, expires_ms, entropy).await.unwrap()
        })
    }

    pub(super) fn ask(&self, ask: &Ask) -> Answer {
        let answer = self.block_on(send(self.router.clone(), ask.request()));
        self.check_documented(ask, &answer);
        answer
    }

    /// The answer must be of this status, and of this kind if it is a problem.
    pub(super) fn check(&self, ask: &Ask, expected: (u16, &str)) -> Answer {
        let answer = self.ask(ask);
        let kind = answer.body["kind"].as_str().unwrap_or("-");
        let about = format!("{} {} {:?}: {}", ask.method, ask.path, ask.headers, answer.body);
        assert_eq!((answer.status, kind), expected, "{about:.700}");
        answer
    }

    /// What the document says of an answer holds for it.
    fn check_documented(&self, ask: &Ask, answer: &Answer) {
        let media_type = answer.headers["content-type"].to_str().unwrap();
        let schema = if media_type == "application/problem+json" {
            assert!(answer.status >= 400);
            assert_eq!(answer.body["status"], answer.status);
            problem::schema()
        } else {
            let path = ask.path.split('?').next().unwrap();
            let paths = self.document["paths"].as_object().unwrap();
            let (_, operations) = paths.iter().find(|(template, _)| fits(template, path)).unwrap();
            let response = &operations[ask.method.to_lowercase()]["responses"][answer.status.to_string()];
            let plain = media_type.split(';').next().unwrap();
            let schema = &response["content"][plain]["schema"];
            assert!(
                schema.is_object(),
                "{} {path}: {} {media_type} is not documented",
                ask.method,
                answer.status
            );
            for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
                assert!(answer.headers.contains_key(name.as_str()), "no {name}");
            }
            schema.clone()
        };
        let faults = engine::schema::Schema::new(&schema).unwrap().faults(&answer.body);
        assert_eq!(faults, [], "{} {}", ask.method, ask.path);
    }
}

/// Sends a request; a body that is not JSON is told as text.
pub(super) async fn send(router: axum::Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_else(|_| json!(text)) }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(expected, part)| expected == "{id}" || expected == part)
}
