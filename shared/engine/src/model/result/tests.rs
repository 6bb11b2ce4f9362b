use std::sync::Arc;

use proptest::array::uniform9;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::lease::new_step;
use crate::model::{
    Answered, Arm, Compared, Kept, KnownArm, RecallNote, RunKey, Step, TenantId, Told, Used, Why,
};
use crate::recall::guards::{Guard, Refusal};
use crate::recall::trust::{Standing, State};
use crate::step_input::Data;

// What is drawn here is built without `..` and taken apart without `_`: whoever adds a field or a variant is told to draw it.

/// One of the variants of an enum without fields, all of them listed.
macro_rules! any_of {
    ($kind:ident: $($variant:ident)+) => {{
        let _all = |one: &$kind| match one { $($kind::$variant => {})+ };
        proptest::sample::select(vec![$($kind::$variant),+])
    }};
}

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
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,6}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Zero often: some fields are left out then.
fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), any::<u64>()]
}

fn money() -> impl Strategy<Value = NanoUsd> {
    any::<i64>().prop_map(NanoUsd)
}

fn reasons() -> impl Strategy<Value = Reason> {
    let codes = any_of!(
        ReasonCode: NoModel NotPlanned MissingInput Cancelled NotApplicable UnusableContent Budget InvalidOutput Refused
            ModelUnavailable NoEvidence
    );
    (codes, ".{0,20}").prop_map(|(code, detail)| Reason { code, detail })
}

fn errors() -> impl Strategy<Value = StepError> {
    let kinds = proptest::sample::select(ErrorKind::ALL.to_vec());
    let severities = any_of!(Severity: Low Medium High Critical);
    (kinds, ".{0,20}", any::<bool>(), severities, btree_map(".{0,5}", ".{0,5}", 0..3)).prop_map(
        |(kind, message, retryable, severity, context)| StepError {
            kind,
            message,
            retryable,
            severity,
            context,
        },
    )
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let _all = |outcome: &Outcome| match outcome {
        Outcome::Ok(_)
        | Outcome::Skipped(_)
        | Outcome::Uncertain { reason: _, data: _ }
        | Outcome::Failed(_) => {}
    };
    prop_oneof![
        json_values().prop_map(Outcome::Ok),
        reasons().prop_map(Outcome::Skipped),
        (reasons(), option::of(json_values())).prop_map(|(reason, data)| Outcome::Uncertain { reason, data }),
        errors().prop_map(Outcome::Failed),
    ]
}

fn levels() -> impl Strategy<Value = CacheLevel> {
    any_of!(CacheLevel: L1 L2 L3)
}

fn bases() -> impl Strategy<Value = Basis> {
    let _all = |basis: &Basis| match basis {
        Basis::Model | Basis::Deterministic | Basis::Cache { level: _, similarity: _ } => {}
    };
    prop_oneof![
        Just(Basis::Model),
        Just(Basis::Deterministic),
        (levels(), 0.0..=1.0f64).prop_map(|(level, similarity)| Basis::Cache { level, similarity }),
    ]
}

fn results() -> impl Strategy<Value = StepResult> {
    (outcomes(), vec(".{0,10}", 0..3), metas()).prop_map(|(outcome, warnings, meta)| StepResult {
        outcome,
        warnings,
        meta,
    })
}

fn usages() -> impl Strategy<Value = Usage> {
    uniform9(counts()).prop_map(
        |[
            input_tokens,
            cached_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            audio_tokens,
            output_tokens,
            reasoning_tokens,
            audio_ms,
            queries,
        ]| Usage {
            input_tokens,
            cached_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            audio_tokens,
            output_tokens,
            reasoning_tokens,
            audio_ms,
            queries,
        },
    )
}

