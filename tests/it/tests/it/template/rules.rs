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

/// Rules in the order in which they are asked about mutants.
pub(crate) struct Asked {
    of_templates: Vec<Rule>,
    of_workflow: Vec<Rule>,
}

impl Asked {
    pub(crate) fn new() -> Self {
        let looks_at_templates = |rule: &Rule| !definition::RULES.iter().any(|other| other.name == rule.name);
        Self {
            of_templates: all().into_iter().filter(looks_at_templates).collect(),
            of_workflow: [definition::RULES, workflow::RULES].concat(),
        }
    }

    /// A rule that finds something in a bundle of which only that file was changed. Rules that do not look at it are not
    /// asked. One that found something is asked first about the next, since it mostly refuses its neighbours as well.
    pub(crate) fn who_refuses(&mut self, bundle: &Bundle, changed: &str) -> Option<&'static str> {
        let rules = if changed == WORKFLOW { &mut self.of_workflow } else { &mut self.of_templates };
        let at = rules.iter().position(|rule| {
            let mut faults = Faults::default();
            (rule.look)(bundle, &mut faults);
            !faults.0.is_empty()
        })?;
        rules[..=at].rotate_right(1);
        Some(rules[0].name)
    }
}
