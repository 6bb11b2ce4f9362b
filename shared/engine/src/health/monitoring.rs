//! A counter is made, added to as the end of a run adds to it, and read; and the metrics of this process take a measurement.

use futures::FutureExt as _;

use super::probe::{Probe, ensure, wrong};
use super::{Check, Finding};
use crate::error::Result;
use crate::figures;
use crate::model::Counters;
use crate::ports::{Key, Row};
use crate::transact::{Decision, transact};

const NAME: &str = "monitoring";
const MEASUREMENT: &str = "probe_measurements";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: false,
    about: "counters are written, added to and read back; this process's metrics take a measurement",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let metrics = &probe.ports.metrics;
    let before = metrics.held(MEASUREMENT).unwrap_or_default();
    metrics.count(MEASUREMENT, 1);
    let after = metrics.held(MEASUREMENT);
    let key = Key::Counters(probe.tenant(NAME), (probe.place() % u64::from(figures::SHARDS)) as u32);
    let first = Counters { recall_lookups: 1, ..Counters::default() };
    probe.create([(key.clone(), Row::Counters(first))]).await?;
    let added = add_and_read(probe, &key).await;
    let deleted = probe.delete([key]).await;
    added.and(deleted)?;
    match after {
        Some(after) if after > before => Ok(Finding::pass("a counter and a measurement were read back")),
        Some(after) => Ok(Finding::fail(format!("the metrics counted {before} and 1 and have {after}"))),
        None if before > 0 => Ok(Finding::fail("the metrics lost what they had counted")),
        None => Ok(Finding::fail("the metrics did not take a measurement")),
    }
}

async fn add_and_read(probe: &Probe<'_>, key: &Key) -> Result<()> {
    let keys = std::slice::from_ref(key);
    transact(probe.ports, keys, |rows| {
        let stored = rows.counters(key).ok_or_else(|| wrong("a counter is not there"))?;
        let more = Counters { recall_lookups: stored.recall_lookups + 2, ..stored.clone() };
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Counters(more), None)], ()))
    })
    .await?;
    let found = probe.ports.store.read(keys).await?.pop().flatten().map(|versioned| versioned.row);
    let expected = Row::Counters(Counters { recall_lookups: 3, ..Counters::default() });
    ensure(found == Some(expected), || "a counter that was added to has another value".to_owned())
}