fn metas() -> impl Strategy<Value = Meta> {
    let ids = (".{1,9}", ".{1,9}", ".{1,9}", any::<u32>());
    let texts = (option::of(".{0,9}"), ".{0,9}", ".{0,9}", ".{0,9}", vec(".{1,9}", 0..3));
    let sums = (usages(), money(), money(), counts(), any::<u64>(), any::<u64>());
    let answers = (bases(), any::<bool>(), option::of(recalls()), option::of(routings()));
    (ids, texts, sums, answers).prop_map(|(ids, texts, sums, answers)| {
        let (run, agent, item, attempt) = ids;
        let (model, prompt_version, input_digest, trace_id, gaps) = texts;
        let (usage, cost, saved, spared_tokens, duration_ms, finished_ms) = sums;
        let (basis, looked_up, recall, routing) = answers;
        Meta {
            run: RunId::new(run),
            agent: AgentId::new(agent),
            item: ItemId::new(item),
            attempt,
            basis,
            model,
            prompt_version,
            usage,
            cost,
            saved,
            spared_tokens,
            duration_ms,
            finished_ms,
            gaps: gaps.into_iter().map(AgentId::new).collect(),
            input_digest,
            trace_id,
            looked_up,
            recall,
            routing: routing.map(Box::new),
        }
    })
}

fn recalls() -> impl Strategy<Value = RecallNote> {
    let _all = |told: &Told| match told {
        Told::Hit { age_ms: _, stale: _ } | Told::Renewed { age_ms: _ } | Told::Void { tag: _ } => {}
        Told::Nothing | Told::Unfit | Told::Unreadable | Told::Away => {}
    };
    let told = prop_oneof![
        (any::<u64>(), any::<bool>()).prop_map(|(age_ms, stale)| Told::Hit { age_ms, stale }),
        any::<u64>().prop_map(|age_ms| Told::Renewed { age_ms }),
        Just(Told::Nothing),
        ".{0,9}".prop_map(|tag| Told::Void { tag }),
        Just(Told::Unfit),
        Just(Told::Unreadable),
        Just(Told::Away),
    ];
    let kept = (".{0,9}", any::<u64>(), any::<u64>(), money(), money())
        .prop_map(|(entry, fresh_ms, took_ms, cost, most)| Kept { entry, fresh_ms, took_ms, cost, most });
    (
        btree_map(levels(), told, 0..4),
        ".{0,9}",
        counts(),
        any::<bool>(),
        counts(),
        option::of(comparisons()),
        option::of(kept),
    )
        .prop_map(|(levels, key, waited_ms, led, saved_tokens, compared, kept)| RecallNote {
            levels,
            key,
            waited_ms,
            led,
            saved_tokens,
            compared,
            kept,
        })
}

fn comparisons() -> impl Strategy<Value = Compared> {
    let guards = any_of!(
        Guard: Length Language Pointing Quote Number Unit Date Negation Question Scope Comparison Modal Tense Entity Role
            Word
    );
    let refused =
        (guards, ".{0,9}", ".{0,9}").prop_map(|(guard, stored, asked)| Refusal { guard, stored, asked });
    let used = any_of!(Used: Shadow Served Audited);
    (
        -1.0..=1.0f64,
        any::<[bool; 3]>(),
        option::of(refused),
        option::of(used),
        option::of(any::<bool>()),
        option::of(standings()),
    )
        .prop_map(|(cosine, [is_near, is_kept, is_uncovered], refused, used, agrees, standing)| {
            Compared { cosine, is_near, refused, used, agrees, is_kept, is_uncovered, standing }
        })
}

fn standings() -> impl Strategy<Value = Standing> {
    (any_of!(State: Shadow Serving Waiting), any::<[u64; 8]>()).prop_map(
        |(
            state,
            [
                bound_millionths,
                limit_millionths,
                candidates,
                served,
                labels,
                labels_wrong,
                audits,
                audits_open,
            ],
        )| Standing {
            state,
            bound_millionths,
            limit_millionths,
            candidates,
            served,
            labels,
            labels_wrong,
            audits,
            audits_open,
        },
    )
}

