//! Paths, templates, and how data flows through a state.

use engine::calendar::timestamp;

use super::*;

#[track_caller]
fn check_pass(fields: Value, input: &Value, expected: Result<Value, &str>) {
    check(&machine(&[("p", ending(merged(json!({"Type": "Pass"}), fields)))]), input, &[], expected);
}

#[test]
fn paths() {
    let input = json!({"a": {"b": [1, {"c d": 2}]}, "x-y": 3});
    for (path, found) in [
        ("$", Some(input.clone())),
        ("$.a.b[0]", Some(json!(1))),
        ("$.a.b[1]['c d']", Some(json!(2))),
        ("$['a']['b'][0]", Some(json!(1))),
        ("$['x-y']", Some(json!(3))),
        ("$.a.b[2]", None),
        ("$.a.b.c", None),
        ("$.a[0]", None),
        ("$.z", None),
    ] {
        check_pass(json!({"InputPath": path}), &input, found.clone().ok_or("States.Runtime"));
        let parameters = found.map(|found| json!({"v": found})).ok_or("States.Runtime");
        check_pass(json!({"Parameters": {"v.$": path}}), &input, parameters);
    }
}

#[test]
fn input_result_and_output_paths_of_a_pass() {
    let input = json!({"a": 1, "b": {"c": 2}});
    check_pass(json!({}), &input, Ok(input.clone()));
    check_pass(json!({"InputPath": null}), &input, Ok(json!({})));
    check_pass(json!({"OutputPath": null}), &input, Ok(json!({})));
    check_pass(json!({"OutputPath": "$.b.c"}), &input, Ok(json!(2)));
    check_pass(json!({"Result": 5, "ResultPath": null}), &input, Ok(input.clone()));
    check_pass(
        json!({"Result": 5, "ResultPath": "$.b.d.e"}),
        &input,
        Ok(json!({"a": 1, "b": {"c": 2, "d": {"e": 5}}})),
    );
    check_pass(
        json!({"InputPath": "$.b", "ResultPath": "$.a"}),
        &input,
        Ok(json!({"a": {"c": 2}, "b": {"c": 2}})),
    );
    check_pass(json!({"Result": 5, "ResultPath": "$.a.x"}), &input, Err("States.ResultPathMatchFailure"));
    check_pass(json!({"Result": 5, "ResultPath": "$.a"}), &json!(1), Err("States.ResultPathMatchFailure"));
}

#[test]
fn templates_and_the_context_object() {
    let template = json!({
        "id.$": "$$.Execution.Id",
        "name.$": "$$.Execution.Name",
        "began.$": "$$.Execution.StartTime",
        "given.$": "$$.Execution.Input.n[0]",
        "state.$": "$$.State.Name",
        "entered.$": "$$.State.EnteredTime",
        "deep": [{"x.$": "$.n"}, "$.n", null],
    });
    let asl = machine(&[
        ("w", json!({"Type": "Wait", "Seconds": 2, "Next": "p"})),
        ("p", ending(json!({"Type": "Pass", "Parameters": template}))),
    ]);
    let expected = json!({
        "id": "arn:aws:states:local:000000000000:execution:local:run-1",
        "name": "run-1",
        "began": "2001-09-09T01:46:40.000Z",
        "given": 4,
        "state": "p",
        "entered": "2001-09-09T01:46:42.000Z",
        "deep": [{"x": [4]}, "$.n", null],
    });
    check(&asl, &json!({"n": [4]}), &[], Ok(expected));
}

#[test]
fn the_calendar() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_868_799_001, "2000-02-29T23:59:59.001Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(timestamp(ms), text);
    }
}

#[test]
fn data_flows_through_a_task() {
    let asl = machine(&[(
        "a",
        ending(json!({
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "InputPath": "$.in",
            "Parameters": {"QueueUrl": "q", "MessageBody": {"task": "a", "v.$": "$.v", "task_token.$": "$$.Task.Token"}},
            "ResultSelector": {"kept.$": "$.r"},
            "ResultPath": "$.in.out",
            "OutputPath": "$.in",
        })),
    )]);
    let replies = [Reply::Ok(0, json!({"r": 1, "s": 2}))];
    let seen =
        check(&asl, &json!({"in": {"v": 3}}), &[("a", &replies)], Ok(json!({"v": 3, "out": {"kept": 1}})));
    assert_eq!(seen.bodies[0]["v"], 3);
    check(&asl, &json!({"in": {}}), &[("a", &replies)], Err("States.Runtime"));
    check(&asl, &json!({"in": {"v": 3}}), &[("a", &[Reply::Ok(0, json!({}))])], Err("States.Runtime"));
}

#[test]
fn placeholders_are_filled_in_everywhere() {
    let text = r#"{"StartAt": "p", "States": {"p": {"Type": "Pass", "Result": ["${A}-${B}", "${A}"], "End": true}}}"#;
    let values = BTreeMap::from([("A", "one \"quoted\"".to_owned()), ("B", "two".to_owned())]);
    let machine = Machine::parse(text, &values).unwrap();
    assert!(format!("{machine:?}").contains("quoted"));
    let error = Machine::parse(text, &BTreeMap::from([("A", String::new())])).unwrap_err();
    assert_eq!(error.to_string(), "the machine, field `${B}`: has no value");
}
