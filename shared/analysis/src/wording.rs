//! Patterns of many alternatives, quick to build.

use std::error::Error;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use regex_automata::util::syntax;

/// A constant pattern over bytes: letters, digits and white space are those of ASCII. Every process builds it anew, so it is only
/// built to be read from the left, which takes two fifths of the time of a general one; with Unicode's classes it would take five
/// times as long. Where it is found, which is seldom, it is looked for once more to tell where it begins.
pub(crate) struct Wording {
    dfa: DFA,
    cache: Mutex<Cache>,
    pike_vm: PikeVM,
}

impl Wording {
    pub(crate) fn new(pattern: &str) -> Self {
        #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
        Self::build(pattern).expect("a constant pattern")
    }

    fn build(pattern: &str) -> Result<Self, Box<dyn Error>> {
        let nfa = Compiler::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .configure(Config::new().utf8(false).which_captures(WhichCaptures::Implicit))
            .build(pattern)?;
        // As the general one has it: it gives up where nearly each byte takes a new state.
        let config = DFA::config().minimum_cache_clear_count(Some(3)).minimum_bytes_per_state(Some(10));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa.clone())?;
        let cache = Mutex::new(dfa.create_cache());
        Ok(Self { dfa, cache, pike_vm: PikeVM::new_from_nfa(nfa)? })
    }

    /// The first place of it, in bytes.
    pub(crate) fn find(&self, text: &str) -> Option<Range<usize>> {
        let found = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            self.dfa.try_search_fwd(&mut cache, &Input::new(text).earliest(true))
        };
        // One that gave up knows nothing.
        if let Ok(None) = found {
            return None;
        }
        self.pike_vm.find(&mut self.pike_vm.create_cache(), text).map(|found| found.range())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ascii_pattern;

    #[test]
    fn as_a_general_pattern() {
        let patterns = ["a|ab", r"\b(?:ab|c+)\b[^.?!]{0,5}a?", "a+?b|c", "(?:b|bc|[a-c]{2,3}) ?", r"\bb\b"];
        let pairs = patterns.map(|pattern| (Wording::new(pattern), ascii_pattern(pattern)));
        proptest!(|(text in "[abc .’é]{0,40}")| {
            for (wording, general) in &pairs {
                let expected = general.find(text.as_bytes()).map(|found| found.range());
                prop_assert_eq!(wording.find(&text), expected, "{}", general);
            }
        });
    }
}
