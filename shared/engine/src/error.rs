//! What can go wrong, once for the whole platform.
//!
//! [`ErrorKind`] is the only place that says what may be retried. Its stable name is what a log line carries, what an
//! API answer carries, and what the workflow matches in `ErrorEquals`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Result with the platform's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether and how a kind of error may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Trying again cannot help.
    Never,
    /// At once, with jitter: somebody else won a race.
    AtOnce,
    /// Later, after the error's own `retry_after_ms` or the step's backoff.
    Later,
}

/// How bad an error is for the person who runs the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Expected in normal operation.
    Low,
    /// Worth a look when it repeats.
    Medium,
    /// Work is lost or delayed.
    High,
    /// The platform cannot do its job.
    Critical,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => ($name:literal, $retry:ident, $status:literal, $severity:ident),)+) => {
        /// The kinds of error: stable name, retry rule, HTTP status, severity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)+ }

        impl ErrorKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)+];

            /// The stable name, as the workflow and the API show it.
            pub fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => $name,)+ }
            }

            /// The retry rule.
            pub fn retry(self) -> Retry {
                match self { $(ErrorKind::$kind => Retry::$retry,)+ }
            }

            /// The HTTP status a request ends with.
            pub fn http_status(self) -> u16 {
                match self { $(ErrorKind::$kind => $status,)+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(ErrorKind::$kind => Severity::$severity,)+ }
            }

            /// The kind of that name.
            pub fn from_name(name: &str) -> Option<ErrorKind> {
                match name { $($name => Some(ErrorKind::$kind),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// The request or its content cannot be used as it is.
    InvalidInput => ("InvalidInput", Never, 400, Low),
    /// What was asked for does not exist.
    NotFound => ("NotFound", Never, 404, Low),
    /// The content is larger than a limit.
    TooLarge => ("TooLarge", Never, 413, Low),
    /// The content is of a kind that cannot be read.
    UnsupportedMedia => ("UnsupportedMedia", Never, 415, Low),
    /// No or a wrong credential.
    Unauthorized => ("Unauthorized", Never, 401, Low),
    /// The credential does not allow this.
    Forbidden => ("Forbidden", Never, 403, Medium),
    /// The resource does not offer this method.
    MethodNotAllowed => ("MethodNotAllowed", Never, 405, Low),
    /// It will exist, but does not yet.
    NotReady => ("NotReady", Later, 409, Low),
    /// An idempotency key came with another request than the first time.
    IdempotencyMismatch => ("IdempotencyMismatch", Never, 422, Low),
    /// A connection failed.
    Network => ("Network", Later, 502, Medium),
    /// An answer did not come in time.
    Timeout => ("Timeout", Later, 504, Medium),
    /// A rate limit refused it.
    RateLimited => ("RateLimited", Later, 429, Low),
    /// It is heavier than a rate's whole capacity: no wait would help.
    AboveCapacity => ("AboveCapacity", Never, 422, Medium),
    /// A wait would pass the run's deadline, or a quota is used up.
    Quota => ("Quota", Never, 429, Medium),
    /// The money set aside does not cover it.
    Budget => ("Budget", Never, 402, Low),
    /// The price of a model is unknown under a hard cap.
    UnknownPrice => ("UnknownPrice", Never, 402, Medium),
    /// The model's provider is down or overloaded.
    ModelUnavailable => ("ModelUnavailable", Later, 503, High),
    /// The provider refused the request itself.
    ModelRejected => ("ModelRejected", Never, 502, High),
    /// The model declined to answer.
    ModelRefused => ("ModelRefused", Never, 422, Medium),
    /// The model's answer does not fit what was asked.
    ModelOutput => ("ModelOutput", Never, 502, Medium),
    /// Something could not be parsed.
    Parsing => ("Parsing", Never, 422, Medium),
    /// An embedding could not be made.
    Embedding => ("Embedding", Later, 500, Medium),
    /// Two writers met; the one that sees this lost.
    Conflict => ("Conflict", AtOnce, 409, Low),
    /// The store failed or did not say whether it succeeded.
    Storage => ("Storage", Later, 503, High),
    /// Another worker holds or has taken over the step.
    LeaseLost => ("LeaseLost", Never, 409, Low),
    /// The run was cancelled.
    Cancelled => ("Cancelled", Never, 409, Low),
    /// The platform is set up wrongly.
    Configuration => ("Configuration", Never, 500, Critical),
    /// A bug.
    Internal => ("Internal", Never, 500, Critical),
}

impl ErrorKind {
    /// True when a later attempt may succeed.
    pub fn is_retryable(self) -> bool {
        self.retry() != Retry::Never
    }

    /// The log level its one log line has.
    pub fn level(self) -> tracing::Level {
        match self.severity() {
            Severity::Low => tracing::Level::INFO,
            Severity::Medium => tracing::Level::WARN,
            Severity::High | Severity::Critical => tracing::Level::ERROR,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        ErrorKind::from_name(&name)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown error kind `{name}`")))
    }
}

/// An error: a kind for the machine, a message and a source chain for people.
///
/// The message must be fit to show to the tenant: no secret, no stack, no path of the machine.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: BTreeMap<String, String>,
    retry_after_ms: Option<u64>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says what happened and what would help.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: BTreeMap::new(), retry_after_ms: None, source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Adds one fact, such as the URL's host or a line number.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.context.insert(name.to_owned(), value.to_string());
        self
    }

    /// Says when to come back, in milliseconds.
    #[must_use]
    pub fn retry_after(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message, without the source chain.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The facts added on the way.
    pub fn context(&self) -> &BTreeMap<String, String> {
        &self.context
    }

    /// When to come back, in milliseconds, if the refusing side said so.
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }

    /// Whether a later attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// What caused it, for a log: each cause's own words, the nearest first.
    pub fn causes(&self) -> String {
        let mut words = Vec::new();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            words.push(cause.to_string());
            source = cause.source();
        }
        words.join("; because ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let mut names: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_name(kind.name()), Some(*kind));
            let json = serde_json::to_string(kind).unwrap();
            assert_eq!(serde_json::from_str::<ErrorKind>(&json).unwrap(), *kind);
        }
    }
}
