//! Rates on a real Valkey under eight processes. `cargo lab bench limits` plays many more schedules, and measures.

use std::process::Command;

use serde_json::Value;

#[test]
fn rates_hold_whatever_eight_processes_try_and_whatever_becomes_of_redis() {
    let lab = lab::assay_binary().with_file_name("lab");
    let small = ["--schedules", "16", "--speed-ms", "120", "--outage-ms", "4000"];
    let output = Command::new(lab).args(["bench", "limits", "--json"]).args(small).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let number =
        |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {text}"));
    assert!(number("/overshoot/assay") <= 1.0 && number("/overshoot/assay_greedy") <= 1.0, "{text}");
    assert!(number("/exact/admissions") > 500.0, "{text}");
    assert_eq!(number("/exact/units_lost_or_made"), 0.0, "{text}");
    for how in ["killed", "frozen"] {
        let of = |name: &str| number(&format!("/outage/{how}/{name}"));
        assert!(of("overshoot") <= 1.05, "{how}: {text}");
        assert!(of("availability") >= 0.999, "{how}: {text}");
        assert!(of("goodput_after_first_span") >= 0.8, "{how}: {text}");
        assert!(of("reconciled_within_ms") <= 1_000.0, "{how}: {text}");
        // A machine on which pauses end late by more has other work, which a decision waits for too.
        assert!(of("decision_p99_ms") <= 2.0 || of("pauses_late_p99_ms") > 2.0, "{how}: {text}");
    }
}
