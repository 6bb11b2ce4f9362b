//! Language models behind their wire protocols: implementations of the engine's port
//! [`Llm`](engine::ports::Llm).
//!
//! | protocol | module | who speaks it |
//! |---|---|---|
//! | OpenAI chat completions | [`openai`] | OpenAI, OpenRouter, Groq, vLLM, Ollama, llama.cpp, LM Studio, ... |
//! | Anthropic Messages | [`anthropic`] | Anthropic |
//! | Converse | [`bedrock`] | Bedrock |
//!
//! A provider that speaks one of these is rows in the catalogue's `models.toml` and a base URL; it needs no code here.
//! A new protocol is one module here and one line in this table.
//!
//! Deliberately not here: retries, routing, budgets, prices, prompts and the check of an answer against its schema (the
//! engine owns them), and the environment (crate `boot` reads it and builds the configuration). An adapter makes
//! exactly one HTTP request per call and says what is known of its bill, whatever happens.

#![allow(clippy::result_large_err, reason = "the port's error is what it is, and a call takes seconds")]

pub mod anthropic;
pub mod bedrock;
mod fallback;
pub mod openai;
mod read;
mod reply;
mod secret;
mod server;
mod signing;
mod tiers;
mod turns;
mod usage;

pub use fallback::Several;
pub use read::{Wire, read_answer};
pub use secret::Secret;
pub use server::ServerConfig;
pub use signing::{Signer, Signs};
pub use tiers::Tiered;
pub use usage::{UsageShape, read_usage, reported_cost};
