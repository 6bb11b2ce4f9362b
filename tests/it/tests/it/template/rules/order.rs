//! The order of the files: what is named exists, what is needed is given, defaults are safe.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::bundle::{Bundle, ROOT};
use super::super::facts::QUEUES;
use super::super::faults::{Faults, Rule};
use super::shapes::known_properties;

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "a file says what it is and holds nothing unknown", look: head },
    Rule { name: "every file is deployed once", look: files_deployed },
    Rule { name: "an id is used once over all files", look: unique_ids },
    Rule { name: "a resource has the properties of its type and no others", look: properties },
    Rule { name: "every name leads to something", look: references },
    Rule { name: "what waits, waits for something of its file", look: waits },
    Rule { name: "a nested file is given exactly what it asks for", look: nested_parameters },
    Rule { name: "a parameter says what it is for", look: parameters_described },
    Rule { name: "defaults are safe: small, kept, protected, closed", look: defaults },
    Rule { name: "a parameter takes only what makes sense", look: limits },
    Rule { name: "nested files take only what makes sense", look: nested_limits },
    Rule { name: "conditions mean what they are called", look: conditions },
    Rule { name: "what is left out, is left out under the right condition", look: conditional },
    Rule { name: "the stack says where everything is", look: outputs },
    Rule { name: "what a nested file hands out is taken", look: nested_outputs },
];

fn head(bundle: &Bundle, faults: &mut Faults) {
    for (file, template) in bundle.templates() {
        faults.equal(file, template["AWSTemplateFormatVersion"].as_str(), Some("2010-09-09"));
        let described = template["Description"].as_str().is_some_and(|text| text.len() > 20);
        faults.unless(described, format!("{file} does not say what it is"));
        let transform = (file == ROOT).then_some("AWS::Serverless-2016-10-31");
        faults.equal(file, template["Transform"].as_str(), transform);
        let known = [
            "AWSTemplateFormatVersion",
            "Description",
            "Transform",
            "Parameters",
            "Conditions",
            "Globals",
            "Resources",
            "Outputs",
        ];
        for (section, content) in template.as_object().into_iter().flatten() {
            faults.unless(known.contains(&section.as_str()), format!("{file} has {section}"));
            let empty = content.as_object().is_some_and(|content| content.is_empty());
            faults.unless(!empty, format!("{section} of {file} is empty"));
        }
        let kinds = template["Resources"].as_object().into_iter().flatten();
        for (id, body) in kinds {
            let known = [
                "Type",
                "Condition",
                "DependsOn",
                "DeletionPolicy",
                "UpdateReplacePolicy",
                "Metadata",
                "Properties",
            ];
            for (key, _) in body.as_object().into_iter().flatten() {
                faults.unless(known.contains(&key.as_str()), format!("{id} has {key}"));
            }
            faults.equal(id, body["Metadata"].is_object(), body["Type"] == "AWS::Serverless::Function");
        }
    }
}

fn files_deployed(bundle: &Bundle, faults: &mut Faults) {
    let nested =
        bundle.of_kind("AWS::CloudFormation::Stack").map(|stack| bundle.property(stack, "TemplateURL"));
    let files = bundle.templates().map(|(file, _)| file).filter(|file| *file != ROOT);
    faults.same("the template", nested, files);
    let stacks = bundle.of_kind("AWS::CloudFormation::Stack");
    for stack in stacks {
        let expected = stack.property("TemplateURL").as_str().and_then(|path| path.strip_prefix("infra/"));
        let named = format!("{}.yaml", stack.id.to_lowercase());
        faults.equal(stack.id, Some(named.as_str()), expected);
        faults.equal(stack.id, stack.file, ROOT);
    }
}

fn unique_ids(bundle: &Bundle, faults: &mut Faults) {
    let ids: Vec<&str> = bundle.resources().map(|resource| resource.id).collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    faults.same("the templates", ids, once);
}

fn properties(bundle: &Bundle, faults: &mut Faults) {
    for resource in bundle.resources() {
        let Some((needed, allowed)) = known_properties(resource.kind()) else {
            faults.unless(false, format!("{} is a {:?}", resource.id, resource.body["Type"]));
            continue;
        };
        let has = resource.body["Properties"].as_object();
        let has: BTreeSet<&str> = has.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        for name in needed.iter().filter(|name| !has.contains(*name)) {
            faults.unless(false, format!("{} lacks {name}", resource.id));
        }
        for name in has.iter().filter(|name| !needed.contains(name) && !allowed.contains(name)) {
            faults.unless(false, format!("{} has {name}", resource.id));
        }
    }
}

