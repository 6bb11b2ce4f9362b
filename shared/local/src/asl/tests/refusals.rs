//! What is not implemented is refused, by state and field.

use proptest::prelude::*;

use super::super::AslError;
use super::*;

fn refusal(asl: &Value) -> AslError {
    match Machine::parse(&asl.to_string(), &BTreeMap::new()) {
        Ok(machine) => panic!("accepted: {machine:?}"),
        Err(error) => error,
    }
}

/// A machine that uses every type of state and nearly every field.
fn everything() -> Value {
    let retry = json!([{
        "ErrorEquals": ["E"], "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxAttempts": 2, "MaxDelaySeconds": 5,
        "JitterStrategy": "FULL",
    }]);
    let catch = json!([{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "end"}]);
    json!({
        "Comment": "c", "QueryLanguage": "JSONPath", "TimeoutSeconds": 100, "StartAt": "pass",
        "States": {
            "pass": {"Type": "Pass", "Comment": "c", "Parameters": {"a.$": "$", "b": [{"c": 1}]}, "Next": "wait"},
            "wait": {"Type": "Wait", "Seconds": 1, "Next": "task"},
            "task": task("t", json!({
                "InputPath": "$", "OutputPath": "$", "ResultPath": "$.r", "ResultSelector": {"x.$": "$"},
                "TimeoutSeconds": 5, "Retry": retry, "Catch": catch, "Next": "parallel",
            })),
            "parallel": {
                "Type": "Parallel", "Parameters": {"x.$": "$"}, "Retry": retry, "Catch": catch, "Next": "map",
                "Branches": [{"Comment": "c", "StartAt": "branch", "States": {"branch": {"Type": "Succeed"}}}],
            },
            "map": {
                "Type": "Map", "ItemsPath": "$.r", "ItemSelector": {"x.$": "$$.Map.Item.Value"}, "MaxConcurrency": 3,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "item", "States": {"item": {"Type": "Pass", "Result": {"fixed": 1}, "End": true}},
                },
                "Next": "choice",
            },
            "choice": {
                "Type": "Choice",
                "Choices": [{
                    "Comment": "c",
                    "And": [
                        {"Not": {"Variable": "$.a", "IsPresent": false}},
                        {"Or": [{"Variable": "$.a", "StringEquals": "x"}]},
                    ],
                    "Next": "end",
                }],
                "Default": "fail",
            },
            "fail": {"Type": "Fail", "Error": "E", "Cause": "c"},
            "end": {"Type": "Succeed"},
        },
    })
}

#[test]
fn everything_is_accepted() {
    let machine = parse(&everything());
    assert_eq!(machine.error_names().into_iter().collect::<Vec<_>>(), ["E", "States.ALL"]);
    assert_eq!(machine.state_names().len(), 10);
}

