//! The rules of the bundle, each a name and a look.

pub(crate) mod api;
pub(crate) mod dashboard;
pub(crate) mod data;
pub(crate) mod definition;
pub(crate) mod functions;
pub(crate) mod layers;
pub(crate) mod network;
pub(crate) mod order;
pub(crate) mod queues;
pub(crate) mod roles;
pub(crate) mod shapes;
pub(crate) mod states;
pub(crate) mod watch;
pub(crate) mod workflow;

use super::bundle::{Bundle, WORKFLOW};
use super::faults::{Faults, Rule};

/// All of them.
pub(crate) fn all() -> Vec<Rule> {
    [
        order::RULES,
        functions::RULES,
        layers::RULES,
        roles::RULES,
        queues::RULES,
        data::RULES,
        network::RULES,
        api::RULES,
        workflow::RULES,
        definition::RULES,
        watch::RULES,
        dashboard::RULES,
    ]
    .concat()
}

/// What all rules find, each fault with its rule's name.
pub(crate) fn faults(bundle: &Bundle) -> Vec<String> {
    let found = all().into_iter().flat_map(|rule| {
        let mut faults = Faults::default();
        (rule.look)(bundle, &mut faults);
        faults.0.into_iter().map(move |fault| format!("not so: {}: {fault}", rule.name))
    });
    found.collect()
}

/// The first rule that finds something in a bundle of which only that file was changed. Rules that do not look at it are
/// not asked.
pub(crate) fn first_to_refuse(bundle: &Bundle, changed: &str) -> Option<&'static str> {
    let looks_there: Vec<Rule> = if changed == WORKFLOW {
        [definition::RULES, workflow::RULES].concat()
    } else {
        all()
            .into_iter()
            .filter(|rule| !definition::RULES.iter().any(|other| other.name == rule.name))
            .collect()
    };
    looks_there.into_iter().find_map(|rule| {
        let mut faults = Faults::default();
        (rule.look)(bundle, &mut faults);
        (!faults.0.is_empty()).then_some(rule.name)
    })
}