fn references(bundle: &Bundle, faults: &mut Faults) {
    for (file, template) in bundle.templates() {
        for section in ["Resources", "Outputs", "Conditions"] {
            for (id, body) in template[section].as_object().into_iter().flatten() {
                let text = bundle.text(file, body);
                for name in text.split("<?").skip(1) {
                    let name = name.split('>').next().unwrap_or_default();
                    faults.unless(false, format!("{id} of {file} names {name}, which is not there"));
                }
            }
        }
        let named = names_of_conditions(&template["Resources"], &template["Outputs"]);
        for name in named {
            faults
                .unless(!template["Conditions"][&name].is_null(), format!("{file} has no condition {name}"));
        }
    }
}

/// Conditions named by resources and by `Fn::If`.
fn names_of_conditions(resources: &Value, outputs: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(entries) => {
                if let Some(name) = entries.get("Fn::If").and_then(|branches| branches[0].as_str()) {
                    names.insert(name.to_owned());
                }
                entries.values().for_each(|value| collect(value, names));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    collect(resources, &mut names);
    collect(outputs, &mut names);
    let resources = resources.as_object().into_iter().flatten();
    names.extend(resources.filter_map(|(_, body)| Some(body["Condition"].as_str()?.to_owned())));
    names
}

fn waits(bundle: &Bundle, faults: &mut Faults) {
    for resource in bundle.resources() {
        let for_whom = match &resource.body["DependsOn"] {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            other => vec![other.clone()],
        };
        for id in for_whom {
            let there = id.as_str().and_then(|id| bundle.files[resource.file]["Resources"].get(id)).is_some();
            faults.unless(there, format!("{} waits for {id}", resource.id));
        }
    }
}

fn nested_parameters(bundle: &Bundle, faults: &mut Faults) {
    for stack in bundle.of_kind("AWS::CloudFormation::Stack") {
        let given =
            stack.property("Parameters").as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let file = stack.property("TemplateURL").as_str().and_then(|path| bundle.files.get(path));
        let asked = file.and_then(|file| file["Parameters"].as_object()).into_iter().flatten();
        faults.same(stack.id, given, asked.map(|(name, _)| name.as_str()));
        // A parameter is named after what it is, so that a wrong one is seen.
        for (name, value) in stack.property("Parameters").as_object().into_iter().flatten() {
            let text = bundle.text(ROOT, value);
            let expected = match name.as_str() {
                "Stack" => "<AWS::StackName>".to_owned(),
                "RetentionDays" => "<LogRetentionDays>".to_owned(),
                "Email" => "<AlarmEmail>".to_owned(),
                "ApiId" => "<Api>".to_owned(),
                "StateMachineArn" => "<Workflow>".to_owned(),
                "SecretArn" => "<Secret.Id>".to_owned(),
                name => match name.strip_suffix("Arn") {
                    Some(resource) => format!("<{resource}.Arn>"),
                    None => format!("<{name}>"),
                },
            };
            faults.equal(format!("{name} of {}", stack.id), text, expected);
        }
    }
}

fn parameters(bundle: &Bundle, root: bool) -> impl Iterator<Item = (&str, &str, &Value)> {
    let files = bundle.templates().filter(move |(file, _)| (*file == ROOT) == root);
    files.flat_map(|(file, template)| {
        let parameters = template["Parameters"].as_object().into_iter().flatten();
        parameters.map(move |(name, parameter)| (file, name.as_str(), parameter))
    })
}

fn parameters_described(bundle: &Bundle, faults: &mut Faults) {
    for (file, name, parameter) in parameters(bundle, true).chain(parameters(bundle, false)) {
        let plain = file == "infra/roles.yaml" && name.ends_with("Arn");
        let described = parameter["Description"].as_str().is_some_and(|text| text.len() > 7);
        faults.unless(plain || described, format!("{name} of {file} does not say what it is for"));
        let kind = parameter["Type"].as_str().unwrap_or_default();
        faults.unless(kind == "String" || kind == "Number", format!("{name} of {file} is a {kind:?}"));
        let known =
            ["Type", "Default", "AllowedValues", "AllowedPattern", "MinValue", "MaxValue", "Description"];
        for (key, _) in parameter.as_object().into_iter().flatten() {
            faults.unless(known.contains(&key.as_str()), format!("{name} of {file} has {key}"));
        }
        faults.unless(
            file == ROOT || parameter["Default"].is_null(),
            format!("{name} of {file} need not be given"),
        );
    }
}

fn defaults(bundle: &Bundle, faults: &mut Faults) {
    let expected: BTreeMap<&str, Value> = BTreeMap::from([
        ("Profile", json!("lite")),
        ("Architecture", json!("arm64")),
        ("LlmBaseUrl", json!("")),
        ("LlmProtocol", json!("")),
        ("LlmModel", json!("")),
        ("LlmPrice", json!("")),
        ("DailyBudgetUsd", json!(20)),
        ("MonthlyBudgetUsd", json!("")),
        ("MaxPerRequestUsd", json!("")),
        ("CacheWarmingUsdPerHour", json!(0)),
        ("AlarmEmail", json!("")),
        ("AgentLightConcurrency", json!(4)),
        ("AgentToolsConcurrency", json!(4)),
        ("AgentSemanticConcurrency", json!(2)),
        ("ReserveConcurrency", json!("false")),
        ("LogRetentionDays", json!(30)),
        ("FetchContact", json!("")),
        ("FetchAllow", json!("")),
        ("OtlpEndpoint", json!("")),
        ("TraceWithXRay", json!("false")),
        ("DeletionProtection", json!("true")),
        ("ShowDashboard", json!("true")),
        ("VpcId", json!("")),
        ("SubnetIds", json!("")),
        ("NatGateways", json!(1)),
        ("Emulated", json!("false")),
    ]);
    let actual =
        parameters(bundle, true).map(|(_, name, parameter)| format!("{name}={}", parameter["Default"]));
    faults.same("the template", actual, expected.iter().map(|(name, value)| format!("{name}={value}")));
}

fn limits(bundle: &Bundle, faults: &mut Faults) {
    for (_, name, parameter) in parameters(bundle, true) {
        let expected = match name {
            "Profile" => json!({"AllowedValues": ["lite", "full"]}),
            "Architecture" => json!({"AllowedValues": ["arm64", "x86_64"]}),
            "LlmProtocol" => json!({"AllowedValues": ["", "openai", "anthropic"]}),
            "DailyBudgetUsd" | "CacheWarmingUsdPerHour" => json!({"MinValue": 0}),
            "MonthlyBudgetUsd" | "MaxPerRequestUsd" => json!({"AllowedPattern": r"^([0-9]+(\.[0-9]+)?)?$"}),
            "LogRetentionDays" => json!({"AllowedValues": [1, 3, 5, 7, 14, 30, 60, 90, 180, 365]}),
            "DeletionProtection" | "ShowDashboard" | "ReserveConcurrency" | "TraceWithXRay" | "Emulated" => {
                json!({"AllowedValues": ["true", "false"]})
            }
            "NatGateways" => json!({"AllowedValues": [1, 2]}),
            name if name.ends_with("Concurrency") => json!({"MinValue": 2, "MaxValue": 1000}),
            _ => json!({}),
        };
        let mut actual = json!({});
        for key in ["AllowedValues", "AllowedPattern", "MinValue", "MaxValue"] {
            if let Some(value) = parameter.get(key) {
                actual[key] = value.clone();
            }
        }
        faults.equal(name, actual, expected);
        let number = parameter["Default"].is_number();
        faults.equal(format!("{name}'s type"), parameter["Type"] == "Number", number);
    }
}

/// What the root says may be given, a nested file may say again; it may not say otherwise.
fn nested_limits(bundle: &Bundle, faults: &mut Faults) {
    for (file, name, parameter) in parameters(bundle, false) {
        let root = match name {
            "RetentionDays" => "LogRetentionDays",
            "Email" => "AlarmEmail",
            name => name,
        };
        let root = &bundle.files[ROOT]["Parameters"][root];
        let kind = if root.is_null() { json!("String") } else { root["Type"].clone() };
        faults.equal(format!("{name} of {file}"), &parameter["Type"], &kind);
        let repeated =
            !["Profile", "TraceWithXRay", "Emulated", "DeletionProtection", "NatGateways"].contains(&name);
        let expected = if repeated { &Value::Null } else { &root["AllowedValues"] };
        let values = |list: &Value| {
            list.as_array().map(|list| list.iter().map(Value::to_string).collect::<BTreeSet<_>>())
        };
        faults.equal(format!("{name} of {file}"), values(&parameter["AllowedValues"]), values(expected));
    }
}

fn conditions(bundle: &Bundle, faults: &mut Faults) {
    let on_aws = "{Fn::Equals: [<Emulated>, false]}";
    let expected = [
        "template.yaml Full {Fn::Equals: [<Profile>, full]}",
        "template.yaml FullOnAws {Fn::And: [{Condition: Full}, {Fn::Equals: [<Emulated>, false]}]}",
        "template.yaml Shown {Fn::Equals: [<ShowDashboard>, true]}",
        "template.yaml Reserved {Fn::Equals: [<ReserveConcurrency>, true]}",
        "template.yaml Traced {Fn::Equals: [<TraceWithXRay>, true]}",
        "infra/roles.yaml Full {Fn::Equals: [<Profile>, full]}",
        "infra/roles.yaml Traced {Fn::Equals: [<TraceWithXRay>, true]}",
        "infra/network.yaml Own {Fn::Equals: [<SubnetIds>, ]}",
        "infra/network.yaml OwnOnAws {Fn::And: [{Condition: Own}, {Condition: OnAws}]}",
        "infra/network.yaml SecondNat {Fn::And: [{Condition: OwnOnAws}, {Fn::Equals: [<NatGateways>, 2]}]}",
        "infra/alarms.yaml HasEmail {Fn::Not: [{Fn::Equals: [<AlarmEmail>, ]}]}",
    ];
    let on_aws = ["network", "alarms", "queues", "data", "roles"]
        .map(|file| format!("infra/{file}.yaml OnAws {on_aws}"));
    let actual = bundle.templates().flat_map(|(file, template)| {
        let conditions = template["Conditions"].as_object().into_iter().flatten();
        conditions.map(move |(name, body)| format!("{file} {name} {}", bundle.text(file, body)))
    });
    faults.same("the bundle", actual, expected.map(str::to_owned).into_iter().chain(on_aws));
}

fn conditional(bundle: &Bundle, faults: &mut Faults) {
    for resource in bundle.resources() {
        let expected = match (resource.file, resource.id) {
            (_, "Network") => "Full",
            (_, "Dashboard") => "Shown",
            (_, "NatB" | "AddressB") => "SecondNat",
            (_, "NatA" | "AddressA" | "PrivateAOut" | "PrivateBOut") => "OwnOnAws",
            (_, "FunctionsGroup" | "RedisGroup" | "RedisSubnets" | "RedisSecret" | "Redis") => "",
            ("infra/network.yaml", _) => "Own",
            (
                _,
                "Unwell" | "DeadLettersWait" | "SweepSilent" | "RunsFailed" | "StepErrors"
                | "FunctionFailures" | "ApiErrors" | "CostBurn" | "HealthFailing" | "BucketPolicy",
            ) => "OnAws",
            (_, "Subscription") => "HasEmail",
            // What EventBridge may do stands in these too, on an emulator as well.
            (_, "DeliveriesQueuePolicy" | "ParkedQueuePolicy") => "",
            ("infra/queues.yaml", id) if id.ends_with("Policy") => "OnAws",
            _ => "",
        };
        faults.equal(resource.id, resource.body["Condition"].as_str().unwrap_or_default(), expected);
    }
}

fn outputs(bundle: &Bundle, faults: &mut Faults) {
    let fixed = [
        ("ApiUrl", "<Api.ApiEndpoint>"),
        ("TableName", "<Table>"),
        ("BucketName", "<Bucket>"),
        ("SecretArn", "<Secret.Id>"),
        ("StateMachineArn", "<Workflow>"),
        ("DeadLettersUrl", "<DeadLetters>"),
        ("DeadLettersArn", "<DeadLetters.Arn>"),
        ("ParkedQueueUrl", "<ParkedQueue>"),
    ];
    let queues = QUEUES.iter().map(|name| format!("{name}Queue"));
    let expected = fixed.iter().map(|(name, value)| format!("{name}: {value}"));
    let expected = expected.chain(queues.map(|queue| format!("{queue}Url: <{queue}>")));
    let actual = bundle.files[ROOT]["Outputs"].as_object().into_iter().flatten();
    let actual = actual.map(|(name, output)| format!("{name}: {}", bundle.text(ROOT, &output["Value"])));
    faults.same("the template", actual, expected);
    for (file, template) in bundle.templates() {
        for (name, output) in template["Outputs"].as_object().into_iter().flatten() {
            let keys = output.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
            let known = keys.into_iter().all(|key| key == "Value" || key == "Description");
            faults.unless(known && !output["Value"].is_null(), format!("{name} of {file} is no output"));
        }
    }
}

fn nested_outputs(bundle: &Bundle, faults: &mut Faults) {
    let root = bundle.files[ROOT].to_string();
    for stack in bundle.of_kind("AWS::CloudFormation::Stack") {
        let file = stack.property("TemplateURL").as_str().and_then(|path| bundle.files.get(path));
        for (name, _) in file.and_then(|file| file["Outputs"].as_object()).into_iter().flatten() {
            let got = format!("[\"{}\",\"Outputs.{name}\"]", stack.id);
            let put = format!("${{{}.Outputs.{name}}}", stack.id);
            faults.unless(
                root.contains(&got) || root.contains(&put),
                format!("{name} of {} is not taken", stack.id),
            );
        }
    }
}
