//! The workflow file, walked in one process: what Step Functions does with it, for just the fields the file uses.
//!
//! [`Machine::parse`] refuses whatever is not implemented here (a state type, a field, an operator, a form of path, an
//! intrinsic function), so that a file which is accepted means the same here and on AWS. [`execute`] walks a machine on
//! the engine's ports: no thread, no timer and no randomness of its own, and futures polled in a fixed order, so the
//! same ports give the same walk. Deliberately not here: where messages go ([`crate::workflow`]) and any agent.
//!
//! A missing path is `States.Runtime`, which ends the execution and can be neither retried nor caught; `States.ALL`
//! does not catch `States.DataLimitExceeded` either. Both are as the service's documentation on errors has them.

mod choice;
mod failure;
mod fields;
mod flow;
mod host;
mod machine;
mod makespan;
mod parse;
mod path;
mod retry;
mod script;
mod targets;
mod task;
mod template;
mod token;
mod walk;

pub use failure::Failure;
pub(crate) use failure::{PAYLOAD_BYTES, payload_bytes};
pub use fields::AslError;
pub use host::{Execution, Host, Moment, Observer, Services};
pub use machine::Machine;
pub use makespan::{StepAnswer, StepTime, Walked, walk_steps};
pub use token::{Answer, Tokens};
pub use walk::{Ended, Status, execute, execute_until};

#[cfg(test)]
mod tests;
