//! The bundle on this machine: the real template and the real binaries on an emulator, with no account and no Docker.
//!
//! [`Stack::start`] runs Valkey and MiniStack on free ports of the loopback, deploys the template to them and gives what
//! a test needs: the API, the table, the queues, the processes of the functions. Every call a function makes to AWS
//! passes a [`gateway`](Gateway) that records it ([`Call`]) and fails it on demand ([`Faults`]). All of it ends with the
//! process that started it, however that ends; nothing of it is reached from outside this machine.

mod call;
mod client;
mod deploy;
mod environment;
mod error_shape;
mod faults;
mod folder;
mod gateway;
mod group;
mod options;
mod processes;
mod record;
mod running;
mod servers;
mod table;
mod valkey;

pub use call::{Asked, Permission};
pub use client::Answer;
pub use deploy::{Deployed, LeftOut, Package};
pub use environment::python;
pub use faults::{Faults, Kind, Rule, When};
pub use folder::{Folder, Status};
pub use gateway::Gateway;
pub use options::{Options, Profile};
pub use processes::{Process, processes};
pub use record::Call;
pub use running::{Depth, Ended, Stack, Took};
pub use servers::Servers;
pub use table::{connection, reading_ports};
pub use valkey::Valkey;

pub(crate) use client::Http;
pub(crate) use deploy::build;
pub(crate) use group::signal;

/// What went wrong, in words for people.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The outcome of anything here.
pub type Result<T> = std::result::Result<T, Error>;
