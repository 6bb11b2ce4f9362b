//! The scripted model: a language model without a model, for tests, benches and the simulation.
//!
//! It answers only from what it was sent. A request's user messages hold the evidence as `<data name="...">` blocks;
//! each agent has a small function that works on that evidence and quotes it ([`answer`]). If an input an agent needs
//! is not there, the call fails with `missing input <name>`, so a lost or wrong input shows as a failed step and never
//! as a plausible answer.
//!
//! * [`ScriptedModel`] is the engine's port `Llm` in this process, on the engine's clock.
//! * [`ScriptedServer`] is the same behind an HTTP endpoint on this machine that speaks OpenAI's protocol and Anthropic's, plain
//!   and streamed.
//!
//! Both keep the provider's [`Bill`]: what a provider would charge, whether or not the client heard the answer. Both
//! take a [`Script`]: prices, latency, and faults by call. Usage is computed from the lengths of the texts, so two runs
//! of the same requests have the same bill.

mod agents;
mod bill;
mod bodies;
mod evidence;
mod fault;
mod messages;
mod model;
mod read;
mod server;
mod turn;
mod wire;

#[cfg(test)]
mod tests;

pub use agents::{AGENTS, AgentScript, answer};
pub use bill::{Bill, BillLine};
pub use bodies::{Face, body};
pub(crate) use evidence::item_of;
pub use evidence::{Evidence, Missing};
pub use fault::{Call, Fault, Script};
pub use model::ScriptedModel;
pub use server::ScriptedServer;
