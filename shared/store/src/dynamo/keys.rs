//! The one place that spells keys: `pk` and `sk` of every row, there and back.
//!
//! Parts are joined with `#`, and a `#` inside a part is escaped, so two different keys never meet. Numbers are padded
//! so that they sort as numbers. The tenant comes first in every key that has one.

use std::borrow::Cow;

use engine::error::{Error, ErrorKind, Result};
use engine::model::{AgentId, CallId, ItemId, KeyId, RunId, RunKey, StepKey, TenantId};
use engine::ports::Key;

const LONGEST_PK_BYTES: usize = 2048;
const LONGEST_SK_BYTES: usize = 1024;

/// Where a row is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// The address of a key. Kind `InvalidInput` if a name in it is too long for the table.
pub(super) fn address(key: &Key) -> Result<Address> {
    let (pk, sk) = match key {
        Key::Run(run) => (of_run(run), "RUN".to_owned()),
        Key::Sequence(run) => (of_run(run), "SEQ".to_owned()),
        Key::Purse(run) => (of_run(run), "PURSE".to_owned()),
        Key::Step(step) => (
            of_run(&step.run),
            format!("STEP#{}#{}", escape(step.agent.as_str()), escape(step.item.as_str())),
        ),
        Key::Event(run, seq) => (of_run(run), event_sk(*seq)),
        Key::Outbox(run, name) => (of_run(run), format!("OUT#{}", escape(name))),
        Key::Charge(call) => (of_ledger(&call.step.run), charge_sk(call)),
        Key::Learned(tenant) => (of_tenant(tenant), "LEARNED".to_owned()),
        Key::Circuit(provider) => (format!("CIRCUIT#{}", escape(provider)), "CIRCUIT".to_owned()),
        Key::Trust(agent) => (format!("TRUST#{}", escape(agent.as_str())), "TRUST".to_owned()),
        Key::Prices => ("PRICES".to_owned(), "PRICES".to_owned()),
        Key::Journal => ("JOURNAL".to_owned(), "JOURNAL".to_owned()),
        Key::Budget(tenant, window) => (of_tenant(tenant), format!("BUDGET#{}", escape(window))),
        Key::Idempotency(tenant, name) => {
            (format!("{}#I#{}", of_tenant(tenant), escape(name)), "IDEMPOTENCY".to_owned())
        }
        Key::Seen(tenant, content) => {
            (format!("{}#S#{}", of_tenant(tenant), escape(content)), "SEEN".to_owned())
        }
        Key::Counters(tenant, shard) => (format!("{}#N#{shard}", of_tenant(tenant)), "COUNTERS".to_owned()),
        Key::Memory(tenant, run) => (of_memory(tenant), memory_sk(run)),
        Key::Cache(tenant, name) => (format!("{}#C#{}", of_tenant(tenant), escape(name)), "CACHE".to_owned()),
        Key::Flight(tenant, name) => {
            (format!("{}#F#{}", of_tenant(tenant), escape(name)), "FLIGHT".to_owned())
        }
        Key::Rate(name) => (format!("RATE#{}", escape(name)), "RATE".to_owned()),
        Key::Reservation(name) => (format!("TAKE#{}", escape(name)), "TAKE".to_owned()),
        Key::ApiKey(id) => (format!("KEY#{}", escape(id.as_str())), "KEY".to_owned()),
        Key::Settings(tenant) => (of_tenant(tenant), "SETTINGS".to_owned()),
        Key::Warming(tenant, place) => (format!("{}#W#{place}", of_tenant(tenant)), "WARMING".to_owned()),
        Key::Upload(tenant, id) => (format!("{}#U#{}", of_tenant(tenant), escape(id)), "UPLOAD".to_owned()),
    };
    if pk.len() > LONGEST_PK_BYTES || sk.len() > LONGEST_SK_BYTES {
        return Err(Error::new(ErrorKind::InvalidInput, "a name is too long to be stored"));
    }
    Ok(Address { pk, sk })
}

