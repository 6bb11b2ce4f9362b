//! What is due: messages nobody sent, runs past their deadline.

use crate::error::Result;
use crate::finish_run::finish_run;
use crate::outbox;
use crate::ports::{Ports, Range, Row};

/// Looks at everything due by now, at most a few hundred rows; returns how many.
pub async fn sweep(ports: &Ports) -> Result<usize> {
    const MOST: usize = 200;
    let due = ports.store.list(&Range::Due(ports.clock.now_ms()), None, MOST).await?;
    let found = due.rows.len();
    for (key, versioned) in due.rows {
        let swept = match versioned.row {
            Row::Outbox(row) => outbox::send_one(ports, &key, &row).await,
            Row::Run(run) if !run.status.is_final() => {
                ports.metrics.count("sweep_overdue_runs", 1);
                finish_run(ports, &run.key, Some("the deadline has passed")).await
            }
            _ => Ok(()),
        };
        if let Err(error) = swept {
            // One row that cannot be handled must not keep the others waiting; it stays due.
            tracing::error!(%error, ?key, "not swept");
        }
    }
    Ok(found)
}
