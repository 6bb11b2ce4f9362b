//! What is said to the script.

use engine::limits::{Held, Weight, Window};

/// The script but for its clock.
const DECISIONS: &str = include_str!("limits.lua");

/// The server's own clock.
const CLOCK: &str = "local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
";

/// The script, with the server's clock or another.
pub(crate) fn script(clock: Option<&str>) -> String {
    format!("{}\n{DECISIONS}", clock.unwrap_or(CLOCK))
}

/// The keys of a tag: its windows and its fleet.
pub(crate) fn keys(tag: &str) -> [String; 2] {
    let tag = tag.replace('}', "%7D");
    [format!("limits:{{{tag}}}"), format!("limits:{{{tag}}}:fleet")]
}

/// The key of a reservation of a tag.
pub(crate) fn reservation_key(tag: &str, id: &str) -> String {
    format!("limits:{{{}}}:take:{id}", tag.replace('}', "%7D"))
}

/// What every call says first.
pub(crate) struct Opening<'a> {
    pub(crate) what: &'static str,
    pub(crate) process: &'a str,
    /// By the server's clock, in milliseconds since 1970; 0 if that is not known.
    pub(crate) sent_ms: u64,
    pub(crate) patience_ms: u64,
    pub(crate) pool: u64,
    pub(crate) keep_ms: u64,
}

impl Opening<'_> {
    /// The arguments of a call about windows of these names.
    pub(crate) fn arguments(&self, numbers: Vec<u8>, names: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
        let mut arguments = vec![
            self.what.as_bytes().to_vec(),
            self.process.as_bytes().to_vec(),
            self.sent_ms.to_string().into_bytes(),
            self.patience_ms.to_string().into_bytes(),
            self.pool.to_string().into_bytes(),
            self.keep_ms.to_string().into_bytes(),
            numbers,
        ];
        arguments.extend(names.map(String::into_bytes));
        arguments
    }
}

/// Capacity, span and units of each weight.
pub(crate) fn weights(weights: &[Weight]) -> Vec<u8> {
    let numbers =
        weights.iter().flat_map(|weight| [weight.limit.capacity, weight.limit.span_ms, weight.units]);
    packed(numbers)
}

/// Span, sub-span and units of what is given back; fewer than none is added.
pub(crate) fn adjustment(held: &Held, back: i64) -> Vec<u8> {
    let mut numbers = packed([held.span_ms, held.sub_span].into_iter());
    numbers.extend((back as f64).to_le_bytes());
    numbers
}

/// A report of what was admitted: the process's parts, the report's number, whether the server lost all, then each window's
/// span and what it counts.
pub(crate) fn report<'a>(
    parts: u64,
    number: u64,
    lost: bool,
    windows: impl Iterator<Item = (u64, &'a Window)>,
) -> Vec<u8> {
    let mut numbers = vec![parts, number, u64::from(lost)];
    for (span_ms, window) in windows {
        numbers.extend([span_ms, window.taken().len() as u64]);
        numbers.extend(window.taken().iter().flat_map(|(sub_span, units)| [*sub_span, *units]));
    }
    packed(numbers.into_iter())
}

/// Numbers as the script unpacks them. None is above 2^53, so each is exact.
pub(crate) fn packed(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    numbers.flat_map(|number| (number as f64).to_le_bytes()).collect()
}