/// The key at an address; the inverse of [`address`]. `None` if there is no such key.
pub(super) fn key(address: &Address) -> Option<Key> {
    let pk = unjoin(&address.pk)?;
    let sk = unjoin(&address.sk)?;
    let pk: Vec<&str> = pk.iter().map(String::as_str).collect();
    let sk: Vec<&str> = sk.iter().map(String::as_str).collect();
    match pk[..] {
        ["T", tenant, "R", run] => key_of_run(run_key(tenant, run), &sk),
        ["T", tenant, "L", _] => match sk[..] {
            [run, agent, item, epoch, call] => Some(Key::Charge(CallId {
                step: step_key(run_key(tenant, run), agent, item),
                epoch: epoch.parse().ok()?,
                call: call.parse().ok()?,
            })),
            _ => None,
        },
        ["T", tenant, "I", name] => Some(Key::Idempotency(TenantId::new(tenant), name.to_owned())),
        ["T", tenant, "S", content] => Some(Key::Seen(TenantId::new(tenant), content.to_owned())),
        ["T", tenant, "N", shard] => Some(Key::Counters(TenantId::new(tenant), shard.parse().ok()?)),
        ["T", tenant, "C", name] => Some(Key::Cache(TenantId::new(tenant), name.to_owned())),
        ["T", tenant, "F", name] => Some(Key::Flight(TenantId::new(tenant), name.to_owned())),
        ["T", tenant, "M"] => match sk[..] {
            ["MEMORY", run] => Some(Key::Memory(TenantId::new(tenant), RunId::new(run))),
            _ => None,
        },
        ["T", tenant] => match sk[..] {
            ["LEARNED"] => Some(Key::Learned(TenantId::new(tenant))),
            ["SETTINGS"] => Some(Key::Settings(TenantId::new(tenant))),
            ["BUDGET", window] => Some(Key::Budget(TenantId::new(tenant), window.to_owned())),
            _ => None,
        },
        ["T", tenant, "W", place] => Some(Key::Warming(TenantId::new(tenant), place.parse().ok()?)),
        ["T", tenant, "U", id] => Some(Key::Upload(TenantId::new(tenant), id.to_owned())),
        ["KEY", id] => Some(Key::ApiKey(KeyId::new(id))),
        ["PRICES"] => Some(Key::Prices),
        ["JOURNAL"] => Some(Key::Journal),
        ["TRUST", agent] => Some(Key::Trust(AgentId::new(agent))),
        ["CIRCUIT", provider] => Some(Key::Circuit(provider.to_owned())),
        ["RATE", name] => Some(Key::Rate(name.to_owned())),
        ["TAKE", name] => Some(Key::Reservation(name.to_owned())),
        _ => None,
    }
}

fn key_of_run(run: RunKey, sk: &[&str]) -> Option<Key> {
    match *sk {
        ["RUN"] => Some(Key::Run(run)),
        ["SEQ"] => Some(Key::Sequence(run)),
        ["PURSE"] => Some(Key::Purse(run)),
        ["STEP", agent, item] => Some(Key::Step(step_key(run, agent, item))),
        ["EV", seq] => Some(Key::Event(run, seq.parse().ok()?)),
        ["OUT", name] => Some(Key::Outbox(run, name.to_owned())),
        _ => None,
    }
}

pub(super) fn of_tenant(tenant: &TenantId) -> String {
    format!("T#{}", escape(tenant.as_str()))
}

pub(super) fn of_run(run: &RunKey) -> String {
    format!("{}#R#{}", of_tenant(&run.tenant), escape(run.run.as_str()))
}

/// Where a tenant's API keys are listed.
pub(super) fn of_api_keys(tenant: &TenantId) -> String {
    format!("{}#K", of_tenant(tenant))
}

pub(super) fn of_memory(tenant: &TenantId) -> String {
    format!("{}#M", of_tenant(tenant))
}

pub(super) fn memory_sk(run: &RunId) -> String {
    format!("MEMORY#{}", escape(run.as_str()))
}

/// A tenant's ledger of the month a run was accepted in.
pub(super) fn of_ledger(run: &RunKey) -> String {
    of_month(&run.tenant, &engine::calendar::month_of(&run.run))
}

/// A tenant's ledger of a month.
pub(super) fn of_month(tenant: &TenantId, month: &str) -> String {
    format!("{}#L#{}", of_tenant(tenant), escape(month))
}

pub(super) fn event_sk(seq: u64) -> String {
    format!("EV#{seq:020}")
}

/// How the ledger rows of a run begin.
pub(super) fn charges_of(run: &RunId) -> String {
    format!("{}#", escape(run.as_str()))
}

fn charge_sk(call: &CallId) -> String {
    let step = &call.step;
    let (agent, item) = (escape(step.agent.as_str()), escape(step.item.as_str()));
    format!("{}{agent}#{item}#{:010}#{:010}", charges_of(&step.run.run), call.epoch, call.call)
}

fn run_key(tenant: &str, run: &str) -> RunKey {
    RunKey { tenant: TenantId::new(tenant), run: RunId::new(run) }
}

