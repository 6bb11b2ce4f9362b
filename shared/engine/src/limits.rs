//! Rates: how much of what may be used in any span of time, by whom. Pure decisions over windows; adapters keep the windows.
//!
//! A window counts by sub-spans, 64 to a span. What was taken counts until its whole sub-span has left the span, so no
//! span of that length ever holds more than the capacity, wherever it starts; the price is that a taken unit is
//! remembered up to 1/64 of the span longer than it must be. A script for Redis decides the same; a test holds the two
//! together.

mod admit;
mod book;
mod rates;
mod window;

pub use admit::Slots;
pub use book::{Book, Fate, Held, Reservation, Verdict, decide, decide_settlement};
pub use rates::{AT_ONCE_SPAN_MS, Dimension, Limit, MINUTE_MS, Rates, Rule, Scope, Weight};
pub use window::{MOST_UNITS, SUB_SPANS, Window, sub_span_ms};
