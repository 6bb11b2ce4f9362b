//! The dashboard: one page of what matters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::bundle::Bundle;
use super::super::faults::{Faults, Rule};
use super::watch::{FAILED_INVOCATIONS, METRICS, is_known};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the dashboard shows the five figures first", look: five_figures },
    Rule { name: "the dashboard shows every queue and what went wrong", look: rest_of_dashboard },
    Rule {
        name: "the dashboard is a page: widgets side by side, each with a title and one region",
        look: page,
    },
    Rule { name: "the dashboard shows figures that functions write or AWS does", look: known_metrics },
];

/// The widgets of the dashboard, its text substituted and parsed.
fn widgets(bundle: &Bundle) -> Vec<Value> {
    let Some(dashboard) = bundle.of_kind("AWS::CloudWatch::Dashboard").next() else { return Vec::new() };
    let body = bundle.property(dashboard, "DashboardBody");
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    body["widgets"].as_array().cloned().unwrap_or_default()
}

fn metrics(widget: &Value) -> Vec<Value> {
    widget["properties"]["metrics"].as_array().cloned().unwrap_or_default()
}

/// What a widget draws: expressions, and metrics that are not hidden.
fn drawn(widget: &Value) -> BTreeSet<String> {
    let rows = metrics(widget).into_iter();
    rows.filter_map(|row| {
        let options = row.as_array()?.iter().find(|item| item.is_object()).cloned().unwrap_or_default();
        if let Some(expression) = options["expression"].as_str() {
            return Some(expression.to_owned());
        }
        let statistic = options["stat"].as_str().map(|stat| format!(" {stat}")).unwrap_or_default();
        (options["visible"] != false).then(|| format!("{}{statistic}", row[1].as_str().unwrap_or("?")))
    })
    .collect()
}

/// One of the five: how its title begins, what it draws, and the metrics of its expression by id.
type Shown = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

/// The same five as the performance validator: hit rate, 95th percentile, errors, cost of a request, coordination.
fn five_figures(bundle: &Bundle, faults: &mut Faults) {
    let widgets = widgets(bundle);
    let figures: [Shown; 5] = [
        ("Hit rate", &["100 * hits / lookups"], &[("hits", "RecallHits"), ("lookups", "RecallLookups")]),
        ("Steps: 95th percentile", &["StepDurationMs p95", "StepDurationMs p50"], &[]),
        ("Steps that failed", &["100 * errors / steps"], &[("errors", "StepErrors"), ("steps", "Steps")]),
        ("Cost per run", &["RunCostUsd Average", "RunCostUsd p95"], &[]),
        (
            "Coordination",
            &["100 * path / makespan"],
            &[("path", "RunCriticalPathMs"), ("makespan", "RunMakespanMs")],
        ),
    ];
    for (index, (title, expected, names)) in figures.into_iter().enumerate() {
        let Some(widget) = widgets.get(index) else {
            return faults.unless(false, format!("{title} is not shown"));
        };
        let actual = widget["properties"]["title"].as_str().unwrap_or_default();
        faults.unless(actual.starts_with(title), format!("the figure {index} is {actual:?}"));
        faults.same(title, drawn(widget), expected.iter().copied());
        for (id, metric) in names {
            let row = metrics(widget).into_iter().find(|row| row[4]["id"] == *id).unwrap_or_default();
            let expected =
                json!(["Assay", metric, "Stack", "<AWS::StackName>", {"id": id, "visible": false}]);
            faults.equal(format!("{title}: {id}"), row, expected);
        }
    }
}

fn rest_of_dashboard(bundle: &Bundle, faults: &mut Faults) {
    let shown: BTreeSet<String> = widgets(bundle)
        .iter()
        .flat_map(metrics)
        .map(|row| {
            let row: Vec<&str> = row.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            row.join(" ")
        })
        .collect();
    let queues = bundle.of_kind("AWS::SQS::Queue").map(|queue| {
        format!(
            "AWS/SQS ApproximateNumberOfMessagesVisible QueueName {}",
            bundle.property(queue, "QueueName")
        )
    });
    let ours = METRICS.map(|name| format!("Assay {name} Stack <AWS::StackName>"));
    let rest = [format!("Assay {FAILED_INVOCATIONS}"), "AWS/Lambda Throttles".to_owned()];
    for figure in queues.chain(ours).chain(rest) {
        faults.unless(shown.contains(&figure), format!("{figure} is not shown"));
    }
}

fn page(bundle: &Bundle, faults: &mut Faults) {
    let Some(dashboard) = bundle.of_kind("AWS::CloudWatch::Dashboard").next() else {
        return faults.unless(false, "there is no dashboard");
    };
    faults.equal("its name", bundle.property(dashboard, "DashboardName"), "<AWS::StackName>");
    let mut taken = BTreeSet::new();
    for widget in widgets(bundle) {
        let properties = &widget["properties"];
        let title = properties["title"].as_str().unwrap_or_default();
        faults.unless(title.len() > 5 && widget["type"] == "metric", format!("a widget is {title:?}"));
        faults.equal(title, properties["region"].as_str(), Some("<AWS::Region>"));
        faults.unless(
            properties["period"].as_u64().is_some_and(|period| period % 300 == 0),
            format!("{title} has no period"),
        );
        faults.unless(properties["stat"].is_string(), format!("{title} has no statistic"));
        let [x, y, width, height] =
            ["x", "y", "width", "height"].map(|side| widget[side].as_u64().unwrap_or(99));
        faults.unless(x + width <= 24 && height > 2 && height < 99, format!("{title} is off the page"));
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))).take(1_000) {
            faults.unless(taken.insert(cell), format!("{title} lies upon another at {cell:?}"));
        }
    }
    faults.unless(!taken.is_empty(), "the dashboard is empty");
}

fn known_metrics(bundle: &Bundle, faults: &mut Faults) {
    for widget in widgets(bundle) {
        for metric in metrics(&widget).into_iter().filter(|metric| metric[0].is_string()) {
            let [namespace, name] = [&metric[0], &metric[1]].map(|text| text.as_str().unwrap_or("?"));
            faults.unless(is_known(namespace, name), format!("nobody writes {namespace} {name}"));
        }
    }
}
