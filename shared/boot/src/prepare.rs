//! What the first steps of a run would wait for, built while they wait for something else.

use std::sync::Arc;

use engine::agent::Catalogue;

/// Compiles the agents' schemas and builds the analysers' patterns on a thread of its own. Whoever needs one earlier waits
/// for that one only. Without a thread nothing is lost but time.
pub fn prepare(catalogue: Arc<Catalogue>) {
    let work = move || {
        analysis::prepare();
        for agent in &catalogue.agents {
            agent.compiled();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("prepare".to_owned()).spawn(work) {
        tracing::debug!(%error, "nothing is prepared");
    }
}
