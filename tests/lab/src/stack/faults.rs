//! Faults on demand: rules that say which calls fail, how often and how.

use std::sync::{Mutex, PoisonError};

use super::call::Asked;

/// What happens to a call instead of a plain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is not done, and answered with an error of the service itself (HTTP 500 or 503).
    Refuse,
    /// It is done, and answered as if it had not been: what a lost answer looks like.
    FailAfter,
    /// It is done after so many milliseconds.
    Delay(u64),
    /// It is done twice; the caller hears of one. For `SendMessage`: the message is delivered twice.
    Duplicate,
    /// It is not done, because another transaction holds an item (DynamoDB).
    TransactionConflict,
    /// It is not done, because there were too many.
    Throttle,
    /// It is not done: the process that calls is killed (SIGKILL). Linux only; elsewhere it is refused.
    KillBefore,
    /// It is done, and the process that calls is killed before it hears so. Linux only.
    KillAfter,
    /// It is not done; the service names this error, such as `TaskTimedOut`, `TaskDoesNotExist` or `InvalidToken`.
    Error(String),
}

impl Kind {
    /// Its name in the record.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Refuse => "refuse",
            Kind::FailAfter => "fail_after",
            Kind::Delay(_) => "delay",
            Kind::Duplicate => "duplicate",
            Kind::TransactionConflict => "transaction_conflict",
            Kind::Throttle => "throttle",
            Kind::KillBefore => "kill_before",
            Kind::KillAfter => "kill_after",
            Kind::Error(_) => "error",
        }
    }
}

/// How often a rule takes effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// On every call.
    Always,
    /// On the next so many.
    Next(u64),
    /// On each call with this probability. Which ones follows from the order of calls and a fixed seed.
    Chance(f64),
}

/// Which calls fail, how often and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    service: String,
    action: String,
    function: Option<String>,
    when: When,
    kind: Kind,
}

impl Rule {
    /// On calls of this action of this service, such as `dynamodb`, `TransactWriteItems`; `*` is any.
    pub fn new(service: &str, action: &str, when: When, kind: Kind) -> Self {
        Self { service: service.to_owned(), action: action.to_owned(), function: None, when, kind }
    }

    /// Only when this function calls, such as `agent-light`.
    #[must_use]
    pub fn by(mut self, function: &str) -> Self {
        self.function = Some(function.to_owned());
        self
    }

    fn is_about(&self, asked: &Asked) -> bool {
        let is = |rule: &str, asked: &str| rule == "*" || rule == asked;
        is(&self.service, &asked.service)
            && is(&self.action, &asked.action)
            && self.function.as_ref().is_none_or(|function| asked.function.as_ref() == Some(function))
    }
}

/// The rules in force. The first that is about a call and takes effect is the one.
#[derive(Debug, Default)]
pub struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rules: Vec<(Rule, u64)>,
    draws: u64,
    killed: Vec<u32>,
}

impl Faults {
    /// Adds a rule and gives its number, for [`Faults::hits`].
    pub fn add(&self, rule: Rule) -> usize {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.rules.push((rule, 0));
        state.rules.len() - 1
    }

    /// How many calls that rule has hit.
    pub fn hits(&self, rule: usize) -> u64 {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.rules.get(rule).map_or(0, |(_, hits)| *hits)
    }

    /// From now on that rule hits nothing; its number and its hits stay.
    pub fn end(&self, rule: usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((rule, _)) = state.rules.get_mut(rule) {
            rule.when = When::Next(0);
        }
    }

    /// From now on nothing fails; numbers start again.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rules.clear();
    }

    /// The processes that were killed, in order.
    pub fn killed(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).killed.clone()
    }

    pub(crate) fn note_killed(&self, process: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).killed.push(process);
    }

    pub(crate) fn draw(&self, asked: &Asked) -> Option<Kind> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { rules, draws, .. } = &mut *state;
        let rule = rules.iter_mut().find(|(rule, hits)| {
            rule.is_about(asked)
                && match rule.when {
                    When::Always => true,
                    When::Next(times) => *hits < times,
                    When::Chance(probability) => {
                        *draws += 1;
                        unit(*draws) < probability
                    }
                }
        })?;
        rule.1 += 1;
        Some(rule.0.kind.clone())
    }
}

/// The `n`th number between 0 and 1 of a fixed sequence (SplitMix64).
fn unit(n: u64) -> f64 {
    let mut bits = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let mantissa = (bits ^ (bits >> 31)) >> 11;
    mantissa as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(service: &str, action: &str, function: &str) -> Asked {
        Asked {
            service: service.to_owned(),
            action: action.to_owned(),
            function: Some(function.to_owned()),
            ..Asked::default()
        }
    }

    #[test]
    fn rules_hit_what_they_are_about_as_often_as_they_say() {
        let check = |rule: Rule, calls: u64, about: &Asked, hits: std::ops::RangeInclusive<u64>| {
            let faults = Faults::default();
            let number = faults.add(rule.clone());
            let drawn = (0..calls).filter(|_| faults.draw(about).is_some()).count() as u64;
            assert_eq!(drawn, faults.hits(number));
            assert!(hits.contains(&drawn), "{rule:?}: {drawn}");
        };
        let send = asked("sqs", "SendMessage", "start");
        let on = |when| Rule::new("sqs", "SendMessage", when, Kind::Duplicate);
        check(on(When::Always), 5, &send, 5..=5);
        check(on(When::Next(2)), 5, &send, 2..=2);
        check(on(When::Chance(0.1)), 10_000, &send, 900..=1_100);
        check(on(When::Chance(0.0)), 100, &send, 0..=0);
        check(on(When::Always).by("start"), 5, &send, 5..=5);
        check(on(When::Always).by("sweep"), 5, &send, 0..=0);
        check(on(When::Always), 5, &asked("sqs", "ReceiveMessage", "start"), 0..=0);
        check(Rule::new("*", "*", When::Next(1), Kind::Throttle), 5, &asked("s3", "GetObject", "api"), 1..=1);
    }
}
