//! Services of AWS behind the engine's ports, but for the rows, which crate `store` keeps.
//!
//! [`Connection`] is one HTTP client and one signer for all of them. [`Sqs`] sends messages, [`StepFunctions`] runs
//! workflows, [`S3`] keeps content and takes uploads and posts, [`secrets`] reads what must not stand in the
//! environment, [`invoke`] asks another function. Deliberately not here: any rule of the platform, and the environment.

mod connection;
mod http_client;
pub mod invoke;
pub mod redis;
mod s3;
pub mod secrets;
mod sfn;
pub mod signed;
mod sqs;

pub use connection::{Connection, Place};
pub use s3::S3;
pub use sfn::StepFunctions;
pub use sqs::Sqs;
