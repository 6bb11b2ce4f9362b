//! Logs and alarms: nothing fails unseen, and nothing is kept for ever.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::bundle::{Bundle, Resource};
use super::super::facts::{FUNCTIONS, kebab};
use super::super::faults::{Faults, Rule};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "every function, the workflow and the API have a log that ends", look: logs },
    Rule { name: "a failed invocation of any function is counted", look: failures_counted },
    Rule { name: "there is an alarm for everything that must not fail unseen", look: all_alarms },
    Rule { name: "an alarm is named after itself and the stack", look: alarm_names },
    Rule { name: "an alarm says what is wrong and where to read on", look: descriptions },
    Rule { name: "an alarm tells of its beginning and its end", look: actions },
    Rule { name: "silence is no alarm, but for sweep and health", look: missing_data },
    Rule { name: "an alarm looks at its figure as agreed", look: figures },
    Rule { name: "alarms over expressions say them as agreed", look: expressions },
    Rule { name: "every queue that must be empty has an alarm", look: queues_watched },
    Rule { name: "alarms look at figures that functions write or AWS does", look: known_metrics },
    Rule { name: "one alarm stands for all", look: composite },
    Rule { name: "alarms go to a topic that the operator may hear", look: topic },
];

/// Metrics of functions, namespace `Assay`, dimension `Stack`.
pub(crate) const METRICS: [&str; 14] = [
    "Steps",
    "StepErrors",
    "StepDurationMs",
    "RunsEnded",
    "RunsFailed",
    "RunsPartial",
    "RunMakespanMs",
    "RunCriticalPathMs",
    "RunCostUsd",
    "RecallLookups",
    "RecallHits",
    "DeadLetters",
    "SweepOverdueRuns",
    "HealthChecksFailing",
];

/// The count of failed invocations, one for all functions of a stack.
pub(crate) const FAILED_INVOCATIONS: &str = "<AWS::StackName>-FailedInvocations";

fn logs(bundle: &Bundle, faults: &mut Faults) {
    let functions = FUNCTIONS
        .iter()
        .map(|function| (function.stem() + "Log", format!("/aws/lambda/<AWS::StackName>-{}", function.name)));
    let vended = [
        ("WorkflowLog", "/aws/vendedlogs/states/<AWS::StackName>-content-intelligence"),
        ("ApiAccessLog", "/aws/vendedlogs/apis/<AWS::StackName>"),
    ];
    let expected = functions.chain(vended.map(|(id, name)| (id.to_owned(), name.to_owned())));
    let expected = expected.map(|(id, name)| format!("{id} {name} kept <LogRetentionDays>"));
    let actual = bundle.of_kind("AWS::Logs::LogGroup").map(|log| {
        format!(
            "{} {} kept {}",
            log.id,
            bundle.property(log, "LogGroupName"),
            bundle.property(log, "RetentionInDays")
        )
    });
    faults.same("the template", actual, expected);
}

fn failures_counted(bundle: &Bundle, faults: &mut Faults) {
    let filters =
        bundle.of_kind("AWS::Logs::MetricFilter").map(|filter| bundle.property(filter, "LogGroupName"));
    faults.same("the count", filters, FUNCTIONS.iter().map(|function| format!("<{}Log>", function.stem())));
    for filter in bundle.of_kind("AWS::Logs::MetricFilter") {
        let pattern = bundle.property(filter, "FilterPattern");
        let expected = r#"{ $.type = "platform.report" && $.record.status != "success" }"#;
        faults.equal(filter.id, pattern, expected);
        let metric = format!(
            "[{{MetricName: {FAILED_INVOCATIONS}, MetricNamespace: Assay, MetricValue: 1, Unit: Count}}]"
        );
        faults.equal(filter.id, bundle.property(filter, "MetricTransformations"), metric);
    }
}

pub(crate) fn alarms(bundle: &Bundle) -> Vec<Resource<'_>> {
    bundle.of_kind("AWS::CloudWatch::Alarm").collect()
}

