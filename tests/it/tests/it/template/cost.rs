//! What the lite profile costs while nobody uses it, item by item, counted from the templates at list prices.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::bundle::{Bundle, Resource};
use super::rules::{functions, roles, watch};

const MINUTES_A_MONTH: f64 = 43_800.0;
const MOST_USD_A_MONTH: f64 = 5.0;
/// The same where other things use up the free amounts of the account, without the dashboard.
const MOST_USD_A_MONTH_NOTHING_FREE: f64 = 6.0;

/// Lambda asks a queue at rest with five long polls of twenty seconds at once, whatever its concurrency.
const POLLS_A_MINUTE: f64 = 15.0;

/// What an idle call is taken to need: seconds it runs, and bytes it logs (three lines of the platform, one of metrics).
const SECONDS_A_CALL: f64 = 0.3;
const LOG_BYTES_A_CALL: f64 = 1_500.0;

/// Shards of the index of what is due (`shared/store/src/dynamo/items.rs`); an empty query costs half a read unit.
const DUE_SHARDS: f64 = 4.0;

/// What the checks take of the table each time, as `cargo test -p lab truth` measures it: units of a kilobyte written, twice as
/// many for what is written together, and of four read.
const HEALTH_WRITE_UNITS: f64 = 61.0;
const HEALTH_READ_UNITS: f64 = 66.0;

/// Health writes how many checks fail, also if none does; all other figures are written when something happens.
const IDLE_METRICS: f64 = 1.0;

/// What is used of something in a month, and what for.
struct Use {
    thing: &'static str,
    amount: f64,
    why: String,
}

fn uses(bundle: &Bundle) -> Vec<Use> {
    let lite: Vec<Resource<'_>> = bundle
        .resources()
        .filter(|resource| resource.file != "infra/network.yaml" && resource.body["Condition"] != "Full")
        .collect();
    let count = |kind: &str| lite.iter().filter(|resource| resource.kind() == kind).count() as f64;
    let mut uses = Vec::new();
    let mut add = |thing, amount: f64, why: String| uses.push(Use { thing, amount, why });

    add("secret", count("AWS::SecretsManager::Secret"), "keys of models".to_owned());
    let alarms = watch::alarms(bundle);
    let metrics = alarms.iter().map(|alarm| {
        let rows = alarm.property("Metrics").as_array().into_iter().flatten();
        rows.filter(|row| !row["MetricStat"].is_null()).count().max(1) as f64
    });
    add("alarm_metric", metrics.sum(), format!("{} alarms", alarms.len()));
    add("composite_alarm", count("AWS::CloudWatch::CompositeAlarm"), "one state over all".to_owned());
    add("dashboard", count("AWS::CloudWatch::Dashboard"), "the five figures and the rest".to_owned());
    add("custom_metric", IDLE_METRICS, "failing health checks, written though none fails".to_owned());

    let mut queues = 0.0;
    let (mut calls, mut gigabyte_seconds) = (0.0, 0.0);
    for (function, resource) in functions::each(bundle) {
        queues += functions::events(resource, "SQS").len() as f64;
        for (_, event) in functions::events(resource, "Schedule") {
            let rate = event["Schedule"].as_str().unwrap();
            let every: f64 = rate.trim_start_matches("rate(").split(' ').next().unwrap().parse().unwrap();
            let here = MINUTES_A_MONTH / every;
            let megabytes = resource.property("MemorySize").as_f64().unwrap();
            calls += here;
            gigabyte_seconds += here * SECONDS_A_CALL * megabytes / 1_024.0;
            if function.name == "sweep" {
                add("dynamodb_read_unit", here * DUE_SHARDS / 2.0, "sweep looks at what is due".to_owned());
            }
            if function.name == "health" {
                let grants = roles::grants(bundle, "Health");
                let asked =
                    |action: &str| grants.iter().filter(|(granted, _)| granted == action).count() as f64;
                let queues = asked("sqs:GetQueueAttributes");
                add("sqs_request", here * queues, format!("health looks at {queues} queues"));
                add("sqs_request", here * 2.0, "health sends a message that start takes".to_owned());
                calls += here;
                add("dynamodb_read_unit", here * HEALTH_READ_UNITS, "health reads what it wrote".to_owned());
                add(
                    "dynamodb_write_unit",
                    here * HEALTH_WRITE_UNITS,
                    "health writes, and deletes".to_owned(),
                );
                add("s3_put_request", here, "health stores an object".to_owned());
                add("s3_get_request", here, "health reads it back".to_owned());
                add(
                    "secret_call",
                    here * asked("secretsmanager:GetSecretValue"),
                    "health reads the secret".to_owned(),
                );
            }
        }
    }
    add("sqs_request", queues * POLLS_A_MINUTE * MINUTES_A_MONTH, format!("Lambda polls {queues} queues"));
    add("lambda_request", calls, "sweep and health".to_owned());
    add("lambda_gigabyte_second", gigabyte_seconds, "sweep and health".to_owned());
    add("log_gigabyte", calls * LOG_BYTES_A_CALL / 1e9, "sweep and health".to_owned());
    uses
}

