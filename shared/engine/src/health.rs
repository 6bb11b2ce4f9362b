//! Whether the components work: ten checks, one file each.
//!
//! A check uses its component as the real work does, through the same port, and judges the answer: what was written is read
//! back and compared, so a component that is down, slow, wrong or read-only fails. One that is not there, or has no
//! credentials, is `unknown` and never passes. No check makes a paid call.
//!
//! What checks write stands under tenants of their own ([`PROBES`]), which no key can have; it is deleted at the end of the
//! check, or expires an hour later if the check was cut off, or it is one of sixteen places that are written over.
//!
//! - To add a check: a file here and a line in [`CHECKS`].
//! - [`probe`] runs them all, [`Watch`] keeps the last reading and runs them at most once at a time, [`history`] keeps what
//!   was found in the store.

mod advanced_cache;
mod agent_coordination;
mod cost_optimizer;
mod distributed_rate_limiter;
pub mod history;
mod llm_router;
mod mcp_tools;
mod monitoring;
mod performance_validator;
mod probe;
mod step_result;
mod vector_database;
mod watch;

use std::pin::pin;

use futures::future::{BoxFuture, Either, join_all, select};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::ports::Ports;

pub use cost_optimizer::refuses_overspend;
pub use probe::{PROBES, expires_ms};
pub use watch::{Entry, Report, Watch};

use probe::Probe;

/// A component that has not answered by then does not answer, in milliseconds.
pub const MOST_MS: u64 = 250;

/// Every check, in the order they are told.
pub static CHECKS: [Check; 10] = [
    step_result::CHECK,
    monitoring::CHECK,
    performance_validator::CHECK,
    cost_optimizer::CHECK,
    distributed_rate_limiter::CHECK,
    advanced_cache::CHECK,
    llm_router::CHECK,
    vector_database::CHECK,
    agent_coordination::CHECK,
    mcp_tools::CHECK,
];

/// A component, and how it is tried.
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether no run can be relied on without it.
    pub critical: bool,
    /// What is tried, for people.
    pub about: &'static str,
    run: for<'a> fn(&'a Probe<'a>) -> BoxFuture<'a, Result<Finding>>,
}

/// How a component stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It did what it was asked to, rightly.
    Pass,
    /// It did, but something should be looked at.
    Warn,
    /// It did not, or not rightly.
    Fail,
    /// It is not there, or what is there cannot be tried.
    Unknown,
}

impl Status {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Unknown => "unknown",
        }
    }
}

/// Something a check measured beside its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
}

/// What a check found. An error of a check is a finding too: the component fails with it.
pub(crate) struct Finding {
    status: Status,
    output: String,
    observed: Option<Observed>,
}

impl Finding {
    fn of(status: Status, output: impl Into<String>) -> Self {
        Self { status, output: output.into(), observed: None }
    }

    fn pass(output: impl Into<String>) -> Self {
        Self::of(Status::Pass, output)
    }

    fn warn(output: impl Into<String>) -> Self {
        Self::of(Status::Warn, output)
    }

    fn fail(output: impl Into<String>) -> Self {
        Self::of(Status::Fail, output)
    }

    fn unknown(output: impl Into<String>) -> Self {
        Self::of(Status::Unknown, output)
    }

    fn observed(mut self, value: f64, unit: &str) -> Self {
        self.observed = Some(Observed { value, unit: unit.to_owned() });
        self
    }
}

/// One component, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The component's name.
    pub component: String,
    /// How it stood.
    pub status: Status,
    /// What was done and found, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// How long it took to answer, in milliseconds.
    pub took_ms: u64,
    /// What was measured beside that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Runs all checks at once; each has `most_ms` milliseconds.
pub async fn probe(ports: &Ports, most_ms: u64) -> Vec<Reading> {
    let probe = Probe::new(ports);
    join_all(CHECKS.iter().map(|check| read(check, &probe, most_ms))).await
}

async fn read(check: &Check, probe: &Probe<'_>, most_ms: u64) -> Reading {
    let clock = &probe.ports.clock;
    let began_ms = clock.now_ms();
    let found = within(probe.ports, most_ms, (check.run)(probe)).await;
    let finding = found.unwrap_or_else(|error| {
        tracing::warn!(%error, causes = error.causes(), component = check.name, "a component does not work");
        Finding::fail(error.to_string())
    });
    let at_ms = clock.now_ms();
    Reading {
        component: check.name.to_owned(),
        status: finding.status,
        output: finding.output,
        took_ms: at_ms.saturating_sub(began_ms),
        observed: finding.observed,
        at_ms,
    }
}

/// What the future comes to, or kind `Timeout` if it takes longer than so many milliseconds; then it is dropped.
pub async fn within<T>(ports: &Ports, most_ms: u64, future: impl Future<Output = Result<T>>) -> Result<T> {
    let (future, late) = (pin!(future), pin!(ports.clock.sleep(most_ms)));
    match select(future, late).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(Error::new(ErrorKind::Timeout, format!("no answer in {most_ms} ms"))),
    }
}

#[cfg(test)]
mod tests;
