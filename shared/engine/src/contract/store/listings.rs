//! Listing.

use std::sync::Arc;

use super::{Probe, due, gone, put};
use crate::contract::{Verdict, done, ensure, same, samples};
use crate::model::RunKey;
use crate::ports::{Expect, Key, Range, Row, Versioned};

/// All rows of a range in pages of `limit`.
async fn all(store: &Probe<'_>, range: &Range, limit: usize) -> Verdict<Vec<(Key, Versioned)>> {
    let (mut rows, mut from) = (Vec::new(), None::<String>);
    for _ in 0..1000 {
        let page = done(store.0.list(range, from.as_deref(), limit).await, &format!("listing {range:?}"))?;
        ensure(page.rows.len() <= limit, || format!("{} rows on a page of {limit}", page.rows.len()))?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(rows),
        }
    }
    Err(format!("{range:?} never ends"))
}

/// The range lists exactly these keys, in this order, whatever the size of a page.
async fn lists(store: &Probe<'_>, range: &Range, expected: &[Key]) -> Verdict {
    for limit in [1, 2, 3, 100] {
        let keys: Vec<Key> = all(store, range, limit).await?.into_iter().map(|(key, _)| key).collect();
        same(&keys, &expected.to_vec(), &format!("{range:?} in pages of {limit}"))?;
    }
    Ok(())
}

async fn create(store: &Probe<'_>, key: &Key, row: Row) -> Verdict {
    store.write(&[put(key.clone(), Expect::Absent, row)], "writing a row to list").await
}

pub(super) async fn runs_newest_first(store: &Probe<'_>) -> Verdict {
    let order = [3, 1, 5, 2, 4];
    for after_ms in order {
        for tenant in ["lister", "lister#R", "other"] {
            let run = samples::run_key(tenant, after_ms);
            let row = Row::Run(samples::run(&run, samples::START_MS + after_ms));
            create(store, &Key::Run(run), row).await?;
        }
    }
    let expected: Vec<Key> =
        (1..=5).rev().map(|after_ms| Key::Run(samples::run_key("lister", after_ms))).collect();
    let range = Range::Runs(samples::tenant("lister"));
    lists(store, &range, &expected).await?;
    let run = samples::run_key("lister", 2);
    let mut changed = samples::run(&run, samples::START_MS + 2);
    changed.cancel_requested = true;
    let change = [put(Key::Run(run), Expect::Version(1), Row::Run(changed.clone()))];
    store.write(&change, "changing a listed run").await?;
    lists(store, &range, &expected).await?;
    let listed = all(store, &range, 10).await?;
    same(&listed[3].1, &Versioned { row: Row::Run(changed), version: 2 }, "a listed run after its change")?;
    lists(store, &Range::Runs(samples::tenant("nobody")), &[]).await
}

