//! A dead provider under eight processes that share nothing but the table.

use std::process::Command;

use serde_json::Value;

#[test]
fn eight_processes_ask_a_dead_provider_twice_a_minute_and_the_other_one_answers() {
    let lab = lab::assay_binary().with_file_name("lab");
    let output = Command::new(lab).args(["bench", "failover", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let number =
        |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {text}"));
    let check = |failure: &str, kind: &str, most_to_the_dead: u64| {
        let of = |name: &str| number(&format!("/failures/{failure}/{name}"));
        assert_eq!((of("ended"), of("answered_by_a_model")), (15, 15), "{failure}: {text}");
        assert!((1..=most_to_the_dead).contains(&of("calls_to_the_dead")), "{failure}: {text}");
        assert!(of("most_calls_of_a_request") <= 2, "{failure}: {text}");
        assert_eq!(report["failures"][failure]["recognised_as"], serde_json::json!([kind]), "{text}");
    };
    check("gone", "Network", 2);
    check("out_of_credit", "Quota", 2);
    check("500", "ModelUnavailable", 2);
    check("503", "ModelUnavailable", 2);
    check("error_in_200", "ModelUnavailable", 2);
    // A provider that is busy is not dead: each request tries it once.
    check("429", "RateLimited", 15);
    check("429_retry_after", "RateLimited", 15);
    let calls = number("/failures/nobody_answers/most_calls_of_a_request");
    assert!((1..=number("/most_calls_of_a_request_allowed")).contains(&calls), "{text}");
    assert_eq!(number("/failures/nobody_answers/answered_by_a_model"), 0, "{text}");
    assert_eq!(number("/failures/nobody_answers/ended"), 15, "{text}");
}
