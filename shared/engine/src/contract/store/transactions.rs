//! Reading and writing.

use futures::future::join_all;

use super::{Probe, check, count, counter, gone, one_of_each, put};
use crate::contract::{Verdict, ensure, refused, same, samples, yield_once};
use crate::error::ErrorKind;
use crate::model::Counters;
use crate::ports::{Expect, Key, Row};

fn shard(of: &str, number: u32) -> Key {
    Key::Counters(samples::tenant(of), number)
}

pub(super) async fn every_kind_of_row_reads_back(store: &Probe<'_>) -> Verdict {
    let rows = one_of_each();
    for (key, row) in &rows {
        same(&store.row(key, "reading nothing").await?, &None, "a row nobody wrote")?;
        store.write(&[put(key.clone(), Expect::Absent, row.clone())], "writing one row").await?;
        same(&store.row(key, "reading one row").await?, &Some(row.clone()), "a row after its write")?;
    }
    let absent = Key::Rate("absent".to_owned());
    let mut keys: Vec<Key> = rows.iter().rev().map(|(key, _)| key.clone()).collect();
    keys.insert(1, absent);
    keys.push(keys[0].clone());
    let read = crate::contract::done(store.0.read(&keys).await, "reading many rows")?;
    let expected: Vec<Option<Row>> =
        keys.iter().map(|key| rows.iter().find(|(of, _)| of == key).map(|(_, row)| row.clone())).collect();
    let read: Vec<Option<Row>> = read.into_iter().map(|found| found.map(|versioned| versioned.row)).collect();
    same(&read, &expected, "many rows in the order of their keys")?;
    let none = crate::contract::done(store.0.read(&[]).await, "reading no key")?;
    same(&none.len(), &0, "rows read for no key")
}

pub(super) async fn versions_guard_writes(store: &Probe<'_>) -> Verdict {
    let key = shard("versions", 0);
    let write = |expect, value| [put(key.clone(), expect, counter(value))];
    let conflict = ErrorKind::Conflict;
    refused(
        store.0.write(&write(Expect::Version(1), 1)).await,
        conflict,
        "a version of a row that is not there",
    )?;
    store.write(&write(Expect::Absent, 1), "a first write").await?;
    refused(store.0.write(&write(Expect::Absent, 9)).await, conflict, "absence of a row that is there")?;
    let first = version(store, &key).await?;
    same(&first, &1, "the version of a new row")?;
    store.write(&write(Expect::Version(first), 2), "a second write").await?;
    let second = version(store, &key).await?;
    ensure(second > first, || format!("version {second} after {first}"))?;
    refused(store.0.write(&write(Expect::Version(first), 9)).await, conflict, "a stale version")?;
    refused(store.0.write(&write(Expect::Version(second + 1), 9)).await, conflict, "a version yet to come")?;
    store.write(&write(Expect::Anything, 3), "a write that expects nothing").await?;
    let third = version(store, &key).await?;
    ensure(third > second, || format!("version {third} after {second}"))?;
    refused(
        store.0.write(&write(Expect::Version(second), 9)).await,
        conflict,
        "a version overwritten unseen",
    )?;
    store.write(&write(Expect::Version(third), 4), "a write at the new version").await?;
    same(&store.row(&key, "reading").await?, &Some(counter(4)), "the last accepted write")?;
    let other = shard("versions", 1);
    let anything = [put(other.clone(), Expect::Anything, counter(1))];
    store.write(&anything, "a first write that expects nothing").await?;
    same(&version(store, &other).await?, &1, "the version of a row created by it")
}

async fn version(store: &Probe<'_>, key: &Key) -> Verdict<u64> {
    let found = store.read(key, "reading a version").await?;
    found.map(|versioned| versioned.version).ok_or_else(|| format!("{key:?} is gone"))
}

