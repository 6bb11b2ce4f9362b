//! Functions, what calls them, and what they are given.

use serde_json::Value;

use super::super::bundle::{Bundle, ROOT, Resource};
use super::super::facts::{FUNCTIONS, Function, VARIABLES};
use super::super::faults::{Faults, Rule};
use super::roles;

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the functions are the ten of functions/", look: all_there },
    Rule { name: "a function has the stack's name and its own", look: named },
    Rule { name: "a function runs as long as agreed", look: timeouts },
    Rule { name: "a function has a little memory, and what embeds has room for its model", look: memory },
    Rule { name: "all functions are Rust binaries of one architecture", look: globals },
    Rule { name: "a function is built from the binary of its name, all in one target", look: built },
    Rule { name: "a function has a role of its own", look: own_role },
    Rule { name: "a function writes to a log group of its own, as JSON", look: own_log },
    Rule { name: "what tells spans is traced by X-Ray on demand, and nothing else is", look: traced },
    Rule { name: "a function is given the variables it reads and no others", look: variables },
    Rule { name: "a variable means the same everywhere", look: values },
    Rule {
        name: "agents and health are in the network of the full profile, and nothing else",
        look: network,
    },
    Rule {
        name: "concurrency is reserved on demand only, for agents only, as much as their queues bring",
        look: reserved,
    },
    Rule { name: "a function that may send to its own queue is allowed to", look: recursion },
    Rule { name: "a function is called for its queues and no others", look: sources },
    Rule { name: "a message is taken alone", look: batches },
    Rule { name: "a failed message is reported by name", look: partial_batches },
    Rule { name: "every queue has a bound on messages at once", look: concurrency },
    Rule { name: "sweep runs each minute and health every two", look: schedules },
    Rule { name: "a scheduled call that fails is not repeated, nor made late", look: no_late_calls },
    Rule { name: "a scheduled call ends before the next begins", look: no_overlap },
    Rule { name: "function resources hold nothing unknown", look: closed },
];

/// Every function with its resource, where there is one.
pub(crate) fn each(bundle: &Bundle) -> impl Iterator<Item = (&'static Function, Resource<'_>)> {
    FUNCTIONS.iter().filter_map(|function| Some((function, bundle.resource(&function.id())?)))
}

/// Its events of one kind: name and properties.
pub(crate) fn events<'a>(function: Resource<'a>, kind: &'a str) -> Vec<(&'a str, &'a Value)> {
    let events = function.property("Events").as_object().into_iter().flatten();
    events
        .filter(|(_, event)| event["Type"] == kind)
        .map(|(name, event)| (name.as_str(), &event["Properties"]))
        .collect()
}

fn all_there(bundle: &Bundle, faults: &mut Faults) {
    let actual = bundle.of_kind("AWS::Serverless::Function").map(|function| function.id);
    faults.same("the template", actual, FUNCTIONS.iter().map(Function::id));
}

fn named(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = format!("<AWS::StackName>-{}", function.name);
        faults.equal(function.name, bundle.property(resource, "FunctionName"), expected);
    }
}

fn timeouts(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        faults.equal(function.name, resource.property("Timeout").as_u64(), Some(function.timeout));
    }
}

fn memory(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let megabytes = resource.property("MemorySize").as_u64().unwrap_or_default();
        // The embedding model needs some; with more of it a run would cost more than it may.
        let fits = match function.name {
            "agent-semantic" | "health" => megabytes == 512,
            _ => (128..=512).contains(&megabytes),
        };
        faults.unless(fits, format!("{} has {megabytes} MB", function.name));
    }
}

fn globals(bundle: &Bundle, faults: &mut Faults) {
    let globals = &bundle.files[ROOT]["Globals"];
    faults.equal("the defaults", bundle.text(ROOT, globals), "{Function: {Architectures: [<Architecture>], CodeUri: ., Handler: bootstrap, Runtime: provided.al2023}}");
}

fn built(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected =
            format!("{{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: {}}}}}", function.name);
        faults.equal(function.name, bundle.text(ROOT, &resource.body["Metadata"]), expected);
    }
}

fn own_role(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = format!("<{}Role.Arn>", function.stem());
        faults.equal(function.name, bundle.property(resource, "Role"), expected);
    }
}

fn own_log(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = format!("{{LogFormat: JSON, LogGroup: <{}Log>}}", function.stem());
        faults.equal(function.name, bundle.property(resource, "LoggingConfig"), expected);
    }
}

/// The daemon that takes spans stands beside a function only where its tracing is on.
fn traced(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = if function.tells_spans() { "if Traced then Active else PassThrough" } else { "" };
        faults.equal(function.name, bundle.property(resource, "Tracing"), expected);
    }
}

fn variables(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let set = resource.property("Environment")["Variables"].as_object();
        let set = set.into_iter().flatten().map(|(name, _)| name.as_str());
        let measures = (function.name != "fetch").then_some("ASSAY_STACK");
        let needed = function.variables.iter().copied().chain(["ASSAY_LOG"]).chain(measures);
        faults.same(function.name, set, needed);
    }
}

