//! The routes, one file per resource.

mod agents;
mod briefings;
mod cache;
mod events;
pub(crate) mod health;
mod metrics;
mod optimizations;
mod runs;
mod uploads;
mod usage;

use crate::operation::Operation;

/// Every operation there is.
pub(crate) fn all() -> Vec<Operation> {
    [
        runs::operations(),
        briefings::operations(),
        events::operations(),
        uploads::operations(),
        agents::operations(),
        usage::operations(),
        health::operations(),
        metrics::operations(),
        optimizations::operations(),
        cache::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
