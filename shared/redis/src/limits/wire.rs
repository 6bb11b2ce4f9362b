//! What is said to the script.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::limits::{Dimension, Held, MOST_UNITS, Weight, Window, sub_span_ms};

use crate::link::CLOCK;

/// The capacity of a window that has no limit, twice what the script takes for one: also less what is in a window that is not
/// measured, it is none. What is left of it is above [`NO_LIMIT_LEFT`].
const NO_LIMIT: f64 = 18_014_398_509_481_984.0;

/// More is left of no limit than this.
pub(crate) const NO_LIMIT_LEFT: u64 = 1 << 52;

/// Windows by owner and by what is counted, each with its span in milliseconds.
pub(crate) type Windows = BTreeMap<(Arc<str>, Dimension), (u64, Window)>;

/// The script but for its clock.
const DECISIONS: &str = include_str!("limits.lua");

/// The script, with the server's clock or another.
pub(crate) fn script(clock: Option<&str>) -> String {
    format!("{}\n{DECISIONS}", clock.unwrap_or(CLOCK))
}

/// The keys of a tag: its windows, its fleet, and its reservations of even and of odd generations.
pub(crate) fn keys(tag: &str, generation_ms: u64) -> [String; 4] {
    let tag = tag.replace('}', "%7D");
    // Processes with other rates may have generations of another length, and then keys of their own.
    let takes = |parity| format!("rates:{{{tag}}}:takes:{generation_ms}:{parity}");
    [format!("rates:{{{tag}}}:windows"), format!("rates:{{{tag}}}:fleet"), takes(0), takes(1)]
}

/// How long a generation of reservations is, where anything is kept for so long: four minutes and a bit, which holds the usual
/// rates, or the next power of two, which is seldom another for other rates.
pub(crate) fn generation_ms(keep_ms: u64) -> u64 {
    keep_ms.div_ceil(1_000).max(256).next_power_of_two() * 1_000
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
    pub(crate) generation_ms: u64,
}

/// What one call says beside that: which reservation it is about, what is to be kept of it, numbers of its own, and the owners
/// of the windows it is about.
#[derive(Default)]
pub(crate) struct Said<'a> {
    pub(crate) id: &'a str,
    pub(crate) keeps: Vec<u8>,
    pub(crate) numbers: Vec<u8>,
    pub(crate) owners: Vec<Arc<str>>,
}

impl Opening<'_> {
    /// The arguments of a call.
    pub(crate) fn arguments(&self, said: Said<'_>) -> Vec<Vec<u8>> {
        let opening = [self.sent_ms, self.patience_ms, self.pool, self.keep_ms, self.generation_ms];
        let mut numbers = packed(opening.map(|number| number as f64));
        numbers.extend(said.numbers);
        let mut all = Vec::with_capacity(5 + said.owners.len());
        all.extend([self.what.into(), self.process.into(), numbers, said.id.into(), said.keeps]);
        all.extend(said.owners.iter().map(|owner| owner.as_bytes().to_vec()));
        all
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
fn owners(weights: &[Weight]) -> Vec<Arc<str>> {
    weights
        .chunk_by(same_owner)
        .filter_map(|of_one| of_one.first())
        .map(|one| one.limit.owner.clone())
        .collect()
}

/// Says that this is to be taken.
pub(crate) fn take<'a>(id: &'a str, weights: &[Weight]) -> Said<'a> {
    let numbers =
        by_window(weights, |found| found.map_or(NO_LIMIT, |(_, weight)| weight.limit.capacity as f64));
    let (mut keeps, owners) = (Vec::new(), owners(weights));
    for of_one in weights.chunk_by(same_owner) {
        keeps.extend(by_window(of_one, |found| found.map_or(0.0, |(_, weight)| weight.units as f64)));
        let sub_span = |weight: &Weight| sub_span_ms(weight.limit.span_ms) as f64;
        keeps.extend(by_window(of_one, |found| found.map_or(0.0, |(_, weight)| sub_span(weight))));
    }
    keeps.extend_from_slice(owners.join("\n").as_bytes());
    Said { id, keeps, numbers, owners }
}

/// The real use of each window of each owner; `reals` stand in the order of the weights.
pub(crate) fn reals(weights: &[Weight], reals: &[u64]) -> Vec<u8> {
    by_window(weights, |found| {
        let real = found.and_then(|(at, _)| reals.get(at)).copied().unwrap_or(0);
        real.min(MOST_UNITS) as f64
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

/// A number for each window of each owner.
fn by_window(weights: &[Weight], number: impl Fn(Option<(usize, &Weight)>) -> f64) -> Vec<u8> {
    let (mut all, mut first) = (Vec::with_capacity(weights.len() * 8), 0);
    for of_one in weights.chunk_by(same_owner) {
        for dimension in DIMENSIONS {
            let found = of_one.iter().enumerate().find(|(_, weight)| weight.limit.dimension == dimension);
            let found = found.map(|(at, weight)| (first + at, weight));
            all.extend(number(found).to_le_bytes());
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
