//! Slots of a profile: no tenant takes more than half of them while others wait.

use std::collections::BTreeMap;

use crate::model::TenantId;

/// Who holds how many of a profile's slots.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    most: usize,
    held: BTreeMap<TenantId, usize>,
}

impl Slots {
    /// So many slots, all of them free.
    pub fn new(most: usize) -> Self {
        Self { most, held: BTreeMap::new() }
    }

    /// True if a slot is free.
    pub fn has_room(&self) -> bool {
        self.held.values().sum::<usize>() < self.most
    }

    /// True if the tenant holds half of the slots: whoever holds less and waits goes first, and if nobody else waits, no slot
    /// stays empty.
    pub fn goes_last(&self, tenant: &TenantId) -> bool {
        self.held.get(tenant).is_some_and(|held| *held >= self.most.div_ceil(2))
    }

    /// The tenant holds one more.
    pub fn enter(&mut self, tenant: &TenantId) {
        *self.held.entry(tenant.clone()).or_default() += 1;
    }

    /// The tenant holds one less.
    pub fn leave(&mut self, tenant: &TenantId) {
        if let Some(held) = self.held.get_mut(tenant) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which tenants get the free slots, if those wait who are named, in their order.
    fn check(held: &str, most: usize, waiting: &str, expected: &str) {
        let tenant = |letter: char| TenantId::new(letter.to_string());
        let mut slots = Slots::new(most);
        held.chars().for_each(|letter| slots.enter(&tenant(letter)));
        let (mut waiting, mut got) = (waiting.chars().collect::<Vec<_>>(), String::new());
        while slots.has_room() && !waiting.is_empty() {
            let next = waiting.iter().position(|letter| !slots.goes_last(&tenant(*letter))).unwrap_or(0);
            let letter = waiting.remove(next);
            slots.enter(&tenant(letter));
            got.push(letter);
        }
        assert_eq!(got, expected, "{held} of {most}");
    }

    #[test]
    fn half_is_the_most_while_others_wait() {
        check("", 4, "aaaaab", "aaba");
        check("", 4, "aaaaa", "aaaa");
        check("aaa", 4, "ab", "b");
        check("", 1, "ab", "a");
        check("aab", 6, "aaabbc", "abb");
        check("", 5, "aaaabbbb", "aaabb");
    }

    #[test]
    fn who_leaves_makes_room() {
        let (a, mut slots) = (TenantId::new("a"), Slots::new(2));
        slots.enter(&a);
        slots.enter(&a);
        assert!(!slots.has_room() && slots.goes_last(&a));
        slots.leave(&a);
        slots.leave(&a);
        slots.leave(&a);
        assert!(slots.has_room() && !slots.goes_last(&a));
    }
}
