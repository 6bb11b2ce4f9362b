//! The typed model of a workflow file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::choice::Rule;
use super::flow::{Part, ResultPath, Seconds};
use super::path::Path;
use super::retry::{Catcher, Retrier};
use super::task::Send;
use super::template::Template;

/// A workflow file that was read and found to use only what is implemented.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) timeout_seconds: Option<u64>,
    pub(super) states: States,
}

/// States that name each other: those of the machine, of a branch, or of a map's processor.
#[derive(Clone, Debug)]
pub(super) struct States {
    pub(super) start_at: String,
    pub(super) states: BTreeMap<String, State>,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) input: Part,
    pub(super) output: Part,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Work(Box<Work>),
    Choice { rules: Vec<(Rule, String)>, default: Option<String> },
    Pass { result: PassResult, result_path: ResultPath, next: Next },
    Wait { time: Seconds, next: Next },
    Succeed,
    Fail { error: String, cause: String },
}

/// What a pass passes.
#[derive(Clone, Debug)]
pub(super) enum PassResult {
    Input,
    Literal(Value),
    Parameters(Template),
}

/// A state that can fail, be tried again, and be caught.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) action: Action,
    pub(super) selector: Option<Template>,
    pub(super) result_path: ResultPath,
    pub(super) retry: Vec<Retrier>,
    pub(super) catch: Vec<Catcher>,
    pub(super) next: Next,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Send(Send),
    Parallel { parameters: Option<Template>, branches: Vec<States> },
    Map { items: Path, selector: Option<Template>, concurrency: usize, processor: States },
}

/// Where the walk goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    To(String),
    End,
}

impl Next {
    /// The state, if it does not end.
    pub(super) fn state(&self) -> Option<&str> {
        match self {
            Self::To(state) => Some(state),
            Self::End => None,
        }
    }
}

impl Machine {
    /// The names of all states, inner ones too.
    pub fn state_names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.states.visit(&mut |name, _| {
            names.insert(name);
        });
        names
    }

    /// Every error name that a `Retry` or a `Catch` matches.
    pub fn error_names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.states.visit(&mut |_, state| {
            if let Kind::Work(work) = &state.kind {
                let retried = work.retry.iter().flat_map(Retrier::errors);
                let caught = work.catch.iter().flat_map(Catcher::errors);
                names.extend(retried.chain(caught).map(String::as_str));
            }
        });
        names
    }
}

impl States {
    /// Shows every state, and those inside it.
    pub(super) fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a State)) {
        for (name, state) in &self.states {
            see(name, state);
            for inner in state.inner() {
                inner.visit(see);
            }
        }
    }
}

impl State {
    /// The states inside it.
    pub(super) fn inner(&self) -> &[States] {
        let Kind::Work(work) = &self.kind else {
            return &[];
        };
        match &work.action {
            Action::Send(_) => &[],
            Action::Parallel { branches, .. } => branches,
            Action::Map { processor, .. } => std::slice::from_ref(processor),
        }
    }

    /// The states that may follow it.
    pub(super) fn targets(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Work(work) => {
                let caught = work.catch.iter().map(|catcher| catcher.next.as_str());
                work.next.state().into_iter().chain(caught).collect()
            }
            Kind::Choice { rules, default } => {
                rules.iter().map(|(_, next)| next.as_str()).chain(default.as_deref()).collect()
            }
            Kind::Pass { next, .. } | Kind::Wait { next, .. } => next.state().into_iter().collect(),
            Kind::Succeed | Kind::Fail { .. } => Vec::new(),
        }
    }

    /// True if a walk may end here.
    pub(super) fn is_end(&self) -> bool {
        match &self.kind {
            Kind::Work(work) => work.next == Next::End,
            Kind::Pass { next, .. } | Kind::Wait { next, .. } => *next == Next::End,
            Kind::Succeed | Kind::Fail { .. } => true,
            Kind::Choice { .. } => false,
        }
    }
}
