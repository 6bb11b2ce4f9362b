//! What was spent, and how the budgets stand.

use axum::response::Response;
use engine::error::Result;
use engine::model::{Budget, Scope};
use engine::spending::{By, Period, Spending};
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::call::{Call, json as answer};
use crate::operation::{Answer, Body, Method, Operation, Parameter, Place, Takes};

const DAY_CHARACTERS: usize = 10;
const BY: &[&str] = &["day", "run", "agent", "model", "workspace"];

pub(super) fn operations() -> Vec<Operation> {
    let query = |name, takes, about| Parameter { place: Place::Query, name, takes, about };
    vec![Operation {
        method: Method::Get,
        path: "/usage",
        name: "getUsage",
        summary: "What paid calls cost in a period, by the ledger, and how today's and this month's budgets stand.",
        scope: Some(Scope::Read),
        parameters: vec![
            query("by", Takes::Choice(BY), "What is summed by; without it, the day."),
            query(
                "from",
                Takes::Text(DAY_CHARACTERS),
                "The first day (UTC), as 2026-11-22; without it, the first of the month.",
            ),
            query("to", Takes::Text(DAY_CHARACTERS), "The last day; without it, today."),
        ],
        body: Body::None,
        answers: vec![Answer::json(200, "Sums in nano-dollars (1e-9 USD).", schema())],
        handler: |call| usage(call).boxed(),
    }]
}

async fn usage(call: Call) -> Result<Response> {
    let (ports, tenant) = (&call.api.ports, call.tenant()?);
    let to_date = Period::month_to_date(ports.clock.now_ms());
    let day = |name, otherwise: String| call.text(name).map_or(otherwise, str::to_owned);
    let period = Period { from: day("from", to_date.from), to: day("to", to_date.to) };
    let by = call.text("by").and_then(By::from_name).unwrap_or(By::Day);
    let sums = engine::spending::spending(ports, tenant, &period, by).await?;
    let standing = engine::spending::standing(ports, tenant).await?;
    let lines: Vec<Value> = sums.iter().map(|(name, spending)| line(name, spending)).collect();
    answer(
        200,
        &json!({
            "from": period.from,
            "to": period.to,
            "by": by.name(),
            "lines": lines,
            "today": budget(&standing.today),
            "month": budget(&standing.month),
            "forecast": standing.forecast,
            "today_is_unusual": standing.is_unusual,
        }),
    )
}

fn line(name: &str, spending: &Spending) -> Value {
    let mut line = json!(spending);
    line["name"] = json!(name);
    line
}

fn budget((window, budget): &(String, Budget)) -> Value {
    json!({
        "window": window,
        "limit_nano_usd": budget.limit,
        "spent_nano_usd": budget.spent,
        "drawn_nano_usd": budget.allotted,
    })
}

fn schema() -> Value {
    let (text, count, nano) = (
        json!({ "type": "string" }),
        json!({ "type": "integer", "minimum": 0 }),
        json!({ "type": "integer" }),
    );
    let object = |properties: Value| {
        let required: Vec<&String> =
            properties.as_object().into_iter().flat_map(|fields| fields.keys()).collect();
        json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
    };
    let or_null = |mut schema: Value| {
        schema["type"] = json!([schema["type"], "null"]);
        schema
    };
    let line = object(json!({
        "name": text, "calls": count, "cost_nano_usd": nano, "unsettled_calls": count,
        "unsettled_nano_usd": nano, "reserved_nano_usd": nano, "usage": { "type": "object" },
    }));
    let budget = object(json!({
        "window": text, "limit_nano_usd": or_null(nano.clone()), "spent_nano_usd": nano, "drawn_nano_usd": nano,
    }));
    let forecast = object(json!({
        "expected_nano_usd": nano, "low_nano_usd": nano, "high_nano_usd": nano, "days": count,
    }));
    object(json!({
        "from": text, "to": text, "by": { "type": "string", "enum": BY },
        "lines": { "type": "array", "items": line }, "today": budget, "month": budget,
        "forecast": or_null(forecast), "today_is_unusual": { "type": ["boolean", "null"] },
    }))
}
