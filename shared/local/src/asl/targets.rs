//! That every target exists, every state can be reached, and every walk can end.

use std::collections::BTreeSet;

use super::fields::AslError;
use super::machine::States;

/// The longest name of a state, in characters.
const NAME_CHARACTERS: usize = 80;

/// Checks states that name each other; the inner ones are checked on their own.
pub(super) fn check(place: &str, states: &States) -> Result<(), AslError> {
    let wrong = |place: &str, field: &str, problem: String| AslError {
        place: place.to_owned(),
        field: field.to_owned(),
        problem,
    };
    let missing = |target: &str| format!("there is no state `{target}` beside it");
    if !states.states.contains_key(&states.start_at) {
        return Err(wrong(place, "StartAt", missing(&states.start_at)));
    }
    let mut reached = BTreeSet::from([states.start_at.as_str()]);
    let mut open = vec![states.start_at.as_str()];
    while let Some(name) = open.pop() {
        for target in states.states.get(name).map(|state| state.targets()).unwrap_or_default() {
            if !states.states.contains_key(target) {
                return Err(wrong(&format!("state `{name}`"), "Next", missing(target)));
            }
            if reached.insert(target) {
                open.push(target);
            }
        }
    }
    for name in states.states.keys() {
        if !reached.contains(name.as_str()) {
            return Err(wrong(&format!("state `{name}`"), "Type", "no state leads to it".to_owned()));
        }
    }
    if !states.states.values().any(|state| state.is_end()) {
        return Err(wrong(place, "States", "no state ends it".to_owned()));
    }
    Ok(())
}

/// Checks that no two states of the whole machine have one name, and that none is too long.
pub(super) fn check_names(states: &States) -> Result<(), AslError> {
    let mut names = BTreeSet::new();
    let mut problem = None;
    states.visit(&mut |name, _| {
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARACTERS {
            problem.get_or_insert((name, format!("its name must have 1 to {NAME_CHARACTERS} characters")));
        }
        if !names.insert(name) {
            problem.get_or_insert((name, "another state has its name".to_owned()));
        }
    });
    match problem {
        None => Ok(()),
        Some((name, problem)) => {
            Err(AslError { place: format!("state `{name}`"), field: "States".to_owned(), problem })
        }
    }
}
