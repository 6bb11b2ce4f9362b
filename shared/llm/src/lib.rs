//! Language models behind their wire protocols: implementations of the engine's port
//! [`Llm`](engine::ports::Llm).
//!
//! | protocol | module | who speaks it |
//! |---|---|---|
//! | OpenAI chat completions | [`openai`] | OpenAI, OpenRouter, Groq, vLLM, Ollama, llama.cpp, LM Studio, ... |
//!
//! A provider that speaks one of these is rows in the catalogue's `models.toml` and a base URL; it needs no code here.
//! A new protocol is one module here and one line in this table.
//!
//! Deliberately not here: retries, routing, budgets, prices, prompts and the check of an answer against its schema (the
//! engine owns them), and the environment (crate `boot` reads it and builds the configuration). An adapter makes
//! exactly one HTTP request per call and says what is known of its bill, whatever happens.

pub mod openai;
mod secret;

pub use secret::Secret;
