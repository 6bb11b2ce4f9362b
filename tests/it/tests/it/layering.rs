//! The arrows between crates, one row a crate. A crate that is not in the table breaks the test, as does an arrow that
//! is not in its row.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Crate, and the crates of this workspace it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("catalogue", &["engine"]),
    ("analysis", &["engine"]),
    ("embed", &["engine"]),
    ("llm", &["engine"]),
    ("tools", &["engine"]),
    ("platforms", &["engine"]),
    ("store", &["engine"]),
    ("telemetry", &["engine"]),
    ("boot", &["analysis", "catalogue", "engine", "llm", "platforms", "store", "telemetry", "tools"]),
    ("render", &["engine"]),
    ("api", &["boot", "engine", "render"]),
    ("aws", &["engine"]),
    ("redis-ports", &["engine"]),
    ("lambda", &["analysis", "api", "aws", "boot", "engine", "platforms", "redis-ports", "store", "tools"]),
    ("agent-light", &["lambda"]),
    ("agent-semantic", &["embed", "lambda"]),
    ("agent-tools", &["lambda"]),
    ("api-function", &["lambda"]),
    ("dead-letter", &["lambda"]),
    ("deliver", &["engine", "lambda"]),
    ("fetch", &["lambda"]),
    ("health", &["embed", "lambda"]),
    ("start", &["engine", "lambda"]),
    ("sweep", &["engine", "lambda"]),
    ("local", &["api", "boot", "engine", "render"]),
    (
        "lab",
        &[
            "analysis",
            "api",
            "aws",
            "boot",
            "engine",
            "llm",
            "local",
            "platforms",
            "redis-ports",
            "store",
            "tools",
        ],
    ),
    ("alarms", &["analysis", "boot", "engine", "lab", "lambda", "local", "platforms", "store", "tools"]),
    ("it", &[]),
];

/// Crates from outside, and the only crates of ours that may use them.
const WRAPPED: &[(&str, &[&str])] = &[
    ("aws-sdk-dynamodb", &["store"]),
    ("boon", &["engine"]),
    ("dynoxide-rs", &["store"]),
    ("aws-sdk-sfn", &["aws"]),
    ("aws-sdk-sqs", &["aws"]),
    ("rusty-s3", &["aws"]),
    ("redis", &["aws", "lab", "redis-ports"]),
    ("tract-onnx", &["embed"]),
    ("memmap2", &["embed"]),
    ("lambda_runtime", &["lambda"]),
    ("reqwest", &["aws", "llm", "local", "platforms", "telemetry"]),
    ("rustls", &["aws", "llm", "local", "platforms", "telemetry"]),
    ("axum", &["api", "lambda", "local", "lab"]),
    ("clap", &["local", "lab"]),
    (
        "tokio",
        &[
            "aws",
            "boot",
            "embed",
            "lambda",
            "llm",
            "local",
            "lab",
            "platforms",
            "redis-ports",
            "store",
            "telemetry",
        ],
    ),
];

type Uses = BTreeMap<String, Vec<String>>;

fn faults(uses: &Uses) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, dependencies) in uses {
        let Some((_, allowed)) = ARROWS.iter().find(|(row, _)| row == name) else {
            faults.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        for dependency in dependencies {
            if uses.contains_key(dependency) && !allowed.contains(&dependency.as_str()) {
                faults.push(format!("{name} must not use {dependency}"));
            }
            if let Some((_, owners)) = WRAPPED.iter().find(|(wrapped, _)| wrapped == dependency)
                && !owners.contains(&name.as_str())
            {
                faults.push(format!("{dependency} belongs behind {owners:?}, not in {name}"));
            }
        }
    }
    faults
}

fn workspace() -> Uses {
    let output =
        Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    let normal = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies.filter(|dependency| dependency["kind"].is_null()).map(name).collect()
    };
    metadata["packages"].as_array().unwrap().iter().map(|package| (name(package), normal(package))).collect()
}

#[test]
fn arrows_go_one_way() {
    assert_eq!(faults(&workspace()), Vec::<String>::new());
}

#[test]
fn a_turned_arrow_is_seen() {
    let check = |name: &str, dependency: &str| {
        let mut uses = workspace();
        uses.entry(name.to_owned()).or_default().push(dependency.to_owned());
        assert_eq!(faults(&uses).len(), 1, "{name} -> {dependency}: {:?}", faults(&uses));
    };
    check("engine", "store");
    check("engine", "reqwest");
    check("tools", "platforms");
    check("llm", "catalogue");
    check("analysis", "boot");
    check("boot", "local");
    check("catalogue", "aws-sdk-dynamodb");
    check("a-new-crate", "serde");
}
