//! A dead provider under eight processes that share nothing but the table. The bench has the targets and judges by them; each is
//! named here, so that none is lost there. It waits for two minutes, and is named to begin first, so that nothing waits for it.

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
    assert_eq!((&report["missed"], output.status.code()), (&serde_json::json!([]), Some(0)), "{text}");
    let check = |failure: &str, kind: &str| {
        let of = |name: &str| number(&format!("/failures/{failure}/{name}"));
        assert_eq!((of("ended"), of("answered_by_a_model")), (15, 15), "{failure}: {text}");
        assert!((1..=2).contains(&of("calls_to_the_dead")), "{failure}: {text}");
        assert!(of("most_calls_of_a_request") <= 2, "{failure}: {text}");
        assert_eq!(report["failures"][failure]["recognised_as"], serde_json::json!([kind]), "{text}");
    };
    check("gone", "Network");
    check("all_at_once", "Network");
    check("silent", "Timeout");
    check("silent_after_its_head", "Timeout");
    check("silent_after_an_answer", "Timeout");
    check("out_of_credit", "Quota");
    check("429", "RateLimited");
    check("429_retry_after", "RateLimited");
    check("500", "ModelUnavailable");
    check("503", "ModelUnavailable");
    check("error_in_200", "ModelUnavailable");
    for (failure, most) in [("nobody_answers", 4), ("everybody_is_busy", 8)] {
        let of = |name: &str| number(&format!("/failures/{failure}/{name}"));
        assert!((1..=most).contains(&of("most_calls_of_a_request")), "{failure}: {text}");
        assert_eq!((of("answered_by_a_model"), of("ended")), (0, 15), "{failure}: {text}");
    }
}