fn step_key(run: RunKey, agent: &str, item: &str) -> StepKey {
    run.step(&AgentId::new(agent), &ItemId::new(item))
}

/// The text without `#`, which joins parts.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['%', '#']) { text.replace('%', "%25").replace('#', "%23").into() } else { text.into() }
}

fn unescape(text: &str) -> String {
    text.replace("%23", "#").replace("%25", "%")
}

fn unjoin(joined: &str) -> Option<Vec<String>> {
    (!joined.is_empty()).then(|| joined.split('#').map(unescape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use ulid::Ulid;

    fn names() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab#%235RI-]{0,6}",
            Just("%23".to_owned()),
            Just("%2523".to_owned()),
            Just("a#STEP#b".to_owned()),
            ".{0,12}",
            (0..u64::from(u32::MAX), 0..9u128)
                .prop_map(|(ms, low)| Ulid::from_parts(ms * 700, low).to_string()),
        ]
    }

    fn keys() -> impl Strategy<Value = Key> {
        let numbers = prop_oneof![0..3u32, Just(u32::MAX)];
        (0..25u8, names(), names(), names(), names(), numbers.clone(), numbers).prop_map(
            |(kind, tenant, run, agent, item, epoch, call)| {
                let of = TenantId::new(&tenant);
                let run = run_key(&tenant, &run);
                let step = step_key(run.clone(), &agent, &item);
                match kind {
                    0 => Key::Run(run),
                    1 => Key::Sequence(run),
                    2 => Key::Purse(run),
                    3 => Key::Step(step),
                    4 => Key::Event(run, u64::from(epoch) * u64::from(call)),
                    5 => Key::Outbox(run, agent),
                    6 => Key::Charge(CallId { step, epoch, call }),
                    7 => Key::Budget(of, agent),
                    8 => Key::Idempotency(of, agent),
                    9 => Key::Counters(of, epoch),
                    10 => Key::Memory(of, run.run),
                    11 => Key::Cache(of, agent),
                    12 => Key::ApiKey(KeyId::new(agent)),
                    13 => Key::Settings(of),
                    14 => Key::Upload(of, agent),
                    15 => Key::Learned(of),
                    16 => Key::Prices,
                    17 => Key::Circuit(agent),
                    18 => Key::Trust(AgentId::new(agent)),
                    19 => Key::Seen(of, agent),
                    20 => Key::Warming(of, epoch),
                    21 => Key::Flight(of, agent),
                    22 => Key::Reservation(agent),
                    23 => Key::Journal,
                    _ => Key::Rate(agent),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_key_comes_back_from_its_address(expected in keys()) {
            let address = address(&expected).unwrap();
            prop_assert_eq!(key(&address), Some(expected));
        }

        #[test]
        fn different_keys_have_different_addresses(many in proptest::collection::vec(keys(), 2..60)) {
            let mut seen = BTreeMap::new();
            for key in many {
                if let Some(other) = seen.insert(address(&key).unwrap(), key.clone()) {
                    prop_assert_eq!(other, key);
                }
            }
        }

        #[test]
        fn events_sort_by_number(first: u64, second: u64) {
            prop_assert_eq!(first.cmp(&second), event_sk(first).cmp(&event_sk(second)));
        }
    }

    #[test]
    fn keys_are_spelled_as_designed() {
        let run = run_key("acme", "01KBAZ5S0R0000000000000001");
        let step = step_key(run.clone(), "verification_director", "c1");
        for (key, pk, sk) in [
            (Key::Run(run.clone()), "T#acme#R#01KBAZ5S0R0000000000000001", "RUN"),
            (Key::Step(step.clone()), "T#acme#R#01KBAZ5S0R0000000000000001", "STEP#verification_director#c1"),
            (Key::Event(run.clone(), 7), "T#acme#R#01KBAZ5S0R0000000000000001", "EV#00000000000000000007"),
            (
                Key::Charge(CallId { step, epoch: 2, call: 3 }),
                "T#acme#L#2025-11",
                "01KBAZ5S0R0000000000000001#verification_director#c1#0000000002#0000000003",
            ),
            (Key::Budget(run.tenant.clone(), "2026-11-22".to_owned()), "T#acme", "BUDGET#2026-11-22"),
        ] {
            let address = address(&key).unwrap();
            assert_eq!((address.pk.as_str(), address.sk.as_str()), (pk, sk));
        }
        let long = Key::Outbox(run, "x".repeat(1100));
        assert_eq!(address(&long).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
