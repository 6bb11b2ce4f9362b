//! How soon a step has its answer where that is one to another text of the same meaning: the whole step, with the text embedded by
//! the real model, and its namespace and the answer read from Redis.

use std::io::{BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind};
use engine::model::{AgentId, Basis, CacheLevel};
use engine::ports::{Becomes, Change, Embedder, Expect, Key, Ports, Row};
use engine::recall::trust::{Earned, Trust};
use engine::recall::vectors::WIDTH;
use serde_json::{Value, json};

use super::steps::Place;
use crate::binary::{EMBEDDING_MODEL, build_example, root};
use crate::one_claim::{self, JUDGE};
use crate::rates::fleet::moment;
use crate::rates::{percentile, rounded};
use crate::recall::paraphrases;
use crate::scripted::{Script, ScriptedModel};
use crate::sim;
use crate::stack::{Result, Valkey};

/// Paraphrases of each kind.
const EACH: usize = 40;
/// So many answers are taken as found right, so that others are served.
const RIGHT: u64 = 100_000;

pub(super) fn measure() -> Result<Value> {
    let valkey = Valkey::start(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut place = Place::open(&valkey.url(), 1, 0, || {}).await?;
        place.ports.embedder = Some(Arc::new(Model::start()?));
        prepare(&mut place.ports).await?;
        let (mut served_ms, mut asked_ms, mut asked) = (Vec::new(), Vec::new(), 0);
        for (number, pair) in paraphrases::generate(EACH, 1).iter().enumerate() {
            // Each by a tenant of its own, so that nobody else's text is nearer.
            let tenant = format!("tenant-{number}");
            for text in [&pair.stored, &pair.asked] {
                let run = place.accept(&tenant).await?;
                let claim = json!({"id": "c1", "text": text, "quote": text, "speaker": "Ann", "start_ms": 0,
                    "segment": "s1", "score": 1, "cues": [], "context": []});
                one_claim::map(&place.ports, &run, &claim).await?;
                let began = moment();
                let result = one_claim::judge(&place.ports, &run, &claim).await?;
                let took_ms = began.elapsed().as_secs_f64() * 1e3;
                match result.meta.basis {
                    Basis::Cache { level: CacheLevel::L3, .. } => served_ms.push(took_ms),
                    _ => asked_ms.push(took_ms),
                }
            }
            asked += 1;
        }
        Ok(json!({
            "texts": asked,
            "served": served_ms.len(),
            "p50_ms": rounded(percentile(&mut served_ms, 50.0)),
            "p95_ms": rounded(percentile(&mut served_ms, 95.0)),
            "by_model_p50_ms": rounded(percentile(&mut asked_ms, 50.0)),
        }))
    })
}

/// Answers are taken as found right.
async fn prepare(ports: &mut Ports) -> Result<()> {
    let mut catalogue = (*ports.catalogue).clone();
    let id = AgentId::new(JUDGE);
    let mut version = String::new();
    for agent in catalogue.agents.iter_mut().filter(|agent| agent.id == id) {
        let row = Arc::make_mut(agent);
        version.clone_from(&row.prompt_version);
    }
    ports.catalogue = Arc::new(catalogue);
    // What was looked up with a tool is never stored.
    let script = Script::new(vec![sim::model()]).without_tools();
    ports.model = Some(Arc::new(ScriptedModel::new(script, ports.clock.clone())));
    let (mut earned, model) = (Earned::default(), sim::model());
    let maker = format!("{version} {}/{}", model.provider, model.id);
    *earned.of(&maker) = Trust { shadow: RIGHT, ..Trust::default() };
    let (key, to) = (Key::Trust(id), Becomes::Row(Row::Trust(earned)));
    Ok(ports.store.write(&[Change { key, expect: Expect::Anything, to, due_ms: None }]).await?)
}

/// The real model in a process of its own: the lab links none.
struct Model(Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>);

impl Model {
    fn start() -> Result<Self> {
        let mut command = Command::new(build_example("vectors")?);
        command.env_clear().arg(root().join(EMBEDDING_MODEL)).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(into), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the model's process has no pipes".into());
        };
        Ok(Self(Mutex::new((child, into, BufReader::new(from)))))
    }

    fn ask(&self, text: &str) -> Result<Vec<f32>> {
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, into, from) = &mut *pipes;
        into.write_all(format!("{}\n", json!(text)).as_bytes())?;
        into.flush()?;
        let mut bytes = [0; 4 * (WIDTH + 1)];
        from.read_exact(&mut bytes)?;
        let numbers =
            bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        // The first is how long it took.
        Ok(numbers.skip(1).collect())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let (child, ..) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It ends by itself where it cannot be killed: its input does.
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[async_trait]
impl Embedder for Model {
    async fn embed(&self, texts: &[String]) -> engine::error::Result<Vec<Vec<f32>>> {
        let failed = |error: crate::stack::Error| Error::new(ErrorKind::Internal, error.to_string());
        texts.iter().map(|text| self.ask(text).map_err(failed)).collect()
    }
}