/// One figure: namespace, metric, dimension, statistic, period, periods, comparison, threshold.
type Figure = (&'static str, &'static str, &'static str, &'static str, u64, u64, &'static str, f64);

const ABOVE: &str = "GreaterThanThreshold";
const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";

/// Alarms over one figure.
const FIGURES: [(&str, Figure); 10] = [
    (
        "ParkedMessages",
        (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "QueueName=<AWS::StackName>-parked",
            "Maximum",
            300,
            1,
            ABOVE,
            0.0,
        ),
    ),
    ("MessagesGivenUp", ("Assay", "DeadLetters", "Stack=<AWS::StackName>", "Sum", 300, 1, ABOVE, 0.0)),
    ("RunsOverdue", ("Assay", "SweepOverdueRuns", "Stack=<AWS::StackName>", "Sum", 900, 1, AT_LEAST, 1.0)),
    (
        "SweepSilent",
        (
            "AWS/Lambda",
            "Invocations",
            "FunctionName=<SweepFunction>",
            "Sum",
            300,
            3,
            "LessThanThreshold",
            1.0,
        ),
    ),
    ("RunsFailed", ("Assay", "RunsFailed", "Stack=<AWS::StackName>", "Sum", 900, 1, AT_LEAST, 3.0)),
    ("StepsSlow", ("Assay", "StepDurationMs", "Stack=<AWS::StackName>", "p95", 900, 2, ABOVE, 120_000.0)),
    ("FunctionFailures", ("Assay", FAILED_INVOCATIONS, "", "Sum", 300, 1, AT_LEAST, 3.0)),
    ("Throttles", ("AWS/Lambda", "Throttles", "", "Sum", 300, 2, ABOVE, 0.0)),
    ("ApiErrors", ("AWS/ApiGateway", "5xx", "ApiId=<Api>", "Sum", 300, 1, AT_LEAST, 5.0)),
    (
        "HealthFailing",
        ("Assay", "HealthChecksFailing", "Stack=<AWS::StackName>", "Minimum", 300, 3, ABOVE, 0.0),
    ),
];

/// Alarms over an expression: its text and threshold; the dimension, metrics, statistic and period it is made of; periods.
type Expression = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    u64,
    u64,
);
const EXPRESSIONS: [(&str, Expression); 4] = [
    (
        "DeadLettersWait",
        (
            "FILL(visible, 0) + FILL(hidden, 0)",
            "0",
            "{Name: QueueName, Value: <AWS::StackName>-dead-letters}",
            &[
                ("visible", "AWS/SQS ApproximateNumberOfMessagesVisible"),
                ("hidden", "AWS/SQS ApproximateNumberOfMessagesNotVisible"),
            ],
            "Maximum",
            300,
            3,
        ),
    ),
    (
        "WorkflowFailures",
        (
            "FILL(failed, 0) + FILL(late, 0)",
            "0",
            "{Name: StateMachineArn, Value: <Workflow>}",
            &[("failed", "AWS/States ExecutionsFailed"), ("late", "AWS/States ExecutionsTimedOut")],
            "Sum",
            300,
            1,
        ),
    ),
    (
        "StepErrors",
        (
            "IF(steps >= 20, 100 * errors / steps, 0)",
            "5",
            "{Name: Stack, Value: <AWS::StackName>}",
            &[("steps", "Assay Steps"), ("errors", "Assay StepErrors")],
            "Sum",
            900,
            1,
        ),
    ),
    (
        "CostBurn",
        (
            "4 * spent",
            "<DailyBudgetUsd>",
            "{Name: Stack, Value: <AWS::StackName>}",
            &[("spent", "Assay RunCostUsd")],
            "Sum",
            3600,
            1,
        ),
    ),
];

fn all_alarms(bundle: &Bundle, faults: &mut Faults) {
    let figures = FIGURES.iter().map(|(id, _)| *id);
    let expected = figures.chain(EXPRESSIONS.iter().map(|(id, _)| *id));
    faults.same("the template", alarms(bundle).into_iter().map(|alarm| alarm.id), expected);
}

