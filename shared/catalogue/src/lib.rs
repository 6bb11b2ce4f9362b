//! The catalogue: 26 agents with their prompts and schemas, and the models with their prices. Data first: the files
//! beside this crate say everything, this code embeds, parses and validates them.
//!
//! [`load`] gives the engine's [`Catalogue`]; [`from_texts`] does the same for any texts, so that a change can be
//! judged before it is made. Deliberately not here: what agents and models mean (crate `engine`), and any prompt text.
//! To add an agent: a row in `agents.toml`, `prompts/<id>.md`, `schemas/<id>.json`, a line in [`texts`] and a state in
//! the workflow. To add a model: a row in `models.toml`.

mod agents;
mod error;
mod models;
mod order;
mod prompts;
mod rows;
mod schemas;
#[cfg(test)]
mod tests;
pub mod texts;

pub use engine::agent::Catalogue;
pub use error::CatalogueError;
pub use models::{Pricing, PricingRow, Protocol, Provider, prices};
pub use texts::Texts;

/// The names that rows may use and only the registries know.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// Tools a model may call.
    pub tools: &'a [&'a str],
    /// Deterministic analysers.
    pub analysers: &'a [&'a str],
}

/// The embedded catalogue, validated. Without registries, for a process that runs no step, the names of tools and analysers
/// are taken as they are.
///
/// Errors: the first fault found, with its file, its agent and how to mend it.
pub fn load(registered: Option<&Registered<'_>>) -> Result<Catalogue, CatalogueError> {
    made(&Texts::embedded(), registered)
}

/// A catalogue made of other texts, whose schemas must compile. That the embedded ones do is shown by a test, not found out each time.
///
/// Errors: as [`load`].
pub fn from_texts(texts: &Texts, registered: Option<&Registered<'_>>) -> Result<Catalogue, CatalogueError> {
    let catalogue = made(texts, registered)?;
    catalogue.agents.iter().try_for_each(|agent| schemas::compile(agent))?;
    Ok(catalogue)
}

fn made(texts: &Texts, registered: Option<&Registered<'_>>) -> Result<Catalogue, CatalogueError> {
    let agents = agents::read(texts, registered)?;
    let models::ModelTable { models, pricing, .. } = models::read(&texts.models)?;
    let prices_hold_days = pricing.refused_after_days;
    Ok(Catalogue { version: texts.version(), agents, models, prices_hold_days })
}

/// The providers of the embedded models.
///
/// Errors: as [`load`].
pub fn providers() -> Result<Vec<Provider>, CatalogueError> {
    Ok(models::read(&Texts::embedded().models)?.providers)
}

/// How old the embedded prices are, and what batches cost.
///
/// Errors: as [`load`].
pub fn pricing() -> Result<Pricing, CatalogueError> {
    Ok(models::read(&Texts::embedded().models)?.pricing)
}

/// Names the embedded catalogue: 16 hexadecimal digits that change when any of its texts does.
pub fn version() -> String {
    Texts::embedded().version()
}
