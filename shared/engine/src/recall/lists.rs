//! Word lists as data: lines `name: word word ...`, a name may come again, `#` begins a comment. A word with an underscore
//! is several words.

use std::collections::HashMap;

/// The names of the lists that have each word.
pub(crate) struct Lists(HashMap<&'static str, Vec<&'static str>>);

impl Lists {
    /// Reads a file of lists.
    pub(crate) fn read(text: &'static str) -> Self {
        let mut lists: HashMap<&'static str, Vec<&'static str>> = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, words)) = line.split_once(':') else { continue };
            for word in words.split_whitespace() {
                lists.entry(word).or_default().push(name.trim());
            }
        }
        Self(lists)
    }

    /// Whether a list has a word. An unknown list has none.
    pub(crate) fn has(&self, list: &str, word: &str) -> bool {
        self.0.get(word).is_some_and(|lists| lists.contains(&list))
    }

    /// All words of all lists, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }
}