pub(super) async fn a_run_and_nothing_else(store: &Probe<'_>) -> Verdict {
    let run = samples::run_key("owner", 1);
    let strangers = [
        samples::run_key("owner", 2),
        samples::run_key("stranger", 1),
        RunKey { run: crate::model::RunId::new(format!("{}#", run.run)), ..run.clone() },
        RunKey { run: crate::model::RunId::new(format!("{}0", run.run)), ..run.clone() },
    ];
    let (mut steps, mut outbox, mut charges) = (Vec::new(), Vec::new(), Vec::new());
    let month = crate::calendar::month_of(&run.run);
    let mut ledger = Vec::new();
    for of in std::iter::once(&run).chain(&strangers) {
        let own = *of == run;
        create(store, &Key::Run(of.clone()), Row::Run(samples::run(of, samples::START_MS))).await?;
        create(store, &Key::Purse(of.clone()), Row::Purse(samples::purse(1))).await?;
        for (agent, item) in [("a", "-"), ("a", "c1"), ("a", "c10"), ("a#", "c2"), ("b", "-")] {
            let step = samples::step_key(of, agent, item);
            let key = Key::Step(step.clone());
            create(store, &key, Row::Step(Arc::new(samples::step(&step)))).await?;
            let charge = samples::charge(&step, 1);
            let call = Key::Charge(charge.call.clone());
            create(store, &call, Row::Charge(charge)).await?;
            if of.tenant == run.tenant && crate::calendar::month_of(&of.run) == month {
                ledger.push(call.clone());
            }
            if own {
                steps.push(key);
                charges.push(call);
            }
        }
        for name in ["deliver", "start", "start 2"] {
            let key = Key::Outbox(of.clone(), name.to_owned());
            create(store, &key, Row::Outbox(samples::outbox(of, name))).await?;
            if own {
                outbox.push(key);
            }
        }
    }
    for (range, mut expected) in [
        (Range::Steps(run.clone()), steps),
        (Range::Outbox(run.clone()), outbox),
        (Range::Charges(run.clone()), charges),
        (Range::Ledger(run.tenant.clone(), month), ledger),
        (Range::Ledger(run.tenant.clone(), "1999-01".to_owned()), Vec::new()),
    ] {
        expected.sort();
        for limit in [1, 2, 100] {
            let mut keys: Vec<Key> =
                all(store, &range, limit).await?.into_iter().map(|(key, _)| key).collect();
            keys.sort();
            same(&keys, &expected, &format!("{range:?} in pages of {limit}"))?;
        }
    }
    Ok(())
}

pub(super) async fn events_in_order_without_a_gap(store: &Probe<'_>) -> Verdict {
    const COUNT: u64 = 120;
    let run = samples::run_key("events", 1);
    for seq in 1..=COUNT {
        create(store, &Key::Event(run.clone(), seq), Row::Event(samples::event(seq))).await?;
    }
    for (after, limit) in [(0, 7), (0, 1000), (9, 10), (99, 1), (COUNT - 1, 5), (COUNT, 5), (u64::MAX, 5)] {
        let range = Range::Events(run.clone(), after);
        let listed: Vec<u64> = all(store, &range, limit)
            .await?
            .iter()
            .filter_map(|(_, versioned)| match &versioned.row {
                Row::Event(event) => Some(event.seq),
                _ => None,
            })
            .collect();
        let expected: Vec<u64> = (after.saturating_add(1)..=COUNT).collect();
        same(&listed, &expected, &format!("events after {after} in pages of {limit}"))?;
    }
    Ok(())
}

pub(super) async fn memory_newest_first(store: &Probe<'_>) -> Verdict {
    for after_ms in [2, 1, 3] {
        for tenant in ["rememberer", "forgetter"] {
            let run = samples::run_id(after_ms);
            let row = Row::Memory(samples::memory(&run, samples::START_MS + after_ms, "talk"));
            create(store, &Key::Memory(samples::tenant(tenant), run), row).await?;
        }
    }
    let tenant = samples::tenant("rememberer");
    let expected: Vec<Key> =
        [3, 2, 1].map(|after_ms| Key::Memory(tenant.clone(), samples::run_id(after_ms))).into();
    lists(store, &Range::Memory(tenant.clone(), None), &expected).await?;
    lists(store, &Range::Memory(tenant, Some(samples::run_id(2))), &expected[1..]).await
}

pub(super) async fn keys_newest_first(store: &Probe<'_>) -> Verdict {
    for after_ms in [2, 1, 3] {
        for (tenant, later_ms) in [("key owner", 0), ("key owner#K", 10), ("key owner 2", 20)] {
            let key = samples::api_key(tenant, after_ms + later_ms);
            create(store, &Key::ApiKey(key.id.clone()), Row::ApiKey(key)).await?;
        }
    }
    let expected: Vec<Key> =
        [3, 2, 1].map(|after_ms| Key::ApiKey(samples::api_key("key owner", after_ms).id)).into();
    lists(store, &Range::ApiKeys(samples::tenant("key owner")), &expected).await
}

