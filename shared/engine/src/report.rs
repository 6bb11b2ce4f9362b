//! A stored result is told to the workflow, after the effects its agent's row grants.

use serde_json::{Map, Value, json};

use crate::agent::{AgentSpec, Catalogue, Effect};
use crate::claim_check;
use crate::error::{ErrorKind, Result};
use crate::finish_run::finish_run;
use crate::gather::{items_of, left_out};
use crate::model::{MemoryRecord, Outcome, Run, Status, Step, StepResult, Token};
use crate::ports::Ports;
use crate::transact::again;
use crate::versions;

/// Carries out a step's effects and reports with its token. Repeats are harmless.
pub(crate) async fn report(
    ports: &Ports,
    spec: &AgentSpec,
    run: &Run,
    step: &Step,
    token: &Token,
) -> Result<()> {
    if run.warms.is_some() {
        // Nobody waits for the result: the run was for what is stored by now, and has no other step.
        return finish_run(ports, &run.key, None).await;
    }
    let Some(result) = claim_check::fetch(ports, step).await? else {
        return Ok(());
    };
    for effect in &spec.effects {
        match effect {
            Effect::Remember => remember(ports, run, &result).await?,
            Effect::Compare => {
                let compared = versions::compare(ports, run, result.data()).await;
                if let Err(error) = compared {
                    tracing::warn!(%error, run = %run.key.run, "earlier versions of the content are not told from other runs");
                }
            }
        }
    }
    match &result.outcome {
        Outcome::Failed(error) => ports.workflow.fail(token, error.kind.name(), &error.message).await,
        Outcome::Skipped(reason) if !spec.dispensable => {
            ports.workflow.fail(token, ErrorKind::InvalidInput.name(), &reason.to_string()).await
        }
        Outcome::Uncertain { reason, data: None } if !spec.dispensable => {
            ports.workflow.fail(token, ErrorKind::ModelOutput.name(), &reason.to_string()).await
        }
        _ => ports.workflow.succeed(token, token_output(&ports.catalogue, spec, run, &result)).await,
    }
}

/// The small answer that travels: how it ended; the plan's flags; the ids another agent fans out over.
pub fn token_output(catalogue: &Catalogue, spec: &AgentSpec, run: &Run, result: &StepResult) -> Value {
    let mut output = json!({"status": result.status()});
    if catalogue.planner().is_some_and(|planner| planner.id == spec.id) {
        let left_out = left_out(result);
        let flags: Map<String, Value> = catalogue
            .agents
            .iter()
            .map(|agent| {
                let planned = agent.is_in(run.depth) && (!agent.dispensable || !left_out.contains(&agent.id));
                (agent.id.as_str().to_owned(), Value::from(planned))
            })
            .collect();
        output["flags"] = Value::Object(flags);
    }
    if let Some(fan_out) = catalogue.fanned_out_by(&spec.id) {
        output[fan_out.field.as_str()] = json!(items_of(run, result.data(), fan_out));
    }
    output
}

async fn remember(ports: &Ports, run: &Run, result: &StepResult) -> Result<()> {
    let Some(record) =
        result.ok().filter(|_| result.status() == Status::Ok).map(|data| data["record"].clone())
    else {
        return Ok(());
    };
    let record = MemoryRecord {
        run_id: run.key.run.clone(),
        created_ms: run.created_ms,
        content: run.source.content.clone(),
        sketch: run.sketch.clone(),
        record,
    };
    again(ports, || ports.memory.remember(&run.key.tenant, &record)).await
}
