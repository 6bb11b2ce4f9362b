//! Events: numbered in the same transaction as what they tell, so that a reader sees no gap.

use crate::error::Result;
use crate::model::{Event, EventKind, RunKey, Sequence};
use crate::ports::{Change, Key, Ports, Range, Row};
use crate::transact::{Rows, create, list_all};

/// The changes that append events; the transaction must have read `Key::Sequence`.
pub(crate) fn append(rows: &Rows, run: &RunKey, at_ms: u64, kinds: Vec<EventKind>) -> Vec<Change> {
    let key = Key::Sequence(run.clone());
    let mut last_event = rows.sequence(&key).map_or(0, |sequence| sequence.last_event);
    let mut changes = Vec::with_capacity(kinds.len() + 1);
    for kind in kinds {
        last_event += 1;
        let event = Event { seq: last_event, at_ms, kind };
        changes.push(create(Key::Event(run.clone(), last_event), Row::Event(event), None));
    }
    changes.push(rows.put(key, Row::Sequence(Sequence { last_event }), None));
    changes
}

/// The events of a run after number `after`, in order, without gaps.
pub async fn events_after(ports: &Ports, run: &RunKey, after: u64) -> Result<Vec<Event>> {
    let rows = list_all(ports, &Range::Events(run.clone(), after)).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(_, versioned)| match versioned.row {
            Row::Event(event) => Some(event),
            _ => None,
        })
        .collect())
}