fn routings() -> impl Strategy<Value = Routing> {
    let arms = (".{0,9}", money(), any::<[u32; 2]>(), money(), any::<u64>()).prop_map(
        |(model, usual_cost, [good, bad], cost, took_ms)| KnownArm {
            model,
            usual_cost,
            known: Arm { good, bad, cost, took_ms },
        },
    );
    let answered = (any::<usize>(), any::<bool>()).prop_map(|(by, at_once)| Answered { by, at_once });
    let why = any_of!(Why: Best HoldsTheFloor Explored);
    (vec(arms, 0..3), any::<usize>(), why, option::of(answered), vec(any::<usize>(), 0..3))
        .prop_map(|(arms, picked, why, answered, rejected)| Routing { arms, picked, why, answered, rejected })
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

/// A result as version 1 stored it, with `part` beside its status.
fn version_one(status: &str, data: &Value, part: (&str, Value)) -> Value {
    let mut old = json!({
        "status": status, "data": data, "warnings": ["w"],
        "meta": {"run": "01J", "agent": "a", "item": "i", "attempt": 3, "cached": false, "model": "m",
                 "prompt_version": "p", "input_tokens": 10, "output_tokens": 5, "cost_micro_usd": 12, "duration_ms": 9}
    });
    old[part.0] = part.1;
    old
}

/// What version 1 told of it.
fn told_by_version_one() -> Meta {
    Meta {
        run: RunId::new("01J"),
        agent: AgentId::new("a"),
        item: ItemId::new("i"),
        attempt: 3,
        basis: Basis::Model,
        model: Some("m".to_owned()),
        prompt_version: "p".to_owned(),
        usage: Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() },
        cost: NanoUsd(12_000),
        saved: NanoUsd::ZERO,
        spared_tokens: 0,
        duration_ms: 9,
        finished_ms: 0,
        gaps: Vec::new(),
        input_digest: String::new(),
        trace_id: String::new(),
        looked_up: false,
        recall: None,
        routing: None,
    }
}

#[test]
fn version_one_is_read() {
    let check = |old: Value, outcome: Outcome, meta: Meta| {
        let read: StepResult = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(read.ok().is_some(), old["status"] == "ok", "{old}");
        assert_eq!(read, StepResult { outcome, warnings: vec!["w".to_owned()], meta }, "{old}");
    };
    let meta = told_by_version_one;
    let reason = || ("reason", json!({"code": "no_evidence", "detail": "d"}));
    let why = || Reason::new(ReasonCode::NoEvidence, "d");
    let error = json!({"kind": "Timeout", "message": "m", "retryable": false, "severity": "low"});
    let failed = StepError {
        kind: ErrorKind::Timeout,
        message: "m".to_owned(),
        retryable: false,
        severity: Severity::Low,
        context: BTreeMap::new(),
    };
    for data in [Value::Null, json!({"title": "t"})] {
        check(version_one("ok", &data, ("error", Value::Null)), Outcome::Ok(data.clone()), meta());
        check(version_one("skipped", &data, reason()), Outcome::Skipped(why()), meta());
        let uncertain = Outcome::Uncertain { reason: why(), data: Some(data.clone()) };
        check(version_one("uncertain", &data, reason()), uncertain, meta());
        check(
            version_one("failed", &data, ("error", error.clone())),
            Outcome::Failed(failed.clone()),
            meta(),
        );
    }
    let mut bare = version_one("uncertain", &Value::Null, reason());
    bare.as_object_mut().unwrap().remove("data");
    check(bare, Outcome::Uncertain { reason: why(), data: None }, meta());

    let mut rules = version_one("skipped", &Value::Null, reason());
    rules["meta"]["model"] = Value::Null;
    let by_rules = Meta { basis: Basis::Deterministic, model: None, ..meta() };
    check(rules.clone(), Outcome::Skipped(why()), by_rules.clone());
    rules["meta"]["cached"] = json!(true);
    let cached = Basis::Cache { level: CacheLevel::L1, similarity: 1.0 };
    check(rules, Outcome::Skipped(why()), Meta { basis: cached, ..by_rules });
}

#[test]
fn a_status_without_its_part_is_refused() {
    let result =
        StepResult { outcome: Outcome::Ok(json!({})), warnings: vec![], meta: told_by_version_one() };
    let stored = serde_json::to_value(result).unwrap();
    for status in ["skipped", "uncertain", "failed"] {
        let mut broken = stored.clone();
        broken["status"] = json!(status);
        assert!(serde_json::from_value::<StepResult>(broken).is_err(), "{status}");
        let mut old = version_one(status, &json!({}), ("reason", Value::Null));
        old["error"] = Value::Null;
        assert!(serde_json::from_value::<StepResult>(old).is_err(), "version 1, {status}");
    }
    let mut future = stored;
    future["version"] = json!(3);
    assert!(serde_json::from_value::<StepResult>(future).is_err());
}
