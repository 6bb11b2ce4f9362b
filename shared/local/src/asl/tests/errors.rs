//! Retry, catch, timeouts and limits, on virtual time.

use super::*;

fn caught_by(names: &[&str], fields: Value) -> Value {
    let catch = json!({"Catch": [{"ErrorEquals": names, "Next": "end"}]});
    machine(&[("a", task("a", merged(catch, fields))), ("end", json!({"Type": "Succeed"}))])
}

#[test]
fn which_names_catch_what() {
    for (names, error, caught) in [
        (&["States.ALL"][..], "Boom", true),
        (&["States.ALL"], "States.Timeout", true),
        (&["States.ALL"], "States.DataLimitExceeded", false),
        (&["States.ALL"], "States.Runtime", false),
        (&["States.TaskFailed"], "Boom", true),
        (&["States.TaskFailed"], "States.Timeout", false),
        (&["States.TaskFailed"], "States.DataLimitExceeded", false),
        (&["States.TaskFailed"], "States.Runtime", false),
        (&["States.DataLimitExceeded"], "States.DataLimitExceeded", true),
        (&["Other", "Boom"], "Boom", true),
        (&["boom"], "Boom", false),
    ] {
        let replies = [Reply::Err(0, error)];
        let expected = if caught { Ok(json!({"Error": error, "Cause": "scripted"})) } else { Err(error) };
        check(&caught_by(names, json!({})), &json!({}), &[("a", &replies)], expected);
    }
}

#[test]
fn a_catcher_puts_the_error_where_it_says() {
    for (path, expected) in [
        (json!("$.x.y"), json!({"a": 1, "x": {"y": {"Error": "Boom", "Cause": "scripted"}}})),
        (json!(null), json!({"a": 1})),
        (json!("$"), json!({"Error": "Boom", "Cause": "scripted"})),
    ] {
        let catch = json!({"Catch": [
            {"ErrorEquals": ["Other"], "Next": "never"},
            {"ErrorEquals": ["Boom"], "ResultPath": path, "Next": "end"},
            {"ErrorEquals": ["States.ALL"], "Next": "never"},
        ], "OutputPath": "$.zzz"});
        let asl = machine(&[
            ("a", task("a", catch)),
            ("end", json!({"Type": "Succeed"})),
            ("never", json!({"Type": "Fail", "Error": "Never"})),
        ]);
        let seen = check(&asl, &json!({"a": 1}), &[("a", &[Reply::Err(3, "Boom")])], Ok(expected));
        assert_eq!(seen.moments[1], "3 caught a Boom end");
    }
}

fn sent_at(retry: Value, replies: &[Reply]) -> Vec<String> {
    walk(&machine(&[("a", task("a", json!({"Retry": retry})))]), &json!({}), &[("a", replies)]).sent
}

