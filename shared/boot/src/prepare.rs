//! What the first steps of a run would wait for, built while they wait for something else.

use engine::agent::Catalogue;

/// Builds the analysers' patterns and compiles the agents' schemas, a few milliseconds at a time.
pub async fn prepare(catalogue: &Catalogue) {
    for () in analysis::prepare() {
        tokio::task::yield_now().await;
    }
    for agent in &catalogue.agents {
        agent.compiled();
        tokio::task::yield_now().await;
    }
}
