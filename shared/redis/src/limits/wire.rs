//! What is said to the script.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::limits::{Dimension, Held, MOST_UNITS, SUB_SPANS, Weight, Window, sub_span_ms};

use crate::link::CLOCK;

/// Windows by owner and by what is counted, each with its span in milliseconds.
pub(crate) type Windows = BTreeMap<(Arc<str>, Dimension), (u64, Window)>;

/// The script but for its clock.
const DECISIONS: &str = include_str!("limits.lua");

/// The script, with the server's clock or another.
pub(crate) fn script(clock: Option<&str>) -> String {
    format!("{}\n{DECISIONS}", clock.unwrap_or(CLOCK))
}

/// The keys of a tag: its windows and its fleet.
pub(crate) fn keys(tag: &str) -> [String; 2] {
    let tag = tag.replace('}', "%7D");
    [format!("rates:{{{tag}}}"), format!("rates:{{{tag}}}:fleet")]
}

/// The key of a reservation of a tag.
pub(crate) fn reservation_key(tag: &str, id: &str) -> String {
    format!("rates:{{{}}}:take:{id}", tag.replace('}', "%7D"))
}

/// What every call says first.
pub(crate) struct Opening<'a> {
    pub(crate) what: &'static str,
    /// Its name, with an `=` before it.
    pub(crate) process: &'a str,
    /// By the server's clock, in milliseconds since 1970; 0 if that is not known.
    pub(crate) sent_ms: u64,
    pub(crate) patience_ms: u64,
    pub(crate) pool: u64,
    pub(crate) keep_ms: u64,
}

impl Opening<'_> {
    /// The arguments of a call about windows of these owners. A reservation is kept for as long as one of these weights counts.
    pub(crate) fn arguments(&self, weights: &[Weight], numbers: &[u8], owners: &[Arc<str>]) -> Vec<Vec<u8>> {
        let longest_ms = weights.iter().map(|weight| sub_span_ms(weight.limit.span_ms)).max().unwrap_or(0);
        let holds_ms = (SUB_SPANS + 1) * longest_ms;
        let opening = [self.sent_ms, self.patience_ms, self.pool, self.keep_ms, holds_ms];
        let mut told = Vec::with_capacity(opening.len() * 8 + numbers.len());
        told.extend(opening.iter().flat_map(|number| (*number as f64).to_le_bytes()));
        told.extend_from_slice(numbers);
        let words = [self.what.as_bytes(), self.process.as_bytes(), &told];
        words.into_iter().chain(owners.iter().map(|owner| owner.as_bytes())).map(<[u8]>::to_vec).collect()
    }
}

/// The windows of an owner, in the script's order.
pub(crate) const DIMENSIONS: [Dimension; 4] =
    [Dimension::Requests, Dimension::InputTokens, Dimension::OutputTokens, Dimension::AtOnce];

/// Weights in the script's order: by owner, then by what is counted.
pub(crate) fn sort(weights: &mut [Weight]) {
    weights.sort_by(|one, other| {
        (&one.limit.owner, one.limit.dimension).cmp(&(&other.limit.owner, other.limit.dimension))
    });
}

/// The owners of sorted weights, each once.
pub(crate) fn owners(weights: &[Weight]) -> Vec<Arc<str>> {
    weights
        .chunk_by(same_owner)
        .filter_map(|of_one| of_one.first())
        .map(|one| one.limit.owner.clone())
        .collect()
}

/// Capacity, sub-span and units of each window of each owner; a capacity below 0 is no limit.
pub(crate) fn weights(weights: &[Weight]) -> Vec<u8> {
    by_window(weights, |found| match found {
        Some((_, Weight { limit, units })) => {
            [limit.capacity as f64, sub_span_ms(limit.span_ms) as f64, *units as f64]
        }
        None => [-1.0, 0.0, 0.0],
    })
}

/// The real use of each window of each owner; `reals` stand in the order of the weights.
pub(crate) fn reals(weights: &[Weight], reals: &[u64]) -> Vec<u8> {
    by_window(weights, |found| {
        let real = found.and_then(|(at, _)| reals.get(at)).copied().unwrap_or(0);
        [real.min(MOST_UNITS) as f64]
    })
}

/// Which window of its owner, the length of its sub-spans and which of them, and how many units are taken back out of it; fewer than none are added.
pub(crate) fn adjustment(held: &Held, back: i64) -> Vec<u8> {
    let place = DIMENSIONS.iter().position(|dimension| *dimension == held.dimension).unwrap_or(0);
    packed([place as f64, sub_span_ms(held.span_ms) as f64, held.sub_span as f64, back as f64])
}

/// A report of what was admitted: the process's parts, the report's number, whether the server lost all, then each window's
/// sub-span and what it counts. And the owners.
pub(crate) fn report(parts: u64, number: u64, lost: bool, windows: &Windows) -> (Vec<u8>, Vec<Arc<str>>) {
    let mut owners: Vec<Arc<str>> = windows.keys().map(|(owner, _)| owner.clone()).collect();
    owners.dedup();
    let mut numbers = vec![parts as f64, number as f64, f64::from(u8::from(lost))];
    for owner in &owners {
        for dimension in DIMENSIONS {
            match windows.get(&(owner.clone(), dimension)) {
                Some((span_ms, window)) => {
                    numbers.extend([sub_span_ms(*span_ms) as f64, window.taken().len() as f64]);
                    let pairs =
                        window.taken().iter().flat_map(|(sub_span, units)| [*sub_span as f64, *units as f64]);
                    numbers.extend(pairs);
                }
                None => numbers.extend([0.0, 0.0]),
            }
        }
    }
    (packed(numbers), owners)
}

fn by_window<const N: usize>(
    weights: &[Weight],
    numbers: impl Fn(Option<(usize, &Weight)>) -> [f64; N],
) -> Vec<u8> {
    let (mut all, mut first) = (Vec::with_capacity(weights.len() * N * 8), 0);
    for of_one in weights.chunk_by(same_owner) {
        for dimension in DIMENSIONS {
            let found = of_one.iter().enumerate().find(|(_, weight)| weight.limit.dimension == dimension);
            let found = found.map(|(at, weight)| (first + at, weight));
            all.extend(numbers(found).iter().flat_map(|number| number.to_le_bytes()));
        }
        first += of_one.len();
    }
    all
}

fn same_owner(one: &Weight, other: &Weight) -> bool {
    one.limit.owner == other.limit.owner
}

/// Numbers as the script unpacks them. None is above 2^53, so each is exact.
fn packed(numbers: impl IntoIterator<Item = f64>) -> Vec<u8> {
    numbers.into_iter().flat_map(f64::to_le_bytes).collect()
}
