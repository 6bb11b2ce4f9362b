//! What a store must keep.

mod listings;
mod transactions;

use std::sync::Arc;

use super::Verdict;
use crate::model::{CallId, Counters};
use crate::ports::{Becomes, Change, Expect, Key, Row, Store, Versioned};

use super::{done, samples};

/// Tries everything the engine relies on. The store must be empty; it is not afterwards.
pub async fn store_contract(store: &dyn Store) -> Verdict {
    let store = Probe(store);
    transactions::every_kind_of_row_reads_back(&store).await?;
    transactions::versions_guard_writes(&store).await?;
    transactions::a_check_only_checks(&store).await?;
    transactions::deletion(&store).await?;
    transactions::all_or_nothing(&store).await?;
    transactions::a_hundred_changes(&store).await?;
    transactions::large_rows(&store).await?;
    transactions::similar_names_are_different_rows(&store).await?;
    transactions::no_increment_is_lost(&store).await?;
    transactions::malformed_transactions(&store).await?;
    listings::runs_newest_first(&store).await?;
    listings::a_run_and_nothing_else(&store).await?;
    listings::events_in_order_without_a_gap(&store).await?;
    listings::memory_newest_first(&store).await?;
    listings::keys_newest_first(&store).await?;
    listings::due_rows(&store).await?;
    listings::foreign_tokens_do_not_leave_the_range(&store).await
}

/// A store whose refusals are explained.
struct Probe<'a>(&'a dyn Store);

impl Probe<'_> {
    async fn read(&self, key: &Key, what: &str) -> Verdict<Option<Versioned>> {
        let mut rows = done(self.0.read(std::slice::from_ref(key)).await, what)?;
        super::same(&rows.len(), &1, "rows read for one key")?;
        Ok(rows.pop().flatten())
    }

    async fn row(&self, key: &Key, what: &str) -> Verdict<Option<Row>> {
        Ok(self.read(key, what).await?.map(|versioned| versioned.row))
    }

    async fn write(&self, changes: &[Change], what: &str) -> Verdict {
        done(self.0.write(changes).await, what)
    }
}

fn put(key: Key, expect: Expect, row: Row) -> Change {
    Change { key, expect, to: Becomes::Row(row), due_ms: None }
}

fn due(key: Key, expect: Expect, row: Row, due_ms: Option<u64>) -> Change {
    Change { key, expect, to: Becomes::Row(row), due_ms }
}

fn gone(key: Key, expect: Expect) -> Change {
    Change { key, expect, to: Becomes::Gone, due_ms: None }
}

fn check(key: Key, expect: Expect) -> Change {
    Change { key, expect, to: Becomes::Same, due_ms: None }
}

/// A row of any kind, small.
fn counter(value: u64) -> Row {
    Row::Counters(Counters { runs: [("complete".to_owned(), value)].into(), ..Counters::default() })
}

fn count(row: &Row) -> u64 {
    match row {
        Row::Counters(counters) => counters.runs.get("complete").copied().unwrap_or(0),
        _ => 0,
    }
}

/// One row of every kind under its key, but for a journal's, which only its owner writes.
pub fn one_of_each() -> Vec<(Key, Row)> {
    let run = samples::run_key("each", 0);
    let step = samples::step_key(&run, "verification_director", "c1");
    let charge = samples::charge(&step, 3);
    let call: CallId = charge.call.clone();
    vec![
        (Key::Run(run.clone()), Row::Run(samples::run(&run, samples::START_MS))),
        (Key::Sequence(run.clone()), Row::Sequence(crate::model::Sequence { last_event: 7 })),
        (Key::Purse(run.clone()), Row::Purse(samples::purse(i64::MIN))),
        (Key::Step(step.clone()), Row::Step(Arc::new(samples::step(&step)))),
        (Key::Event(run.clone(), 7), Row::Event(samples::event(7))),
        (Key::Outbox(run.clone(), "start".to_owned()), Row::Outbox(samples::outbox(&run, "start"))),
        (Key::Charge(call), Row::Charge(charge)),
        (
            Key::Budget(run.tenant.clone(), "2026-11-22".to_owned()),
            Row::Budget(crate::model::Budget {
                limit: Some(crate::model::NanoUsd::from_usd(20)),
                allotted: crate::model::NanoUsd(1),
                spent: crate::model::NanoUsd(2),
                alerted_percent: 80,
            }),
        ),
        (Key::Learned(run.tenant.clone()), Row::Learned(samples::learned())),
        (Key::Prices, Row::Prices(samples::prices())),
        (Key::Trust(step.agent.clone()), Row::Trust(crate::recall::trust::Earned::default())),
        (
            Key::Seen(run.tenant.clone(), "0".repeat(64)),
            Row::Expiring { value: serde_json::json!(run.run), expires_ms: u64::MAX / 2 },
        ),
        (
            Key::Circuit("a/b#c".to_owned()),
            Row::Circuit(crate::model::Circuit::default().failed(7, true, None)),
        ),
        (
            Key::Idempotency(run.tenant.clone(), "again/\u{e9}#1".to_owned()),
            Row::Idempotency { run: run.run.clone(), request_digest: "d".to_owned() },
        ),
        (Key::Counters(run.tenant.clone(), 3), counter(u64::MAX)),
        (
            Key::Memory(run.tenant.clone(), run.run.clone()),
            Row::Memory(samples::memory(&run.run, samples::START_MS, "A \u{2028} title")),
        ),
        (
            Key::Cache(run.tenant.clone(), "answer".to_owned()),
            Row::Expiring {
                value: serde_json::json!({"a": [1, null, 0.1, "\u{0}"]}),
                expires_ms: u64::MAX / 2,
            },
        ),
        (Key::ApiKey(samples::api_key("each", 0).id), Row::ApiKey(samples::api_key("each", 0))),
        (
            Key::Settings(run.tenant.clone()),
            Row::Settings(crate::model::TenantSettings {
                monthly_budget: Some(crate::model::NanoUsd(30)),
                soft_limit: Some(crate::model::SoftLimit {
                    percent: 80,
                    action: crate::model::SoftAction::Downgrade,
                }),
                daily_budget: Some(crate::model::NanoUsd(1)),
                run_cap: None,
                depth_limit: Some(crate::model::Depth::Deep),
                models: crate::model::ModelPolicy {
                    deny: vec!["provider/model".to_owned()],
                    tiers: [("fast".to_owned(), vec!["small".to_owned()])].into(),
                    ..crate::model::ModelPolicy::default()
                },
            }),
        ),
        (
            Key::Upload(run.tenant.clone(), "01KBAZ".to_owned()),
            Row::Upload(crate::model::Upload {
                name: "talk #1.vtt".to_owned(),
                expires_ms: u64::MAX / 2,
                bytes: 7,
                content: Some(crate::model::ContentRef::new("0".repeat(64))),
            }),
        ),
        (Key::Warming(run.tenant.clone(), 1_023), Row::Warming(samples::warming(&step))),
        (
            Key::Rate("tenant/each".to_owned()),
            Row::Expiring { value: serde_json::json!([]), expires_ms: samples::START_MS },
        ),
        (
            Key::Flight(run.tenant.clone(), "answer".to_owned()),
            Row::Expiring { value: serde_json::json!({"holder": "h"}), expires_ms: u64::MAX / 2 },
        ),
        (
            Key::Reservation("each/run/agent/-/1/1".to_owned()),
            Row::Expiring { value: serde_json::json!({"fate": "live"}), expires_ms: u64::MAX / 2 },
        ),
    ]
}