pub(super) async fn a_check_only_checks(store: &Probe<'_>) -> Verdict {
    let (key, absent) = (shard("checks", 0), shard("checks", 1));
    store.write(&[put(key.clone(), Expect::Absent, counter(1))], "writing").await?;
    let checks = [check(key.clone(), Expect::Version(1)), check(absent.clone(), Expect::Absent)];
    store.write(&checks, "checks that hold").await?;
    store.write(&checks[..1], "a single check that holds").await?;
    store.write(&[check(key.clone(), Expect::Anything)], "a check of nothing").await?;
    store.write(&[], "no change at all").await?;
    same(&version(store, &key).await?, &1, "the version after checks")?;
    let other = shard("checks", 2);
    for wrong in [check(key.clone(), Expect::Version(2)), check(key.clone(), Expect::Absent)] {
        let alone = store.0.write(std::slice::from_ref(&wrong)).await;
        refused(alone, ErrorKind::Conflict, "a check that fails")?;
        let changes = [put(other.clone(), Expect::Absent, counter(1)), wrong];
        refused(store.0.write(&changes).await, ErrorKind::Conflict, "a change beside a check that fails")?;
    }
    let missing = store.0.write(&[check(absent, Expect::Version(1))]).await;
    refused(missing, ErrorKind::Conflict, "a check of a row that is not there")?;
    same(&store.row(&other, "reading").await?, &None, "a change beside a failed check")
}

pub(super) async fn deletion(store: &Probe<'_>) -> Verdict {
    let key = shard("deletion", 0);
    store.write(&[put(key.clone(), Expect::Absent, counter(1))], "writing").await?;
    let stale = store.0.write(&[gone(key.clone(), Expect::Version(2))]).await;
    refused(stale, ErrorKind::Conflict, "deleting at a wrong version")?;
    store.write(&[gone(key.clone(), Expect::Version(1))], "deleting").await?;
    same(&store.row(&key, "reading").await?, &None, "a deleted row")?;
    let again = store.0.write(&[gone(key.clone(), Expect::Version(1))]).await;
    refused(again, ErrorKind::Conflict, "deleting twice")?;
    store.write(&[gone(key.clone(), Expect::Anything)], "deleting what is not there").await?;
    store.write(&[put(key.clone(), Expect::Absent, counter(2))], "writing after deleting").await?;
    let both = [gone(key.clone(), Expect::Anything), put(shard("deletion", 1), Expect::Absent, counter(3))];
    store.write(&both, "deleting and writing together").await?;
    same(&store.row(&key, "reading").await?, &None, "a row deleted beside a write")
}

pub(super) async fn all_or_nothing(store: &Probe<'_>) -> Verdict {
    let keys: Vec<Key> = (0..3).map(|number| shard("atomic", number)).collect();
    store.write(&[put(keys[1].clone(), Expect::Absent, counter(1))], "writing").await?;
    for position in 0..3 {
        let mut changes = vec![
            put(keys[0].clone(), Expect::Absent, counter(9)),
            put(keys[2].clone(), Expect::Anything, counter(9)),
        ];
        changes.insert(position, put(keys[1].clone(), Expect::Version(2), counter(9)));
        refused(store.0.write(&changes).await, ErrorKind::Conflict, "one stale version among three")?;
    }
    for (key, expected) in keys.iter().zip([None, Some(counter(1)), None]) {
        same(&store.row(key, "reading").await?, &expected, "a row of a refused transaction")?;
    }
    Ok(())
}

pub(super) async fn a_hundred_changes(store: &Probe<'_>) -> Verdict {
    let keys: Vec<Key> = (0..100).map(|number| shard("hundred", number)).collect();
    let write = |expect: Expect, base: u64| {
        keys.iter()
            .zip(base..)
            .map(|(key, value)| put(key.clone(), expect, counter(value)))
            .collect::<Vec<_>>()
    };
    store.write(&write(Expect::Absent, 0), "a hundred changes").await?;
    store.write(&write(Expect::Version(1), 1000), "a hundred changes at their versions").await?;
    let mut many = keys.clone();
    many.extend(keys.iter().cloned());
    many.extend((100..130).map(|number| shard("hundred", number)));
    let read = crate::contract::done(store.0.read(&many).await, "reading 230 keys")?;
    same(&read.len(), &230, "rows read for 230 keys")?;
    for (position, found) in read.iter().enumerate() {
        let expected = (position < 200).then_some(1000 + position as u64 % 100);
        let got = found.as_ref().map(|versioned| count(&versioned.row));
        same(&got, &expected, "one of many rows")?;
    }
    Ok(())
}

