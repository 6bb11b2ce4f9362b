//! Each type of state.

use super::*;

fn pass(more: Value) -> Value {
    ending(merged(json!({"Type": "Pass"}), more))
}

#[test]
fn a_task_answers_with_its_token() {
    let seen = check(
        &machine(&[("a", task("a", json!({})))]),
        &json!({}),
        &[("a", &[Reply::Ok(5, json!(7))])],
        Ok(json!(7)),
    );
    assert_eq!((seen.took_ms, seen.ended.transitions), (5, 1));
    assert_eq!(seen.moments, ["0 entered a", "5 left a"]);
    assert!(seen.bodies[0]["task_token"].as_str().is_some_and(|token| token.len() == 64));
}

#[test]
fn a_task_without_token_ends_when_it_is_sent() {
    let asl = machine(&[(
        "a",
        json!({
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl.$": "$.q", "MessageBody.$": "$.body", "MessageGroupId": "g"},
            "ResultPath": null,
            "End": true,
        }),
    )]);
    let input = json!({"q": "u", "body": {"task": "a"}});
    let seen = check(&asl, &input, &[("a", &[Reply::Silence])], Ok(input.clone()));
    assert_eq!(seen.bodies, [json!({"task": "a"})]);
}

#[test]
fn a_choice_takes_the_first_rule_that_holds() {
    let rules = [
        (json!({"Variable": "$.n", "NumericEquals": 1}), json!({"n": 1.0}), true),
        (json!({"Variable": "$.n", "NumericEquals": 1}), json!({"n": "1"}), false),
        (json!({"Variable": "$.n", "NumericLessThan": 2}), json!({"n": 2}), false),
        (json!({"Variable": "$.n", "NumericLessThanEquals": 2}), json!({"n": 2}), true),
        (json!({"Variable": "$.n", "NumericGreaterThan": 2}), json!({"n": 2}), false),
        (json!({"Variable": "$.n", "NumericGreaterThanEquals": 2}), json!({"n": 2}), true),
        (json!({"Variable": "$.n", "StringEquals": "x"}), json!({"n": "x"}), true),
        (json!({"Variable": "$.n", "StringEquals": "x"}), json!({"n": 1}), false),
        (json!({"Variable": "$.n", "BooleanEquals": false}), json!({"n": false}), true),
        (json!({"Variable": "$.n", "BooleanEquals": false}), json!({"n": null}), false),
        (json!({"Variable": "$.n", "IsPresent": true}), json!({"n": null}), true),
        (json!({"Variable": "$.n.m", "IsPresent": true}), json!({"n": 1}), false),
        (json!({"Variable": "$.m", "IsPresent": false}), json!({}), true),
        (json!({"Variable": "$.n", "IsNull": true}), json!({"n": null}), true),
        (json!({"Variable": "$.n", "IsNull": false}), json!({"n": null}), false),
        (json!({"Not": {"Variable": "$.n", "IsNull": false}}), json!({"n": null}), true),
        (
            json!({"And": [{"Variable": "$.n", "IsPresent": true}, {"Variable": "$.n", "BooleanEquals": true}]}),
            json!({}),
            false,
        ),
        (
            json!({"Or": [{"Variable": "$.n", "IsPresent": false}, {"Variable": "$.n", "BooleanEquals": true}]}),
            json!({}),
            true,
        ),
    ];
    for (rule, input, holds) in rules {
        let asl = machine(&[
            (
                "c",
                json!({"Type": "Choice", "Choices": [merged(rule.clone(), json!({"Next": "yes"}))], "Default": "no"}),
            ),
            ("yes", pass(json!({"Result": true}))),
            ("no", pass(json!({"Result": false}))),
        ]);
        let seen = walk(&asl, &input, &[]);
        assert_eq!(seen.ended.output, Some(json!(holds)), "{rule} on {input}");
    }
}

#[test]
fn a_choice_without_default_and_a_missing_variable() {
    let asl = machine(&[
        (
            "c",
            json!({"Type": "Choice", "Choices": [{"Variable": "$.n", "BooleanEquals": true, "Next": "yes"}]}),
        ),
        ("yes", json!({"Type": "Succeed"})),
    ]);
    check(&asl, &json!({"n": true}), &[], Ok(json!({"n": true})));
    check(&asl, &json!({"n": 1}), &[], Err("States.NoChoiceMatched"));
    check(&asl, &json!({}), &[], Err("States.Runtime"));
}

#[test]
fn wait_takes_its_time() {
    let asl = machine(&[
        ("w", json!({"Type": "Wait", "Seconds": 3, "Next": "v"})),
        ("v", json!({"Type": "Wait", "SecondsPath": "$.s", "End": true})),
    ]);
    assert_eq!(check(&asl, &json!({"s": 4}), &[], Ok(json!({"s": 4}))).took_ms, 7_000);
    check(&asl, &json!({"s": -4}), &[], Err("States.Runtime"));
    check(&asl, &json!({"s": "4"}), &[], Err("States.Runtime"));
}

#[test]
fn fail_fails_with_its_name() {
    let asl = machine(&[("f", json!({"Type": "Fail", "Error": "Mine", "Cause": "because"}))]);
    let seen = check(&asl, &json!({}), &[], Err("Mine"));
    assert_eq!(seen.ended.failure, Some(Failure::new("Mine", "because")));
}

fn two_branches(more: Value) -> Value {
    let branch = |name| machine(&[(name, task(name, json!({})))]);
    ending(merged(json!({"Type": "Parallel", "Branches": [branch("a"), branch("b")]}), more))
}

