//! What examples of tools are given.

use std::collections::BTreeMap;

use engine::model::{AgentId, Depth, Status};
use engine::step_input::{Input, RequestView, StepInput};
use serde_json::Value;

/// A step that was given the result of one agent.
pub(crate) fn input(agent: &str, data: Value) -> StepInput {
    let request = RequestView {
        source_name: "example.vtt".to_owned(),
        media_type: "text/vtt".to_owned(),
        bytes: 1,
        depth: Depth::Quick,
        requested_ms: 1,
    };
    let given = Input { status: Status::Ok, data: Some(data.into()), reason: None };
    StepInput { request, item: None, inputs: [(AgentId::new(agent), given)].into(), facts: BTreeMap::new() }
}
