//! The arrows between crates, one row a crate. A crate that is not in the table breaks the test, as does an arrow that
//! is not in its row.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

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

/// The inner crates, and all they may use from outside: no network, no clock, no randomness.
const INNER: &[(&str, &[&str])] = &[
    (
        "engine",
        &[
            "async-trait",
            "blake3",
            "boon",
            "chacha20poly1305",
            "futures",
            "lz4_flex",
            "serde",
            "serde_json",
            "thiserror",
            "tracing",
            "ulid",
            "unicode-normalization",
            "wide",
        ],
    ),
    ("analysis", &["quick-xml", "regex", "regex-automata", "serde", "serde_json", "whatlang"]),
    ("catalogue", &["blake3", "serde", "serde_json", "thiserror", "toml"]),
];

type Uses = BTreeMap<String, Vec<String>>;

fn faults(uses: &Uses) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, dependencies) in uses {
        let Some((_, allowed)) = ARROWS.iter().find(|(row, _)| row == name) else {
            faults.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        let inner = INNER.iter().find(|(row, _)| row == name);
        for dependency in dependencies {
            if let Some((_, outside)) = inner
                && !uses.contains_key(dependency)
                && !outside.contains(&dependency.as_str())
            {
                faults.push(format!("{name} is inside and must not use {dependency}"));
            }
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

fn metadata() -> Value {
    let output =
        Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What each crate of the workspace is built with. Tests may use what they like.
fn uses_of(metadata: &Value) -> Uses {
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    let built_with = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies.filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (name(package), built_with(package))).collect()
}

#[test]
fn arrows_go_one_way() {
    let uses = uses_of(&metadata());
    assert_eq!(faults(&uses), Vec::<String>::new());
    // That they are read at all.
    for (name, dependency) in [("boot", "engine"), ("store", "dynoxide-rs"), ("engine", "boon")] {
        assert!(uses[name].iter().any(|used| used == dependency), "{name}: {:?}", uses[name]);
    }
}

#[test]
fn a_turned_arrow_is_seen() {
    let good = metadata();
    let check = |name: &str, dependency: &str, kind: Option<&str>, expected: usize| {
        let mut metadata = good.clone();
        let packages = metadata["packages"].as_array_mut().unwrap();
        match packages.iter_mut().find(|package| package["name"] == name) {
            Some(package) => {
                let added = json!({"name": dependency, "kind": kind});
                package["dependencies"].as_array_mut().unwrap().push(added);
            }
            None => packages.push(json!({"name": name, "dependencies": []})),
        }
        let faults = faults(&uses_of(&metadata));
        assert_eq!(faults.len(), expected, "{name} -> {dependency}: {faults:?}");
    };
    check("engine", "store", None, 1);
    // It is inside, and this belongs behind others.
    check("engine", "reqwest", None, 2);
    check("engine", "rand", None, 1);
    check("engine", "chrono", Some("build"), 1);
    check("engine", "rand", Some("dev"), 0);
    check("analysis", "ureq", None, 1);
    check("tools", "platforms", None, 1);
    check("llm", "catalogue", None, 1);
    check("analysis", "boot", None, 1);
    check("boot", "local", None, 1);
    check("catalogue", "aws-sdk-dynamodb", None, 2);
    check("a-new-crate", "serde", None, 1);
}
