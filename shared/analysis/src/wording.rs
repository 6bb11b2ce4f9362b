//! Patterns of many alternatives, quick to build.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use regex_automata::{Input, util::syntax};

/// A constant pattern over bytes: letters, digits and white space are those of ASCII. Every process builds it anew, so it is only
/// built to be read from the left, which takes a third of the time of a general one; with Unicode's classes it would take five
/// times as long. Where it is found, which is seldom, it is looked for once more to tell where it begins.
pub(crate) struct Wording {
    is_in: DFA,
    places: PikeVM,
    cache: Mutex<Cache>,
}

impl Wording {
    pub(crate) fn new(pattern: &str) -> Self {
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let config = Config::new().utf8(false).which_captures(WhichCaptures::Implicit);
        let built = Compiler::new().configure(config).syntax(syntax).build(pattern).map(|nfa| {
            let is_in = DFA::builder().build_from_nfa(nfa.clone());
            (is_in, PikeVM::new_from_nfa(nfa))
        });
        #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
        let (is_in, places) = built.expect("a constant pattern");
        #[expect(clippy::expect_used, reason = "as above")]
        let (is_in, places) = (is_in.expect("a constant pattern"), places.expect("a constant pattern"));
        let cache = Mutex::new(is_in.create_cache());
        Self { is_in, places, cache }
    }

    /// The first place of it, in bytes.
    pub(crate) fn find(&self, text: &str) -> Option<Range<usize>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be too much for the automaton; the one that is asked then takes everything.
        if let Ok(None) = self.is_in.try_search_fwd(&mut cache, &Input::new(text)) {
            return None;
        }
        self.places.find(&mut self.places.create_cache(), text).map(|found| found.range())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It finds what a general pattern finds.
        #[test]
        fn as_a_general_pattern(text in "[abc .’é]{0,40}") {
            for pattern in ["a|ab", r"\b(?:ab|c+)\b[^.?!]{0,5}a?", "a+?b|c", "(?:b|bc|[a-c]{2,3}) ?"] {
                let general = regex::bytes::RegexBuilder::new(pattern).unicode(false).build().unwrap();
                let expected = general.find(text.as_bytes()).map(|found| found.range());
                prop_assert_eq!(Wording::new(pattern).find(&text), expected, "{}", pattern);
            }
        }
    }
}
