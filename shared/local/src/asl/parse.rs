//! From the text of a workflow file to its model. Whatever is left unread is refused.

use std::collections::BTreeMap;

use serde_json::Value;

use super::choice::Rule;
use super::fields::{AslError, Fields};
use super::flow::{MOST_SECONDS, Part, ResultPath, Seconds};
use super::machine::{Action, Kind, Machine, Next, PassResult, State, States, Work};
use super::path::Path;
use super::retry::{Catcher, Retrier};
use super::targets;
use super::task::Send;
use super::template::{Place, Template};

/// How many items of an inline map run side by side at most.
const INLINE_CONCURRENCY: usize = 40;

const MACHINE: &str = "the machine";

impl Machine {
    /// Reads a workflow file after its `${Name}` placeholders are filled in.
    ///
    /// # Errors
    /// The first thing that is malformed or not implemented, with its state and field.
    pub fn parse(text: &str, substitutions: &BTreeMap<&str, String>) -> Result<Self, AslError> {
        let wrong =
            |field: &str, problem| AslError { place: MACHINE.to_owned(), field: field.to_owned(), problem };
        let mut value: Value =
            serde_json::from_str(text).map_err(|error| wrong("the text", format!("is not JSON: {error}")))?;
        substitute(&mut value, substitutions)
            .map_err(|name| wrong(&format!("${{{name}}}"), "has no value".to_owned()))?;
        let mut fields = Fields::of(MACHINE, "", value)?;
        fields.remarks()?;
        let timeout_seconds = fields.integer("TimeoutSeconds", 1, MOST_SECONDS)?;
        let states = states(&mut fields)?;
        fields.finish()?;
        targets::check(MACHINE, &states)?;
        targets::check_names(&states)?;
        Ok(Self { timeout_seconds, states })
    }
}

