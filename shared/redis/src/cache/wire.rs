//! What is said to the script, and what it answers.

use std::sync::Arc;

use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::{
    Cursor, Delta, Entry, Found, Generation, Held, Lead, Looked, Lookup, NEIGHBOURS_AT_ONCE, Neighbour,
};
use redis::Value;

use super::{LARGEST_BYTES, LONGEST_MS, MOST_BYTES, MOST_NEIGHBOURS};

/// The numbers at the beginning of an answer, in bytes.
const HEAD_BYTES: usize = 56;

/// The keys of a tenant, of which the last is the one of a namespace.
pub(super) fn keys(tenant: &TenantId, namespace: &str) -> [String; 6] {
    let tag = tag(tenant);
    ["known", "answers", "ranks", "ends", "flights", &format!("space:{namespace}")]
        .map(|name| format!("{tag}:{name}"))
}

/// The keys of what is known of a tenant, and of its answers.
pub(super) fn first_keys(tenant: &TenantId) -> [String; 2] {
    let tag = tag(tenant);
    [format!("{tag}:known"), format!("{tag}:answers")]
}

fn tag(tenant: &TenantId) -> String {
    format!("cache:{{{}}}", tenant.as_str().replace('}', "%7D"))
}

pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

pub(super) fn look(lookup: &Lookup) -> Vec<Vec<u8>> {
    let (holder, holds_ms) =
        lookup.flight.as_ref().map_or(("", 0), |flight| (flight.holder.as_str(), flight.holds_ms));
    let (life, number) = lookup
        .since
        .as_ref()
        .map_or((String::new(), 0), |(_, cursor)| (cursor.life.to_string(), cursor.number));
    let mut arguments = words([
        "look",
        &lookup.keys.len().to_string(),
        holder,
        &holds_ms.to_string(),
        &life,
        &number.to_string(),
        &NEIGHBOURS_AT_ONCE.to_string(),
    ]);
    arguments.extend(lookup.keys.iter().map(|key| key.as_bytes().to_vec()));
    arguments
}

/// `None` for an entry that is not kept: then only its flight ends.
pub(super) fn put(key: &str, entry: &Entry, most: usize) -> Option<Vec<Vec<u8>>> {
    let tags: Vec<u8> = entry.tags.iter().flat_map(|tag| [tag.as_bytes(), b"\0"].concat()).collect();
    let is_sound = !entry.tags.iter().any(|tag| tag.contains('\0'));
    if entry.value.len() > LARGEST_BYTES || !is_sound {
        return None;
    }
    let grace_ms = entry.grace_ms.min(LONGEST_MS);
    let mut arguments = words([
        "put",
        key,
        &entry.fresh_ms.min(LONGEST_MS - grace_ms).to_string(),
        &grace_ms.to_string(),
        &entry.generation.0.to_string(),
        &entry.worth.to_string(),
        &entry.step().to_string(),
    ]);
    arguments.push(tags);
    arguments.push(entry.value.to_vec());
    arguments.extend(words([&most.to_string(), &MOST_BYTES.to_string()]));
    Some(arguments)
}

pub(super) fn add(neighbour: &Neighbour, keep_ms: u64) -> Vec<Vec<u8>> {
    let Neighbour { key, text, vector } = neighbour;
    let length = |bytes: &[u8]| (bytes.len() as u64).to_le_bytes();
    let packed = [&length(key.as_bytes())[..], &length(text), key.as_bytes(), text, vector].concat();
    let mut arguments = words(["add"]);
    arguments.push(packed);
    arguments.extend(words([&keep_ms.min(LONGEST_MS).to_string(), &MOST_NEIGHBOURS.to_string()]));
    arguments
}

/// The answer of a look-up.
pub(super) fn looked(lookup: &Lookup, answer: Vec<Value>) -> Result<Looked> {
    let [Value::Int(generation), Value::Int(leading), Value::Array(found), Value::Array(grown)] = &answer[..]
    else {
        return Err(garbled());
    };
    let found: Option<Vec<Found>> = found.iter().map(|value| bytes(value).map(found_in)).collect();
    let delta = match &lookup.since {
        Some(_) => Some(delta(grown).ok_or_else(garbled)?),
        None => None,
    };
    Ok(Looked {
        found: found.filter(|found| found.len() == lookup.keys.len()).ok_or_else(garbled)?,
        generation: Generation(u64::try_from(*generation).map_err(|_| garbled())?),
        lead: match leading {
            0 => None,
            -1 => Some(Lead::Own),
            left_ms => Some(Lead::Other { left_ms: u64::try_from(*left_ms).map_err(|_| garbled())? }),
        },
        delta,
    })
}

