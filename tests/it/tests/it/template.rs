//! The bundle on AWS, as far as its files can say: rules over the templates and the workflow, and mutants that the rules
//! must refuse.

mod bundle;
mod code;
mod cost;
mod docs;
pub(crate) mod facts;
mod faults;
mod mutants;
mod rules;
mod survivors;

use std::collections::{BTreeMap, BTreeSet};

use bundle::Bundle;
use mutants::Mutant;

#[test]
fn the_bundle_keeps_its_rules() {
    let rules = rules::all();
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules.len(), "a rule's name is used twice");
    assert!(rules.len() >= 60, "{} rules", rules.len());
    let faults = rules::faults(&Bundle::read());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{} rules hold", rules.len());
}

/// Mutants drawn in every run; the rest by the run of all.
const DRAWN: usize = 1_000;
const SEED: u64 = 4;

#[test]
fn mutants_are_refused() {
    let bundle = Bundle::read();
    let drawn = mutants::draw(mutants::every(&bundle), DRAWN, SEED);
    judge(&bundle, drawn);
}

#[test]
#[ignore = "half a minute: every mutant there is, and whether each line of the survivors is needed"]
fn every_mutant_is_refused() {
    let bundle = Bundle::read();
    let used = judge(&bundle, mutants::every(&bundle));
    let idle: Vec<usize> = survivors::listed()
        .iter()
        .map(|survivor| survivor.line)
        .filter(|line| !used.contains(line))
        .collect();
    assert!(idle.is_empty(), "no mutant survives as these lines of the survivors say: {idle:?}");
}

/// Prints what became of mutants and panics if one that matters survived. Returns the lines of the survivors that were
/// needed.
fn judge(bundle: &Bundle, mutants: Vec<Mutant>) -> BTreeSet<usize> {
    let listed = survivors::listed();
    let mut used = BTreeSet::new();
    let mut refusals: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unlisted = Vec::new();
    let mut rules = rules::Asked::new();
    let (total, mut harmless) = (mutants.len(), 0);
    for mutant in mutants {
        match rules.who_refuses(&mutant.of(bundle), &mutant.file) {
            Some(rule) => *refusals.entry(rule).or_default() += 1,
            None => match listed.iter().find(|survivor| survivor.is(&mutant)) {
                Some(survivor) => {
                    harmless += 1;
                    used.insert(survivor.line);
                }
                None => unlisted.push(mutant.to_string()),
            },
        }
    }
    let matter = total - harmless;
    let refused = matter - unlisted.len();
    println!(
        "{total} mutants: {harmless} do not matter, {refused} of the other {matter} refused, by {} of {} rules",
        refusals.len(),
        rules::all().len()
    );
    assert!(unlisted.is_empty(), "these survive and are not listed:\n{}", unlisted.join("\n"));
    used
}
