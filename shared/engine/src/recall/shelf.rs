//! A bounded place for entries: when it is full, what is least worth its place goes.
//!
//! Each use adds an entry's step, its worth by size, to its rank, counted from the rank at which the last one went. So what is used often,
//! saves much and is small stays; and what was used often long ago goes, since the others' ranks begin higher.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Entries by key, at most so many.
#[derive(Debug)]
pub(crate) struct Shelf<V> {
    most: usize,
    slots: HashMap<Arc<str>, Slot<V>>,
    order: BTreeSet<(u64, u64, Arc<str>)>,
    /// The rank of what went last.
    age: u64,
    placed: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    step: u64,
    rank: u64,
    number: u64,
}

impl<V> Shelf<V> {
    /// An empty shelf for at most `most` entries.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, slots: HashMap::new(), order: BTreeSet::new(), age: 0, placed: 0 }
    }

    /// An entry, which is used by this.
    pub(crate) fn get(&mut self, key: &str) -> Option<&V> {
        let name = self.slots.get_key_value(key)?.0.clone();
        let slot = self.slots.get_mut(key)?;
        self.order.remove(&(slot.rank, slot.number, name.clone()));
        slot.rank = slot.rank.max(self.age).saturating_add(slot.step);
        self.order.insert((slot.rank, slot.number, name));
        Some(&slot.value)
    }

    /// An entry, which is not used by this.
    pub(crate) fn peek(&self, key: &str) -> Option<&V> {
        self.slots.get(key).map(|slot| &slot.value)
    }

    /// Puts an entry, whose rank each use raises by `step`, in the place of another of its key.
    pub(crate) fn put(&mut self, key: &str, value: V, step: u64) {
        self.remove(key);
        if self.most == 0 {
            return;
        }
        while self.slots.len() >= self.most {
            let Some((rank, _, key)) = self.order.pop_first() else { break };
            self.age = self.age.max(rank);
            self.slots.remove(&key);
        }
        let rank = self.age.saturating_add(step);
        self.placed += 1;
        let key: Arc<str> = key.into();
        self.order.insert((rank, self.placed, key.clone()));
        self.slots.insert(key, Slot { value, step, rank, number: self.placed });
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        let (key, slot) = self.slots.remove_entry(key)?;
        self.order.remove(&(slot.rank, slot.number, key));
        Some(slot.value)
    }

    /// Takes away all entries that are not wanted.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&V) -> bool) {
        let unwanted: Vec<Arc<str>> = self
            .slots
            .iter()
            .filter(|(_, slot)| !is_wanted(&slot.value))
            .map(|(key, _)| key.clone())
            .collect();
        unwanted.iter().for_each(|key| drop(self.remove(key)));
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if another entry would take the place of one that is there.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.len() >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Entry, Generation};

    fn step(worth: u64, bytes: usize) -> u64 {
        let entry = Entry {
            value: Arc::from(vec![0; bytes]),
            fresh_ms: 0,
            grace_ms: 0,
            tags: Vec::new(),
            generation: Generation::default(),
            worth,
        };
        entry.step()
    }

    fn names(shelf: &Shelf<u32>) -> Vec<String> {
        let mut names: Vec<String> = shelf.slots.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_used_often_saves_much_and_is_small_stays() {
        let mut shelf = Shelf::new(4);
        shelf.put("dear", 1, step(1_000_000, 100));
        shelf.put("dear and large", 2, step(1_000_000, 200 << 20));
        shelf.put("often", 3, step(10, 100));
        (0..20).for_each(|_| assert_eq!(shelf.get("often"), Some(&3)));
        shelf.put("once", 4, step(10, 100));
        assert_eq!(shelf.len(), 4);
        shelf.put("first", 5, step(10, 100));
        assert_eq!(names(&shelf), ["dear", "first", "often", "once"]);
        shelf.put("second", 6, step(10, 100));
        assert_eq!(names(&shelf), ["dear", "first", "often", "second"]);
    }

    #[test]
    fn what_was_used_often_long_ago_goes() {
        let mut shelf = Shelf::new(2);
        shelf.put("old", 0, 1);
        (0..50).for_each(|_| assert!(shelf.get("old").is_some()));
        for number in 1..=60 {
            shelf.put(&format!("new {number}"), number, 1);
        }
        assert!(shelf.peek("old").is_none(), "{:?}", names(&shelf));
        assert!(shelf.peek("new 60").is_some());
    }

    #[test]
    fn places_are_given_back() {
        let mut shelf = Shelf::new(3);
        for number in 0..3 {
            shelf.put(&number.to_string(), number, 1);
            shelf.put(&number.to_string(), number, 1);
        }
        assert!(shelf.is_full());
        assert_eq!(shelf.remove("1"), Some(1));
        shelf.retain(|value| *value != 2);
        assert_eq!((names(&shelf), shelf.order.len()), (vec!["0".to_owned()], 1));
        let mut none = Shelf::new(0);
        none.put("key", 1, 1);
        assert_eq!(none.len(), 0);
    }
}
