//! Errors by name, as `Retry` and `Catch` match them.

use serde_json::{Value, json};

/// The largest payload of a state, in bytes of UTF-8 JSON.
pub(crate) const PAYLOAD_BYTES: usize = 262_144;

/// A state or an execution failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct Failure {
    /// The name `ErrorEquals` is compared with.
    pub error: String,
    /// What happened, for people; may be empty.
    pub cause: String,
}

impl Failure {
    /// A failure of that name.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }

    /// `States.Runtime`: ends the execution whatever it catches.
    pub(super) fn runtime(cause: impl Into<String>) -> Self {
        Self::new("States.Runtime", cause)
    }

    /// `States.Timeout`.
    pub(super) fn timeout(cause: impl Into<String>) -> Self {
        Self::new("States.Timeout", cause)
    }

    /// What a catcher puts where its `ResultPath` says.
    pub(super) fn output(&self) -> Value {
        json!({"Error": self.error, "Cause": self.cause})
    }

    /// True if one of the names stands for this failure.
    pub(super) fn is_one_of(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    fn is(&self, name: &str) -> bool {
        match (name, self.error.as_str()) {
            (_, "States.Runtime") => false,
            ("States.ALL", error) => error != "States.DataLimitExceeded",
            ("States.TaskFailed", error) => error != "States.DataLimitExceeded" && error != "States.Timeout",
            (name, error) => name == error,
        }
    }
}

/// `States.DataLimitExceeded` if the value is larger than a payload may be.
pub(super) fn within_limit(what: &str, value: &Value) -> Result<(), Failure> {
    if most_bytes(value) <= PAYLOAD_BYTES {
        return Ok(());
    }
    let bytes = payload_bytes(value);
    if bytes > PAYLOAD_BYTES {
        let cause = format!("{what} has {bytes} bytes, and {PAYLOAD_BYTES} is the limit");
        return Err(Failure::new("States.DataLimitExceeded", cause));
    }
    Ok(())
}

/// At least as many bytes as the value has as JSON, without looking at its texts.
fn most_bytes(value: &Value) -> usize {
    /// A control character becomes six.
    const ESCAPED: usize = 6;
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 32,
        Value::String(text) => text.len() * ESCAPED + 2,
        Value::Array(values) => values.iter().map(|value| most_bytes(value) + 1).sum::<usize>() + 2,
        Value::Object(map) => {
            map.iter().map(|(name, value)| name.len() * ESCAPED + 4 + most_bytes(value)).sum::<usize>() + 2
        }
    }
}

/// How many bytes the value has as JSON.
pub(crate) fn payload_bytes(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_bound_is_never_too_small() {
        let texts = ["", "plain", "\u{1}\u{1f}\"\\\n", "ä\u{10ffff}"];
        let numbers = [json!(u64::MAX), json!(i64::MIN), json!(-2.2250738585072014e-308), json!(f64::MIN)];
        for value in
            texts.map(Value::from).into_iter().chain(numbers).chain([json!(null), json!(false), json!([])])
        {
            for value in [value.clone(), json!([value, value]), json!({"\u{2}": value, "b": [value]})] {
                assert!(payload_bytes(&value) <= most_bytes(&value), "{value}");
                assert_eq!(payload_bytes(&value), value.to_string().len());
            }
        }
    }
}
