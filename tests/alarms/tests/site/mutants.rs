//! Alarms that were deleted or made worse are missed: some cause no longer rings as it should, or a healthy month rings.

use std::collections::BTreeSet;

use alarms::site::Profile;
use alarms::{Template, Watch};
use serde_json::{Value, json};

use super::causes::{ASSUMPTIONS, faults, played};
use super::{healthy, short, template};

/// What makes an alarm worse: a name, and the change to its properties.
type Weakening = (&'static str, fn(&mut Value));

const WEAKENINGS: [Weakening; 6] = [
    ("its threshold is out of reach", |alarm| {
        let below = alarm["ComparisonOperator"] == "LessThanThreshold";
        alarm["Threshold"] = if below { json!(-1) } else { json!(1_000_000_000) };
    }),
    ("it looks the other way", |alarm| {
        let below = alarm["ComparisonOperator"] == "LessThanThreshold";
        alarm["ComparisonOperator"] = json!(if below { "GreaterThanThreshold" } else { "LessThanThreshold" });
    }),
    ("it needs ten bad periods", |alarm| {
        alarm["EvaluationPeriods"] = json!(10);
        alarm["DatapointsToAlarm"] = json!(10);
    }),
    ("its figure is nobody's", |alarm| match alarm["Metrics"].as_array_mut() {
        Some(rows) => {
            for row in rows.iter_mut().filter(|row| row["MetricStat"].is_object()) {
                row["MetricStat"]["Metric"]["MetricName"] = json!("Nothing");
            }
        }
        None => alarm["MetricName"] = json!("Nothing"),
    }),
    ("it is another stack's", |alarm| {
        let metric = match alarm.pointer("/Metrics/0/MetricStat/Metric") {
            Some(_) => &mut alarm["Metrics"][0]["MetricStat"]["Metric"],
            None => alarm,
        };
        match metric.pointer_mut("/Dimensions/0/Value") {
            Some(value) => *value = json!("another"),
            None => metric["Dimensions"] = json!([{"Name": "Stack", "Value": "another"}]),
        }
    }),
    ("nobody is told", |alarm| alarm["AlarmActions"] = json!([])),
];

/// Whether anything is wrong with these alarms.
fn is_missed(template: &Template) -> bool {
    let Ok(watch) = Watch::of(template) else { return true };
    let in_a_cause = played()
        .iter()
        .any(|(scenario, played)| !faults(&watch, scenario, played, ASSUMPTIONS[0]).is_empty());
    in_a_cause || !healthy::rings(&watch, Profile::Lite).is_empty()
}

fn ids(template: &Template) -> Vec<String> {
    template.resources("AWS::CloudWatch::Alarm").unwrap().into_iter().map(|(id, _)| id).collect()
}

#[test]
fn every_alarm_is_meant_by_a_cause() {
    let watch = Watch::of(&template()).unwrap();
    let alarms: BTreeSet<&str> = watch.alarms().iter().map(|alarm| short(&alarm.name)).collect();
    let meant: BTreeSet<&str> = played().iter().map(|(scenario, _)| scenario.means).collect();
    assert_eq!(alarms, meant);
}

#[test]
fn a_worse_alarm_is_missed() {
    let template = template();
    assert!(!is_missed(&template), "something is wrong without any change");
    let mut unseen = Vec::new();
    let mut count = 0;
    let mut check = |what: String, mutant: Template| {
        count += 1;
        if !is_missed(&mutant) {
            unseen.push(what);
        }
    };
    for id in ids(&template) {
        let without = template.changed(|file| {
            let resources = file["Resources"].as_object_mut().unwrap();
            let name = resources[&id]["Properties"]["AlarmName"]["Fn::Sub"].as_str().unwrap().to_owned();
            resources.remove(&id);
            let rule = &mut resources["Unwell"]["Properties"]["AlarmRule"]["Fn::Sub"];
            let rest: Vec<&str> =
                rule.as_str().unwrap().split(" OR ").filter(|term| !term.contains(&name)).collect();
            *rule = json!(rest.join(" OR "));
        });
        check(format!("{id} is deleted"), without);
        for (what, weaken) in WEAKENINGS {
            check(
                format!("{id}: {what}"),
                template.changed(|file| weaken(&mut file["Resources"][&id]["Properties"])),
            );
        }
        let unheard = template.changed(|file| {
            let resources = &mut file["Resources"];
            let name = resources[&id]["Properties"]["AlarmName"]["Fn::Sub"].as_str().unwrap().to_owned();
            let rule = &mut resources["Unwell"]["Properties"]["AlarmRule"]["Fn::Sub"];
            *rule = json!(rule.as_str().unwrap().replace(&format!("ALARM(\"{name}\")"), "FALSE"));
        });
        check(format!("unwell does not hear {id}"), unheard);
    }
    println!("{count} worse alarms, {} of them not missed", unseen.len());
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}
