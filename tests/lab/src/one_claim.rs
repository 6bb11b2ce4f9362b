//! The step that judges a claim, run by itself in a run whose map has that claim alone.

use std::sync::Arc;

use engine::model::{AgentId, ItemId, RunKey, Step, StepResult, Token};
use engine::ports::{Becomes, Change, Expect, Key, Ports, Row, StepMessage};
use engine::run_step;
use serde_json::{Value, json};

use crate::stack::Result;

/// The agent that judges.
pub(crate) const JUDGE: &str = "verification_director";

/// Stores a map of the run with this claim alone.
pub(crate) async fn map(ports: &Ports, run: &RunKey, claim: &Value) -> Result<()> {
    let agent = AgentId::new("analysis_cartographer");
    let mapped = json!({"version": 2, "status": "ok", "data": {"language": "en", "claims": [claim]},
        "meta": {"run": run.run, "agent": agent, "item": "-", "attempt": 1, "basis": {"kind": "deterministic"}}});
    let key = run.step(&agent, &ItemId::none());
    let step = Step {
        key: key.clone(),
        attempt: 1,
        refusals: 0,
        hop: 0,
        epoch: 1,
        lease: None,
        token: None,
        result: Some(serde_json::from_value(mapped)?),
        data_ref: None,
        first_claimed_ms: 1,
    };
    let to = Becomes::Row(Row::Step(Arc::new(step)));
    Ok(ports.store.write(&[Change { key: Key::Step(key), expect: Expect::Absent, to, due_ms: None }]).await?)
}

/// Judges the claim, whose map is there.
pub(crate) async fn judge(ports: &Ports, run: &RunKey, claim: &Value) -> Result<StepResult> {
    let (agent, item) = (AgentId::new(JUDGE), ItemId::new(claim["id"].as_str().unwrap_or_default()));
    let key = run.step(&agent, &item);
    let message = StepMessage { run: run.clone(), agent, item, hop: 0, task_token: Token::new("nobody") };
    run_step(ports, &message).await?;
    match ports.store.read(&[Key::Step(key)]).await?.remove(0).map(|versioned| versioned.row) {
        Some(Row::Step(step)) => Ok(step.result.clone().ok_or("the step did not end")?),
        _ => Err("the step did not begin".into()),
    }
}
