use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::lease::new_step;
use crate::model::{
    Answered, Arm, Compared, Kept, KnownArm, RecallNote, RunKey, Step, TenantId, Told, Used, Why,
};
use crate::step_input::Data;

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn reasons() -> impl Strategy<Value = Reason> {
    let codes = [
        ReasonCode::NoModel,
        ReasonCode::NotPlanned,
        ReasonCode::MissingInput,
        ReasonCode::Cancelled,
        ReasonCode::NotApplicable,
        ReasonCode::UnusableContent,
        ReasonCode::Budget,
        ReasonCode::InvalidOutput,
        ReasonCode::Refused,
        ReasonCode::ModelUnavailable,
        ReasonCode::NoEvidence,
    ];
    // Whoever adds one is told here to draw it.
    codes.iter().for_each(|code| match code {
        ReasonCode::NoModel
        | ReasonCode::NotPlanned
        | ReasonCode::MissingInput
        | ReasonCode::Cancelled
        | ReasonCode::NotApplicable
        | ReasonCode::UnusableContent
        | ReasonCode::Budget
        | ReasonCode::InvalidOutput
        | ReasonCode::Refused
        | ReasonCode::ModelUnavailable
        | ReasonCode::NoEvidence => {}
    });
    (proptest::sample::select(codes.to_vec()), ".{0,20}").prop_map(|(code, detail)| Reason { code, detail })
}

fn errors() -> impl Strategy<Value = StepError> {
    (
        proptest::sample::select(ErrorKind::ALL.to_vec()),
        ".{0,20}",
        proptest::collection::btree_map(".{0,5}", ".{0,5}", 0..3),
    )
        .prop_map(|(kind, message, context)| StepError {
            kind,
            message,
            retryable: kind.is_retryable(),
            severity: kind.severity(),
            context,
        })
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        json_values().prop_map(Outcome::Ok),
        reasons().prop_map(Outcome::Skipped),
        (reasons(), proptest::option::of(json_values()))
            .prop_map(|(reason, data)| Outcome::Uncertain { reason, data }),
        errors().prop_map(Outcome::Failed),
    ]
}

fn bases() -> impl Strategy<Value = Basis> {
    let levels = vec![CacheLevel::L1, CacheLevel::L2, CacheLevel::L3];
    prop_oneof![
        Just(Basis::Model),
        Just(Basis::Deterministic),
        (proptest::sample::select(levels), 0.0..=1.0f64)
            .prop_map(|(level, similarity)| Basis::Cache { level, similarity }),
    ]
}

fn results() -> impl Strategy<Value = StepResult> {
    (
        outcomes(),
        proptest::collection::vec(".{0,10}", 0..3),
        bases(),
        any::<[u64; 5]>(),
        any::<i64>(),
        proptest::option::of(".{0,9}"),
        proptest::option::of(recalls()),
        any::<bool>(),
        metas(),
    )
        .prop_map(|(outcome, warnings, basis, tokens, cost, model, recall, was_routed, other)| {
            StepResult {
                outcome,
                warnings,
                meta: Meta {
                    basis,
                    model,
                    usage: Usage {
                        input_tokens: tokens[0],
                        cached_tokens: tokens[1],
                        cache_write_tokens: tokens[2],
                        output_tokens: tokens[3],
                        reasoning_tokens: tokens[4],
                        ..Usage::default()
                    },
                    cost: NanoUsd(cost),
                    gaps: vec![AgentId::new("signal_recon_specialist")],
                    looked_up: recall.is_some(),
                    recall,
                    routing: meta().routing.filter(|_| was_routed),
                    ..other
                },
            }
        })
}

/// What is known of any step, whatever came of it.
fn metas() -> impl Strategy<Value = Meta> {
    (".{1,9}", any::<u32>(), any::<[u64; 3]>(), any::<i64>(), ".{0,9}", ".{0,9}").prop_map(
        |(item, attempt, [spared_tokens, duration_ms, finished_ms], saved, input_digest, trace_id)| Meta {
            item: ItemId::new(item),
            attempt,
            saved: NanoUsd(saved),
            spared_tokens,
            duration_ms,
            finished_ms,
            input_digest,
            trace_id,
            ..meta()
        },
    )
}