/// The time in the answer of `TIME`, or of a key that holds it, in milliseconds.
pub(super) fn time(answer: &Value) -> Option<u64> {
    match answer {
        Value::Array(time) => {
            let [seconds, microseconds] = &time[..] else { return None };
            Some(number_in(bytes(seconds)?)? * 1_000 + number_in(bytes(microseconds)?)? / 1_000)
        }
        other => number_in(bytes(other)?),
    }
}

/// What plain commands told: answers by key, floor and last generation. `None` if only the script can tell what that means.
pub(super) fn glanced(stored: &Value, known: &Value, now_ms: u64) -> Option<Looked> {
    let (Value::Array(stored), Value::Array(known)) = (stored, known) else { return None };
    let numbers: Option<Vec<u64>> = known.iter().map(|value| number_in(bytes(value)?)).collect();
    let [floor, last] = numbers?[..] else { return None };
    let found = stored.iter().map(|value| {
        let Some(packed) = bytes(value) else {
            return matches!(value, Value::Nil).then_some(Found::Nothing);
        };
        let held = held_at(packed, now_ms)?;
        let Generation(generation) = held.entry.generation;
        let has_ended = held.age_ms >= held.entry.fresh_ms + held.entry.grace_ms;
        // Something was purged since: whether it was this, its tags say.
        let is_sure = generation >= floor && generation >= last;
        (is_sure && !has_ended).then_some(Found::Held(held))
    });
    Some(Looked {
        found: found.collect::<Option<_>>()?,
        generation: Generation(last),
        lead: None,
        delta: None,
    })
}

fn number_in(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn found_in(answer: &[u8]) -> Found {
    match answer.split_first() {
        None => Found::Nothing,
        Some((b'v', tag)) => Found::Void(String::from_utf8_lossy(tag).into_owned()),
        Some((_, packed)) => held(packed).map_or(Found::Unreadable, Found::Held),
    }
}

/// An answer as the script gives it: its age comes first.
fn held(packed: &[u8]) -> Option<Held> {
    let (age, packed) = packed.split_first_chunk::<8>()?;
    Some(Held { age_ms: f64::from_le_bytes(*age) as u64, ..held_at(packed, 0)? })
}

/// An answer as it is stored.
fn held_at(packed: &[u8], now_ms: u64) -> Option<Held> {
    let (numbers, rest) = packed.split_at_checked(HEAD_BYTES)?;
    let number = |at: usize| {
        let bytes = numbers.get(at * 8..at * 8 + 8)?.try_into().ok()?;
        // Whole and below 2^53, as the script keeps them.
        Some(f64::from_le_bytes(bytes) as u64)
    };
    let (tags, value) = rest.split_at_checked(usize::try_from(number(6)?).ok()?)?;
    let tags = std::str::from_utf8(tags).ok()?;
    let entry = Entry {
        value: Arc::from(value),
        fresh_ms: number(1)?,
        grace_ms: number(2)?,
        tags: tags.split_terminator('\0').map(str::to_owned).collect(),
        generation: Generation(number(3)?),
        worth: number(4)?,
    };
    Some(Held { entry, age_ms: now_ms.saturating_sub(number(0)?) })
}

fn delta(grown: &[Value]) -> Option<Delta> {
    let [life, number, is_whole, has_more, Value::Array(neighbours)] = grown else { return None };
    let count = |value: &Value| match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    Some(Delta {
        neighbours: neighbours.iter().map(|value| neighbour(bytes(value)?)).collect::<Option<_>>()?,
        cursor: Cursor { life: count(life)?, number: count(number)? },
        is_whole: count(is_whole)? == 1,
        has_more: count(has_more)? == 1,
    })
}

fn neighbour(packed: &[u8]) -> Option<Neighbour> {
    let length =
        |at: usize| usize::try_from(u64::from_le_bytes(packed.get(at..at + 8)?.try_into().ok()?)).ok();
    let (key, rest) = packed.get(16..)?.split_at_checked(length(0)?)?;
    let (text, vector) = rest.split_at_checked(length(8)?)?;
    Some(Neighbour {
        key: String::from_utf8(key.to_vec()).ok()?,
        text: text.to_vec(),
        vector: vector.to_vec(),
    })
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

fn garbled() -> Error {
    Error::new(ErrorKind::Storage, "Redis answered something else than a look-up")
}
