//! The behaviour every implementation of a port must show, as functions over the port.
//!
//! Each takes an empty implementation and says in words what it broke. An adapter's tests call them; so do the tests
//! of the implementations in [`memory`](crate::memory). They call no clock and no randomness of their own.

mod cache;
mod content;
mod limits;
mod memories;
mod outward;
mod queues;
mod samples;
mod store;

use std::fmt::Debug;
use std::future::poll_fn;
use std::task::Poll;

pub use cache::cache_contract;
pub use content::content_contract;
pub use limits::{contract_rates, limits_contract};
pub use memories::memory_contract;
pub use outward::{delivery_contract, workflow_contract};
pub use queues::{Consumer, queues_contract};
pub use store::{one_of_each, store_contract};

use crate::error::{ErrorKind, Result as PortResult};

/// Nothing, or what was broken.
pub type Verdict<T = ()> = Result<T, String>;

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(broken()) }
}

fn same<T: PartialEq + Debug>(got: &T, expected: &T, what: &str) -> Verdict {
    ensure(got == expected, || format!("{what}: got {got:?}, expected {expected:?}"))
}

/// The answer of a call that must succeed.
fn done<T>(answer: PortResult<T>, what: &str) -> Verdict<T> {
    answer.map_err(|error| format!("{what}: {error}; because {}", error.causes()))
}

/// The call must be refused with this kind.
fn refused<T: Debug>(answer: PortResult<T>, kind: ErrorKind, what: &str) -> Verdict {
    match answer {
        Err(error) if error.kind() == kind => Ok(()),
        other => Err(format!("{what}: expected {kind}, got {other:?}")),
    }
}

/// Lets the other futures of the same task run once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
