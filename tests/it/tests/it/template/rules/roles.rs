//! Who may do what.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::bundle::{Bundle, Resource};
use super::super::facts::{EXECUTIONS, FUNCTIONS, MACHINE, QUEUES, camel, kebab};
use super::super::faults::{Faults, Rule};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "every function and the workflow have one role, and there is no other", look: one_each },
    Rule { name: "a role is taken by its own service only", look: trust },
    Rule { name: "a role has one policy, of today's language", look: one_policy },
    Rule { name: "a role grants exactly what its code calls", look: exact },
    Rule { name: "a statement has a name and one effect", look: statements_are_plain },
    Rule { name: "no action is a pattern", look: no_action_patterns },
    Rule { name: "everything is granted only where AWS knows no resource", look: few_stars },
    Rule {
        name: "only functions in the network may make interfaces, only what tells spans may tell X-Ray, on demand",
        look: conditional,
    },
    Rule { name: "what a function is given it may use", look: given_is_usable },
    Rule { name: "fetch may do nothing", look: fetch_is_bare },
];

/// What steps do to rows: none is ever deleted by one.
const STEP_ROWS: &[&str] = &[
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:ConditionCheckItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
];
/// What runs that begin and end do to rows.
const RUN_ROWS: &[&str] = &[
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
];
/// What ends a step of which no worker could handle the message.
const BURIAL_ROWS: &[&str] =
    &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
const CONSUME: &[&str] = &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
const OBJECTS: &[&str] = &["s3:GetObject", "s3:PutObject"];
const REPORT: &[&str] = &["states:SendTaskSuccess", "states:SendTaskFailure"];
const TRACES: &[&str] = &[
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
];
const LOG_DELIVERY: &[&str] = &[
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
];
const INTERFACES: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

type Grants = BTreeSet<(String, String)>;

/// Names of roles, without `Role`.
fn stems() -> impl Iterator<Item = String> {
    FUNCTIONS.iter().map(|function| function.stem()).chain(["Workflow".to_owned()])
}

fn role<'a>(bundle: &'a Bundle, stem: &str) -> Option<Resource<'a>> {
    bundle.resource(&format!("{stem}Role"))
}

/// The statements of a role, each with the condition it depends on (empty if none).
fn statements(role: Resource<'_>) -> Vec<(String, &Value)> {
    let policies = role.property("Policies").as_array().into_iter().flatten();
    let listed =
        policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten());
    listed
        .flat_map(|statement| match &statement["Fn::If"] {
            Value::Array(branches) if branches.len() == 3 => {
                let condition = branches[0].as_str().unwrap_or_default().to_owned();
                let other = (branches[2]["Ref"] != "AWS::NoValue")
                    .then(|| (format!("not {condition}"), &branches[2]));
                [Some((condition, &branches[1])), other].into_iter().flatten().collect()
            }
            _ => vec![(String::new(), statement)],
        })
        .collect()
}

fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

/// What a function's role allows without any condition: action and resource.
pub(crate) fn grants(bundle: &Bundle, stem: &str) -> Grants {
    let Some(role) = role(bundle, stem) else { return Grants::new() };
    let mut grants = Grants::new();
    for (condition, statement) in statements(role) {
        if condition.is_empty() && statement["Effect"] == "Allow" {
            for action in many(&statement["Action"]) {
                for resource in many(&statement["Resource"]) {
                    grants.insert((bundle.text(role.file, action), bundle.text(role.file, resource)));
                }
            }
        }
    }
    grants
}

impl crate::bundle::fit::Granted {
    /// What the templates grant each function without any condition.
    pub(crate) fn read() -> Self {
        let bundle = Bundle::read();
        let each = FUNCTIONS.iter();
        Self(each.map(|function| (function.name, grants(&bundle, &function.stem()))).collect())
    }
}

fn arn(queue: &str) -> String {
    format!("<{queue}.Arn>")
}

