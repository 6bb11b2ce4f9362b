//! What is due: messages nobody sent, runs past their deadline, stored answers that end being fresh.

use crate::error::Result;
use crate::finish_run::finish_run;
use crate::model::{Run, RunKey};
use crate::outbox;
use crate::ports::{Key, Ports, Range, Row, Versioned};
use crate::recall::warming;

/// Looks at everything due by now, some hundred rows at a time and a thousand at most; returns how many. Rows that cannot be
/// handled stay due and keep no other waiting.
pub async fn sweep(ports: &Ports) -> Result<usize> {
    sweep_where(ports, |_| true).await
}

/// The same where one run alone is at work: what is due of other runs stays as it is for whoever goes on with them, for a week.
pub async fn sweep_beside(ports: &Ports, run: &RunKey) -> Result<usize> {
    const LEFT_MS: u64 = 7 * 86_400_000;
    let now = ports.clock.now_ms();
    // Nobody goes on with one that makes an answer ahead, or that was begun with another catalogue.
    let is_given_up = |due: &Run| {
        due.warms.is_some()
            || due.catalogue_version != ports.catalogue.version
            || due.deadline_ms.saturating_add(LEFT_MS) <= now
    };
    sweep_where(ports, |row| match row {
        Row::Run(due) => due.key == *run || is_given_up(due),
        Row::Outbox(due) => due.run == *run,
        _ => true,
    })
    .await
}

async fn sweep_where(ports: &Ports, is_ours: impl Fn(&Row) -> bool) -> Result<usize> {
    const AT_A_TIME: usize = 200;
    const MOST: usize = 1_000;
    let due = Range::Due(ports.clock.now_ms());
    let (mut found, mut from) = (0, None);
    while found < MOST {
        let page = ports.store.list(&due, from.as_deref(), AT_A_TIME).await?;
        for (key, Versioned { row, .. }) in page.rows {
            if !is_ours(&row) {
                continue;
            }
            found += 1;
            if let Err(error) = look_at(ports, &key, row).await {
                tracing::error!(%error, ?key, "not swept");
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn look_at(ports: &Ports, key: &Key, row: Row) -> Result<()> {
    match row {
        Row::Outbox(row) => outbox::send_one(ports, key, &row).await,
        Row::Run(run) if !run.status.is_final() => {
            // Nobody waits for one that makes an answer ahead.
            ports.metrics.count("sweep_overdue_runs", u64::from(run.warms.is_none()));
            finish_run(ports, &run.key, Some("the deadline has passed")).await
        }
        Row::Warming(row) => warming::look_at(ports, key, &row).await,
        _ => Ok(()),
    }
}
