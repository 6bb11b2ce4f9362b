//! The record of what the functions called: in memory, and as a line of JSON each in a file.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::call::{Asked, Permission};

/// One call to AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The function that called, such as `agent-light`; `None` for anybody else.
    pub function: Option<String>,
    /// The service, such as `dynamodb`.
    pub service: String,
    /// The operation, such as `TransactWriteItems`.
    pub action: String,
    /// The first resource it names; see [`Permission::resource`].
    pub resource: String,
    /// What a role must allow for it.
    pub permissions: Vec<Permission>,
    /// How many items a transaction or a batch had; 1 for everything else.
    pub items: usize,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// The HTTP status it was answered with.
    pub status: u16,
    /// The fault that was put in, by name.
    pub fault: Option<String>,
}

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) at_ms: u64,
    pub(crate) took_ms: u64,
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: usize,
    pub(crate) status: u16,
    pub(crate) fault: Option<&'static str>,
}

/// All calls so far.
#[derive(Debug)]
pub(crate) struct Record {
    kept: Mutex<(Vec<Call>, File)>,
}

impl Record {
    /// A record that is written to `path` too, from its end.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { kept: Mutex::new((Vec::new(), file)) })
    }

    pub(crate) fn keep(&self, asked: Asked, ended: &Ended) {
        let Asked { function, service, action, resource, permissions, items } = asked;
        let call = Call {
            at_ms: ended.at_ms,
            took_ms: ended.took_ms,
            function,
            service,
            action,
            resource,
            permissions,
            items,
            request_bytes: ended.request_bytes as u64,
            response_bytes: ended.response_bytes as u64,
            status: ended.status,
            fault: ended.fault.map(str::to_owned),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = serde_json::to_vec(&call).unwrap_or_default();
        line.push(b'\n');
        // Memory holds it whatever the disk says.
        let _ = kept.1.write_all(&line);
        kept.0.push(call);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}