/// What the code of a function calls, or the platform for it.
fn needed(stem: &str) -> Grants {
    let mut needed = Grants::new();
    let mut add = |actions: &[&str], resources: &[String]| {
        for action in actions {
            needed.extend(resources.iter().map(|resource| ((*action).to_owned(), resource.clone())));
        }
    };
    let table = ["<Table.Arn>".to_owned()];
    let index = |name: &str| [format!("<Table.Arn>/index/{name}")];
    let bucket = ["<Bucket.Arn>".to_owned()];
    let content = ["<Bucket.Arn>/content/*".to_owned()];
    let secret = ["<Secret.Id>".to_owned()];
    let machine = [MACHINE.to_owned()];
    // AWS finds a token's machine; an emulator does not.
    let token = [format!("if OnAws then {MACHINE} else *")];
    let executions = [EXECUTIONS.to_owned()];
    let everything = ["*".to_owned()];
    let own_queue = [arn(&format!("{stem}Queue"))];
    let function = FUNCTIONS.iter().find(|function| function.stem() == stem);
    if let Some(function) = function {
        let name = function.name;
        let log = format!(
            "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/lambda/<AWS::StackName>-{name}:*"
        );
        add(&["logs:CreateLogStream", "logs:PutLogEvents"], &[log]);
        let consumed: Vec<String> = function.consumes.iter().map(|queue| arn(queue)).collect();
        add(CONSUME, &consumed);
    }
    match stem {
        "Fetch" => {}
        "Health" => {
            let queues = QUEUES.map(|queue| arn(&format!("{queue}Queue")));
            add(&["sqs:GetQueueAttributes"], &queues);
            add(&["sqs:SendMessage"], &[arn("RunsQueue")]);
            add(STEP_ROWS, &table);
            add(OBJECTS, &content);
            add(&["states:DescribeStateMachine"], &machine);
            add(&["states:SendTaskSuccess"], &token);
            add(&["secretsmanager:GetSecretValue"], &secret);
        }
        "Workflow" => {
            let queues = ["AgentLight", "AgentTools", "AgentSemantic", "Deliveries"];
            add(&["sqs:SendMessage"], &queues.map(|queue| arn(&format!("{queue}Queue"))));
            add(LOG_DELIVERY, &everything);
            add(TRACES, &everything);
        }
        _ => {}
    }
    match stem {
        "Api" => {
            add(RUN_ROWS, &table);
            add(&["dynamodb:Query"], &index("gsi1"));
            add(OBJECTS, &[content[0].clone(), "<Bucket.Arn>/uploads/*".to_owned()]);
            // Who may not list is told that a missing upload is forbidden.
            add(&["s3:ListBucket"], &bucket);
            add(&["sqs:SendMessage"], &[arn("RunsQueue")]);
        }
        "Start" => {
            add(&["dynamodb:GetItem"], &table);
            add(&["states:StartExecution"], &machine);
            // The one step of a run that makes a stored answer ahead.
            let queues = ["AgentLight", "AgentTools", "AgentSemantic"];
            add(&["sqs:SendMessage"], &queues.map(|queue| arn(&format!("{queue}Queue"))));
            add(&["sqs:ChangeMessageVisibility"], &[arn("RunsQueue")]);
        }
        "AgentLight" | "AgentTools" | "AgentSemantic" => {
            add(STEP_ROWS, &table);
            add(OBJECTS, &content);
            add(REPORT, &token);
            add(&["sqs:SendMessage", "sqs:ChangeMessageVisibility"], &own_queue);
            add(&["secretsmanager:GetSecretValue"], &secret);
        }
        "Deliver" => {
            add(RUN_ROWS, &table);
            add(&["s3:GetObject"], &content);
            add(&["s3:PutObject"], &["<Bucket.Arn>/briefings/*".to_owned()]);
            add(&["sqs:SendMessage", "sqs:ChangeMessageVisibility"], &[arn("DeliveriesQueue")]);
            add(&["states:StopExecution"], &executions);
        }
        "DeadLetter" => {
            add(BURIAL_ROWS, &table);
            add(&["s3:GetObject"], &content);
            add(REPORT, &token);
            add(&["sqs:SendMessage"], &[arn("ParkedQueue")]);
        }
        "Sweep" => {
            add(RUN_ROWS, &table);
            add(&["dynamodb:Query"], &index("due"));
            add(&["s3:GetObject"], &content);
            add(&["sqs:SendMessage"], &[arn("RunsQueue"), arn("DeliveriesQueue")]);
            add(&["states:StopExecution"], &executions);
        }
        _ => {}
    }
    if stem == "AgentTools" {
        let fetch =
            "arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:<AWS::StackName>-fetch";
        add(&["lambda:InvokeFunction"], &[fetch.to_owned()]);
    }
    needed
}

