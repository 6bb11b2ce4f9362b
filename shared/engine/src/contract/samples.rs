//! Rows and keys to try an implementation with.

use ulid::Ulid;

use crate::error::ErrorKind;
use crate::model::{
    AgentId, ApiKey, CallId, Charge, ChargeState, ContentRef, DatedPrice, Depth, Event, EventKind, Forecast,
    ItemId, KeyId, Learned, MemoryRecord, NanoUsd, Outbox, OutboxMessage, Price, PriceList, Purse, Refresh,
    Run, RunId, RunKey, RunStatus, Scope, SecretDigest, Source, Step, StepKey, TenantId, Traceparent, Usage,
    Warming,
};

/// The time of the first sample run.
pub(super) const START_MS: u64 = 1_790_000_000_000;

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::new(name)
}

/// The id of a run accepted so many milliseconds after the first.
pub(super) fn run_id(after_ms: u64) -> RunId {
    RunId::new(Ulid::from_parts(START_MS + after_ms, u128::from(after_ms) * 7 + 1).to_string())
}

pub(super) fn run_key(of: &str, after_ms: u64) -> RunKey {
    RunKey { tenant: tenant(of), run: run_id(after_ms) }
}

pub(super) fn step_key(run: &RunKey, agent: &str, item: &str) -> StepKey {
    run.step(&AgentId::new(agent), &ItemId::new(item))
}

pub(super) fn run(key: &RunKey, created_ms: u64) -> Run {
    Run {
        key: key.clone(),
        workspace: "samples".to_owned(),
        source: Source {
            name: "talk \u{1f399} \"one\".vtt".to_owned(),
            media_type: "text/vtt".to_owned(),
            bytes: 42,
            content: ContentRef::new("0".repeat(64)),
            link: Some("https://example.org/talk".to_owned()),
        },
        depth: Depth::Standard,
        cap: Some(NanoUsd::from_usd(1)),
        use_cache: true,
        catalogue_version: "1".to_owned(),
        created_ms,
        deadline_ms: created_ms + 600_000,
        status: RunStatus::Running,
        cancel_requested: false,
        failure: None,
        finished_ms: None,
        cost: NanoUsd::ZERO,
        saved: NanoUsd::ZERO,
        trace: Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        models: crate::model::ModelPolicy::default(),
        repeats: None,
        sketch: None,
        versions: Vec::new(),
        warms: None,
    }
}

pub(super) fn step(key: &StepKey) -> Step {
    Step {
        key: key.clone(),
        attempt: 1,
        refusals: 0,
        hop: 0,
        epoch: 1,
        lease: None,
        token: None,
        result: None,
        data_ref: None,
        first_claimed_ms: START_MS,
    }
}

pub(super) fn event(seq: u64) -> Event {
    Event { seq, at_ms: START_MS + seq, kind: EventKind::Accepted }
}

pub(super) fn outbox(run: &RunKey, name: &str) -> Outbox {
    Outbox { run: run.clone(), name: name.to_owned(), message: OutboxMessage::Start, created_ms: START_MS }
}

pub(super) fn charge(step: &StepKey, call: u32) -> Charge {
    Charge {
        call: CallId { step: step.clone(), epoch: 1, call },
        model: "sample".to_owned(),
        workspace: "samples".to_owned(),
        state: ChargeState::Reserved,
        worst_case: NanoUsd(9_007_199_254_740_993),
        output_tokens: 512,
        price_as_of: Some("2026-11-22".to_owned()),
        cost: NanoUsd(-1),
        usage: Usage { input_tokens: u64::MAX, ..Usage::default() },
        reserved_ms: START_MS,
        provider: "samples".to_owned(),
        failed: Some(ErrorKind::Timeout),
        took_ms: Some(u64::MAX),
    }
}

pub(super) fn learned() -> Learned {
    let mut learned = Learned::default();
    [9, 700, u64::MAX].into_iter().for_each(|tokens| learned.add(&AgentId::new("agent"), "model/1", tokens));
    learned
}

pub(super) fn prices() -> PriceList {
    let price = Price { long_above_tokens: Some(u64::MAX), audio_second: i64::MAX, ..Price::default() };
    let dated =
        DatedPrice { price, as_of: "2026-11-22".to_owned(), source: "https://example.org".to_owned() };
    PriceList { prices: [("provider/model".to_owned(), dated)].into() }
}

pub(super) fn warming(step: &StepKey) -> Warming {
    let forecast =
        Forecast { next_ms: u64::MAX, opens_ms: 1, closes_ms: 2, permille: 999, refresh: Refresh::Begun };
    Warming {
        entry: "0123456789abcdef".to_owned(),
        step: step.clone(),
        last_use_ms: START_MS,
        fresh_until_ms: START_MS + 1,
        fresh_ms: 5,
        gaps_ms: vec![0, u64::MAX],
        cost: NanoUsd(1),
        most: NanoUsd(2),
        took_ms: 3,
        forecast: Some(forecast),
        expires_ms: u64::MAX / 2,
    }
}

pub(super) fn purse(spent: i64) -> Purse {
    Purse { spent: NanoUsd(spent), ..Purse::default() }
}

pub(super) fn api_key(of: &str, after_ms: u64) -> ApiKey {
    ApiKey {
        id: KeyId::new(format!("ak_{}", run_id(after_ms))),
        tenant: tenant(of),
        scopes: vec![Scope::Run, Scope::Read],
        secrets: vec![SecretDigest { digest: "0".repeat(64), created_ms: START_MS }],
        created_ms: START_MS + after_ms,
        expires_ms: Some(u64::MAX),
        revoked_ms: None,
    }
}

pub(super) fn memory(run: &RunId, created_ms: u64, text: &str) -> MemoryRecord {
    MemoryRecord {
        run_id: run.clone(),
        created_ms,
        content: ContentRef::new("0".repeat(64)),
        sketch: None,
        record: serde_json::json!({ "title": text, "score": 0.1 }),
    }
}