#[test]
fn retries_back_off() {
    let fails = [Reply::Err(0, "Boom")];
    let given = json!([{"ErrorEquals": ["Boom"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 4, "MaxDelaySeconds": 20}]);
    assert_eq!(sent_at(given, &fails), ["0 a", "2000 a", "8000 a", "26000 a", "46000 a"]);
    assert_eq!(
        sent_at(json!([{"ErrorEquals": ["States.ALL"]}]), &fails),
        ["0 a", "1000 a", "3000 a", "7000 a"]
    );
    assert_eq!(sent_at(json!([{"ErrorEquals": ["Boom"], "MaxAttempts": 0}]), &fails), ["0 a"]);
    assert_eq!(sent_at(json!([{"ErrorEquals": ["Other"]}]), &fails), ["0 a"]);
    let refused = [Reply::Refused("SQS.SdkClientException"), Reply::Ok(0, json!(1))];
    assert_eq!(sent_at(json!([{"ErrorEquals": ["SQS.SdkClientException"]}]), &refused), ["0 a", "1000 a"]);
    let runtime = [Reply::Err(0, "States.Runtime")];
    assert_eq!(sent_at(json!([{"ErrorEquals": ["States.ALL"]}]), &runtime), ["0 a"]);
}

#[test]
fn each_retrier_counts_for_itself_and_the_first_that_matches_decides() {
    let retry = json!({"Retry": [
        {"ErrorEquals": ["A", "B"], "MaxAttempts": 2},
        {"ErrorEquals": ["C"], "IntervalSeconds": 5},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 9},
    ], "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "end"}]});
    let asl = machine(&[("a", task("a", retry)), ("end", json!({"Type": "Succeed"}))]);
    let replies = [Reply::Err(0, "A"), Reply::Err(0, "B"), Reply::Err(0, "C"), Reply::Err(0, "B")];
    let seen = check(&asl, &json!({}), &[("a", &replies)], Ok(json!({})));
    assert_eq!(seen.sent, ["0 a", "1000 a", "3000 a", "8000 a"]);
    assert_eq!(seen.ended.transitions, 5, "the task, three retries, the end");
    assert_ne!(seen.bodies[0]["task_token"], seen.bodies[1]["task_token"]);
}

#[test]
fn full_jitter_is_between_nothing_and_the_backoff() {
    let retry = json!([{"ErrorEquals": ["Boom"], "IntervalSeconds": 8, "BackoffRate": 1, "MaxAttempts": 400, "JitterStrategy": "FULL"}]);
    let asl = machine(&[("a", task("a", json!({"Retry": retry})))]);
    let seen = walk(&asl, &json!({}), &[("a", &[Reply::Err(0, "Boom")])]);
    assert_eq!(seen.sent.len(), 401);
    let mean_ms = seen.took_ms / 400;
    assert!((3_600..4_400).contains(&mean_ms), "{mean_ms}");
    let longest = seen.moments.iter().filter(|moment| moment.contains("retrying"));
    let longest = longest.filter_map(|moment| moment.rsplit(' ').next()?.parse::<u64>().ok()).max();
    assert!(longest.is_some_and(|longest| (7_800..=8_000).contains(&longest)), "{longest:?}");
}

#[test]
fn a_task_times_out_and_its_late_answer_is_lost() {
    let fields = json!({"TimeoutSecondsPath": "$.t"});
    let late = [Reply::Ok(60_000, json!("late"))];
    let asl = machine(&[("a", task("a", fields))]);
    assert_eq!(check(&asl, &json!({"t": 30}), &[("a", &late)], Err("States.Timeout")).took_ms, 30_000);
    check(&asl, &json!({"t": 61}), &[("a", &late)], Ok(json!("late")));
    check(&asl, &json!({"t": 0}), &[("a", &late)], Err("States.Runtime"));
    check(&asl, &json!({}), &[("a", &late)], Err("States.Runtime"));

    let retry =
        json!({"TimeoutSeconds": 2, "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}]});
    let replies = [Reply::Ok(2_500, json!("late")), Reply::Ok(1_000, json!("in time"))];
    let seen =
        check(&machine(&[("a", task("a", retry))]), &json!({}), &[("a", &replies)], Ok(json!("in time")));
    assert_eq!(seen.took_ms, 4_000);
}

#[test]
fn the_machine_times_out_whatever_is_caught() {
    let mut asl = caught_by(&["States.ALL"], json!({}));
    asl["TimeoutSeconds"] = json!(90);
    let seen = check(&asl, &json!({}), &[("a", &[Reply::Silence])], Err("States.Timeout"));
    assert_eq!((seen.ended.status, seen.took_ms), (Status::TimedOut, 90_000));
}

#[test]
fn payloads_have_a_limit() {
    let fits = json!("x".repeat(262_142));
    let large = json!("x".repeat(262_143));
    let asl = caught_by(&["States.ALL"], json!({}));
    check(&asl, &json!({}), &[("a", &[Reply::Ok(0, fits.clone())])], Ok(fits.clone()));
    check(&asl, &json!({}), &[("a", &[Reply::Ok(0, large.clone())])], Err("States.DataLimitExceeded"));
    check(&asl, &large, &[("a", &[Reply::Ok(0, json!(1))])], Err("States.DataLimitExceeded"));
    let joined = caught_by(&["States.ALL"], json!({"ResultPath": "$.r"}));
    check(&joined, &json!({"q": 1}), &[("a", &[Reply::Ok(0, fits)])], Err("States.DataLimitExceeded"));
    let named = caught_by(&["States.DataLimitExceeded"], json!({}));
    let caught = walk(&named, &json!({}), &[("a", &[Reply::Ok(0, large)])]).ended.output.unwrap();
    assert_eq!(caught["Error"], "States.DataLimitExceeded");
}

#[test]
fn an_error_that_ends_the_execution_passes_every_catcher() {
    let inner = machine(&[("a", task("a", json!({"TimeoutSecondsPath": "$.none"})))]);
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "end"}]);
    let asl = machine(&[
        ("p", ending(json!({"Type": "Parallel", "Branches": [inner], "Catch": catch, "Next": "end"}))),
        ("end", json!({"Type": "Succeed"})),
    ]);
    check(&asl, &json!({}), &[], Err("States.Runtime"));
}
