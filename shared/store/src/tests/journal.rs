//! What a journal holds after its file was cut or damaged anywhere.

use std::sync::{Arc, Mutex};

use engine::model::TenantId;
use engine::ports::{Becomes, Change, Expect, Key, Row};
use proptest::prelude::*;

use super::{counters, put};
use crate::{Entry, Journal, Written};

type Sheet = Arc<Mutex<Vec<u8>>>;

fn open(sheet: &Sheet) -> (Journal, Vec<Written>) {
    Journal::on(Box::new(sheet.clone())).unwrap()
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let row = prop_oneof![
        any::<u64>().prop_map(counters),
        (".{0,20}", any::<u64>()).prop_map(|(text, expires_ms)| Row::Expiring {
            value: serde_json::json!({ text: [1, null, 0.1, "\u{2028}\n\u{0}"] }),
            expires_ms,
        }),
    ];
    let to = prop_oneof![3 => row.prop_map(Becomes::Row), 1 => Just(Becomes::Gone)];
    let change = |(number, to, due_ms)| Change {
        key: Key::Cache(TenantId::new("a\n#"), format!("{number} \u{e9}")),
        expect: Expect::Anything,
        to,
        due_ms,
    };
    let one = (0..1_000u32, to, any::<Option<u64>>()).prop_map(change);
    proptest::collection::vec(one, 1..4).prop_map(|mut changes| {
        changes.sort_by(|left, right| left.key.cmp(&right.key));
        changes.dedup_by(|left, right| left.key == right.key);
        changes
    })
}

fn append(sheet: &Sheet, first: u64, writes: &[Vec<Change>]) {
    let mut journal = open(sheet).0;
    for (number, changes) in (first..).zip(writes) {
        journal.append(number, &Entry::of(changes, |_| true).unwrap()).unwrap();
    }
    assert_eq!(journal.bytes(), sheet.lock().unwrap().len() as u64);
}

/// What it holds is the first so many of what was appended, and what is appended then comes right after.
fn check(sheet: &Sheet, first: u64, writes: &[Vec<Change>]) -> usize {
    let held = open(sheet).1;
    assert!(held.len() <= writes.len());
    for ((number, changes), held) in (first..).zip(writes).zip(&held) {
        assert_eq!((held.number, &held.changes), (number, changes));
    }
    let next = first + held.len() as u64;
    let more = [vec![put(&Key::Prices, Expect::Anything, counters(7))]];
    append(sheet, next, &more);
    let again = open(sheet).1;
    assert_eq!(again[..held.len()], held);
    assert_eq!((again.len(), again.last().map(|last| last.number)), (held.len() + 1, Some(next)));
    held.len()
}

proptest! {
    #[test]
    fn what_is_whole_comes_back(
        writes in proptest::collection::vec(changes(), 1..6), first in 1..u64::MAX / 2, place: prop::sample::Index, flip in 1..=255u8,
    ) {
        let sheet = Sheet::default();
        append(&sheet, first, &writes);
        let bytes = sheet.lock().unwrap().clone();
        let of = |bytes: Vec<u8>| Sheet::new(Mutex::new(bytes));
        prop_assert_eq!(check(&of(bytes.clone()), first, &writes), writes.len());
        let at = place.index(bytes.len());
        let lines = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(check(&of(bytes[..at].to_vec()), first, &writes), lines);
        let mut damaged = bytes.clone();
        damaged[at] ^= flip;
        prop_assert_eq!(check(&of(damaged), first, &writes), lines);
        // Lines that come twice or whose turn it is not.
        let doubled = bytes.repeat(2);
        prop_assert_eq!(check(&of(doubled), first, &writes), writes.len());
    }

    #[test]
    fn no_bytes_are_taken_for_lines(bytes: Vec<u8>) {
        prop_assert_eq!(open(&Sheet::new(Mutex::new(bytes))).1, []);
    }
}

#[test]
fn a_journal_in_a_file_is_there_again_until_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let change = put(&Key::Prices, Expect::Anything, counters(1));
    for number in 1..=3 {
        let (mut journal, held) = Journal::open(&path).unwrap();
        assert_eq!(held.len() as u64, number - 1);
        journal.append(number, &Entry::of(std::slice::from_ref(&change), |_| true).unwrap()).unwrap();
    }
    let (mut journal, held) = Journal::open(&path).unwrap();
    assert_eq!((held.len(), &held[2].changes[..]), (3, std::slice::from_ref(&change)));
    journal.clear().unwrap();
    journal.append(9, &Entry::of(std::slice::from_ref(&change), |_| true).unwrap()).unwrap();
    let held = Journal::open(&path).unwrap().1;
    assert_eq!(held.iter().map(|held| held.number).collect::<Vec<_>>(), [9]);
    let refused = Journal::open(folder.path()).err().unwrap();
    assert!(refused.message().contains("journal cannot be opened"), "{refused}");
}

#[test]
fn rows_of_another_version_are_no_loss() {
    let sheet = Sheet::default();
    append(&sheet, 1, &[vec![put(&Key::Prices, Expect::Anything, counters(1))]]);
    let text = String::from_utf8(sheet.lock().unwrap().clone()).unwrap();
    let line = text[16..].trim_end().replace("counters", "planets");
    let sum = blake3::hash(line.as_bytes()).to_hex();
    let other = format!("{}{line}\n", &sum[..16]);
    let sheet = Sheet::new(Mutex::new(other.clone().into_bytes()));
    let refused = Journal::on(Box::new(sheet.clone())).err().unwrap();
    assert!(refused.message().contains("another version"), "{refused}");
    assert_eq!(refused.kind(), engine::error::ErrorKind::Configuration);
    assert_eq!(*sheet.lock().unwrap(), other.into_bytes(), "it is left as it was");
}

/// Journals are read by later versions: rows of every kind come back, and keys are written as ever.
#[test]
fn rows_of_every_kind_come_back() {
    let sheet = Sheet::default();
    let put = |(key, row): (Key, Row)| Change { due_ms: Some(3), ..put(&key, Expect::Anything, row) };
    let mut rows: Vec<Change> = engine::contract::one_of_each().into_iter().map(put).collect();
    rows.sort_by(|left, right| left.key.cmp(&right.key));
    append(&sheet, 1, &[rows.clone()]);
    let held = open(&sheet).1;
    assert_eq!(held[0].changes, rows);
    let names = rows.iter().map(|change| {
        let key = serde_json::to_value(&change.key).unwrap();
        let name = key.as_object().and_then(|key| key.keys().next().cloned());
        name.unwrap_or_else(|| key.as_str().unwrap().to_owned())
    });
    assert_eq!(
        names.collect::<Vec<_>>().join(" "),
        "Run Sequence Purse Step Event Outbox Charge Budget Learned Prices Circuit Trust Idempotency Seen Counters Memory Cache \
         Flight Rate Reservation ApiKey Settings Upload Warming"
    );
    let gone =
        Change { to: Becomes::Gone, ..put((Key::Cache(TenantId::new("a"), "b".to_owned()), counters(0))) };
    let sheet = Sheet::default();
    append(&sheet, 7, &[vec![gone]]);
    let line = String::from_utf8(sheet.lock().unwrap().clone()).unwrap();
    assert_eq!(line, "a8207a37e752171e 7 {\"Cache\":[\"a\",\"b\"]}\tnull\t3\n");
}
