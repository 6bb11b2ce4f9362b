//! What a rule finds.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use super::bundle::Bundle;

/// A rule of the bundle: a name, and a look that finds faults.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// A sentence that is true of a good bundle.
    pub(crate) name: &'static str,
    /// Writes down what makes it false.
    pub(crate) look: fn(&Bundle, &mut Faults),
}

/// What one rule found wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<String>);

impl Faults {
    /// Something must hold.
    pub(crate) fn unless(&mut self, holds: bool, otherwise: impl Display) {
        if !holds {
            self.0.push(otherwise.to_string());
        }
    }

    /// Something must be what is expected.
    pub(crate) fn equal<Actual: PartialEq<Expected> + Debug, Expected: Debug>(
        &mut self,
        what: impl Display,
        actual: Actual,
        expected: Expected,
    ) {
        if actual != expected {
            self.0.push(format!("{what} is {actual:?}, not {expected:?}"));
        }
    }

    /// Two sets must be the same; order does not matter, repeats do.
    pub(crate) fn same(
        &mut self,
        what: impl Display,
        actual: impl IntoIterator<Item = impl Into<String>>,
        expected: impl IntoIterator<Item = impl Into<String>>,
    ) {
        let mut seen = BTreeSet::new();
        for item in actual {
            let item = item.into();
            if !seen.insert(item.clone()) {
                self.0.push(format!("{what} has {item} twice"));
            }
        }
        let expected: BTreeSet<String> = expected.into_iter().map(Into::into).collect();
        for missing in expected.difference(&seen) {
            self.0.push(format!("{what} lacks {missing}"));
        }
        for extra in seen.difference(&expected) {
            self.0.push(format!("{what} has {extra}, which is not its"));
        }
    }
}
