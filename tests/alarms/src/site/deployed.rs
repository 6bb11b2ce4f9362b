//! What the templates say of functions, queues and logs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::figures::Metric;
use crate::template::Template;
use crate::yaml;

/// The line that AWS writes of every invocation, if it failed.
const FAILED: &str = r#"{ $.type = "platform.report" && $.record.status != "success" }"#;

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// After so many milliseconds an invocation is ended.
    pub timeout_ms: u64,
    /// So many messages of its queue at once.
    pub concurrency: usize,
    /// The clock calls it so often; 0 for never.
    pub every_ms: u64,
    /// A call of the clock that was refused is tried again for so long.
    pub event_age_ms: u64,
    /// What its failed invocations are counted in.
    pub failures: Option<Metric>,
}

/// The bundle, as it is deployed under the name of a stack.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The stack's name.
    pub stack: String,
    /// By name, such as `agent-light`.
    pub functions: BTreeMap<String, Function>,
    /// How long a message taken from a queue is invisible, by the queue's name.
    pub visibility_ms: BTreeMap<String, u64>,
    /// How often a message is received before it is a dead letter.
    pub most_receives: u32,
}

impl Deployed {
    /// Reads the templates of the repository.
    ///
    /// # Errors
    /// If something is not where it is expected.
    pub fn read(root: &Path, stack: &str) -> Result<Self, String> {
        let file = |name: &str| {
            let text =
                std::fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"))?;
            yaml::parse(&text)
        };
        let named = [("Stack", Value::from(stack))];
        let logs = Template::new(
            file("infra/logs.yaml")?,
            &[named.clone(), [("RetentionDays", Value::from(1))]].concat(),
        )?;
        let failures = failures(&logs)?;
        let template = file("template.yaml")?;
        let mut functions = BTreeMap::new();
        for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
            if resource["Type"] == "AWS::Serverless::Function" {
                let properties = &resource["Properties"];
                let name = properties["FunctionName"]["Fn::Sub"]
                    .as_str()
                    .and_then(|name| name.strip_prefix("${AWS::StackName}-"));
                let name = name.ok_or_else(|| format!("{id} has another name"))?;
                let function = function(&template, properties, failures.get(name))
                    .ok_or_else(|| format!("{id} is of another shape"))?;
                functions.insert(name.to_owned(), function);
            }
        }
        let queues = file("infra/queues.yaml")?;
        let (mut visibility_ms, mut most_receives) = (BTreeMap::new(), 0);
        for (id, resource) in queues["Resources"].as_object().into_iter().flatten() {
            let properties = &resource["Properties"];
            if let Some(seconds) = properties["VisibilityTimeout"].as_u64() {
                visibility_ms.insert(id.clone(), seconds * 1_000);
            }
            if let Some(most) = properties["RedrivePolicy"]["maxReceiveCount"].as_u64() {
                most_receives = most as u32;
            }
        }
        Ok(Self { stack: stack.to_owned(), functions, visibility_ms, most_receives })
    }
}

fn function(template: &Value, properties: &Value, failures: Option<&Metric>) -> Option<Function> {
    let (mut concurrency, mut every_ms) = (0, 0);
    for event in properties["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
        if let Some(rate) = event["Properties"]["Schedule"].as_str() {
            let minutes: u64 = rate.strip_prefix("rate(")?.split(' ').next()?.parse().ok()?;
            every_ms = minutes * 60_000;
        }
        let most = &event["Properties"]["ScalingConfig"]["MaximumConcurrency"];
        let default = most["Ref"].as_str().map(|name| &template["Parameters"][name]["Default"]);
        concurrency = default.unwrap_or(most).as_u64().unwrap_or_default() as usize;
    }
    Some(Function {
        timeout_ms: properties["Timeout"].as_u64()? * 1_000,
        concurrency,
        every_ms,
        event_age_ms: properties["EventInvokeConfig"]["MaximumEventAgeInSeconds"].as_u64().unwrap_or(0)
            * 1_000,
        failures: failures.cloned(),
    })
}

/// What counts failed invocations, by function.
fn failures(logs: &Template) -> Result<BTreeMap<String, Metric>, String> {
    let mut groups = BTreeMap::new();
    for (id, properties) in logs.resources("AWS::Logs::LogGroup")? {
        groups.insert(id, properties["LogGroupName"].as_str().unwrap_or_default().to_owned());
    }
    let mut metrics = BTreeMap::new();
    for (id, properties) in logs.resources("AWS::Logs::MetricFilter")? {
        let group = properties["LogGroupName"].as_str().and_then(|id| groups.get(id));
        let name = group.and_then(|group| group.split_once('-')).map(|(_, name)| name.to_owned());
        let to = &properties["MetricTransformations"][0];
        let metric = to["MetricNamespace"].as_str().zip(to["MetricName"].as_str());
        match (name, metric) {
            (Some(name), Some((namespace, metric))) if properties["FilterPattern"] == FAILED => {
                metrics.insert(name, Metric::new(namespace, metric, None));
            }
            _ => return Err(format!("{id} counts something else")),
        }
    }
    Ok(metrics)
}
