//! The rates of calls to models, from variables and a table of them.

use engine::error::{Error, ErrorKind, Result};
use engine::limits::{AT_ONCE_SPAN_MS, Dimension, MINUTE_MS, Rates, Rule, Scope};
use serde::Deserialize;

const FILE: &str = "ASSAY_RATES";
const REFILL: &str = "RATE_LIMIT_GLOBAL_REFILL_PER_SEC";

/// The longest span of a rate, in milliseconds: a day.
const DAY_MS: u64 = 86_400_000;

/// Calls a minute where nothing else is said.
const USUAL_PER_MINUTE: u64 = 600;

/// What the variables say.
pub(crate) struct Said<'a> {
    /// `ASSAY_REQUESTS_PER_MINUTE`.
    pub(crate) requests_per_minute: Option<u64>,
    /// `RATE_LIMIT_GLOBAL_CAPACITY`.
    pub(crate) capacity: Option<u64>,
    /// `RATE_LIMIT_GLOBAL_REFILL_PER_SEC`.
    pub(crate) refill_per_second: Option<u64>,
    /// `ASSAY_RATES`: a table, or the path of a file with one.
    pub(crate) table: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    rate: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    scope: Scope,
    of: Option<String>,
    requests_per_minute: Option<u64>,
    input_tokens_per_minute: Option<u64>,
    output_tokens_per_minute: Option<u64>,
    at_once: Option<u64>,
}

/// The rates. What the table says of a rate comes before what the variables say of it. Errors: `Configuration`, naming the
/// variable.
pub(crate) fn rates(said: &Said<'_>) -> Result<Rates> {
    let mut rules = match said.table {
        Some(table) => table_rules(table)?,
        None => Vec::new(),
    };
    let per_minute = said.requests_per_minute.unwrap_or(USUAL_PER_MINUTE);
    let (capacity, span_ms) = match (said.capacity, said.refill_per_second) {
        (None, None) => (per_minute, MINUTE_MS),
        (None, Some(refill)) => (refill.saturating_mul(MINUTE_MS / 1_000), MINUTE_MS),
        (Some(capacity), None) => (capacity, MINUTE_MS),
        // So many in any span in which the refill makes up for all of them.
        (Some(capacity), Some(refill)) => (capacity, capacity.saturating_mul(1_000).div_ceil(refill.max(1))),
    };
    let usual = [
        (Scope::Tenant, Dimension::Requests, per_minute, MINUTE_MS),
        (Scope::Provider, Dimension::Requests, capacity, span_ms),
        (Scope::Key, Dimension::InputTokens, capacity, span_ms),
    ];
    for (scope, dimension, capacity, span_ms) in usual {
        let is_said = |rule: &Rule| (rule.scope, rule.dimension, &rule.of) == (scope, dimension, &None);
        if !rules.iter().any(is_said) {
            if span_ms > DAY_MS {
                let message = format!("{REFILL}: it must make up for a capacity of {capacity} within a day");
                return Err(Error::new(ErrorKind::Configuration, message));
            }
            rules.push(Rule { scope, of: None, dimension, capacity, span_ms });
        }
    }
    Rates::new(rules)
}

fn table_rules(said: &str) -> Result<Vec<Rule>> {
    let wrong = |what: String| Error::new(ErrorKind::Configuration, format!("{FILE}: {what}"));
    let text = if said.trim_start().starts_with('[') {
        said.to_owned()
    } else {
        std::fs::read_to_string(said).map_err(|error| wrong(format!("{said} cannot be read: {error}")))?
    };
    let table: Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut rules = Vec::new();
    for row in table.rate {
        let rates = [
            (Dimension::Requests, row.requests_per_minute, MINUTE_MS),
            (Dimension::InputTokens, row.input_tokens_per_minute, MINUTE_MS),
            (Dimension::OutputTokens, row.output_tokens_per_minute, MINUTE_MS),
            (Dimension::AtOnce, row.at_once, AT_ONCE_SPAN_MS),
        ];
        for (dimension, capacity, span_ms) in rates {
            let Some(capacity) = capacity else { continue };
            rules.push(Rule { scope: row.scope, of: row.of.clone(), dimension, capacity, span_ms });
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &Said<'_>, expected: std::result::Result<&[&str], &str>) {
        let told = rates(said).map(|rates| {
            let line = |rule: &Rule| {
                let of = rule.of.as_deref().unwrap_or("*");
                let (scope, dimension) = (rule.scope.name(), rule.dimension.name());
                format!("{scope} {of} {dimension} {} in {} ms", rule.capacity, rule.span_ms)
            };
            rates.rules().iter().map(line).collect::<Vec<_>>()
        });
        match (told, expected) {
            (Ok(rules), Ok(expected)) => assert_eq!(rules, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn rates_come_from_variables_and_a_table_and_wrong_ones_are_named() {
        let none = Said { requests_per_minute: None, capacity: None, refill_per_second: None, table: None };
        check(
            &none,
            Ok(&[
                "tenant * requests 600 in 60000 ms",
                "provider * requests 600 in 60000 ms",
                "key * input_tokens 600 in 60000 ms",
            ]),
        );
        check(
            &Said { requests_per_minute: Some(7), capacity: Some(90), refill_per_second: Some(4), ..none },
            Ok(&[
                "tenant * requests 7 in 60000 ms",
                "provider * requests 90 in 22500 ms",
                "key * input_tokens 90 in 22500 ms",
            ]),
        );
        // 86,400 seconds are a day: one more than a day makes up for is too much.
        let slow = |capacity| Said { capacity: Some(capacity), refill_per_second: Some(1), ..none };
        check(
            &slow(86_400),
            Ok(&[
                "tenant * requests 600 in 60000 ms",
                "provider * requests 86400 in 86400000 ms",
                "key * input_tokens 86400 in 86400000 ms",
            ]),
        );
        check(&slow(86_401), Err("RATE_LIMIT_GLOBAL_REFILL_PER_SEC"));
        check(&slow(1_000_000_000), Err("RATE_LIMIT_GLOBAL_REFILL_PER_SEC"));
        let table = "[[rate]]\nscope = \"tenant\"\nrequests_per_minute = 5\nat_once = 2\n\
                     [[rate]]\nscope = \"model\"\nof = \"gpt\"\noutput_tokens_per_minute = 900\n";
        check(
            &Said { table: Some(table), refill_per_second: Some(2), ..none },
            Ok(&[
                "tenant * requests 5 in 60000 ms",
                "tenant * at_once 2 in 150000 ms",
                "model gpt output_tokens 900 in 60000 ms",
                "provider * requests 120 in 60000 ms",
                "key * input_tokens 120 in 60000 ms",
            ]),
        );
        for (table, expected) in [
            ("[[rate]]\nscope = \"everyone\"", "ASSAY_RATES"),
            ("[[rate]]\nscope = \"tenant\"\nrequests_per_minute = -5", "ASSAY_RATES"),
            ("[[rate]]\nscope = \"tenant\"\nrequests_per_minute = 0", "admits nothing"),
            ("[[rate]]\nscope = \"tenant\"\nrequests_per_hour = 5", "requests_per_hour"),
            ("/nowhere/rates.toml", "cannot be read"),
        ] {
            check(&Said { table: Some(table), ..none }, Err(expected));
        }
    }
}
