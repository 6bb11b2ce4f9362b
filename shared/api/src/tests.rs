//! The router over ports in memory, on virtual time. Every answer is held against the document.

mod access;
mod cache;
mod document;
mod health;
mod house;
mod metrics;
mod runs;
mod usage;
