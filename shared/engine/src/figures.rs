//! A tenant's figures over its ended runs: added once per run, in the transaction that ends it, over a few rows so that
//! runs that end together seldom meet; summed where they are read.

use crate::error::Result;
use crate::model::{Counters, TenantId};
use crate::ports::{Key, Ports, Row};
use crate::transact::read as read_rows;

/// Counters are spread over so many rows.
pub const SHARDS: u32 = 16;

/// What a tenant's ended runs come to. Errors: `Storage`.
pub async fn read(ports: &Ports, tenant: &TenantId) -> Result<Counters> {
    let keys: Vec<Key> = (0..SHARDS).map(|shard| Key::Counters(tenant.clone(), shard)).collect();
    let mut sum = Counters::default();
    for row in read_rows(ports, &keys).await?.into_iter().flatten() {
        if let Row::Counters(counters) = row {
            sum += &counters;
        }
    }
    Ok(sum)
}