fn values(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        for (name, value) in resource.property("Environment")["Variables"].as_object().into_iter().flatten() {
            let expected = VARIABLES.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            let actual = bundle.text(resource.file, value);
            faults.equal(format!("{name} of {}", function.name), Some(actual.as_str()), expected);
        }
    }
}

fn network(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = if function.in_network {
            "if Full then {SecurityGroupIds: [<FunctionsGroup.GroupId>], SubnetIds: {Fn::Split: [,, if Own then \
             {Fn::Join: [,, [<PrivateA>, <PrivateB>]]} else <SubnetIds>]}} else <AWS::NoValue>"
        } else {
            ""
        };
        faults.equal(function.name, bundle.property(resource, "VpcConfig"), expected);
    }
}

fn reserved(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = if function.name.starts_with("agent-") {
            format!("if Reserved then <{}Concurrency> else <AWS::NoValue>", function.stem())
        } else {
            String::new()
        };
        faults.equal(function.name, bundle.property(resource, "ReservedConcurrentExecutions"), expected);
    }
}

/// AWS ends what looks like a loop after sixteen calls; a step that comes back later is one on purpose.
fn recursion(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let sends_to_itself = function.consumes.iter().any(|queue| {
            let queue = format!("<{queue}.Arn>");
            roles::grants(bundle, &function.stem()).contains(&("sqs:SendMessage".to_owned(), queue))
        });
        let expected = if sends_to_itself { "Allow" } else { "" };
        faults.equal(function.name, bundle.property(resource, "RecursiveLoop"), expected);
    }
}

fn sources(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let queues =
            events(resource, "SQS").into_iter().map(|(_, event)| bundle.text(resource.file, &event["Queue"]));
        faults.same(function.name, queues, function.consumes.iter().map(|queue| format!("<{queue}.Arn>")));
    }
}

fn batches(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        for (event, properties) in events(resource, "SQS") {
            faults.equal(format!("{} {event}", function.name), properties["BatchSize"].as_u64(), Some(1));
        }
    }
}

fn partial_batches(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        for (event, properties) in events(resource, "SQS") {
            let actual = bundle.text(resource.file, &properties["FunctionResponseTypes"]);
            faults.equal(format!("{} {event}", function.name), actual, "[ReportBatchItemFailures]");
        }
    }
}

fn concurrency(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = match function.name {
            "agent-light" | "agent-tools" | "agent-semantic" => {
                format!("{{MaximumConcurrency: <{}Concurrency>}}", function.stem())
            }
            "dead-letter" => "{MaximumConcurrency: 2}".to_owned(),
            _ => "{MaximumConcurrency: 4}".to_owned(),
        };
        for (event, properties) in events(resource, "SQS") {
            let actual = bundle.text(resource.file, &properties["ScalingConfig"]);
            faults.equal(format!("{} {event}", function.name), actual, expected.as_str());
        }
    }
}

fn schedules(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected: &[&str] = match function.name {
            "sweep" => &["rate(1 minute)"],
            "health" => &["rate(2 minutes)"],
            _ => &[],
        };
        let actual = events(resource, "Schedule");
        let actual = actual.iter().map(|(_, event)| bundle.text(resource.file, event));
        faults.same(function.name, actual, expected.iter().map(|rate| format!("{{Schedule: {rate}}}")));
    }
}

/// Seconds between two calls of a function that runs on a schedule.
fn period(function: &Function) -> Option<u64> {
    match function.name {
        "sweep" => Some(60),
        "health" => Some(120),
        _ => None,
    }
}

fn no_late_calls(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = match period(function) {
            Some(seconds) => format!("{{MaximumEventAgeInSeconds: {seconds}, MaximumRetryAttempts: 0}}"),
            None => String::new(),
        };
        faults.equal(function.name, bundle.property(resource, "EventInvokeConfig"), expected);
    }
}

fn no_overlap(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let timeout = resource.property("Timeout").as_u64().unwrap_or_default();
        let fits = period(function).is_none_or(|seconds| timeout < seconds);
        faults.unless(fits, format!("{} may take {timeout} s", function.name));
    }
}

fn closed(bundle: &Bundle, faults: &mut Faults) {
    const KNOWN: &[&str] = &[
        "FunctionName",
        "Role",
        "LoggingConfig",
        "Tracing",
        "Timeout",
        "MemorySize",
        "Layers",
        "ReservedConcurrentExecutions",
        "RecursiveLoop",
        "VpcConfig",
        "EventInvokeConfig",
        "Environment",
        "Events",
    ];
    for (function, resource) in each(bundle) {
        let properties = resource.body["Properties"].as_object().into_iter().flatten();
        for (name, _) in properties.filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            faults.unless(false, format!("{} has {name}", function.name));
        }
        let events = resource.property("Events").as_object().into_iter().flatten();
        for (name, event) in events {
            let known = event["Type"] == "SQS" || event["Type"] == "Schedule";
            faults.unless(known, format!("{} is called by {name}: {}", function.name, event["Type"]));
        }
    }
}
