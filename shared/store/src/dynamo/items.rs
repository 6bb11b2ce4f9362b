//! Rows as items of the table, there and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Upload, Warming};
use engine::ports::{Key, Row, Versioned};

use super::keys::{self, Address};

/// An item of the table.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Over how many partitions of the index the due rows are spread.
pub(super) const DUE_SHARDS: u8 = 4;

/// An item may have 400 KiB; this leaves room for its keys.
const LARGEST_BODY_BYTES: usize = 390 * 1024;

/// The attributes of a row beside its key and version; those that are `None` must not be on the item.
pub(super) struct Attributes {
    pub(super) body: AttributeValue,
    pub(super) optional: [(&'static str, Option<AttributeValue>); 5],
}

/// The attributes a row is stored with.
pub(super) fn attributes(key: &Key, address: &Address, row: &Row, due_ms: Option<u64>) -> Result<Attributes> {
    let body = serde_json::to_string(row)
        .map_err(|error| Error::new(ErrorKind::Internal, "a row cannot be written as JSON").because(error))?;
    check_row(body.len())?;
    let listing = listing(key, row);
    let due = due_ms.map(|due_ms| due(address, due_ms));
    Ok(Attributes {
        body: text(body),
        optional: [
            ("ttl", expiry_seconds(key, row).map(number)),
            ("gsi1pk", listing.as_ref().map(|(pk, _)| text(pk))),
            ("gsi1sk", listing.as_ref().map(|(_, sk)| text(sk))),
            ("due_shard", due.as_ref().map(|(shard, _)| text(shard))),
            ("due_at", due.as_ref().map(|(_, at)| text(at))),
        ],
    })
}

/// Checks the bytes a row takes as JSON; kind `TooLarge` if they are more than an item has room for.
pub(crate) fn check_row(bytes: usize) -> Result<()> {
    at_most(LARGEST_BODY_BYTES, bytes, "a row is larger than the table takes")
}

/// Kind `TooLarge` with these words if there are more bytes.
pub(super) fn at_most(most: usize, bytes: usize, what: &str) -> Result<()> {
    if bytes <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge, what).with("bytes", bytes).with("most", most))
}

/// The row of an item.
pub(super) fn versioned(item: &Item) -> Result<Versioned> {
    let row = serde_json::from_str(attribute(item, "body")?)
        .map_err(|error| damaged("its row cannot be read").because(error))?;
    let version = item
        .get("version")
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| damaged("it has no version"))?;
    Ok(Versioned { row, version })
}

/// The address of an item.
pub(super) fn address(item: &Item) -> Result<Address> {
    Ok(Address { pk: attribute(item, "pk")?.to_owned(), sk: attribute(item, "sk")?.to_owned() })
}

/// The key of an item.
pub(super) fn key(item: &Item) -> Result<Key> {
    keys::key(&address(item)?).ok_or_else(|| damaged("its key is of no known form"))
}

/// A text attribute of an item.
pub(super) fn attribute<'a>(item: &'a Item, name: &str) -> Result<&'a str> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| damaged("an attribute is missing").with("attribute", name))
}

/// The key attributes of an address.
pub(super) fn key_item(address: &Address) -> Item {
    HashMap::from([("pk".to_owned(), text(&address.pk)), ("sk".to_owned(), text(&address.sk))])
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The partition of the due index, by number.
pub(super) fn due_shard(shard: u8) -> String {
    format!("DUE#{shard}")
}

/// How due times up to this one sort: every `due_at` of an earlier or equal time is less.
pub(super) fn due_until(due_ms: u64) -> String {
    format!("{due_ms:020}$")
}

/// The place of a row in the due index. A digest of its address follows the time, so no two rows share a place.
fn due(address: &Address, due_ms: u64) -> (String, String) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(address.pk.as_bytes()).update(b"\0").update(address.sk.as_bytes());
    let digest = hasher.finalize();
    let shard = digest.as_bytes()[31] % DUE_SHARDS;
    (due_shard(shard), format!("{due_ms:020}#{}", &digest.to_hex()[..24]))
}

/// The place of a run or a key in the listing of its tenant.
fn listing(key: &Key, row: &Row) -> Option<(String, String)> {
    match (key, row) {
        (Key::Run(run), Row::Run(stored)) => {
            let sk = format!("{:020}#{}", stored.created_ms, keys::escape(run.run.as_str()));
            Some((keys::of_tenant(&run.tenant), sk))
        }
        (Key::ApiKey(id), Row::ApiKey(stored)) => {
            let sk = format!("{:020}#{}", stored.created_ms, keys::escape(id.as_str()));
            Some((keys::of_api_keys(&stored.tenant), sk))
        }
        _ => None,
    }
}

fn expiry_seconds(key: &Key, row: &Row) -> Option<u64> {
    let expires_ms = match row {
        Row::Expiring { expires_ms, .. }
        | Row::Upload(Upload { expires_ms, .. })
        | Row::Warming(Warming { expires_ms, .. }) => Some(*expires_ms),
        // What a health check left behind.
        _ => engine::health::expires_ms(key),
    };
    expires_ms.map(|expires_ms| expires_ms.div_ceil(1000))
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Storage, format!("a stored item is damaged: {what}"))
}
