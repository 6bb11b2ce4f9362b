//! The alarms of `infra/alarms.yaml` against causes, against quiet months, and against changes to themselves.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "this binary is tests only")]

mod causes;
mod healthy;
mod mutants;
mod scenarios;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use alarms::Template;
use alarms::site::{Common, Deployed};

/// The name that everything is deployed under.
const STACK: &str = "assay";

/// What a day may cost.
const BUDGET_USD: i64 = 4;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn common() -> &'static Arc<Common> {
    static COMMON: OnceLock<Arc<Common>> = OnceLock::new();
    COMMON.get_or_init(|| Common::new(Deployed::read(root(), STACK).unwrap()).unwrap())
}

/// The alarms as they are deployed on AWS.
fn template() -> Template {
    Template::alarms(root(), STACK, BUDGET_USD).unwrap()
}

/// An alarm's name without the stack's.
fn short(name: &str) -> &str {
    name.strip_prefix(STACK).and_then(|name| name.strip_prefix('-')).unwrap_or(name)
}