pub(super) async fn due_rows(store: &Probe<'_>) -> Verdict {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let key = |name: &str| Key::Outbox(samples::run_key(&format!("due {name}"), 1), name.to_owned());
    let row = |name: &str| Row::Outbox(samples::outbox(&samples::run_key(&format!("due {name}"), 1), name));
    for (name, due_ms) in names.iter().zip([70, 10, 60, 30, 50, 20, 40, 80]) {
        store.write(&[due(key(name), Expect::Absent, row(name), Some(due_ms))], "writing a due row").await?;
    }
    create(store, &key("never"), row("never")).await?;
    let expected = |names: &[&str]| names.iter().map(|name| key(name)).collect::<Vec<_>>();
    lists(store, &Range::Due(9), &[]).await?;
    lists(store, &Range::Due(10), &expected(&["b"])).await?;
    lists(store, &Range::Due(60), &expected(&["b", "f", "d", "g", "e", "c"])).await?;
    lists(store, &Range::Due(u64::MAX), &expected(&["b", "f", "d", "g", "e", "c", "a", "h"])).await?;

    store.write(&[due(key("b"), Expect::Version(1), row("b"), None)], "no longer due").await?;
    store.write(&[due(key("f"), Expect::Version(1), row("f"), Some(75))], "due later").await?;
    store.write(&[due(key("d"), Expect::Anything, row("d"), None)], "no longer due, unseen").await?;
    store.write(&[gone(key("g"), Expect::Version(1))], "deleting a due row").await?;
    let check = super::check(key("e"), Expect::Version(1));
    store.write(&[check], "checking a due row").await?;
    lists(store, &Range::Due(79), &expected(&["e", "c", "a", "f"])).await?;

    let page = done(store.0.list(&Range::Due(100), None, 2).await, "listing due rows")?;
    for (key, versioned) in &page.rows {
        store.write(&[gone(key.clone(), Expect::Version(versioned.version))], "working off due rows").await?;
    }
    let rest = done(store.0.list(&Range::Due(100), page.next.as_deref(), 9).await, "listing the rest")?;
    let rest: Vec<Key> = rest.rows.into_iter().map(|(key, _)| key).collect();
    same(&rest, &expected(&["a", "f", "h"]), "due rows after the first page was worked off")?;

    let ties: Vec<Key> = (0..20).map(|number| key(&format!("tie {number}"))).collect();
    for tie in &ties {
        store.write(&[due(tie.clone(), Expect::Absent, row("tie"), Some(5))], "writing a tie").await?;
    }
    let mut listed: Vec<Key> = all(store, &Range::Due(5), 3).await?.into_iter().map(|(key, _)| key).collect();
    let mut expected = ties;
    listed.sort();
    expected.sort();
    same(&listed, &expected, "rows due at the same time, in pages of 3")
}

pub(super) async fn foreign_tokens_do_not_leave_the_range(store: &Probe<'_>) -> Verdict {
    let (own, other) = (samples::run_key("token owner", 1), samples::run_key("token thief", 2));
    for seq in 1..=4 {
        create(store, &Key::Event(other.clone(), seq), Row::Event(samples::event(seq))).await?;
    }
    create(store, &Key::Event(own.clone(), 1), Row::Event(samples::event(1))).await?;
    create(store, &Key::Purse(own.clone()), Row::Purse(samples::purse(1))).await?;
    let page = done(store.0.list(&Range::Events(other, 0), None, 2).await, "listing")?;
    let range = Range::Events(own.clone(), 0);
    for token in [page.next.as_deref().unwrap_or(""), "", "0", "zzz", "PURSE", "\u{0}", "{}"] {
        let Ok(page) = store.0.list(&range, Some(token), 10).await else { continue };
        let stays = page.rows.iter().all(|(key, _)| matches!(key, Key::Event(run, _) if *run == own));
        ensure(stays, || format!("the token {token:?} lists rows of another range"))?;
    }
    Ok(())
}