fn recalls() -> impl Strategy<Value = RecallNote> {
    let levels = proptest::sample::select(vec![CacheLevel::L1, CacheLevel::L2, CacheLevel::L3]);
    let told = prop_oneof![
        (any::<u64>(), any::<bool>()).prop_map(|(age_ms, stale)| Told::Hit { age_ms, stale }),
        any::<u64>().prop_map(|age_ms| Told::Renewed { age_ms }),
        Just(Told::Nothing),
        ".{0,9}".prop_map(|tag| Told::Void { tag }),
        Just(Told::Unfit),
        Just(Told::Unreadable),
        Just(Told::Away),
    ];
    let used = proptest::sample::select(vec![Used::Shadow, Used::Served, Used::Audited]);
    let compared =
        (-1.0..=1.0f64, any::<bool>(), proptest::option::of(used), proptest::option::of(any::<bool>()))
            .prop_map(|(cosine, is_near, used, agrees)| Compared {
                cosine,
                is_near,
                used,
                agrees,
                ..Compared::default()
            });
    (
        proptest::collection::btree_map(levels, told, 0..4),
        any::<u64>(),
        any::<bool>(),
        proptest::option::of(compared),
        proptest::option::of(any::<u64>()),
    )
        .prop_map(|(levels, waited_ms, led, compared, fresh_ms)| RecallNote {
            levels,
            waited_ms,
            led,
            compared,
            kept: fresh_ms.map(|fresh_ms| Kept { fresh_ms, ..Kept::default() }),
            ..RecallNote::default()
        })
}

fn meta() -> Meta {
    Meta {
        run: RunId::new("01J"),
        agent: AgentId::new("a"),
        item: ItemId::none(),
        attempt: 2,
        basis: Basis::Deterministic,
        model: None,
        prompt_version: "p".into(),
        usage: Usage::default(),
        cost: NanoUsd::ZERO,
        saved: NanoUsd(7),
        spared_tokens: 11,
        duration_ms: 3,
        finished_ms: 4,
        gaps: Vec::new(),
        input_digest: "d".into(),
        trace_id: "t".into(),
        looked_up: true,
        recall: None,
        routing: Some(Box::new(Routing {
            arms: vec![KnownArm {
                model: "provider/model".into(),
                usual_cost: NanoUsd(7),
                known: Arm { good: 3, bad: 1, cost: NanoUsd(99), took_ms: 400 },
            }],
            picked: 0,
            why: Why::Explored,
            answered: Some(Answered { by: 0, at_once: false }),
            rejected: vec![0],
        })),
    }
}

proptest! {
    #[test]
    fn round_trip_is_exact(result in results()) {
        let text = serde_json::to_string(&result).unwrap();
        let read: StepResult = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &result);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn data_read_in_a_row_is_the_same_value(result in results()) {
        let run = RunKey { tenant: TenantId::new("t"), run: result.meta.run.clone() };
        let key = run.step(&result.meta.agent, &result.meta.item);
        let here = result.data().cloned().map(Data::from);
        let row = Data::in_row(&Arc::new(Step { result: Some(result), ..new_step(&key, 1) }));
        prop_assert_eq!(&row, &here);
        prop_assert_eq!(serde_json::to_string(&row).unwrap(), serde_json::to_string(&here).unwrap());
    }

    #[test]
    fn only_ok_reads_as_ok(result in results()) {
        prop_assert_eq!(result.ok().is_some(), result.status() == Status::Ok);
        prop_assert_eq!(result.reason().is_none(), result.status() == Status::Ok);
        if result.status() != Status::Uncertain {
            prop_assert!(result.uncertain().is_none());
        }
        let mut stored = serde_json::to_value(&result).unwrap();
        prop_assert_eq!(stored["status"].as_str(), Some(result.status().name()));
        // Data smuggled beside a skipped or failed status does not come through.
        if matches!(result.status(), Status::Skipped | Status::Failed) {
            stored["data"] = json!({"smuggled": true});
            let read: StepResult = serde_json::from_value(stored).unwrap();
            prop_assert!(read.ok().is_none() && read.uncertain().is_none());
        }
    }
}

#[test]
fn version_one_is_read() {
    let old = json!({
        "status": "ok", "data": {"title": "t"}, "warnings": ["w"],
        "meta": {"run": "01J", "agent": "a", "item": "-", "attempt": 1, "model": "m", "input_tokens": 10,
                 "output_tokens": 5, "cost_micro_usd": 12, "duration_ms": 9}
    });
    let read: StepResult = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(read.ok(), Some(&json!({"title": "t"})));
    assert_eq!(read.meta.cost, NanoUsd(12_000));
    assert_eq!(read.meta.usage.input_tokens, 10);
    assert_eq!(read.meta.basis, Basis::Model);

    let mut cached = old;
    cached["meta"]["cached"] = json!(true);
    let read: StepResult = serde_json::from_value(cached).unwrap();
    assert_eq!(read.meta.basis, Basis::Cache { level: CacheLevel::L1, similarity: 1.0 });
}

#[test]
fn a_status_without_its_part_is_refused() {
    let stored =
        serde_json::to_value(StepResult { outcome: Outcome::Ok(json!({})), warnings: vec![], meta: meta() })
            .unwrap();
    for status in ["skipped", "uncertain", "failed"] {
        let mut broken = stored.clone();
        broken["status"] = json!(status);
        assert!(serde_json::from_value::<StepResult>(broken).is_err(), "{status}");
    }
    let mut future = stored;
    future["version"] = json!(3);
    assert!(serde_json::from_value::<StepResult>(future).is_err());
}
