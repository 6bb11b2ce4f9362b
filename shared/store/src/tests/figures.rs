//! What a call costs, in this process, through the SDK.

use std::time::Instant;

use engine::model::TenantId;
use engine::ports::{Expect, Key, Range, Store};

use super::{block_on, counters, in_file, in_memory, put};
use crate::Dynamo;

#[test]
#[ignore = "prints figures: run it alone, with --nocapture"]
fn costs_of_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    timed("open a new file", 1, || drop(in_file(&path)));
    timed("open it again", 1, || drop(in_file(&path)));
    for (name, store) in [("memory", in_memory()), ("file", in_file(&path))] {
        println!("--- {name}, resident {} MB", resident_mb());
        calls(&store);
    }
    println!("--- resident {} MB", resident_mb());
}

fn calls(store: &Dynamo) {
    const TIMES: u32 = 400;
    let key = |number: u32| Key::Counters(TenantId::new("owner"), number);
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    timed("put a new row", TIMES, || {
        block_on(store.write(&[put(&key(next()), Expect::Absent, counters(1))])).unwrap();
    });
    timed("put at a version", TIMES, || {
        block_on(store.write(&[put(&key(next() - TIMES), Expect::Version(1), counters(1))])).unwrap();
    });
    timed("update expecting nothing", TIMES, || {
        block_on(store.write(&[put(&key(next()), Expect::Anything, counters(1))])).unwrap();
    });
    timed("get", TIMES, || drop(block_on(store.read(&[key(1)])).unwrap()));
    let ten: Vec<Key> = (1..=10).map(key).collect();
    timed("get ten", TIMES, || drop(block_on(store.read(&ten)).unwrap()));
    timed("transact four new rows", TIMES, || {
        let changes: Vec<_> = (0..4).map(|_| put(&key(next()), Expect::Absent, counters(1))).collect();
        block_on(store.write(&changes)).unwrap();
    });
    timed("conflict", TIMES, || {
        block_on(store.write(&[put(&key(1), Expect::Absent, counters(1))])).unwrap_err();
    });
    timed("list what is due", TIMES, || drop(block_on(store.list(&Range::Due(1), None, 10)).unwrap()));
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn timed(what: &str, times: u32, mut call: impl FnMut()) {
    let (start, cpu_start) = (Instant::now(), cpu_us());
    for _ in 0..times {
        call();
    }
    let cpu_us = (cpu_us() - cpu_start) / f64::from(times);
    println!(
        "{what:30} {:8.0} us wall {cpu_us:8.0} us cpu",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
    );
}

/// User and system time of this process so far, in microseconds; steps of 10 ms.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) * 10_000.0
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
