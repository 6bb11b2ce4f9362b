//! What the first steps of a run would wait for, built while they wait for something else.

use engine::agent::Catalogue;
use futures::future::poll_fn;
use std::task::Poll;

/// Builds the analysers' patterns and compiles the agents' schemas, a few milliseconds at a time.
pub async fn prepare(catalogue: &Catalogue) {
    for () in analysis::prepare() {
        give_way().await;
    }
    for agent in &catalogue.agents {
        agent.compiled();
        give_way().await;
    }
}

/// Lets everybody else go first, once.
async fn give_way() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