fn alarm_names(bundle: &Bundle, faults: &mut Faults) {
    for alarm in alarms(bundle) {
        let expected = format!("<AWS::StackName>-{}", kebab(alarm.id));
        faults.equal(alarm.id, bundle.property(alarm, "AlarmName"), expected);
    }
}

fn descriptions(bundle: &Bundle, faults: &mut Faults) {
    let all = alarms(bundle).into_iter().chain(bundle.resource("Unwell"));
    for alarm in all {
        let text = bundle.property(alarm, "AlarmDescription");
        let end = format!(". Runbook: docs/runbook.md#{}", kebab(alarm.id));
        let sentence = text.strip_suffix(&end).unwrap_or_default();
        faults.unless(sentence.len() > 15, format!("{} says {text:?}", alarm.id));
    }
}

fn actions(bundle: &Bundle, faults: &mut Faults) {
    for alarm in alarms(bundle) {
        for list in ["AlarmActions", "OKActions"] {
            faults.equal(format!("{list} of {}", alarm.id), bundle.property(alarm, list), "[<Topic>]");
        }
    }
}

/// A queue or function at rest sends nothing. Sweep and health never rest; their silence is the fault.
fn missing_data(bundle: &Bundle, faults: &mut Faults) {
    for alarm in alarms(bundle) {
        let never_rests = ["SweepSilent", "HealthFailing"].contains(&alarm.id);
        let expected = if never_rests { "breaching" } else { "notBreaching" };
        faults.equal(alarm.id, bundle.property(alarm, "TreatMissingData"), expected);
    }
}

/// The agreed figure of an alarm, if it looks at one.
fn agreed(id: &str) -> Option<Figure> {
    FIGURES.iter().find(|(known, _)| *known == id).map(|(_, figure)| *figure)
}

fn dimensions(bundle: &Bundle, file: &str, value: &Value) -> String {
    let rows = value.as_array().into_iter().flatten();
    let rows =
        rows.map(|row| format!("{}={}", bundle.text(file, &row["Name"]), bundle.text(file, &row["Value"])));
    rows.collect::<Vec<_>>().join(" ")
}

fn figures(bundle: &Bundle, faults: &mut Faults) {
    for alarm in alarms(bundle) {
        let Some(figure) = agreed(alarm.id) else { continue };
        let (namespace, metric, dimension, statistic, period, periods, comparison, threshold) = figure;
        let say = |name: &str| bundle.property(alarm, name);
        faults.equal(alarm.id, say("Namespace"), namespace);
        faults.equal(alarm.id, say("MetricName"), metric);
        faults.equal(alarm.id, dimensions(bundle, alarm.file, alarm.property("Dimensions")), dimension);
        let (set, unset) = if statistic == "p95" {
            ("ExtendedStatistic", "Statistic")
        } else {
            ("Statistic", "ExtendedStatistic")
        };
        faults.equal(alarm.id, (say(set), say(unset)), (statistic.to_owned(), String::new()));
        faults.equal(alarm.id, alarm.property("Period").as_u64(), Some(period));
        for property in ["EvaluationPeriods", "DatapointsToAlarm"] {
            faults.equal(alarm.id, alarm.property(property).as_u64(), Some(periods));
        }
        faults.equal(alarm.id, say("ComparisonOperator"), comparison);
        faults.equal(alarm.id, alarm.property("Threshold").as_f64(), Some(threshold));
    }
}

