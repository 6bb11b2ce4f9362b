//! What was spent, as the API tells it.

use engine::model::{
    AgentId, CallId, Charge, ChargeState, ItemId, NanoUsd, RunId, RunKey, Scope, TenantId, Usage,
};
use engine::ports::{Becomes, Change, Expect, Key, Row};

use super::house::{Ask, House};

/// Books a call of `tenant` at `at_ms`.
fn book(house: &House, tenant: &str, agent: &str, state: ChargeState, cost: i64, at_ms: u64) {
    let run = RunId::new(ulid::Ulid::from_parts(at_ms, u128::from(cost.unsigned_abs())).to_string());
    let run = RunKey { tenant: TenantId::new(tenant), run };
    let charge = Charge {
        call: CallId { step: run.step(&AgentId::new(agent), &ItemId::none()), epoch: 1, call: 1 },
        model: "m".to_owned(),
        workspace: "w".to_owned(),
        state,
        worst_case: NanoUsd(500),
        output_tokens: 9,
        price_as_of: None,
        cost: NanoUsd(cost),
        usage: Usage { input_tokens: 7, ..Usage::default() },
        reserved_ms: at_ms,
        provider: "p".to_owned(),
        failed: None,
        took_ms: None,
    };
    let key = Key::Charge(charge.call.clone());
    let change = Change { key, expect: Expect::Absent, to: Becomes::Row(Row::Charge(charge)), due_ms: None };
    let store = house.ports.store.clone();
    house.block_on(async move { store.write(&[change]).await.unwrap() });
}

#[test]
fn spending_is_summed_by_what_is_asked_for() {
    let house = House::new();
    let now = house.ports.clock.now_ms();
    let key = house.key("t", &[Scope::Read], None).text;
    book(&house, "t", "a", ChargeState::Settled, 100, now);
    book(&house, "t", "a", ChargeState::Unsettled, 300, now);
    book(&house, "t", "b", ChargeState::Settled, 5, now);
    book(&house, "t", "b", ChargeState::Reserved, 0, now);
    book(&house, "t", "old", ChargeState::Settled, 9, now - 70 * 86_400_000);
    book(&house, "other", "a", ChargeState::Settled, 1_000, now);
    let lines = |query: &str| -> Vec<(String, u64, i64, i64)> {
        let answer = house.check(&Ask::new("GET", format!("/usage{query}")).key(&key), (200, "-"));
        let lines = answer.body["lines"].as_array().unwrap();
        let number = |line: &serde_json::Value, name: &str| line[name].as_i64().unwrap();
        lines
            .iter()
            .map(|line| {
                let name = line["name"].as_str().unwrap().to_owned();
                let calls = line["calls"].as_u64().unwrap();
                (name, calls, number(line, "cost_nano_usd"), number(line, "unsettled_nano_usd"))
            })
            .collect()
    };
    assert_eq!(lines("?by=agent"), [("a".into(), 2, 400, 300), ("b".into(), 1, 5, 0)]);
    assert_eq!(lines("?by=workspace"), [("w".into(), 3, 405, 300)]);
    let day = engine::calendar::day(now);
    assert_eq!(lines(""), [(day.clone(), 3, 405, 300)]);
    let from = engine::calendar::day_before(now, 80);
    assert_eq!(lines(&format!("?by=model&from={from}")), [("m".into(), 4, 414, 300)]);
    assert_eq!(lines(&format!("?from={from}&to={from}")), []);
    for wrong in ["?from=2026-02-30", "?from=2026-12-02&to=2026-12-01", "?from=1999-01-01", "?from=x"] {
        house.check(&Ask::new("GET", format!("/usage{wrong}")).key(&key), (400, "InvalidInput"));
    }
    let answer = house.check(&Ask::new("GET", "/usage").key(&key), (200, "-")).body;
    assert_eq!(
        (answer["today"]["limit_nano_usd"].as_i64(), answer["forecast"].is_null()),
        (Some(20_000_000_000), true)
    );
}
