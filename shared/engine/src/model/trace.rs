//! Which trace a run belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A trace: 128 bits, not all of them 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// A span of a trace: 64 bits, not all of them 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Whose trace a request came with: the header `traceparent` of W3C Trace Context, level 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Traceparent {
    /// The trace.
    pub trace: TraceId,
    /// The span the request was made in.
    pub parent: SpanId,
    /// Whether its caller records the trace.
    pub sampled: bool,
}

impl Traceparent {
    /// Reads the header's value; `None` if it is not one, which then counts as absent.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let mut next = |digits: usize| {
            let part = parts.next()?;
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            (part.len() == digits && part.bytes().all(is_hex)).then_some(part)
        };
        let (version, trace, parent, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        // Later versions may say more after the flags, the first may not.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
        let parent = u64::from_str_radix(parent, 16).ok().filter(|parent| *parent != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace: TraceId(trace), parent: SpanId(parent), sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{}-{}-{:02x}", self.trace, self.parent, u8::from(self.sampled))
    }
}

impl From<Traceparent> for String {
    fn from(traceparent: Traceparent) -> Self {
        traceparent.to_string()
    }
}

impl TryFrom<String> for Traceparent {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a traceparent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_standard_allows_is_read() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let check = |text: &str, expected: Option<bool>| {
            assert_eq!(Traceparent::parse(text).map(|read| read.sampled), expected, "{text}");
        };
        check(&format!("00-{trace}-{parent}-01"), Some(true));
        check(&format!(" 00-{trace}-{parent}-00 "), Some(false));
        check(&format!("00-{trace}-{parent}-03"), Some(true));
        check(&format!("cc-{trace}-{parent}-01-what-comes"), Some(true));
        check(&format!("00-{trace}-{parent}-01-what-comes"), None);
        check(&format!("ff-{trace}-{parent}-01"), None);
        check(&format!("00-{}-{parent}-01", trace.to_uppercase()), None);
        check(&format!("00-{}-{parent}-01", "0".repeat(32)), None);
        check(&format!("00-{trace}-{}-01", "0".repeat(16)), None);
        check(&format!("00-{trace}-{parent}-1"), None);
        check(&format!("00-{trace}-{parent}"), None);
        check("", None);
        let text = format!("00-{trace}-{parent}-01");
        assert_eq!(Traceparent::parse(&text).unwrap().to_string(), text);
    }
}
