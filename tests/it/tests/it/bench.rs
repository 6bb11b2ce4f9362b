//! The bench of orchestration, run as by hand. What hangs on how busy the machine is is not judged here.

use std::process::Command;

use crate::assay::{json, root, run};

#[test]
fn orchestration_is_measured_whole() {
    let lab = lab::assay_binary().with_file_name("lab");
    let arguments = ["bench", "orchestration", "--json", "--runs", "1"];
    let output = run(Command::new(lab).args(arguments).current_dir(root()));
    let report = json(&output);
    let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("no {name}: {report:#}"));
    for name in ["makespan_ms", "critical_path_ms", "ratio", "cpu_ms", "memory_mb", "first_line_ms"] {
        assert!(number(name) > 0.0, "{name}: {report:#}");
    }
    assert_eq!(number("critical_path_ms"), 500.0);
    assert!((number("ratio") - number("makespan_ms") / 500.0).abs() < 0.001, "{report:#}");
    assert!(number("ratio") >= 1.0, "{report:#}");
    // All but the one that is asked only where something is to mend.
    assert_eq!(number("agents"), 25.0);
    assert!(number("memory_mb") <= 100.0, "{report:#}");
    for peer in ["langgraph", "crewai"] {
        let measured = &report["peers"][peer];
        let is_measured = ["makespan_ms", "ratio"].iter().all(|name| measured[name].is_number());
        assert!(measured == "not run" || is_measured, "{peer}: {measured:#}");
    }
}
