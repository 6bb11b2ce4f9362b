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
pub(crate) const METRICS: [&str; 15] = [
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
    "ModelFailures",
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

/// One figure: namespace, metric, dimension, statistic, seconds of a period, how many of how many periods, comparison,
/// threshold.
type Figure = (&'static str, &'static str, &'static str, &'static str, u64, (u64, u64), &'static str, f64);

const ABOVE: &str = "GreaterThanThreshold";
const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";
const BELOW: &str = "LessThanThreshold";
const STACK: &str = "Stack=<AWS::StackName>";

/// Alarms over one figure.
const FIGURES: [(&str, Figure); 7] = [
    (
        "ParkedMessages",
        (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "QueueName=<AWS::StackName>-parked",
            "Maximum",
            60,
            (1, 1),
            ABOVE,
            0.0,
        ),
    ),
    ("MessagesGivenUp", ("Assay", "DeadLetters", STACK, "Sum", 300, (1, 1), ABOVE, 0.0)),
    ("RunsOverdue", ("Assay", "SweepOverdueRuns", STACK, "Sum", 300, (1, 1), ABOVE, 0.0)),
    (
        "WorkflowFailures",
        ("AWS/States", "ExecutionsFailed", "StateMachineArn=<Workflow>", "Sum", 300, (1, 1), ABOVE, 0.0),
    ),
    ("StepsSlow", ("Assay", "StepDurationMs", STACK, "p95", 60, (3, 5), ABOVE, 90_000.0)),
    ("ModelFailing", ("Assay", "ModelFailures", STACK, "Average", 60, (3, 5), ABOVE, 0.5)),
    ("Throttles", ("AWS/Lambda", "Throttles", "", "Sum", 60, (3, 5), ABOVE, 0.0)),
];

/// Alarms over an expression.
struct Expression {
    alarm: &'static str,
    text: &'static str,
    /// Comparison and threshold.
    beyond: (&'static str, &'static str),
    /// Of every metric.
    dimension: &'static str,
    /// Id, namespace and name of each.
    metrics: &'static [(&'static str, &'static str)],
    statistic: &'static str,
    period: u64,
    periods: u64,
}

const ONE: Expression = Expression {
    alarm: "",
    text: "FILL(failed, 0)",
    beyond: (AT_LEAST, "3"),
    dimension: "{Name: Stack, Value: <AWS::StackName>}",
    metrics: &[],
    statistic: "Sum",
    period: 300,
    periods: 1,
};

const EXPRESSIONS: [Expression; 8] = [
    Expression {
        alarm: "DeadLettersWait",
        text: "visible + hidden",
        beyond: (ABOVE, "0"),
        dimension: "{Name: QueueName, Value: <AWS::StackName>-dead-letters}",
        metrics: &[
            ("visible", "AWS/SQS ApproximateNumberOfMessagesVisible"),
            ("hidden", "AWS/SQS ApproximateNumberOfMessagesNotVisible"),
        ],
        statistic: "Maximum",
        period: 60,
        periods: 3,
    },
    Expression {
        alarm: "SweepSilent",
        text: "FILL(calls, 0)",
        beyond: (BELOW, "1"),
        dimension: "{Name: FunctionName, Value: <SweepFunction>}",
        metrics: &[("calls", "AWS/Lambda Invocations")],
        period: 240,
        ..ONE
    },
    Expression { alarm: "RunsFailed", metrics: &[("failed", "Assay RunsFailed")], period: 900, ..ONE },
    Expression {
        alarm: "StepErrors",
        text: "IF(FILL(steps, 0) >= 20, 100 * errors / steps, 0)",
        beyond: (ABOVE, "33"),
        metrics: &[("steps", "Assay Steps"), ("errors", "Assay StepErrors")],
        ..ONE
    },
    Expression {
        alarm: "FunctionFailures",
        dimension: "",
        metrics: &[("failed", "Assay <AWS::StackName>-FailedInvocations")],
        period: 240,
        ..ONE
    },
    Expression {
        alarm: "ApiErrors",
        text: "FILL(errors, 0)",
        beyond: (AT_LEAST, "5"),
        dimension: "{Name: ApiId, Value: <Api>}",
        metrics: &[("errors", "AWS/ApiGateway 5xx")],
        ..ONE
    },
    Expression {
        alarm: "CostBurn",
        text: "4 * FILL(spent, 0)",
        beyond: (ABOVE, "<DailyBudgetUsd>"),
        metrics: &[("spent", "Assay RunCostUsd")],
        period: 3600,
        ..ONE
    },
    Expression {
        alarm: "HealthFailing",
        text: "FILL(failing, 1)",
        beyond: (ABOVE, "0"),
        metrics: &[("failing", "Assay HealthChecksFailing")],
        statistic: "Minimum",
        ..ONE
    },
];

fn all_alarms(bundle: &Bundle, faults: &mut Faults) {
    let figures = FIGURES.iter().map(|(id, _)| *id);
    let expected = figures.chain(EXPRESSIONS.iter().map(|expression| expression.alarm));
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
        let (to_alarm, evaluated) = periods;
        faults.equal(alarm.id, alarm.property("DatapointsToAlarm").as_u64(), Some(to_alarm));
        faults.equal(alarm.id, alarm.property("EvaluationPeriods").as_u64(), Some(evaluated));
        faults.equal(alarm.id, say("ComparisonOperator"), comparison);
        faults.equal(alarm.id, alarm.property("Threshold").as_f64(), Some(threshold));
    }
}

fn expressions(bundle: &Bundle, faults: &mut Faults) {
    for expected in EXPRESSIONS {
        let Expression { alarm: id, text, dimension, statistic, period, .. } = expected;
        let Some(alarm) = bundle.resource(id) else { continue };
        let figure = json!({"Id": "figure", "Expression": text, "ReturnData": true});
        let dimensions =
            if dimension.is_empty() { String::new() } else { format!("Dimensions: [{dimension}], ") };
        let rows = expected.metrics.iter().map(|(name, metric)| {
            let (namespace, metric) = metric.split_once(' ').unwrap();
            format!(
                "{{Id: {name}, MetricStat: {{Metric: {{{dimensions}MetricName: {metric}, Namespace: {namespace}}}, \
                 Period: {period}, Stat: {statistic}}}, ReturnData: false}}"
            )
        });
        let rows = rows.chain([bundle.text(alarm.file, &figure)]);
        let actual = alarm.property("Metrics").as_array().into_iter().flatten().map(|row| {
            let mut row = row.clone();
            let label = row.as_object_mut().and_then(|row| row.remove("Label"));
            let labelled = label.is_none_or(|label| label.as_str().is_some_and(|label| label.len() > 5));
            bundle.text(alarm.file, &row) + if labelled { "" } else { " without a label" }
        });
        faults.same(id, actual, rows);
        faults.equal(id, bundle.property(alarm, "ComparisonOperator"), expected.beyond.0);
        faults.equal(id, bundle.property(alarm, "Threshold"), expected.beyond.1);
        for property in ["EvaluationPeriods", "DatapointsToAlarm"] {
            faults.equal(id, alarm.property(property).as_u64(), Some(expected.periods));
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