#[test]
fn one_wrong_value_each() {
    let long = "n".repeat(81);
    let cases = [
        ("", "Version", json!("1.0"), "the machine, field `Version`: is not implemented"),
        (
            "",
            "QueryLanguage",
            json!("JSONata"),
            "the machine, field `QueryLanguage`: `JSONata` is not implemented",
        ),
        ("", "TimeoutSeconds", json!(0), "an integer from 1"),
        ("", "TimeoutSeconds", json!("1"), "an integer from 1"),
        ("", "StartAt", json!("nowhere"), "there is no state `nowhere`"),
        ("", "StartAt", json!("wait"), "state `pass`, field `Type`: no state leads to it"),
        ("/States", "spare", json!({"Type": "Succeed"}), "state `spare`, field `Type`: no state leads to it"),
        ("/States", long.as_str(), json!({"Type": "Succeed"}), "field"),
        ("/States/pass", "Type", json!("Activity"), "`Activity` is not implemented"),
        ("/States/pass", "Result", json!(1), "beside `Parameters`"),
        ("/States/pass", "Assign", json!({}), "state `pass`, field `Assign`: is not implemented"),
        ("/States/pass", "End", json!(true), "either `Next` or"),
        ("/States/pass", "Next", json!("nowhere"), "there is no state `nowhere`"),
        ("/States/pass", "ResultPath", json!("$.a[0]"), "an index"),
        ("/States/pass", "InputPath", json!("$$.Execution.Input"), "not a path"),
        ("/States/pass", "InputPath", json!("$..a"), "not a path"),
        ("/States/pass", "InputPath", json!("$.a[*]"), "not a path"),
        ("/States/pass", "InputPath", json!("$.a[1:2]"), "not a path"),
        ("/States/pass", "InputPath", json!("$.a[-1]"), "not a path"),
        ("/States/pass", "InputPath", json!("$.a[?(@.b)]"), "not a path"),
        ("/States/pass", "InputPath", json!("$.a['b"), "not a path"),
        ("/States/pass", "InputPath", json!("$.a."), "not a path"),
        ("/States/pass", "InputPath", json!("a"), "not a path"),
        ("/States/pass", "InputPath", json!(1), "a path or null"),
        (
            "/States/pass/Parameters",
            "f.$",
            json!("States.UUID()"),
            "`Parameters.f.$`: the intrinsic function",
        ),
        ("/States/pass/Parameters", "f.$", json!("$$.Task.Token"), "context object"),
        ("/States/pass/Parameters", "f.$", json!("$$.Map.Item.Value"), "context object"),
        ("/States/pass/Parameters", "f.$", json!("$$.StateMachine.Id"), "context object"),
        ("/States/pass/Parameters", "f.$", json!("$$"), "not a path"),
        ("/States/pass/Parameters", "f.$", json!("plain"), "not a path"),
        ("/States/pass/Parameters", "f.$", json!(1), "must be a path"),
        ("/States/pass/Parameters/b/0", "f.$", json!("$.x[*]"), "not a path"),
        ("/States/wait", "SecondsPath", json!("$.s"), "stands beside"),
        ("/States/wait", "Timestamp", json!("2024-01-01T00:00:00Z"), "field `Timestamp`: is not implemented"),
        ("/States/task", "Resource", json!("arn:aws:states:::lambda:invoke"), "field `Resource`: `arn:aws"),
        ("/States/task", "HeartbeatSeconds", json!(5), "field `HeartbeatSeconds`: is not implemented"),
        ("/States/task", "TimeoutSecondsPath", json!("$.t"), "stands beside"),
        ("/States/task", "Credentials", json!({}), "field `Credentials`: is not implemented"),
        (
            "/States/task/Parameters",
            "DelaySeconds",
            json!(5),
            "field `Parameters.DelaySeconds`: is not implemented",
        ),
        ("/States/task/Parameters", "MessageBody.$", json!("$"), "beside the same field"),
        ("/States/task/Parameters", "MessageBody", json!({}), "must carry `$$.Task.Token`"),
        ("/States/task/Retry/0", "ErrorEquals", json!([]), "not empty"),
        ("/States/task/Retry/0", "ErrorEquals", json!([1]), "list of texts"),
        ("/States/task/Retry/0", "ErrorEquals", json!(["States.ALL", "E"]), "must stand alone"),
        ("/States/task/Retry/0", "ErrorEquals", json!(["States.Runtime"]), "never matched"),
        ("/States/task/Retry/0", "ErrorEquals", json!(["States.Permissions"]), "not implemented"),
        ("/States/task/Retry/0", "JitterStrategy", json!("HALF"), "`Retry.JitterStrategy`"),
        ("/States/task/Retry/0", "BackoffRate", json!(0.5), "a number from 1"),
        ("/States/task/Retry/0", "MaxDelaySeconds", json!(1), "an integer from 2"),
        ("/States/task/Retry/0", "IntervalSeconds", json!(0), "an integer from 1"),
        ("/States/task/Catch/0", "Next", json!("nowhere"), "there is no state `nowhere`"),
        ("/States/task/Catch/0", "Output", json!({}), "field `Catch.Output`: is not implemented"),
        ("/States/parallel", "Branches", json!([]), "not empty"),
        ("/States/parallel/Branches/0/States/branch", "Type", json!("Nothing"), "state `branch`"),
        ("/States/parallel/Branches/0", "StartAt", json!("end"), "there is no state `end`"),
        ("/States/parallel/Branches/0", "ProcessorConfig", json!({}), "is not implemented"),
        ("/States/map", "Iterator", json!({}), "field `Iterator`: is not implemented"),
        ("/States/map", "ItemReader", json!({}), "field `ItemReader`: is not implemented"),
        ("/States/map", "Parameters", json!({}), "field `Parameters`: is not implemented"),
        ("/States/map", "MaxConcurrencyPath", json!("$.m"), "is not implemented"),
        ("/States/map", "ToleratedFailureCount", json!(1), "is not implemented"),
        ("/States/map", "ItemsPath", json!("$.r[*]"), "field `ItemsPath`"),
        ("/States/map/ItemProcessor/ProcessorConfig", "Mode", json!("DISTRIBUTED"), "only `INLINE`"),
        ("/States/map/ItemProcessor/States", "end", json!({"Type": "Succeed"}), "no state leads to it"),
        (
            "/States/map/ItemProcessor",
            "States",
            json!({"item": {"Type": "Pass", "Next": "item"}}),
            "no state ends it",
        ),
        ("/States/choice/Choices/0", "StringMatches", json!("x*"), "is not implemented"),
        ("/States/choice/Choices/0/And/1/Or/0", "Next", json!("end"), "is not implemented"),
        ("/States/choice/Choices/0/And/1/Or/0", "StringEquals", json!(1), "wrong type"),
        ("/States/choice/Choices/0/And/1/Or/0", "NumericEquals", json!(1), "is not implemented"),
        ("/States/choice", "Default", json!("nowhere"), "there is no state `nowhere`"),
        ("/States/choice", "Next", json!("end"), "field `Next`: is not implemented"),
        ("/States/fail", "Error", json!("States.Mine"), "reserved"),
        ("/States/fail", "ErrorPath", json!("$.e"), "field `ErrorPath`: is not implemented"),
        ("/States/fail", "OutputPath", json!("$"), "field `OutputPath`: is not implemented"),
        ("/States/end", "End", json!(true), "field `End`: is not implemented"),
    ];
    for (pointer, field, value, expected) in cases {
        let mut asl = everything();
        asl.pointer_mut(pointer).unwrap()[field] = value.clone();
        let error = refusal(&asl).to_string();
        assert!(error.contains(expected), "{pointer}/{field} = {value}: {error}");
    }
}

