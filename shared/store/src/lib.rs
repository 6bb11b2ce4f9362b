//! Where the platform keeps things. Only this crate names a table, a key or a file.
//!
//! [`Dynamo`] keeps rows in DynamoDB, or in an [`Embedded`] engine of the same API inside this process; [`Files`]
//! keeps content in a folder; [`Journal`] keeps what one process has written until the table has it; [`lite`] gives cache, limits
//! and memory over any store of rows. Deliberately not here: any rule of the platform, such as what a row means or when a
//! write is decided again.

pub mod dynamo;
pub mod embedded;
pub mod files;
mod journal;
pub mod lite;

pub use dynamo::{Dynamo, create_table};
pub use embedded::Embedded;
pub use files::Files;
pub use journal::{Entry, Journal, Paper, RETRIES_MS, Written};

#[cfg(test)]
mod tests;
