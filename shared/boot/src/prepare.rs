//! What the first steps of a run would wait for, built while they wait for something else.

use std::sync::Arc;

use engine::agent::Catalogue;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};

/// Compiles the agents' schemas and builds the analysers' patterns on a thread of its own, and has the analysers learn them on
/// this one, a millisecond at a time, once they are built: this one has other work.
pub async fn prepare(catalogue: &Arc<Catalogue>) {
    let mut built = build(catalogue.clone());
    let mut agents = analysis::prepare();
    loop {
        built.next().await;
        if agents.next().is_none() {
            break;
        }
        tokio::task::yield_now().await;
    }
}

/// Builds all that can be; it tells of each agent's patterns. Without a thread to spare they are built when they are needed.
fn build(catalogue: Arc<Catalogue>) -> UnboundedReceiver<()> {
    let (told, built) = unbounded();
    let work = move || {
        for agent in &catalogue.agents {
            // Whoever needs one that does not compile says so.
            let _ = agent.compiled();
        }
        analysis::prepare().for_each(|()| drop(told.unbounded_send(())));
    };
    drop(std::thread::Builder::new().spawn(work));
    built
}
