//! A CloudFormation template with its parameters given: references, conditions and substitutions come to plain values.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::{site, yaml};

/// A template and the parameters it is deployed with.
#[derive(Clone, Debug)]
pub struct Template {
    file: Value,
    parameters: BTreeMap<String, Value>,
}

impl Template {
    /// A parsed template ([`crate::yaml::parse`]) with its parameters, and the pseudo parameters it uses, such as
    /// `AWS::Region`.
    ///
    /// # Errors
    /// If a parameter has neither a value nor a default, or a value is given for one that there is not.
    pub fn new(file: Value, given: &[(&str, Value)]) -> Result<Self, String> {
        let mut parameters = BTreeMap::new();
        for (name, declared) in file["Parameters"].as_object().into_iter().flatten() {
            let given = given.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let value = given.or_else(|| declared.get("Default").cloned());
            parameters.insert(name.clone(), value.ok_or_else(|| format!("no value for parameter {name}"))?);
        }
        for (name, value) in given {
            if name.starts_with("AWS::") {
                parameters.insert((*name).to_owned(), value.clone());
            } else if !parameters.contains_key(*name) {
                return Err(format!("there is no parameter {name}"));
            }
        }
        Ok(Self { file, parameters })
    }

    /// The alarms of the repository under `root`, as they are deployed on AWS under the name of a stack, with what
    /// [`crate::site`] calls the API and the state machine.
    ///
    /// # Errors
    /// As [`Template::new`], or if the file cannot be read.
    pub fn alarms(root: &Path, stack: &str, daily_budget_usd: i64) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(root.join("infra/alarms.yaml")).map_err(|error| error.to_string())?;
        let given = [
            ("Stack", Value::from(stack)),
            ("Email", Value::from("somebody@example.org")),
            ("DailyBudgetUsd", Value::from(daily_budget_usd)),
            ("ApiId", Value::from(site::API_ID)),
            ("StateMachineArn", Value::from(site::MACHINE)),
            ("SweepFunction", Value::from(format!("{stack}-sweep"))),
            ("Emulated", Value::from("false")),
        ];
        Self::new(yaml::parse(&text)?, &given)
    }

    /// The properties of every resource of a type whose condition holds, by logical id.
    ///
    /// # Errors
    /// If a function of CloudFormation is used that is not implemented, or a reference leads nowhere.
    pub fn resources(&self, kind: &str) -> Result<Vec<(String, Value)>, String> {
        let mut found = Vec::new();
        for (id, resource) in self.file["Resources"].as_object().into_iter().flatten() {
            let made = match resource["Condition"].as_str() {
                Some(condition) => self.condition(condition)?,
                None => true,
            };
            if resource["Type"] == kind && made {
                let properties = self.resolve(&resource["Properties"])?;
                found.push((id.clone(), properties.unwrap_or_default()));
            }
        }
        Ok(found)
    }

    /// The same with one change to the file, for mutants.
    #[must_use]
    pub fn changed(&self, change: impl FnOnce(&mut Value)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.file);
        changed
    }

    fn condition(&self, name: &str) -> Result<bool, String> {
        match self.file["Conditions"].get(name) {
            Some(expression) => self.truth(expression),
            None => Err(format!("there is no condition {name}")),
        }
    }

    fn truth(&self, expression: &Value) -> Result<bool, String> {
        let (function, argument) = sole(expression).ok_or_else(|| format!("no condition: {expression}"))?;
        let arguments = || argument.as_array().ok_or_else(|| format!("{function} takes a list"));
        match function {
            "Condition" => self.condition(argument.as_str().unwrap_or_default()),
            "Fn::Not" => Ok(!self.truth(&arguments()?[0])?),
            "Fn::Equals" => match arguments()?.as_slice() {
                [left, right] => Ok(self.resolve(left)? == self.resolve(right)?),
                _ => Err("Equals takes two".to_owned()),
            },
            other => Err(format!("{other} is not implemented")),
        }
    }

    /// `None` for `AWS::NoValue`.
    fn resolve(&self, value: &Value) -> Result<Option<Value>, String> {
        if let Some((function, argument)) =
            sole(value).filter(|(name, _)| *name == "Ref" || name.starts_with("Fn::"))
        {
            return match (function, argument) {
                ("Ref", Value::String(name)) if name == "AWS::NoValue" => Ok(None),
                ("Ref", Value::String(name)) => self.reference(name).map(Some),
                ("Fn::Sub", Value::String(text)) => self.substitute(text).map(Some),
                ("Fn::If", Value::Array(arguments)) => match arguments.as_slice() {
                    [Value::String(condition), then, otherwise] => {
                        self.resolve(if self.condition(condition)? { then } else { otherwise })
                    }
                    _ => Err("If takes three".to_owned()),
                },
                (other, _) => Err(format!("{other} is not implemented")),
            };
        }
        Ok(Some(match value {
            Value::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.resolve(item)).collect();
                items?.into_iter().flatten().collect()
            }
            Value::Object(entries) => {
                let mut map = Map::new();
                for (name, inner) in entries {
                    if let Some(inner) = self.resolve(inner)? {
                        map.insert(name.clone(), inner);
                    }
                }
                Value::Object(map)
            }
            other => other.clone(),
        }))
    }

    /// A parameter's value; a resource's own id.
    fn reference(&self, name: &str) -> Result<Value, String> {
        let resource = || self.file["Resources"].get(name).map(|_| Value::from(name));
        self.parameters.get(name).cloned().or_else(resource).ok_or_else(|| format!("{name} leads nowhere"))
    }

    fn substitute(&self, text: &str) -> Result<Value, String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has an open bracket"))?;
            result.push_str(before);
            match self.reference(name)? {
                Value::String(value) => result.push_str(&value),
                value => result.push_str(&value.to_string()),
            }
            rest = tail;
        }
        Ok(Value::from(result + rest))
    }
}

