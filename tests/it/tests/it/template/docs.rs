//! What operators read and configure says what the templates say.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use serde_json::Value;

use super::bundle::{Bundle, ROOT};
use super::facts::{FUNCTIONS, kebab};
use super::rules::watch;
use crate::assay::root;

const DOCS: [&str; 4] = ["deploy", "runbook", "regions", "aws-only"];

fn document(name: &str) -> String {
    fs::read_to_string(root().join(format!("docs/{name}.md"))).unwrap()
}

/// The sections of a document of one level: heading and text.
fn sections(text: &str) -> Vec<(&str, &str)> {
    text.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

/// All that a pattern's first group finds.
fn found(text: &str, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// What ties alarms and the runbook, both ways.
fn runbook_faults(bundle: &Bundle, runbook: &str) -> Vec<String> {
    let alarms = watch::alarms(bundle).into_iter().chain(bundle.resource("Unwell"));
    let alarms: BTreeSet<String> = alarms.map(|alarm| kebab(alarm.id)).collect();
    let sections = sections(runbook);
    let headings: BTreeSet<String> = sections.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let missing = alarms.difference(&headings).map(|name| format!("{name} has no section"));
    let extra = headings.difference(&alarms).map(|name| format!("{name} is no alarm"));
    let mut faults: Vec<String> = missing.chain(extra).collect();
    for (heading, text) in sections {
        let mut rest = text;
        for part in ["**Means** ", "**Hurts** ", "\nLook", "\n```\n", "\n```", "\nMend", "\n```\n", "\n```"] {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => {
                    faults.push(format!("{heading} has no {part:?} where it belongs"));
                    break;
                }
            }
        }
        for (number, block) in text.split("\n```\n").skip(1).step_by(2).enumerate() {
            let commands = ["aws ", "curl ", "sam ", "depth ", "for "];
            for line in block.split("\n```").next().unwrap_or_default().lines() {
                if !commands.iter().any(|command| line.starts_with(command)) {
                    faults.push(format!("{heading}: block {number} has no command in {line:?}"));
                }
            }
        }
        let repeated = text.matches("**Means**").count() != 1 || text.matches("**Hurts**").count() != 1;
        if repeated {
            faults.push(format!("{heading} says twice what it means"));
        }
    }
    faults
}

#[test]
fn every_alarm_has_a_section_and_every_section_an_alarm() {
    let (bundle, runbook) = (Bundle::read(), document("runbook"));
    assert_eq!(runbook_faults(&bundle, &runbook), Vec::<String>::new());
    let check = |from: &str, to: &str, expected: &str| {
        assert!(runbook.contains(from), "{from}");
        let faults = runbook_faults(&bundle, &runbook.replacen(from, to, 1));
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
    };
    check("## throttles", "## throttle", "throttles has no section");
    check("## throttles", "## throttle", "throttle is no alarm");
    check("**Hurts** ", "Hurts ", "**Hurts** ");
    check("\nMend", "\nFix", "Mend");
    check("\nsam deploy", "\ndeploy", "workflow-failures: block 1 has no command");
    check("## model-failing", "## model-fails", "model-failing has no section");
}

/// Names in commands that the templates do not know.
fn unknown_names(bundle: &Bundle, text: &str) -> Vec<String> {
    let template = &bundle.files[ROOT];
    let known = |section: &str, name: &str| template[section].get(name).is_some();
    let outputs = found(text, r"\b(?:output|depth) ([A-Z]\w+)");
    let outputs =
        outputs.into_iter().filter(|name| !known("Outputs", name)).map(|name| format!("output {name}"));
    let overrides = found(text, r"--parameter-overrides ([^`\n&;|]+)");
    let parameters = overrides.iter().flat_map(|given| found(given, r"(?:^|\s)([A-Z]\w*)="));
    let parameters =
        parameters.filter(|name| !known("Parameters", name)).map(|name| format!("parameter {name}"));
    let mut names: BTreeSet<String> = FUNCTIONS.iter().map(|function| function.name.to_owned()).collect();
    names.extend(watch::alarms(bundle).into_iter().map(|alarm| kebab(alarm.id)));
    names.extend(bundle.of_kind("AWS::SQS::Queue").map(|queue| kebab(queue.id.trim_end_matches("Queue"))));
    names.insert("content-intelligence".to_owned());
    let named = found(text, r"\$STACK-([a-z][a-z-]*)");
    let named = named.into_iter().filter(|name| !names.contains(name)).map(|name| format!("$STACK-{name}"));
    let groups: BTreeSet<String> =
        bundle.of_kind("AWS::Logs::LogGroup").map(|log| bundle.property(log, "LogGroupName")).collect();
    let logs =
        found(text, r"(/aws/lambda/\$STACK-[a-z-]*[a-z]|/aws/vendedlogs/\w+/\$STACK(?:-[a-z-]*[a-z])?)");
    let logs = logs.into_iter().filter(|log| !groups.contains(&log.replace("$STACK", "<AWS::StackName>")));
    let figures = found(text, r"--namespace (\S+ --metric-name \w+)");
    let figures = figures.into_iter().filter(|figure| {
        let (namespace, name) = figure.split_once(" --metric-name ").unwrap();
        !watch::is_known(namespace, name)
    });
    let config: toml::Table = fs::read_to_string(root().join("samconfig.toml")).unwrap().parse().unwrap();
    let stages = found(text, r"--config-env (\w+)");
    let stages = stages.into_iter().filter(|stage| !config.contains_key(stage));
    outputs.chain(parameters).chain(named).chain(logs).chain(figures).chain(stages).collect()
}

#[test]
fn commands_name_what_there_is() {
    let bundle = Bundle::read();
    for name in DOCS {
        assert_eq!(unknown_names(&bundle, &document(name)), Vec::<String>::new(), "docs/{name}.md");
    }
    let wrong = "depth NoQueueUrl; aws logs tail \"/aws/lambda/$STACK-sweeper\"; sam deploy --config-env light --parameter-overrides Profile=lite Size=2; aws cloudwatch get-metric-statistics --namespace Assay --metric-name Stepps";
    let expected = [
        "output NoQueueUrl",
        "parameter Size",
        "$STACK-sweeper",
        "/aws/lambda/$STACK-sweeper",
        "Assay --metric-name Stepps",
        "light",
    ];
    assert_eq!(unknown_names(&bundle, wrong), expected);
}

#[test]
fn links_between_documents_lead_somewhere() {
    for name in DOCS {
        for link in found(&document(name), r"\]\(([a-z-]*(?:\.md)?(?:#[a-z-]+)?)\)") {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { name } else { file.trim_end_matches(".md") };
            let text = document(target);
            let there = anchor.is_empty() || sections(&text).iter().any(|(heading, _)| *heading == anchor);
            assert!(there, "docs/{name}.md links to {link}");
        }
    }
}

#[test]
fn configurations_give_parameters_that_there_are() {
    let bundle = Bundle::read();
    let parameters = &bundle.files[ROOT]["Parameters"];
    let config: toml::Table = fs::read_to_string(root().join("samconfig.toml")).unwrap().parse().unwrap();
    let names: BTreeSet<&str> = config.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["default", "dev", "lite", "prod", "version"]));
    for (name, stage) in config.iter().filter(|(name, _)| *name != "version") {
        let deploy = &stage["deploy"]["parameters"];
        let capabilities: Vec<_> =
            deploy["capabilities"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
        assert_eq!(capabilities, ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"], "{name}");
        assert!(stage["global"]["parameters"]["stack_name"].as_str().unwrap().starts_with("assay"));
        for given in deploy["parameter_overrides"].as_array().unwrap() {
            let (parameter, value) = given.as_str().unwrap().split_once('=').unwrap();
            let Value::Object(declared) = &parameters[parameter] else { panic!("{name} gives {parameter}") };
            if let Some(allowed) = declared.get("AllowedValues").and_then(Value::as_array) {
                let allowed: Vec<String> =
                    allowed.iter().map(|one| one.to_string().replace('"', "")).collect();
                assert!(allowed.iter().any(|one| one == value), "{name} gives {given}, not of {allowed:?}");
            }
        }
    }
    let overrides = |name: &str| config[name]["deploy"]["parameters"]["parameter_overrides"].to_string();
    assert!(overrides("prod").contains("Profile=full") && overrides("lite").contains("Profile=lite"));
    assert!(!overrides("prod").contains("DeletionProtection=false"), "prod must keep its data");
}
