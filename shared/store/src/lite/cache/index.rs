//! Namespaces: a row says how far one has grown, and each neighbour is a row of its own.

use engine::error::Result;
use engine::model::TenantId;
use engine::ports::{Becomes, Change, Cursor, Delta, Expect, Key, NEIGHBOURS_AT_ONCE, Neighbour, Versioned};
use serde::{Deserialize, Serialize};

use super::rows::{read, row};
use super::{ATTEMPTS, LONGEST_MS, LiteCache, PURGES_KEEP_MS, crowded, ended, expect};

/// Neighbours that a namespace keeps.
const MOST_NEIGHBOURS: u64 = 2_000;
/// Rows that are read at once.
const READ_AT_ONCE: usize = 100;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Head {
    life: u64,
    /// The number of the oldest neighbour that is kept, and of the newest.
    first: u64,
    last: u64,
}

impl LiteCache {
    pub(super) async fn add_to(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        let key = head_key(tenant, namespace);
        for attempt in 1..=ATTEMPTS {
            let now_ms = self.clock.now_ms();
            let found = self.read_one(&key).await?;
            let begun = Head { life: now_ms, first: 1, last: 0 };
            let head = read::<Head>(found.as_ref(), now_ms).map_or(begun, |(head, _)| head);
            let mut next = Head { last: head.last + 1, ..head };
            let mut changes = vec![Change {
                key: neighbour_key(tenant, namespace, next.life, next.last),
                expect: Expect::Anything,
                to: Becomes::Row(row(neighbour, now_ms + keep_ms.min(LONGEST_MS))?),
                due_ms: None,
            }];
            if next.last - next.first >= MOST_NEIGHBOURS {
                let oldest = neighbour_key(tenant, namespace, next.life, next.first);
                changes.push(ended(oldest, Expect::Anything, now_ms));
                next.first += 1;
            }
            changes.push(Change {
                key: key.clone(),
                expect: expect(found.as_ref()),
                to: Becomes::Row(row(&next, now_ms + PURGES_KEEP_MS)?),
                due_ms: None,
            });
            if self.try_write(&changes).await? {
                return Ok(());
            }
            self.clock.sleep(attempt).await;
        }
        Err(crowded())
    }

    /// What was added since. A namespace that has not grown costs no further reading.
    pub(super) async fn delta(
        &self,
        tenant: &TenantId,
        namespace: &str,
        cursor: Cursor,
        head: Option<Versioned>,
    ) -> Result<Delta> {
        let now_ms = self.clock.now_ms();
        let Some((head, _)) = read::<Head>(head.as_ref(), now_ms) else {
            return Ok(Delta { is_whole: true, ..Delta::default() });
        };
        let is_known = cursor.life == head.life
            && cursor.number > 0
            && cursor.number <= head.last
            && cursor.number + 1 >= head.first;
        let from = if is_known { cursor.number + 1 } else { head.first };
        let to = head.last.min(from + NEIGHBOURS_AT_ONCE as u64 - 1);
        let keys: Vec<Key> =
            (from..=to).map(|number| neighbour_key(tenant, namespace, head.life, number)).collect();
        let mut neighbours = Vec::new();
        for keys in keys.chunks(READ_AT_ONCE) {
            let rows = self.read(keys).await?;
            neighbours.extend(rows.iter().filter_map(|found| Some(read(found.as_ref(), now_ms)?.0)));
        }
        let cursor = Cursor { life: head.life, number: to };
        Ok(Delta { neighbours, cursor, is_whole: !is_known, has_more: to < head.last })
    }
}

pub(super) fn head_key(tenant: &TenantId, namespace: &str) -> Key {
    Key::Cache(tenant.clone(), format!("space/{namespace}"))
}

fn neighbour_key(tenant: &TenantId, namespace: &str, life: u64, number: u64) -> Key {
    Key::Cache(tenant.clone(), format!("space/{namespace}/{life}/{number}"))
}
