//! The rule of a composite alarm: `ALARM("name")`, `OK(name)`, `INSUFFICIENT_DATA(name)`, `TRUE`, `FALSE`, with `NOT`,
//! `AND`, `OR` and brackets.

use crate::state::State;

/// A parsed rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmRule {
    /// `TRUE` or `FALSE`.
    Constant(bool),
    /// Whether the alarm of that name is in that state.
    Is(String, State),
    /// The opposite.
    Not(Box<AlarmRule>),
    /// Both.
    And(Box<AlarmRule>, Box<AlarmRule>),
    /// Either.
    Or(Box<AlarmRule>, Box<AlarmRule>),
}

impl AlarmRule {
    /// # Errors
    /// If the text is not wholly understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words { rest: words(text)?, text };
        let rule = words.either()?;
        if words.rest.is_empty() { Ok(rule) } else { Err(words.wrong()) }
    }

    /// Whether it holds, by the states of the alarms it names. An alarm that `state` does not know is none of them.
    pub fn holds(&self, state: &dyn Fn(&str) -> Option<State>) -> bool {
        match self {
            Self::Constant(holds) => *holds,
            Self::Is(name, expected) => state(name) == Some(*expected),
            Self::Not(inner) => !inner.holds(state),
            Self::And(left, right) => left.holds(state) && right.holds(state),
            Self::Or(left, right) => left.holds(state) || right.holds(state),
        }
    }

    /// The alarms it names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Is(name, _) => vec![name],
            Self::Not(inner) => inner.names(),
            Self::And(left, right) | Self::Or(left, right) => [left.names(), right.names()].concat(),
        }
    }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => 1,
            '"' => rest[1..].find('"').ok_or_else(|| format!("`{text}`: a quote is open"))? + 2,
            _ => rest.find(|end: char| end.is_whitespace() || "()\"".contains(end)).unwrap_or(rest.len()),
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

struct Words<'a> {
    rest: Vec<String>,
    text: &'a str,
}

impl Words<'_> {
    fn either(&mut self) -> Result<AlarmRule, String> {
        let mut left = self.both()?;
        while self.take("OR") {
            left = AlarmRule::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<AlarmRule, String> {
        let mut left = self.one()?;
        while self.take("AND") {
            left = AlarmRule::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<AlarmRule, String> {
        if self.take("NOT") {
            return Ok(AlarmRule::Not(Box::new(self.one()?)));
        }
        if self.take("(") {
            let inner = self.either()?;
            return if self.take(")") { Ok(inner) } else { Err(self.wrong()) };
        }
        for (word, holds) in [("TRUE", true), ("FALSE", false)] {
            if self.take(word) {
                return Ok(AlarmRule::Constant(holds));
            }
        }
        let states =
            [("ALARM", State::Alarm), ("OK", State::Ok), ("INSUFFICIENT_DATA", State::InsufficientData)];
        for (word, state) in states {
            if self.take(word) {
                let [open, name, close] = self.rest.get(..3).unwrap_or_default() else { break };
                if open != "(" || close != ")" || name == ")" {
                    break;
                }
                let rule = AlarmRule::Is(name.trim_matches('"').to_owned(), state);
                self.rest.drain(..3);
                return Ok(rule);
            }
        }
        Err(self.wrong())
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.rest.first().is_some_and(|next| next == word);
        if is_next {
            self.rest.remove(0);
        }
        is_next
    }

    fn wrong(&self) -> String {
        format!("`{}` is not understood from `{}` on", self.text, self.rest.join(" "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn rules_hold_as_their_words_say() {
        let check = |text: &str, expected: bool| {
            let state = |name: &str| match name {
                "a" => Some(State::Alarm),
                "o" => Some(State::Ok),
                "i" => Some(State::InsufficientData),
                _ => None,
            };
            assert_eq!(AlarmRule::parse(text).unwrap().holds(&state), expected, "{text}");
        };
        check("ALARM(\"a\")", true);
        check("ALARM(o) OR ALARM(a)", true);
        check("ALARM(a) AND OK(o) AND INSUFFICIENT_DATA(i)", true);
        check("NOT ALARM(a) OR OK(a)", false);
        check("ALARM(o) OR ALARM(a) AND ALARM(o)", false);
        check("(ALARM(a) OR ALARM(o)) AND NOT (OK(a) OR FALSE)", true);
        check("ALARM(unknown) OR OK(unknown)", false);
        check("TRUE", true);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            "",
            "ALARM",
            "ALARM()",
            "ALARM(a",
            "alarm(a)",
            "ALARM(a) OK(b)",
            "ALARM(\"a)",
            "XOR(a)",
            "(ALARM(a)",
        ] {
            assert!(AlarmRule::parse(text).is_err(), "{text}");
        }
    }
}
