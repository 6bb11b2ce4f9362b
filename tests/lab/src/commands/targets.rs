//! What a bench's figures must be, and which of them are not.

use std::fmt;

use serde_json::{Value, json};

use super::print;

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Must {
    Be(f64),
    BeAtLeast(f64),
    BeAtMost(f64),
}

impl Must {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Must::Be(what) => figure == what,
            Must::BeAtLeast(least) => figure >= least,
            Must::BeAtMost(most) => figure <= most,
        }
    }
}

impl fmt::Display for Must {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Must::Be(what) => write!(formatter, "{what} is asked for"),
            Must::BeAtLeast(least) => write!(formatter, "at least {least} is asked for"),
            Must::BeAtMost(most) => write!(formatter, "at most {most} is asked for"),
        }
    }
}

/// Adds to a report, as `missed`, each figure that is not what it must be, or that is not there. Figures are named by their path in
/// it, such as `/speed/p50`. True if none is missed.
pub(super) fn judge<P: AsRef<str>>(report: &mut Value, targets: impl IntoIterator<Item = (P, Must)>) -> bool {
    let missed: Vec<String> = targets
        .into_iter()
        .filter_map(|(path, must)| {
            let (path, figure) = (path.as_ref(), report.pointer(path.as_ref()).and_then(Value::as_f64));
            let name = path.trim_start_matches('/').replace('/', " ");
            match figure {
                Some(figure) if must.is_met(figure) => None,
                Some(figure) => Some(format!("{name} is {figure}: {must}")),
                None => Some(format!("{name} was not measured: {must}")),
            }
        })
        .collect();
    let is_met = missed.is_empty();
    report["missed"] = json!(missed);
    is_met
}

/// Prints what was missed, a line each.
pub(super) fn show_missed(report: &Value) {
    for missed in report["missed"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        print(&format!("MISSED  {missed}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_is_named_and_what_was_not_measured_is_missed() {
        let check = |must: Must, expected: &[&str]| {
            let mut report = json!({"a": {"b": 2.0}, "none": null});
            let met = judge(&mut report, [("/a/b", must)]);
            assert_eq!((report["missed"].clone(), met), (json!(expected), expected.is_empty()));
        };
        check(Must::Be(2.0), &[]);
        check(Must::BeAtLeast(2.0), &[]);
        check(Must::BeAtMost(2.0), &[]);
        check(Must::Be(0.0), &["a b is 2: 0 is asked for"]);
        check(Must::BeAtLeast(2.1), &["a b is 2: at least 2.1 is asked for"]);
        check(Must::BeAtMost(1.9), &["a b is 2: at most 1.9 is asked for"]);
        let mut report = json!({"none": null});
        assert!(!judge(&mut report, [("/none", Must::BeAtMost(1.0)), ("/nowhere", Must::BeAtMost(1.0))]));
        assert_eq!(report["missed"].as_array().map(Vec::len), Some(2), "{report}");
    }
}
