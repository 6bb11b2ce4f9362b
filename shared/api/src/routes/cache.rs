//! Stored answers: what they save, what those found by meaning have earned, and how some are made void.

use axum::response::Response;
use engine::error::Result;
use engine::model::{CacheLevel, Counters, Scope};
use engine::recall::trust::{Limit, Trust};
use engine::{figures, recall};
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::call::{Call, json as answer};
use crate::operation::{Answer, Body, Method, Operation, Parameter, Place, Takes};

const LEVELS: [CacheLevel; 3] = [CacheLevel::L1, CacheLevel::L2, CacheLevel::L3];
const TAG_CHARACTERS: usize = 200;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            method: Method::Get,
            path: "/cache",
            name: "getCache",
            summary: "What stored answers saved the tenant's ended runs, by level, and what those found by meaning have earned: always \
                      with the bound on wrong ones.",
            scope: Some(Scope::Read),
            parameters: Vec::new(),
            body: Body::None,
            answers: vec![Answer::json(200, "Counts since the tenant's first run.", schema())],
            handler: |call| stats(call).boxed(),
        },
        Operation {
            method: Method::Delete,
            path: "/cache",
            name: "purgeCache",
            summary: "Makes void what is stored of the tenant under a tag; what is under way now is void too when it is stored.",
            scope: Some(Scope::Admin),
            parameters: vec![Parameter {
                place: Place::Query,
                name: "tag",
                takes: Takes::Text(TAG_CHARACTERS),
                about: "What the answers are of: agent:ID, model:ID, prompt:VERSION, content:DIGEST or run:ID. Without one nothing is \
                        purged.",
            }],
            body: Body::None,
            answers: vec![Answer::json(
                200,
                "It is void. A process that read an answer a moment ago may give it for two seconds more.",
                json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["tag"],
                    "properties": { "tag": { "type": "string" } },
                }),
            )],
            handler: |call| purge(call).boxed(),
        },
    ]
}

async fn stats(call: Call) -> Result<Response> {
    let ports = &call.api.ports;
    let counters = figures::read(ports, call.tenant()?).await?;
    let standings = recall::standings(ports).await?;
    let by_meaning: Vec<Value> = standings
        .iter()
        .map(|(agent, maker, standing)| {
            let mut told = json!(standing);
            (told["agent"], told["maker"]) = (json!(agent), json!(maker));
            told
        })
        .collect();
    let levels: serde_json::Map<String, Value> =
        LEVELS.into_iter().map(|level| (level.name().to_owned(), of_level(&counters, level))).collect();
    answer(
        200,
        &json!({
            "runs": counters.runs.values().sum::<u64>(),
            "lookups": counters.recall_lookups,
            "levels": levels,
            "saved_tokens": counters.saved_tokens,
            "saved_nano_usd": counters.saved,
            "spared_tokens": counters.spared_tokens,
            "by_meaning": by_meaning,
        }),
    )
}

fn of_level(counters: &Counters, level: CacheLevel) -> Value {
    let hits = counters.cache_hits.get(level.name()).copied().unwrap_or(0);
    let lookups = counters.recall_lookups;
    json!({ "hits": hits, "share": (lookups > 0).then(|| hits as f64 / lookups as f64) })
}

async fn purge(call: Call) -> Result<Response> {
    let tag = call.text("tag").unwrap_or_default();
    recall::purge(&call.api.ports, call.tenant()?, tag).await?;
    answer(200, &json!({ "tag": tag }))
}

fn schema() -> Value {
    let (text, count) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0 }));
    let object = |properties: Value| {
        let required: Vec<&String> =
            properties.as_object().into_iter().flat_map(|fields| fields.keys()).collect();
        json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
    };
    let level = object(json!({
        "hits": count,
        "share": { "type": ["number", "null"], "description": "Of all look-ups." },
    }));
    let standing = object(standing(&text, &count));
    object(json!({
        "runs": count, "lookups": count,
        "levels": object(json!({ "l1": level, "l2": level, "l3": level })),
        "saved_tokens": count, "saved_nano_usd": { "type": "integer" },
        "spared_tokens": {
            "type": "integer", "minimum": 0,
            "description": "About so many input tokens were not sent, since prompts say the words of their sources shorter.",
        },
        "by_meaning": {
            "type": "array",
            "items": standing,
            "description": "Over all tenants: labels are pooled, never content.",
        },
    }))
}

/// The fields of what is told of an agent's answers, and whose they are.
fn standing(text: &Value, count: &Value) -> Value {
    let state = json!({ "type": "string", "enum": ["shadow", "serving", "waiting"] });
    let bound = json!({
        "type": "integer",
        "description": "At most so many of a million candidates were served a wrong answer, with a probability of 99 % at every moment.",
    });
    let mut fields = json!({ "agent": text, "maker": text, "state": state, "bound_millionths": bound });
    let counts = json!(Trust::default().standing(Limit::default()));
    for name in counts.as_object().into_iter().flat_map(|counts| counts.keys()) {
        if fields.get(name).is_none() {
            fields[name.as_str()] = count.clone();
        }
    }
    fields
}
