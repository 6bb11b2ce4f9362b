//! The templates and the workflow, and what their expressions mean.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use alarms::yaml;
use serde_json::Value;

use crate::assay::root;

/// The template that is deployed; it makes stacks of the others.
pub(crate) const ROOT: &str = "template.yaml";

/// The workflow's key among the files.
pub(crate) const WORKFLOW: &str = "infra/workflows/content-intelligence.asl.json";

/// All files, parsed, by their path.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    /// Path to content.
    pub(crate) files: BTreeMap<String, Arc<Value>>,
}

/// One resource of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource<'a> {
    /// The file's path.
    pub(crate) file: &'a str,
    /// Its logical id.
    pub(crate) id: &'a str,
    /// Type, properties and all else.
    pub(crate) body: &'a Value,
}

impl<'a> Resource<'a> {
    /// Such as `AWS::SQS::Queue`; empty if it says none.
    pub(crate) fn kind(&self) -> &'a str {
        self.body["Type"].as_str().unwrap_or_default()
    }

    /// One property, null if it is not there.
    pub(crate) fn property(&self, name: &str) -> &'a Value {
        &self.body["Properties"][name]
    }
}

impl Bundle {
    /// Reads the repository's files.
    pub(crate) fn read() -> Self {
        let mut files = BTreeMap::new();
        let mut templates = vec![ROOT.to_owned()];
        for entry in fs::read_dir(root().join("infra")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yaml") {
                templates.push(format!("infra/{name}"));
            }
        }
        for path in templates {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            files.insert(path, yaml::parse(&text).unwrap().into());
        }
        let workflow = fs::read_to_string(root().join(WORKFLOW)).unwrap();
        files.insert(WORKFLOW.to_owned(), Arc::new(serde_json::from_str(&workflow).unwrap()));
        Self { files }
    }

    /// The state machine's definition.
    pub(crate) fn workflow(&self) -> &Value {
        &self.files[WORKFLOW]
    }

    /// Every template with its path.
    pub(crate) fn templates(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.files
            .iter()
            .filter(|(path, _)| path.as_str() != WORKFLOW)
            .map(|(path, file)| (path.as_str(), &**file))
    }

    /// Every resource of every template.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.templates().flat_map(|(file, template)| {
            let resources = template["Resources"].as_object().into_iter().flatten();
            resources.map(move |(id, body)| Resource { file, id, body })
        })
    }

    /// Every resource of one type.
    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        self.resources().filter(move |resource| resource.kind() == kind)
    }

    /// A resource by its id, which is unique over all files.
    pub(crate) fn resource(&self, id: &str) -> Option<Resource<'_>> {
        self.resources().find(|resource| resource.id == id)
    }

    /// What an expression of a file comes to, in one text: `<Queue.Arn>` is an attribute, `<Queue>` the resource or a
    /// parameter of the root; parameters and outputs of nested stacks are followed; `<?name>` leads nowhere.
    pub(crate) fn text(&self, file: &str, value: &Value) -> String {
        self.follow(file, value, 0)
    }

    /// The same of one property of a resource; empty if it is not there.
    pub(crate) fn property(&self, resource: Resource<'_>, name: &str) -> String {
        match resource.property(name) {
            Value::Null => String::new(),
            value => self.text(resource.file, value),
        }
    }

    fn follow(&self, file: &str, value: &Value, depth: usize) -> String {
        if depth > 24 {
            return "<?too deep>".to_owned();
        }
        let inner = |value: &Value| self.follow(file, value, depth + 1);
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
            Value::Object(entries) => {
                if let Some((function, argument)) = entries.iter().next().filter(|_| entries.len() == 1)
                    && let Some(text) = self.function(file, function, argument, depth)
                {
                    return text;
                }
                let entries = entries.iter().map(|(key, value)| format!("{key}: {}", inner(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    fn function(&self, file: &str, name: &str, argument: &Value, depth: usize) -> Option<String> {
        let inner = |value: &Value| self.follow(file, value, depth + 1);
        Some(match name {
            "Ref" => self.reference(file, argument.as_str()?, depth),
            "Fn::GetAtt" => {
                let name = format!("{}.{}", argument.get(0)?.as_str()?, argument.get(1)?.as_str()?);
                self.reference(file, &name, depth)
            }
            "Fn::Sub" => match argument {
                Value::String(text) => self.substituted(file, text, &Value::Null, depth),
                other => self.substituted(file, other.get(0)?.as_str()?, other.get(1)?, depth),
            },
            "Fn::If" => {
                let [condition, then, otherwise] = argument.as_array()?.as_slice() else { return None };
                format!("if {} then {} else {}", inner(condition), inner(then), inner(otherwise))
            }
            _ => return None,
        })
    }

    fn substituted(&self, file: &str, text: &str, given: &Value, depth: usize) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else { break };
            result.push_str(before);
            match given.get(name) {
                Some(value) => result.push_str(&self.follow(file, value, depth + 1)),
                None => result.push_str(&self.reference(file, name, depth)),
            }
            rest = tail;
        }
        result + rest
    }

    /// A name as `Ref`, `GetAtt` and `Sub` take it: a resource, its attribute, a parameter, or the platform's own.
    fn reference(&self, file: &str, name: &str, depth: usize) -> String {
        let template = self.files.get(file).map_or(&Value::Null, |template| &**template);
        let (id, attribute) = name.split_once('.').unwrap_or((name, ""));
        let resource = &template["Resources"][id];
        if let Some(output) = attribute.strip_prefix("Outputs.") {
            let path = resource["Properties"]["TemplateURL"].as_str().unwrap_or_default();
            return match self.files.get(path).and_then(|nested| nested["Outputs"].get(output)) {
                Some(output) => self.follow(path, &output["Value"], depth + 1),
                None => format!("<?{name}>"),
            };
        }
        if name.starts_with("AWS::") || !resource.is_null() {
            return format!("<{name}>");
        }
        if template["Parameters"].get(name).is_none() {
            return format!("<?{name}>");
        }
        if file == ROOT {
            return format!("<{name}>");
        }
        match self.stack_of(file).and_then(|stack| stack.property("Parameters").get(name)) {
            Some(value) => self.follow(ROOT, value, depth + 1),
            None => format!("<?{name}>"),
        }
    }

    /// The resource of the root that makes a stack of that file.
    pub(crate) fn stack_of(&self, file: &str) -> Option<Resource<'_>> {
        self.of_kind("AWS::CloudFormation::Stack").find(|stack| stack.property("TemplateURL") == file)
    }
}

#[test]
fn expressions_are_followed_through_nested_stacks() {
    let bundle = Bundle::read();
    let check = |id: &str, property: &str, expected: &str| {
        let resource = bundle.resource(id).unwrap();
        assert_eq!(bundle.property(resource, property), expected, "{id}.{property}");
    };
    check("RunsQueue", "QueueName", "<AWS::StackName>-runs");
    check("StartFunction", "Role", "<StartRole.Arn>");
    check("Topic", "NoSuchProperty", "");
    check(
        "AgentLightFunction",
        "ReservedConcurrentExecutions",
        "if Reserved then <AgentLightConcurrency> else <AWS::NoValue>",
    );
}