pub(super) async fn large_rows(store: &Probe<'_>) -> Verdict {
    let text = "a \"quoted\" line,\n\u{1f980} and more. ".repeat(5 * 32 * 1024 / 32);
    let row = Row::Expiring { value: serde_json::json!({ "text": text }), expires_ms: u64::MAX / 2 };
    let keys: Vec<Key> =
        (0..5).map(|number| Key::Cache(samples::tenant("large"), number.to_string())).collect();
    for key in &keys {
        store.write(&[put(key.clone(), Expect::Absent, row.clone())], "writing a row of 160 KiB").await?;
    }
    let read = crate::contract::done(store.0.read(&keys).await, "reading large rows")?;
    let whole = read.iter().flatten().filter(|versioned| versioned.row == row).count();
    same(&whole, &5, "large rows that read back whole")
}

pub(super) async fn similar_names_are_different_rows(store: &Probe<'_>) -> Verdict {
    let run = |tenant: &str, run: &str| crate::model::RunKey {
        tenant: crate::model::TenantId::new(tenant),
        run: crate::model::RunId::new(run),
    };
    let step =
        |of: &crate::model::RunKey, agent: &str, item: &str| Key::Step(samples::step_key(of, agent, item));
    let plain = run("a", "b");
    let keys = [
        step(&plain, "x", "y#z"),
        step(&plain, "x#y", "z"),
        step(&plain, "x%23y", "z"),
        step(&plain, "x", "y%23z"),
        step(&plain, "X", "y#z"),
        step(&run("a#R#b", "b"), "x", "y"),
        step(&run("a", "R#b#b"), "x", "y"),
        Key::Outbox(plain.clone(), "RUN".to_owned()),
        Key::Outbox(plain.clone(), "".to_owned()),
        Key::Outbox(plain.clone(), " ".to_owned()),
        Key::Run(plain.clone()),
        Key::Run(run("a#R", "b")),
        Key::Run(run("\u{e9}", "b")),
        Key::Run(run("e\u{301}", "b")),
        Key::Rate("T#a".to_owned()),
        Key::Cache(plain.tenant.clone(), "k".to_owned()),
        Key::Idempotency(plain.tenant.clone(), "k".to_owned()),
        Key::Budget(plain.tenant.clone(), "k".to_owned()),
    ];
    for (key, value) in keys.iter().zip(0..) {
        let change = [put(key.clone(), Expect::Absent, counter(value))];
        store.write(&change, &format!("writing {key:?}")).await?;
    }
    for (key, value) in keys.iter().zip(0..) {
        same(&store.row(key, "reading").await?, &Some(counter(value)), &format!("{key:?}"))?;
    }
    Ok(())
}

pub(super) async fn no_increment_is_lost(store: &Probe<'_>) -> Verdict {
    const TASKS: u64 = 4;
    const EACH: u64 = 5;
    let key = shard("increments", 0);
    let increment = || async {
        let mut left = EACH;
        for _ in 0..10_000 {
            if left == 0 {
                return Ok(());
            }
            let found = store.read(&key, "reading").await?;
            yield_once().await;
            let (value, expect) = found.map_or((0, Expect::Absent), |versioned| {
                (count(&versioned.row), Expect::Version(versioned.version))
            });
            match store.0.write(&[put(key.clone(), expect, counter(value + 1))]).await {
                Ok(()) => left -= 1,
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(format!("incrementing: {error}")),
            }
        }
        Err(String::from("10,000 conflicts in a row of increments"))
    };
    for verdict in join_all((0..TASKS).map(|_| increment())).await {
        verdict?;
    }
    let total = store.row(&key, "reading").await?.map(|row| count(&row));
    same(&total, &Some(TASKS * EACH), "the sum of all increments")
}

pub(super) async fn malformed_transactions(store: &Probe<'_>) -> Verdict {
    let twice = [
        put(shard("malformed", 0), Expect::Anything, Row::Counters(Counters::default())),
        gone(shard("malformed", 0), Expect::Anything),
    ];
    refused(store.0.write(&twice).await, ErrorKind::Internal, "a key twice")?;
    let many: Vec<_> =
        (0..101).map(|number| put(shard("malformed", number), Expect::Anything, counter(1))).collect();
    refused(store.0.write(&many).await, ErrorKind::Internal, "101 changes")?;
    same(&store.row(&shard("malformed", 0), "reading").await?, &None, "a row of a malformed transaction")
}
