//! What the templates say of the code, and the code of the templates. The code is read as text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use super::bundle::Bundle;
use super::facts::camel;
use super::rules::{functions, watch};
use crate::assay::root;

/// Variables that are read, but not for the template to set, each with the reason.
const NOT_SET: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "Lambda sets it"),
    ("AWS_SECRET_ACCESS_KEY", "Lambda sets it"),
    ("AWS_SESSION_TOKEN", "Lambda sets it"),
    ("AWS_LAMBDA_FUNCTION_NAME", "Lambda sets it"),
    ("AWS_REGION", "Lambda sets it"),
    ("AWS_ENDPOINT_URL", "an emulator sets it"),
    ("AWS_XRAY_DAEMON_ADDRESS", "Lambda sets it where a function's tracing is on"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "it may hold a credential, and stands in the secret"),
    ("LLM_FALLBACK_BASE_URL", "the secret may hold it, and what goes with it"),
    ("LLM_API_KEY", "it is a secret and stands in the secret"),
    ("LLM_TIERS", "the servers' own tiers do, and the secret may hold it"),
    ("LLM_CONTEXT_TOKENS", "its default does, and the secret may hold it"),
    ("ASSAY_CONCURRENCY", "the mappings of the queues bound what runs at once"),
    ("ASSAY_REQUESTS_PER_MINUTE", "its default does, and the secret may hold it"),
    ("ASSAY_RATES", "its default does, and the secret may hold it"),
    ("RATE_LIMIT_GLOBAL_CAPACITY", "its default does, and the secret may hold it"),
    ("RATE_LIMIT_GLOBAL_REFILL_PER_SEC", "its default does, and the secret may hold it"),
    ("ASSAY_CACHE", "its default does, and the secret may hold it"),
    ("ASSAY_CACHE_KEY", "it is a secret and stands in the secret"),
    ("CACHE_MAX_ENTRIES", "its default does, and the secret may hold it"),
    ("CACHE_COMPRESSION_RATIO", "its default does, and the secret may hold it"),
    ("CACHE_SIMILARITY_THRESHOLD", "its default does, and the secret may hold it"),
    ("NO_COLOR", "functions draw nothing"),
    ("COLUMNS", "functions draw nothing"),
];

/// The text of all sources under a folder; `None` if it is not there.
fn sources(folder: &str) -> Option<String> {
    fn read(folder: &Path, text: &mut String) {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                read(&path, text);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                // Tests stand last in a file and read what they like.
                let source = fs::read_to_string(&path).unwrap();
                text.push_str(source.split("#[cfg(test)]").next().unwrap());
            }
        }
    }
    let mut text = String::new();
    root().join(folder).is_dir().then(|| read(&root().join(folder), &mut text)).map(|()| text)
}

fn found(text: &str, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn variables_that_are_read_are_set_and_those_set_are_read() {
    let read = found(&sources("shared/boot/src").unwrap(), r#""([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|COLUMNS)""#);
    let bundle = Bundle::read();
    let set: BTreeSet<String> = functions::each(&bundle)
        .flat_map(|(_, resource)| resource.property("Environment")["Variables"].as_object().unwrap().keys())
        .cloned()
        .collect();
    let listed: BTreeSet<String> = NOT_SET.iter().map(|(name, _)| (*name).to_owned()).collect();
    let unset: Vec<_> = read.difference(&set).filter(|name| !listed.contains(*name)).collect();
    assert!(unset.is_empty(), "the code reads what no function is given: {unset:?}");
    assert!(set.is_disjoint(&listed), "the template sets what is listed as not for it to set");
    if sources("shared/lambda/src").is_some() {
        let unread: Vec<_> = set.union(&listed).filter(|name| !read.contains(*name)).collect();
        assert!(unread.is_empty(), "set or listed, but read nowhere: {unread:?}");
    }
}

#[test]
fn figures_that_are_written_are_those_that_are_watched() {
    let Some(mut text) = sources("shared/lambda/src") else { return };
    text.push_str(&sources("shared/engine/src").unwrap());
    let written = found(&text, r#"metrics\s*\.(?:count|duration_ms)\(\s*"([a-z0-9_]+)""#);
    let shown: BTreeSet<String> =
        written.iter().map(|name| camel(&name.replace("_nano_usd", "_usd").replace('_', "-"))).collect();
    let watched: BTreeSet<String> = watch::METRICS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, watched);
}
