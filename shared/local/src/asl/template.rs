//! Payload templates: JSON in which a field whose name ends in `.$` is a path into the input or the context object.

use engine::calendar::timestamp;
use engine::model::Token;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::fields::{AslError, Fields};
use super::host::Execution;
use super::path::Path;

/// A payload template.
#[derive(Clone, Debug)]
pub(super) enum Template {
    Literal(Value),
    Object(Vec<(String, Template)>),
    List(Vec<Template>),
    Input(Path),
    Context(Context),
}

/// What a template may ask the context object for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Context {
    ExecutionId,
    ExecutionName,
    ExecutionStartTime,
    ExecutionInput(Path),
    StateName,
    StateEnteredTime,
    TaskToken,
    ItemIndex,
    ItemValue(Path),
}

/// Where a template stands; it decides what the context object holds there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Anywhere: the execution and the state.
    State,
    /// The parameters of a task that waits for its token: the token as well.
    WaitingTask,
    /// The item selector of a map: the item as well.
    ItemSelector,
}

/// The context object while a state runs.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) execution: &'a Execution,
    pub(super) started_ms: u64,
    pub(super) state: &'a str,
    pub(super) entered_ms: u64,
    pub(super) token: Option<&'a Token>,
    pub(super) item: Option<(usize, &'a Value)>,
}

impl Template {
    /// Reads the value of field `field` as a template.
    pub(super) fn parse(fields: &Fields, field: &str, value: Value, place: Place) -> Result<Self, AslError> {
        match value {
            Value::Object(_) => {
                let inner = Fields::of(&fields.place, &fields.name(field), value)?;
                let mut entries = Vec::new();
                for (name, value) in inner.rest() {
                    let full = format!("{field}.{name}");
                    entries.push(entry(fields, &full, &name, value, place)?);
                }
                Ok(Self::Object(entries))
            }
            Value::Array(values) => {
                let parse = |value| Self::parse(fields, field, value, place);
                Ok(Self::List(values.into_iter().map(parse).collect::<Result<_, _>>()?))
            }
            literal => Ok(Self::Literal(literal)),
        }
    }

    /// Takes `field` or `field.$`, whichever there is.
    pub(super) fn take(fields: &mut Fields, field: &str, place: Place) -> Result<Option<Self>, AslError> {
        let dynamic = format!("{field}.$");
        match (fields.take(field), fields.take(&dynamic)) {
            (None, None) => Ok(None),
            (Some(value), None) => Self::parse(fields, field, value, place).map(Some),
            (None, Some(value)) => dynamic_value(fields, &dynamic, value, place).map(Some),
            (Some(_), Some(_)) => Err(fields.wrong(&dynamic, "stands beside the same field without `.$`")),
        }
    }

    /// True if `wanted` is asked for somewhere in it.
    pub(super) fn asks_for(&self, wanted: &Context) -> bool {
        match self {
            Self::Literal(_) | Self::Input(_) => false,
            Self::Object(entries) => entries.iter().any(|(_, template)| template.asks_for(wanted)),
            Self::List(templates) => templates.iter().any(|template| template.asks_for(wanted)),
            Self::Context(context) => context == wanted,
        }
    }

    /// Fills it.
    pub(super) fn fill(&self, input: &Value, scope: &Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Input(path) => path.get(input).cloned(),
            Self::Context(context) => context.get(scope),
            Self::List(templates) => templates.iter().map(|template| template.fill(input, scope)).collect(),
            Self::Object(entries) => {
                let fill =
                    |(name, template): &(String, Template)| Ok((name.clone(), template.fill(input, scope)?));
                Ok(Value::Object(entries.iter().map(fill).collect::<Result<Map<_, _>, Failure>>()?))
            }
        }
    }
}

fn entry(
    fields: &Fields,
    full: &str,
    name: &str,
    value: Value,
    place: Place,
) -> Result<(String, Template), AslError> {
    match name.strip_suffix(".$") {
        Some(name) => Ok((name.to_owned(), dynamic_value(fields, full, value, place)?)),
        None => Ok((name.to_owned(), Template::parse(fields, full, value, place)?)),
    }
}

fn dynamic_value(fields: &Fields, field: &str, value: Value, place: Place) -> Result<Template, AslError> {
    let Value::String(text) = value else {
        return Err(fields.wrong(field, "must be a path"));
    };
    if text.starts_with("States.") {
        return Err(fields.wrong(field, format!("the intrinsic function `{text}` is not implemented")));
    }
    let template = match text.strip_prefix("$$.") {
        Some(inner) => Context::parse(inner, place).map(Template::Context),
        None => Path::parse(&text).map(Template::Input),
    };
    template.map_err(|problem| fields.wrong(field, problem))
}

impl Context {
    fn parse(text: &str, place: Place) -> Result<Self, String> {
        let below = |prefix: &str| {
            let rest =
                text.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))?;
            Some(Path::parse(&format!("${rest}")))
        };
        let context = match text {
            "Execution.Id" => Self::ExecutionId,
            "Execution.Name" => Self::ExecutionName,
            "Execution.StartTime" => Self::ExecutionStartTime,
            "State.Name" => Self::StateName,
            "State.EnteredTime" => Self::StateEnteredTime,
            "Task.Token" if place == Place::WaitingTask => Self::TaskToken,
            "Map.Item.Index" if place == Place::ItemSelector => Self::ItemIndex,
            _ => match (below("Execution.Input"), below("Map.Item.Value")) {
                (Some(path), _) => Self::ExecutionInput(path?),
                (_, Some(path)) if place == Place::ItemSelector => Self::ItemValue(path?),
                _ => {
                    return Err(format!("`$$.{text}` is not in the context object here, or not implemented"));
                }
            },
        };
        Ok(context)
    }

    fn get(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        let missing = || Failure::runtime("the context object does not hold this here");
        match self {
            Self::ExecutionId => Ok(Value::from(scope.execution.id())),
            Self::ExecutionName => Ok(Value::from(scope.execution.name.clone())),
            Self::ExecutionStartTime => Ok(Value::from(timestamp(scope.started_ms))),
            Self::ExecutionInput(path) => path.get(&scope.execution.input).cloned(),
            Self::StateName => Ok(Value::from(scope.state)),
            Self::StateEnteredTime => Ok(Value::from(timestamp(scope.entered_ms))),
            Self::TaskToken => scope.token.map(|token| Value::from(token.as_str())).ok_or_else(missing),
            Self::ItemIndex => scope.item.map(|(index, _)| Value::from(index)).ok_or_else(missing),
            Self::ItemValue(path) => path.get(scope.item.ok_or_else(missing)?.1).cloned(),
        }
    }
}
