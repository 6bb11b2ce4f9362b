//! Word lists as data: lines `name: word word ...`, a name may come again, `#` begins a comment. A word with an underscore
//! is several words.

use std::collections::{HashMap, HashSet};

/// Words by the name of their list.
pub(crate) struct Lists(HashMap<&'static str, HashSet<&'static str>>);

impl Lists {
    /// Reads a file of lists.
    pub(crate) fn read(text: &'static str) -> Self {
        let mut lists: HashMap<&'static str, HashSet<&'static str>> = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, words)) = line.split_once(':') {
                lists.entry(name.trim()).or_default().extend(words.split_whitespace());
            }
        }
        Self(lists)
    }

    /// Whether a list has a word. An unknown list has none.
    pub(crate) fn has(&self, list: &str, word: &str) -> bool {
        self.0.get(list).is_some_and(|words| words.contains(word))
    }

    /// All words of all lists, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.values().flatten().copied()
    }
}