fn expressions(bundle: &Bundle, faults: &mut Faults) {
    for (id, (expression, threshold, dimension, metrics, statistic, period, periods)) in EXPRESSIONS {
        let Some(alarm) = bundle.resource(id) else { continue };
        let figure = json!({"Id": "figure", "Expression": expression, "ReturnData": true});
        let rows = metrics.iter().map(|(name, metric)| {
            let (namespace, metric) = metric.split_once(' ').unwrap();
            format!(
                "{{Id: {name}, MetricStat: {{Metric: {{Dimensions: [{dimension}], MetricName: {metric}, Namespace: \
                 {namespace}}}, Period: {period}, Stat: {statistic}}}, ReturnData: false}}"
            )
        });
        let expected = rows.chain([bundle.text(alarm.file, &figure)]);
        let actual = alarm.property("Metrics").as_array().into_iter().flatten().map(|row| {
            let mut row = row.clone();
            let label = row.as_object_mut().and_then(|row| row.remove("Label"));
            let labelled = label.is_none_or(|label| label.as_str().is_some_and(|label| label.len() > 5));
            bundle.text(alarm.file, &row) + if labelled { "" } else { " without a label" }
        });
        faults.same(id, actual, expected);
        faults.equal(id, bundle.property(alarm, "Threshold"), threshold);
        faults.equal(id, bundle.property(alarm, "ComparisonOperator"), ABOVE);
        for property in ["EvaluationPeriods", "DatapointsToAlarm"] {
            faults.equal(id, alarm.property(property).as_u64(), Some(periods));
        }
    }
}

fn queues_watched(bundle: &Bundle, faults: &mut Faults) {
    let empty = bundle
        .of_kind("AWS::SQS::Queue")
        .filter(|queue| !queue.id.ends_with("Queue") || queue.id == "ParkedQueue");
    let expected = empty.map(|queue| format!("QueueName={}", bundle.property(queue, "QueueName")));
    let watched: BTreeSet<String> = alarms(bundle)
        .into_iter()
        .flat_map(|alarm| {
            let rows = alarm.property("Metrics").as_array().into_iter().flatten();
            let rows = rows.map(|row| &row["MetricStat"]["Metric"]["Dimensions"]);
            let all = rows.chain([alarm.property("Dimensions")]);
            all.map(|rows| dimensions(bundle, alarm.file, rows)).collect::<Vec<_>>()
        })
        .filter(|dimension| dimension.starts_with("QueueName="))
        .collect();
    faults.same("the watch", watched, expected);
}

/// Whether functions or AWS write that metric.
pub(crate) fn is_known(namespace: &str, name: &str) -> bool {
    namespace.starts_with("AWS/") || METRICS.contains(&name) || name == FAILED_INVOCATIONS
}

fn known_metrics(bundle: &Bundle, faults: &mut Faults) {
    for alarm in alarms(bundle).into_iter().filter(|alarm| alarm.property("Metrics").is_null()) {
        let (namespace, name) = (bundle.property(alarm, "Namespace"), bundle.property(alarm, "MetricName"));
        faults.unless(is_known(&namespace, &name), format!("nobody writes {namespace} {name}"));
    }
}

fn composite(bundle: &Bundle, faults: &mut Faults) {
    let Some(composite) = bundle.resource("Unwell") else { return faults.unless(false, "there is none") };
    faults.equal("its kind", composite.kind(), "AWS::CloudWatch::CompositeAlarm");
    faults.equal("its name", bundle.property(composite, "AlarmName"), "<AWS::StackName>-unwell");
    let rule = bundle.property(composite, "AlarmRule");
    let named = rule.split(" OR ").map(str::trim);
    let all = alarms(bundle);
    faults.same(
        "it",
        named,
        all.iter().map(|alarm| format!("ALARM(\"{}\")", bundle.property(*alarm, "AlarmName"))),
    );
    let waits = composite.body["DependsOn"].as_array().into_iter().flatten().filter_map(Value::as_str);
    faults.same("what it waits for", waits, all.iter().map(|alarm| alarm.id));
}

fn topic(bundle: &Bundle, faults: &mut Faults) {
    let Some(topic) = bundle.resource("Topic") else { return faults.unless(false, "there is no topic") };
    faults.equal("its name", bundle.property(topic, "TopicName"), "<AWS::StackName>-alarms");
    let Some(subscription) = bundle.resource("Subscription") else {
        return faults.unless(false, "nobody hears it");
    };
    for (property, expected) in [("TopicArn", "<Topic>"), ("Protocol", "email"), ("Endpoint", "<AlarmEmail>")]
    {
        faults.equal(property, bundle.property(subscription, property), expected);
    }
}