/// The only entry of a map of one.
fn sole(value: &Value) -> Option<(&str, &Value)> {
    let entries = value.as_object().filter(|entries| entries.len() == 1)?;
    entries.iter().next().map(|(name, inner)| (name.as_str(), inner))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = r#"
Parameters:
  Stack: {Type: String}
  Size: {Type: Number, Default: 3}
Conditions:
  Small: !Equals [!Ref Size, 3]
  Large: !Not [!Condition Small]
Resources:
  One:
    Type: A
    Properties: {Name: !Sub "${Stack}-${Size}", Size: !Ref Size, If: !If [Large, 1, !Ref AWS::NoValue], To: [!Ref Two]}
  Two: {Type: B, Condition: Large, Properties: {Name: !Ref Stack}}
"#;

    #[test]
    fn properties_come_to_values() {
        let of = |given: &[(&str, Value)]| Template::new(yaml::parse(FILE).unwrap(), given).unwrap();
        let small = of(&[("Stack", json!("s"))]);
        let one = json!({"Name": "s-3", "Size": 3, "To": ["Two"]});
        assert_eq!(small.resources("A").unwrap(), [("One".to_owned(), one)]);
        assert_eq!(small.resources("B").unwrap(), []);
        let large = of(&[("Stack", json!("s")), ("Size", json!(4))]);
        let one = json!({"Name": "s-4", "Size": 4, "If": 1, "To": ["Two"]});
        assert_eq!(large.resources("A").unwrap(), [("One".to_owned(), one)]);
        assert_eq!(large.resources("B").unwrap().len(), 1);
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let given = [("Stack", json!("s"))];
        assert!(Template::new(yaml::parse(FILE).unwrap(), &[]).is_err());
        assert!(
            Template::new(yaml::parse(FILE).unwrap(), &[("Stack", json!("s")), ("Other", json!(1))]).is_err()
        );
        for (from, to) in
            [("${Stack}-", "${Stck}-"), ("!Ref Two", "!GetAtt Two.Arn"), ("[Large, 1", "[Larger, 1")]
        {
            assert!(FILE.contains(from), "{from}");
            let template = Template::new(yaml::parse(&FILE.replacen(from, to, 1)).unwrap(), &given).unwrap();
            assert!(template.resources("A").is_err(), "{to}");
        }
    }
}
