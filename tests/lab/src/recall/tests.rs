use std::collections::{BTreeMap, BTreeSet};

use engine::recall::guards::{judge, listed_words};

use super::{paraphrases, traps};

/// All traps of the bench, without the model: the guards alone refuse each.
#[test]
fn no_trap_passes_the_guards() {
    let traps = traps::generate(600, 1);
    assert!(traps.len() >= 5_000, "{}", traps.len());
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let mut passed = Vec::new();
    for trap in &traps {
        *by_kind.entry(trap.kind).or_default() += 1;
        assert!(trap.stored != trap.asked || trap.kind == "pointing", "{trap:?} is no trap");
        if judge(&trap.stored, &trap.asked).is_ok() || judge(&trap.asked, &trap.stored).is_ok() {
            passed.push(trap);
        }
    }
    assert!(traps::kinds().all(|kind| by_kind[kind] >= 300), "{by_kind:?}");
    assert!(
        passed.is_empty(),
        "{} of {} pass, such as {:#?}",
        passed.len(),
        traps.len(),
        &passed[..passed.len().min(20)]
    );
}

/// The guards must not be tested with their own words.
#[test]
fn most_trap_words_are_in_no_list_of_the_guards() {
    let listed = listed_words();
    let words: BTreeSet<String> = traps::generate(600, 1).into_iter().flat_map(|trap| trap.words).collect();
    let absent = words.iter().filter(|word| !listed.contains(*word)).count();
    let without_figures = |words: Vec<&String>| {
        words.into_iter().filter(|word| !word.contains(|letter: char| letter.is_ascii_digit())).count()
    };
    let plain = without_figures(words.iter().collect());
    let plain_absent = without_figures(words.iter().filter(|word| !listed.contains(*word)).collect());
    assert!(2 * absent >= words.len(), "{absent} of {}", words.len());
    assert!(2 * plain_absent >= plain, "{plain_absent} of {plain} without figures");
}

/// Without the model: most of what means the same passes.
#[test]
fn most_paraphrases_pass_the_guards() {
    let pairs = paraphrases::generate(40, 1);
    let mut by_kind: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for pair in &pairs {
        let counts = by_kind.entry(pair.kind).or_default();
        counts.0 += 1;
        counts.1 += usize::from(judge(&pair.stored, &pair.asked).is_ok());
    }
    let passed: usize = by_kind.values().map(|counts| counts.1).sum();
    assert!(passed * 10 >= pairs.len() * 6, "{passed} of {}: {by_kind:?}", pairs.len());
}