fn one_each(bundle: &Bundle, faults: &mut Faults) {
    let actual = bundle.of_kind("AWS::IAM::Role").map(|role| role.id);
    faults.same("the template", actual, stems().map(|stem| stem + "Role"));
}

fn trust(bundle: &Bundle, faults: &mut Faults) {
    for stem in stems() {
        let Some(role) = role(bundle, &stem) else { continue };
        let expected = if stem == "Workflow" {
            "{Statement: [{Action: sts:AssumeRole, Condition: {StringEquals: {aws:SourceAccount: <AWS::AccountId>}}, \
             Effect: Allow, Principal: {Service: states.amazonaws.com}}], Version: 2012-10-17}"
        } else {
            "{Statement: [{Action: sts:AssumeRole, Effect: Allow, Principal: {Service: lambda.amazonaws.com}}], \
             Version: 2012-10-17}"
        };
        faults.equal(&stem, bundle.property(role, "AssumeRolePolicyDocument"), expected);
    }
}

fn one_policy(bundle: &Bundle, faults: &mut Faults) {
    for role in bundle.of_kind("AWS::IAM::Role") {
        let policies = role.property("Policies").as_array().map_or(&[][..], Vec::as_slice);
        faults.equal(format!("policies of {}", role.id), policies.len(), 1);
        for policy in policies {
            faults.equal(
                format!("{}'s policy", role.id),
                camel(policy["PolicyName"].as_str().unwrap_or("-")) + "Role",
                role.id,
            );
            faults.equal(role.id, policy["PolicyDocument"]["Version"].as_str(), Some("2012-10-17"));
        }
    }
}

fn exact(bundle: &Bundle, faults: &mut Faults) {
    for stem in stems() {
        let line = |(action, resource): (String, String)| format!("{action} on {resource}");
        let granted = grants(bundle, &stem).into_iter().map(line);
        faults.same(&stem, granted, needed(&stem).into_iter().map(line));
    }
}

fn statements_are_plain(bundle: &Bundle, faults: &mut Faults) {
    for role in bundle.of_kind("AWS::IAM::Role") {
        let mut names = BTreeSet::new();
        for (_, statement) in statements(role) {
            let keys: BTreeSet<&str> =
                statement.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            faults.equal(role.id, keys, BTreeSet::from(["Action", "Effect", "Resource", "Sid"]));
            faults.equal(role.id, statement["Effect"].as_str(), Some("Allow"));
            let sid = statement["Sid"].as_str().unwrap_or_default();
            let plain = !sid.is_empty() && sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
            faults.unless(plain && names.insert(sid), format!("{} has a statement {sid:?}", role.id));
            for list in ["Action", "Resource"] {
                let items = many(&statement[list]).into_iter().map(|item| bundle.text(role.file, item));
                let items: Vec<String> = items.collect();
                faults.same(format!("{list} of {}", role.id), items.clone(), items);
            }
        }
    }
}

fn no_action_patterns(bundle: &Bundle, faults: &mut Faults) {
    for role in bundle.of_kind("AWS::IAM::Role") {
        for (_, statement) in statements(role) {
            for action in many(&statement["Action"]) {
                let plain =
                    action.as_str().is_some_and(|action| action.contains(':') && !action.contains('*'));
                faults.unless(plain, format!("{} may {action}", role.id));
            }
        }
    }
}