/// Fills in the placeholders in every text; the name of the first one that has no value is the error.
fn substitute(value: &mut Value, substitutions: &BTreeMap<&str, String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let mut filled = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("${") {
                let (name, after) = after.split_once('}').ok_or_else(|| after.to_owned())?;
                filled.push_str(before);
                filled.push_str(substitutions.get(name).ok_or_else(|| name.to_owned())?);
                rest = after;
            }
            filled.push_str(rest);
            *text = filled;
            Ok(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| substitute(value, substitutions)),
        Value::Object(map) => map.values_mut().try_for_each(|value| substitute(value, substitutions)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Takes `StartAt` and `States`.
fn states(fields: &mut Fields) -> Result<States, AslError> {
    let start_at = fields.need_text("StartAt")?;
    let states = fields.need("States")?;
    let inner = Fields::of(&fields.place, &fields.name("States"), states)?;
    let mut states = BTreeMap::new();
    for (name, value) in inner.rest() {
        let state = state(&name, value)?;
        states.insert(name, state);
    }
    Ok(States { start_at, states })
}

fn state(name: &str, value: Value) -> Result<State, AslError> {
    let mut fields = Fields::of(&format!("state `{name}`"), "", value)?;
    fields.remarks()?;
    let kind = fields.need_text("Type")?;
    let read: fn(&mut Fields) -> Result<Kind, AslError> = match kind.as_str() {
        "Task" => |fields| work(fields, |fields| Send::take(fields).map(Action::Send)),
        "Parallel" => |fields| work(fields, parallel),
        "Map" => |fields| work(fields, map),
        "Choice" => choice,
        "Pass" => pass,
        "Wait" => wait,
        "Succeed" => |_| Ok(Kind::Succeed),
        "Fail" => fail,
        other => return Err(fields.wrong("Type", format!("`{other}` is not implemented"))),
    };
    let kind = read(&mut fields)?;
    let (input, output) = match kind {
        // A state that fails has neither.
        Kind::Fail { .. } => (Part::whole(), Part::whole()),
        _ => (Part::take(&mut fields, "InputPath")?, Part::take(&mut fields, "OutputPath")?),
    };
    fields.finish()?;
    Ok(State { input, output, kind })
}

fn work(fields: &mut Fields, action: fn(&mut Fields) -> Result<Action, AslError>) -> Result<Kind, AslError> {
    Ok(Kind::Work(Box::new(Work {
        action: action(fields)?,
        selector: template(fields, "ResultSelector", Place::State)?,
        result_path: ResultPath::take(fields)?,
        retry: Retrier::take(fields)?,
        catch: Catcher::take(fields)?,
        next: next(fields)?,
    })))
}

fn parallel(fields: &mut Fields) -> Result<Action, AslError> {
    let parameters = template(fields, "Parameters", Place::State)?;
    let values = fields.list("Branches")?.ok_or_else(|| fields.wrong("Branches", "is required"))?;
    let mut branches = Vec::new();
    for value in values {
        branches.push(inner(fields, "Branches", value)?);
    }
    Ok(Action::Parallel { parameters, branches })
}

fn map(fields: &mut Fields) -> Result<Action, AslError> {
    let items = match fields.text("ItemsPath")? {
        None => Path::root(),
        Some(text) => Path::parse(&text).map_err(|problem| fields.wrong("ItemsPath", problem))?,
    };
    let selector = template(fields, "ItemSelector", Place::ItemSelector)?;
    let concurrency = match fields.integer("MaxConcurrency", 0, 1_000)?.unwrap_or(0) {
        0 => INLINE_CONCURRENCY,
        number => usize::try_from(number).map_or(INLINE_CONCURRENCY, |number| number.min(INLINE_CONCURRENCY)),
    };
    let processor = fields.need("ItemProcessor")?;
    let processor = inner(fields, "ItemProcessor", processor)?;
    Ok(Action::Map { items, selector, concurrency, processor })
}

/// The states of a branch or a processor.
fn inner(fields: &Fields, field: &str, value: Value) -> Result<States, AslError> {
    let mut inner = Fields::of(&fields.place, &fields.name(field), value)?;
    inner.remarks()?;
    if field == "ItemProcessor"
        && let Some(config) = inner.take("ProcessorConfig")
    {
        let mut config = Fields::of(&fields.place, &inner.name("ProcessorConfig"), config)?;
        if config.need_text("Mode")? != "INLINE" {
            return Err(config.wrong("Mode", "only `INLINE` is implemented"));
        }
        config.finish()?;
    }
    let states = states(&mut inner)?;
    inner.finish()?;
    targets::check(&fields.place, &states)?;
    Ok(states)
}

fn choice(fields: &mut Fields) -> Result<Kind, AslError> {
    let values = fields.list("Choices")?.ok_or_else(|| fields.wrong("Choices", "is required"))?;
    let mut rules = Vec::new();
    for value in values {
        let mut inner = Fields::of(&fields.place, &fields.name("Choices"), value)?;
        inner.text("Comment")?;
        let next = inner.need_text("Next")?;
        rules.push((Rule::take(&mut inner)?, next));
        inner.finish()?;
    }
    Ok(Kind::Choice { rules, default: fields.text("Default")? })
}

fn pass(fields: &mut Fields) -> Result<Kind, AslError> {
    let result = match (fields.take("Result"), template(fields, "Parameters", Place::State)?) {
        (None, None) => PassResult::Input,
        (Some(result), None) => PassResult::Literal(result),
        (None, Some(parameters)) => PassResult::Parameters(parameters),
        (Some(_), Some(_)) => return Err(fields.wrong("Result", "beside `Parameters` is not implemented")),
    };
    Ok(Kind::Pass { result, result_path: ResultPath::take(fields)?, next: next(fields)? })
}

fn wait(fields: &mut Fields) -> Result<Kind, AslError> {
    let time = Seconds::take(fields, "Seconds")?.ok_or_else(|| fields.wrong("Seconds", "is required"))?;
    Ok(Kind::Wait { time, next: next(fields)? })
}

fn fail(fields: &mut Fields) -> Result<Kind, AslError> {
    let error = fields.text("Error")?.unwrap_or_default();
    if error.starts_with("States.") {
        return Err(fields.wrong("Error", "names that begin with `States.` are reserved"));
    }
    Ok(Kind::Fail { error, cause: fields.text("Cause")?.unwrap_or_default() })
}

fn template(fields: &mut Fields, field: &str, place: Place) -> Result<Option<Template>, AslError> {
    match fields.take(field) {
        None => Ok(None),
        Some(value @ Value::Object(_)) => Template::parse(fields, field, value, place).map(Some),
        Some(_) => Err(fields.wrong(field, "must be an object")),
    }
}

fn next(fields: &mut Fields) -> Result<Next, AslError> {
    match (fields.text("Next")?, fields.take("End")) {
        (Some(state), None) => Ok(Next::To(state)),
        (None, Some(Value::Bool(true))) => Ok(Next::End),
        _ => Err(fields.wrong("Next", "either `Next` or `\"End\": true` is required")),
    }
}
