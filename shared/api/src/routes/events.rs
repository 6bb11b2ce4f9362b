//! What happens in a run, in order, without a gap: a cursor is the number of the last event somebody has seen.

use axum::response::Response;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Scope;
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::call::{Call, json as answer};
use crate::operation::{Answer, Body, Method, Operation, Parameter, Place, Takes};

const LONGEST_WAIT_MS: u64 = 20_000;
/// How often a waiting request looks. What happened is seen within this time.
const LOOK_EVERY_MS: u64 = 250;

pub(super) fn operations() -> Vec<Operation> {
    let number = |name, least, most, default, about| Parameter {
        place: Place::Query,
        name,
        takes: Takes::Number { least, most, default },
        about,
    };
    vec![Operation {
        method: Method::Get,
        path: "/runs/{id}/events",
        name: "listEvents",
        summary: "What happened in a run after an event, in order and without a gap.",
        scope: Some(Scope::Read),
        parameters: vec![
            number("after", 0, (1 << 53) - 1, 0, "The number of the last event that is known; 0 for none."),
            number("limit", 1, 1_000, 500, "How many at most."),
            number(
                "wait_ms",
                0,
                LONGEST_WAIT_MS,
                0,
                "If there is nothing yet, wait at most so many milliseconds for something to happen.",
            ),
        ],
        body: Body::None,
        answers: vec![Answer::json(200, "The events; ask again with `after` set to `next`.", schema())],
        handler: |call| list(call).boxed(),
    }]
}

fn schema() -> Value {
    let event = json!({
        "type": "object",
        "required": ["seq", "at_ms", "event"],
        "properties": {
            "seq": { "type": "integer", "minimum": 1 },
            "at_ms": { "type": "integer" },
            "event": {
                "type": "string",
                "enum": [
                    "accepted", "step_started", "step_deferred", "step_finished", "cancel_requested", "budget_alert", "finished",
                    "delivered",
                ],
            },
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["events", "next", "over"],
        "properties": {
            "events": { "type": "array", "items": event },
            "next": { "type": "integer", "description": "The number of the last event that is now known." },
            "over": { "type": "boolean", "description": "Nothing more will happen after these." },
        },
    })
}

async fn list(call: Call) -> Result<Response> {
    let (ports, key) = (&call.api.ports, call.run()?);
    let (after, wait_ms) = (call.number("after"), call.number("wait_ms"));
    let limit = usize::try_from(call.number("limit")).unwrap_or(1);
    let until_ms = ports.clock.now_ms() + wait_ms.min(call.api.longest_wait_ms);
    loop {
        let run = engine::load_run(ports, &key).await?;
        let run =
            run.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no run {}", key.run)))?;
        // Asked before the events are read: what is over by then has no event that is not read.
        let mut over = engine::is_over(ports, &run).await?;
        let mut events = engine::events_after(ports, &key, after).await?;
        let left_ms = until_ms.saturating_sub(ports.clock.now_ms());
        if events.is_empty() && !over && left_ms > 0 {
            ports.clock.sleep(left_ms.min(LOOK_EVERY_MS)).await;
            continue;
        }
        over &= events.len() <= limit;
        events.truncate(limit);
        let next = events.last().map_or(after, |event| event.seq);
        return answer(200, &json!({ "events": events, "next": next, "over": over }));
    }
}