/// Why each of them: interfaces are not there before the function is; log delivery and traces know no resource.
fn few_stars(bundle: &Bundle, faults: &mut Faults) {
    let listed = [INTERFACES, LOG_DELIVERY, TRACES].concat();
    for role in bundle.of_kind("AWS::IAM::Role") {
        for (_, statement) in statements(role) {
            if many(&statement["Resource"]).iter().any(|resource| *resource == "*") {
                for action in many(&statement["Action"]) {
                    let known = action.as_str().is_some_and(|action| listed.contains(&action));
                    faults.unless(known, format!("{} may {action} on everything", role.id));
                }
            }
        }
    }
}

fn conditional(bundle: &Bundle, faults: &mut Faults) {
    let purger =
        "arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:<AWS::StackName>-health";
    for function in &FUNCTIONS {
        let Some(role) = role(bundle, &function.stem()) else { continue };
        let granted = statements(role).into_iter().filter(|(condition, _)| !condition.is_empty());
        let granted = granted.flat_map(|(condition, statement)| {
            let resource = bundle.text(role.file, &statement["Resource"]);
            many(&statement["Action"])
                .into_iter()
                .map(|action| format!("{condition}: {} on {resource}", bundle.text(role.file, action)))
                .collect::<Vec<_>>()
        });
        let network = INTERFACES.iter().filter(|_| function.in_network);
        let network = network.map(|action| format!("Full: {action} on *"));
        let traces = TRACES.iter().filter(|_| function.tells_spans());
        let traces = traces.map(|action| format!("Traced: {action} on *"));
        // Redis is in the network and the API is not: whoever purges for it is.
        let purges = function.variables.contains(&"ASSAY_PURGE_FUNCTION");
        let purges = purges.then(|| format!("Full: lambda:InvokeFunction on {purger}"));
        faults.same(function.name, granted, network.chain(traces).chain(purges));
    }
}

/// A variable with nobody allowed to use what it names, or the other way round, is a mistake in one of them.
fn given_is_usable(bundle: &Bundle, faults: &mut Faults) {
    let pairs = [
        ("ASSAY_TABLE", "<Table.Arn>"),
        ("ASSAY_BUCKET", "<Bucket.Arn>"),
        ("ASSAY_SECRET", "<Secret.Id>"),
        ("ASSAY_FETCH_FUNCTION", ":function:"),
        ("ASSAY_STATE_MACHINE", "-content-intelligence"),
    ];
    for function in &FUNCTIONS {
        let grants = grants(bundle, &function.stem());
        for (variable, resource) in pairs {
            let given = function.variables.contains(&variable);
            let usable = grants.iter().any(|(_, granted)| granted.contains(resource));
            // Reporting needs no name: the token says where it belongs.
            let reports = variable == "ASSAY_STATE_MACHINE"
                && grants.iter().any(|(action, _)| REPORT.contains(&action.as_str()));
            faults.unless(given == usable || reports, format!("{} and {variable}", function.name));
        }
        for queue in QUEUES.into_iter().chain(["Parked"]) {
            let variable = format!("ASSAY_QUEUE_{}", kebab(queue).replace('-', "_").to_uppercase());
            let given = function.variables.contains(&variable.as_str());
            let queue = arn(&format!("{queue}Queue"));
            // What a function is called for it need not be told, unless it brings a failed message back early.
            let called_for = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
            let receives = grants.contains(&(called_for[0].to_owned(), queue.clone()));
            let usable = grants.iter().any(|(action, granted)| {
                *granted == queue && !(receives && called_for.contains(&action.as_str()))
            });
            faults.equal(format!("{} and {variable}", function.name), given, usable);
        }
    }
}

fn fetch_is_bare(bundle: &Bundle, faults: &mut Faults) {
    let actions = grants(bundle, "Fetch").into_iter().map(|(action, _)| action);
    faults.same("fetch", actions, ["logs:CreateLogStream", "logs:PutLogEvents"]);
}