#[test]
fn a_missing_field_is_named() {
    for (pointer, field) in [
        ("", "StartAt"),
        ("", "States"),
        ("/States/pass", "Type"),
        ("/States/pass", "Next"),
        ("/States/wait", "Seconds"),
        ("/States/task", "Resource"),
        ("/States/task", "Parameters"),
        ("/States/task/Parameters", "QueueUrl"),
        ("/States/task/Parameters", "MessageBody"),
        ("/States/task/Retry/0", "ErrorEquals"),
        ("/States/task/Catch/0", "Next"),
        ("/States/parallel", "Branches"),
        ("/States/parallel/Branches/0", "StartAt"),
        ("/States/map", "ItemProcessor"),
        ("/States/map/ItemProcessor/ProcessorConfig", "Mode"),
        ("/States/choice", "Choices"),
        ("/States/choice/Choices/0", "Next"),
    ] {
        let mut asl = everything();
        asl.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field);
        let error = refusal(&asl);
        assert!(error.field.ends_with(field), "{pointer}/{field}: {error}");
    }
}

#[test]
fn names_are_unique_in_the_whole_machine() {
    let mut asl = everything();
    asl["States"]["parallel"]["Branches"][0] =
        json!({"StartAt": "end", "States": {"end": {"Type": "Succeed"}}});
    assert!(refusal(&asl).to_string().contains("another state has its name"));
}

#[test]
fn a_text_that_is_no_json() {
    let error = Machine::parse("{", &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("is not JSON"), "{error}");
    assert!(refusal(&json!([])).to_string().contains("must be an object"));
}

/// Pointers to every object in which a field has a meaning: all but payloads, and maps of states by name.
fn objects(value: &Value, pointer: &str, found: &mut Vec<String>) {
    const PAYLOADS: [&str; 5] = ["MessageBody", "ItemSelector", "ResultSelector", "Result", "Assign"];
    match value {
        Value::Object(map) => {
            if !pointer.ends_with("/States") {
                found.push(pointer.to_owned());
            }
            for (name, value) in map {
                // A task's parameters are the service's fields; those of other states are a payload.
                let is_payload = name == "Parameters" && map.get("Type") != Some(&json!("Task"));
                if !is_payload && !PAYLOADS.contains(&name.as_str()) {
                    objects(value, &format!("{pointer}/{}", name.replace('/', "~1")), found);
                }
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                objects(value, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_unknown_field_anywhere_is_refused(
        real in any::<bool>(),
        place in any::<prop::sample::Index>(),
        name in "[A-Za-z][A-Za-z.$]{0,12}",
        value in prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!(1)), Just(json!("$.x")), Just(json!({}))],
    ) {
        let real_file = || serde_json::from_str(crate::workflow::CONTENT_INTELLIGENCE).unwrap();
        let mut asl: Value = if real { real_file() } else { everything() };
        let mut found = Vec::new();
        objects(&asl, "", &mut found);
        let pointer = place.get(&found);
        let object = asl.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
        prop_assume!(!KNOWN.contains(&name.as_str()));
        object.insert(name.clone(), value);
        let error = match crate::workflow::machine(&asl.to_string()) {
            Ok(_) => return Err(TestCaseError::fail(format!("accepted {pointer}/{name}"))),
            Err(error) => error,
        };
        prop_assert!(error.field.ends_with(&name), "{pointer}/{name}: {error}");
    }
}

/// Fields that are implemented somewhere, and so may be meant.
const KNOWN: &[&str] = &[
    "And",
    "Branches",
    "Catch",
    "Cause",
    "Choices",
    "Comment",
    "Default",
    "End",
    "Error",
    "InputPath",
    "Mode",
    "Next",
    "Not",
    "Or",
    "OutputPath",
    "Parameters",
    "Resource",
    "Result",
    "ResultPath",
    "Retry",
    "Seconds",
    "StartAt",
    "States",
    "Type",
    "Variable",
    "IsNull",
];
