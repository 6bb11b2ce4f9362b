//! The agents, as the catalogue has them.

use axum::response::Response;
use engine::error::Result;
use engine::model::{Depth, Scope};
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::call::{Call, json as answer};
use crate::operation::{Answer, Body, Method, Operation, Parameter, Place, Takes};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        method: Method::Get,
        path: "/agents",
        name: "listAgents",
        summary: "What each agent does, needs, and can do without a model.",
        scope: Some(Scope::Read),
        parameters: vec![Parameter {
            place: Place::Query,
            name: "depth",
            takes: Takes::Choice(DEPTHS),
            about: "Only those that a run of this depth includes.",
        }],
        body: Body::None,
        answers: vec![Answer::json(200, "The agents, by number.", schema())],
        handler: |call| list(call).boxed(),
    }]
}

/// The names of all depths.
pub(super) const DEPTHS: &[&str] = &["quick", "standard", "deep", "comprehensive", "experimental"];

fn schema() -> Value {
    let text = json!({ "type": "string" });
    let names = json!({ "type": "array", "items": text });
    let agent = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "number", "role", "goal", "profile", "depth", "tier", "needs", "uses", "without_model"],
        "properties": {
            "id": text, "number": { "type": "integer" }, "role": text, "goal": text, "profile": text,
            "depth": { "type": "string", "enum": DEPTHS }, "tier": text, "needs": names, "uses": names,
            "without_model": text,
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["catalogue", "agents"],
        "properties": { "catalogue": text, "agents": { "type": "array", "items": agent } },
    })
}

async fn list(call: Call) -> Result<Response> {
    let catalogue = &call.api.ports.catalogue;
    let depth = call.text("depth").and_then(Depth::from_name);
    let agents: Vec<Value> = catalogue
        .agents
        .iter()
        .filter(|agent| depth.is_none_or(|depth| agent.is_in(depth)))
        .map(|agent| {
            json!({
                "id": agent.id,
                "number": agent.number,
                "role": agent.role,
                "goal": agent.goal,
                "profile": agent.profile.name(),
                "depth": agent.depth,
                "tier": agent.tier.name(),
                "needs": agent.needs,
                "uses": agent.uses,
                "without_model": agent.without_model,
            })
        })
        .collect();
    answer(200, &json!({ "catalogue": catalogue.version, "agents": agents }))
}