#[test]
fn parallel_gives_results_in_the_order_of_its_branches() {
    let asl = machine(&[("p", two_branches(json!({})))]);
    let script: Script<'_> = &[("a", &[Reply::Ok(20, json!("A"))]), ("b", &[Reply::Ok(10, json!("B"))])];
    let seen = check(&asl, &json!({}), script, Ok(json!(["A", "B"])));
    assert_eq!((seen.took_ms, seen.ended.transitions), (20, 3));
}

#[test]
fn a_failing_branch_fails_the_state_and_drops_the_others() {
    let asl = machine(&[("p", two_branches(json!({})))]);
    let script: Script<'_> = &[("a", &[Reply::Ok(2_000, json!("A"))]), ("b", &[Reply::Err(10, "Boom")])];
    let seen = check(&asl, &json!({}), script, Err("Boom"));
    assert_eq!(seen.took_ms, 10);

    let catch =
        json!({"Catch": [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.e", "Next": "end"}]});
    let asl = machine(&[("p", two_branches(catch)), ("end", json!({"Type": "Succeed"}))]);
    let caught = json!({"e": {"Error": "Boom", "Cause": "scripted"}});
    assert_eq!(check(&asl, &json!({}), script, Ok(caught)).took_ms, 10);
}

#[test]
fn a_branch_may_end_in_succeed_or_fail() {
    let branch = |kind: Value| json!({"StartAt": "x", "States": {"x": kind}});
    let parallel = |kind| machine(&[("p", ending(json!({"Type": "Parallel", "Branches": [branch(kind)]})))]);
    check(&parallel(json!({"Type": "Succeed"})), &json!(1), &[], Ok(json!([1])));
    check(&parallel(json!({"Type": "Fail", "Error": "E"})), &json!(1), &[], Err("E"));
}

fn map(more: Value) -> Value {
    let item = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody": {"task": "t", "of.$": "$", "task_token.$": "$$.Task.Token"}},
        "End": true,
    });
    ending(merged(json!({"Type": "Map", "ItemProcessor": machine(&[("t", item)])}), more))
}

#[test]
fn map_selects_its_items() {
    let asl = machine(&[(
        "m",
        map(json!({
            "ItemsPath": "$.list",
            "ItemSelector": {
                "n.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value.id", "all.$": "$.common", "k": ["x"],
            },
            "ResultPath": "$.out",
        })),
    )]);
    let input = json!({"list": [{"id": "a"}, {"id": "b"}], "common": 9});
    let output = json!({"list": [{"id": "a"}, {"id": "b"}], "common": 9, "out": [1, 1]});
    let seen = check(&asl, &input, &[("t", &[Reply::Ok(1, json!(1))])], Ok(output));
    assert_eq!(seen.bodies[1]["of"], json!({"n": 1, "v": "b", "all": 9, "k": ["x"]}));
    assert_eq!(seen.ended.transitions, 3);
    check(&asl, &json!({"list": 1, "common": 9}), &[], Err("States.Runtime"));
    check(&asl, &json!({"common": 9}), &[], Err("States.Runtime"));
    check(&asl, &json!({"list": [], "common": 9}), &[], Ok(json!({"list": [], "common": 9, "out": []})));
}

#[test]
fn twenty_five_items_at_most_four_at_once() {
    let items: Vec<u64> = (0..25).collect();
    let asl = machine(&[("m", map(json!({"MaxConcurrency": 4})))]);
    let seen = check(&asl, &json!(items), &[("t", &[Reply::Ok(10, json!(0))])], Ok(json!(vec![0; 25])));
    assert_eq!((seen.most_at_once, seen.took_ms, seen.ended.transitions), (4, 70, 26));
    let order: Vec<u64> = seen.bodies.iter().map(|body| body["of"].as_u64().unwrap()).collect();
    assert_eq!(order, items);

    let asl = machine(&[("m", map(json!({})))]);
    let fifty: Vec<u64> = (0..50).collect();
    let seen = check(&asl, &json!(fifty), &[("t", &[Reply::Ok(10, json!(0))])], Ok(json!(vec![0; 50])));
    assert_eq!((seen.most_at_once, seen.took_ms), (40, 20));
}

#[test]
fn one_failing_item_fails_the_map() {
    let asl = machine(&[("m", map(json!({"MaxConcurrency": 2})))]);
    let replies = [Reply::Ok(10, json!(0)), Reply::Err(25, "Boom"), Reply::Ok(10, json!(0))];
    let seen = check(&asl, &json!([1, 2, 3, 4, 5, 6]), &[("t", &replies)], Err("Boom"));
    assert_eq!((seen.took_ms, seen.sent.len()), (25, 4));
}

#[test]
fn the_same_seed_gives_the_same_walk() {
    let asl = machine(&[(
        "p",
        two_branches(json!({"Retry": [{"ErrorEquals": ["Boom"], "JitterStrategy": "FULL"}]})),
    )]);
    let script: Script<'_> = &[
        ("a", &[Reply::Ok(20, json!("A"))]),
        ("b", &[Reply::Err(1, "Boom"), Reply::Err(1, "Boom"), Reply::Ok(1, json!(0))]),
    ];
    let (one, two) = (walk_seeded(&asl, &json!({}), script, 3), walk_seeded(&asl, &json!({}), script, 3));
    assert_eq!((one.moments, one.bodies), (two.moments, two.bodies));
    assert_ne!(one.took_ms, walk_seeded(&asl, &json!({}), script, 4).took_ms);
}
