//! The rules of a choice.

use serde_json::{Number, Value};

use super::failure::Failure;
use super::fields::{AslError, Fields};
use super::path::Path;

/// When a choice goes where.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Compare { variable: Path, test: Test },
}

/// A comparison of the variable.
#[derive(Clone, Debug)]
pub(super) enum Test {
    IsPresent(bool),
    IsNull(bool),
    Boolean(bool),
    Text(String),
    Number(Order, Number),
}

/// How two numbers must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Rule {
    /// Takes one rule's fields; the caller takes `Next` before and finishes after.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, AslError> {
        if let Some(rules) = fields.list("And")? {
            return Ok(Self::And(nested(fields, "And", rules)?));
        }
        if let Some(rules) = fields.list("Or")? {
            return Ok(Self::Or(nested(fields, "Or", rules)?));
        }
        if let Some(rule) = fields.take("Not") {
            return Ok(Self::Not(Box::new(one(fields, "Not", rule)?)));
        }
        let variable = fields.need_text("Variable")?;
        let variable = Path::parse(&variable).map_err(|problem| fields.wrong("Variable", problem))?;
        for (field, test) in TESTS {
            if let Some(operand) = fields.take(field) {
                let test =
                    test(&operand).ok_or_else(|| fields.wrong(field, "has an operand of the wrong type"))?;
                return Ok(Self::Compare { variable, test });
            }
        }
        Err(fields.wrong("Variable", "has no comparison that is implemented"))
    }

    /// True if the rule holds. A variable that is missing is `States.Runtime`, except for `IsPresent`.
    pub(super) fn holds(&self, input: &Value) -> Result<bool, Failure> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.holds(input)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.holds(input)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => Ok(!rule.holds(input)?),
            Self::Compare { variable, test: Test::IsPresent(wanted) } => {
                Ok(variable.find(input).is_some() == *wanted)
            }
            Self::Compare { variable, test } => Ok(test.holds(variable.get(input)?)),
        }
    }
}

type ReadTest = fn(&Value) -> Option<Test>;

const TESTS: [(&str, ReadTest); 9] = [
    ("IsPresent", |operand| operand.as_bool().map(Test::IsPresent)),
    ("IsNull", |operand| operand.as_bool().map(Test::IsNull)),
    ("BooleanEquals", |operand| operand.as_bool().map(Test::Boolean)),
    ("StringEquals", |operand| operand.as_str().map(|text| Test::Text(text.to_owned()))),
    ("NumericEquals", |operand| number(Order::Equals, operand)),
    ("NumericLessThan", |operand| number(Order::Less, operand)),
    ("NumericLessThanEquals", |operand| number(Order::LessOrEqual, operand)),
    ("NumericGreaterThan", |operand| number(Order::Greater, operand)),
    ("NumericGreaterThanEquals", |operand| number(Order::GreaterOrEqual, operand)),
];

fn number(order: Order, operand: &Value) -> Option<Test> {
    operand.as_number().map(|number| Test::Number(order, number.clone()))
}

fn nested(fields: &Fields, field: &str, rules: Vec<Value>) -> Result<Vec<Rule>, AslError> {
    rules.into_iter().map(|rule| one(fields, field, rule)).collect()
}

fn one(fields: &Fields, field: &str, rule: Value) -> Result<Rule, AslError> {
    let mut inner = Fields::of(&fields.place, &fields.name(field), rule)?;
    let rule = Rule::take(&mut inner)?;
    inner.finish()?;
    Ok(rule)
}

impl Test {
    /// True if the test holds; a value of another type does not pass.
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::IsPresent(wanted) => *wanted,
            Self::IsNull(wanted) => value.is_null() == *wanted,
            Self::Boolean(wanted) => value.as_bool() == Some(*wanted),
            Self::Text(wanted) => value.as_str() == Some(wanted),
            Self::Number(order, wanted) => match (value.as_f64(), wanted.as_f64()) {
                (Some(value), Some(wanted)) => order.holds(value, wanted),
                _ => false,
            },
        }
    }
}

impl Order {
    fn holds(self, value: f64, wanted: f64) -> bool {
        match self {
            Self::Equals => value == wanted,
            Self::Less => value < wanted,
            Self::LessOrEqual => value <= wanted,
            Self::Greater => value > wanted,
            Self::GreaterOrEqual => value >= wanted,
        }
    }
}