/// One price: dollars each, and how many are free every month.
fn price(prices: &toml::Table, thing: &str) -> (f64, f64) {
    let number = |name: &str| {
        let value = &prices[thing][name];
        value.as_float().or_else(|| value.as_integer().map(|number| number as f64)).unwrap()
    };
    (number("price"), number("free"))
}

/// The bill as lines of text, its sum, and its sum if nothing were free.
fn bill(bundle: &Bundle) -> (String, f64, f64) {
    let prices: toml::Table = include_str!("prices.toml").parse().unwrap();
    let mut amounts: BTreeMap<&str, (f64, Vec<String>)> = BTreeMap::new();
    for Use { thing, amount, why } in uses(bundle) {
        let entry = amounts.entry(thing).or_default();
        entry.0 += amount;
        entry.1.push(why);
    }
    let (mut text, mut sum, mut whole) = (String::new(), 0.0, 0.0);
    for (thing, (amount, whys)) in amounts {
        let (each, free) = price(&prices, thing);
        let paid = (amount - free).max(0.0) * each;
        sum += paid;
        whole += amount * each;
        let _ = writeln!(text, "{thing:24} {amount:>12.1} free {free:>9} ${paid:.3}  {}", whys.join(", "));
    }
    (text, sum, whole)
}

#[test]
fn lite_costs_next_to_nothing_idle() {
    let bundle = Bundle::read();
    let (text, sum, whole) = bill(&bundle);
    let mut bare = bundle.clone();
    bare.files.remove("infra/dashboard.yaml");
    let (_, _, bare) = bill(&bare);
    println!(
        "{text}lite, idle: ${sum:.2} a month; with nothing free ${bare:.2} without the dashboard, ${whole:.2} with it"
    );
    assert!(sum <= MOST_USD_A_MONTH, "${sum:.2} a month");
    assert!(bare <= MOST_USD_A_MONTH_NOTHING_FREE, "with nothing free and no dashboard ${bare:.2} a month");
    let told = std::fs::read_to_string(crate::assay::root().join("docs/deploy.md")).unwrap();
    for figure in [format!("${sum:.2} a month"), format!("${bare:.2}"), format!("${whole:.2}")] {
        assert!(told.contains(&figure), "docs/deploy.md does not say {figure}");
    }
    // Everything in the network is paid by the hour; none of it is part of lite.
    for resource in bundle.resources().filter(|resource| resource.file == "infra/network.yaml") {
        assert_eq!(bundle.resource("Network").unwrap().body["Condition"], "Full", "{}", resource.id);
    }
    // The only things paid by the month or hour that lite has are those counted.
    let by_the_hour =
        ["AWS::EC2::", "AWS::ElastiCache::", "AWS::KMS::", "AWS::RDS::", "AWS::OpenSearchService::"];
    for resource in bundle.resources().filter(|resource| resource.file != "infra/network.yaml") {
        assert!(
            !by_the_hour.iter().any(|kind| resource.kind().starts_with(kind)),
            "{} is paid by the hour",
            resource.id
        );
    }
    let table = bundle.of_kind("AWS::DynamoDB::Table").next().unwrap();
    assert_eq!(table.property("BillingMode"), "PAY_PER_REQUEST");
}

#[test]
fn one_more_thing_is_one_more_line_of_the_bill() {
    let bundle = Bundle::read();
    let before = bill(&bundle).1;
    let check = |file: &str, pointer: &str, id: &str, cents: f64| {
        let mut more = bundle.clone();
        let template = std::sync::Arc::make_mut(more.files.get_mut(file).unwrap());
        let parent = template.pointer_mut(pointer).unwrap();
        let copy = parent[id].clone();
        parent["Another"] = copy;
        let after = bill(&more).1;
        assert!((after - before - cents / 100.0).abs() < 0.002, "another {id}: ${before:.3} to ${after:.3}");
    };
    check("infra/alarms.yaml", "/Resources", "MessagesGivenUp", 10.0);
    check("infra/alarms.yaml", "/Resources", "DeadLettersWait", 20.0);
    check("infra/alarms.yaml", "/Resources", "StepErrors", 20.0);
    check("infra/alarms.yaml", "/Resources", "Unwell", 50.0);
    check("infra/data.yaml", "/Resources", "Secret", 40.0);
    check("template.yaml", "/Resources/StartFunction/Properties/Events", "Runs", 26.3);
    check("infra/queues.yaml", "/Resources", "RunsQueue", 0.0);
}

#[test]
fn free_dashboards_show_fifty_metrics_at_most() {
    let bundle = Bundle::read();
    for dashboard in bundle.of_kind("AWS::CloudWatch::Dashboard") {
        let body: Value = serde_json::from_str(&bundle.property(dashboard, "DashboardBody")).unwrap();
        let rows = body["widgets"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
        let metrics = rows.filter(|row| row[0].is_string()).count();
        assert!(metrics <= 50, "{metrics} metrics");
    }
}
