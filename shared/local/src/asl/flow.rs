//! How data flows through a state: `InputPath`, `OutputPath`, `ResultPath`, and seconds given as a number or a path.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::failure::Failure;
use super::fields::{AslError, Fields};
use super::path::Path;

/// `InputPath` or `OutputPath`: a part of a value, or nothing, which is `{}`.
#[derive(Clone, Debug)]
pub(super) struct Part(Option<Path>);

impl Part {
    /// Everything.
    pub(super) fn whole() -> Self {
        Self(Some(Path::root()))
    }

    /// Takes the field; without it, everything.
    pub(super) fn take(fields: &mut Fields, field: &str) -> Result<Self, AslError> {
        Ok(Self(path_or_null(fields, field)?))
    }

    /// Applies it.
    pub(super) fn of<'v>(&self, value: &'v Value) -> Result<Cow<'v, Value>, Failure> {
        match &self.0 {
            None => Ok(Cow::Owned(Value::Object(Map::new()))),
            Some(path) => path.get(value).map(Cow::Borrowed),
        }
    }

    /// Applies it to a value that is not needed any more.
    pub(super) fn of_owned(&self, value: Value) -> Result<Value, Failure> {
        match &self.0 {
            Some(path) if path.is_root() => Ok(value),
            _ => self.of(&value).map(Cow::into_owned),
        }
    }
}

/// `ResultPath`: where in the state's input the result is put, or nowhere.
#[derive(Clone, Debug)]
pub(super) struct ResultPath(Option<Path>);

impl ResultPath {
    /// Takes the field; without it, the result replaces the input.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, AslError> {
        let path = path_or_null(fields, "ResultPath")?;
        if path.as_ref().is_some_and(|path| !path.is_writable()) {
            return Err(
                fields.wrong("ResultPath", "an index is not implemented in a path that is written to")
            );
        }
        Ok(Self(path))
    }

    /// Combines a state's input with its result.
    pub(super) fn combine(&self, input: &Value, result: Value) -> Result<Value, Failure> {
        match &self.0 {
            None => Ok(input.clone()),
            Some(path) if path.is_root() => Ok(result),
            Some(path) => {
                let mut output = input.clone();
                path.put(&mut output, result)?;
                Ok(output)
            }
        }
    }
}

/// A number of seconds.
#[derive(Clone, Debug)]
pub(super) enum Seconds {
    Number(u64),
    At(Path),
}

/// What the service allows for a number of seconds.
pub(super) const MOST_SECONDS: u64 = 99_999_999;

impl Seconds {
    /// Takes `field` or `fieldPath`.
    pub(super) fn take(fields: &mut Fields, field: &str) -> Result<Option<Self>, AslError> {
        let path_field = format!("{field}Path");
        let number = fields.integer(field, 1, MOST_SECONDS)?.map(Self::Number);
        let Some(text) = fields.text(&path_field)? else {
            return Ok(number);
        };
        if number.is_some() {
            return Err(fields.wrong(&path_field, format!("stands beside `{field}`")));
        }
        let path = Path::parse(&text).map_err(|problem| fields.wrong(&path_field, problem))?;
        Ok(Some(Self::At(path)))
    }

    /// The milliseconds; a path to anything but a positive integer is `States.Runtime`.
    pub(super) fn ms(&self, input: &Value) -> Result<u64, Failure> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::At(path) => {
                let seconds =
                    path.get(input)?.as_u64().filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
                seconds.ok_or_else(|| Failure::runtime("a number of seconds is not a positive integer"))?
            }
        };
        Ok(seconds * 1000)
    }
}

fn path_or_null(fields: &mut Fields, field: &str) -> Result<Option<Path>, AslError> {
    match fields.take(field) {
        None => Ok(Some(Path::root())),
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            Path::parse(&text).map(Some).map_err(|problem| fields.wrong(field, problem))
        }
        Some(_) => Err(fields.wrong(field, "must be a path or null")),
    }
}
