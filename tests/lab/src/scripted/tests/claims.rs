//! The verification agent as the catalogue has it: a claim that was judged in one run meets its like in another run, where it
//! has other words, another id, place and score, and not one about another number.

use std::sync::Arc;

use async_trait::async_trait;
use boot::SystemClock;
use engine::model::{ContentRef, Depth, MemoryRecord, RunId, RunKey, Source, StepResult, TenantId, Used};
use engine::ports::{Embedder, Ports};
use engine::{RunRequest, start_run};
use serde_json::{Value, json};

use crate::healthy::{House, Profile};
use crate::one_claim;
use crate::scripted::{Script, ScriptedModel};
use crate::sim;

/// All texts are as near as can be: what differs is for the guards to see.
struct Alike;

#[async_trait]
impl Embedder for Alike {
    async fn embed(&self, texts: &[String]) -> engine::error::Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|_| vec![1.0; engine::recall::vectors::WIDTH]).collect())
    }
}

fn ports() -> Ports {
    let clock = Arc::new(SystemClock);
    let script = Script::new(vec![sim::model()]).without_tools();
    Ports {
        model: Some(Arc::new(ScriptedModel::new(script, clock.clone()))),
        embedder: Some(Arc::new(Alike)),
        analysers: Arc::new(analysis::analysers()),
        ..House::on(Profile::Full, clock).unwrap().ports
    }
}

/// A claim at a place of its own.
fn claim(id: &str, text: &str, segment: &str) -> Value {
    json!({"id": id, "text": text, "quote": text, "speaker": segment, "start_ms": id.len(), "segment": segment,
        "score": id.len(), "cues": [], "context": []})
}

/// Runs the verification of one claim in a run of its own.
async fn verify(ports: &Ports, claim: Value) -> StepResult {
    let run = accept(ports).await;
    one_claim::map(ports, &run, &claim).await.unwrap();
    one_claim::judge(ports, &run, &claim).await.unwrap()
}

/// Remembers a claim of a run on other content.
async fn remember(ports: &Ports, claim: &str) {
    let record = json!({"source_name": "council.txt", "claims": [{"text": claim, "verdict": "supported"}]});
    let content = ContentRef::new("other");
    let record = MemoryRecord {
        run_id: RunId::new("00000000000000000000000000"),
        created_ms: 1,
        content,
        sketch: None,
        record,
    };
    ports.memory.remember(&TenantId::new("t"), &record).await.unwrap();
}

async fn accept(ports: &Ports) -> RunKey {
    let content: ContentRef = ports.content.put(&TenantId::new("t"), b"Ann: It rained.").await.unwrap();
    let source =
        Source { name: "talk.txt".into(), media_type: "text/plain".into(), bytes: 15, content, link: None };
    let request = RunRequest {
        tenant: TenantId::new("t"),
        workspace: "w".into(),
        source,
        depth: Depth::Standard,
        use_cache: true,
        idempotency_key: None,
        trace: None,
    };
    start_run(ports, &request).await.unwrap().0
}

#[tokio::test]
async fn a_claim_meets_its_like_in_another_run() {
    let ports = ports();
    // A verdict that rests on nothing is shared with nobody, so an earlier run on other content speaks of it.
    remember(&ports, "The council approved the plan in 2017.").await;
    let first = verify(&ports, claim("c2", "The council approved the plan in 2019.", "s4")).await;
    assert!(first.ok().is_some() && first.meta.recall.unwrap().compared.is_none(), "{:?}", first.outcome);
    let second = verify(&ports, claim("c14", "In 2019, the council approved the plan.", "s31")).await;
    let compared = second.meta.recall.unwrap().compared.unwrap();
    assert_eq!((compared.used, compared.agrees), (Some(Used::Shadow), Some(true)));
    let other = verify(&ports, claim("c6", "In 2018, the council approved the plan.", "s31")).await;
    let compared = other.meta.recall.unwrap().compared.unwrap();
    assert!(compared.used.is_none() && compared.refused.is_some(), "{compared:?}");
}
