//! Pairs that mean the same: the second says the first otherwise, as people do.
//!
//! Sixteen ways, as often each, also such as the guards are not expected to understand (clauses exchanged, synonyms that nobody
//! listed, reported speech), so that the share that passes says something.

use std::collections::BTreeSet;

use super::Pair;
use super::pools::{
    ACTORS, FACTS, FIRMS, MONTHS, NOUNS, PEOPLE, PLACES, TASKS, THINGS, deed, pick, sentence, two,
};
use crate::score::Lcg;

type Way = fn(&mut Lcg) -> (String, String);

const WAYS: &[(&str, Way)] = &[
    ("person", person),
    ("way", way),
    ("manners", manners),
    ("asked around", asked_around),
    ("contraction", contraction),
    ("one or many", one_or_many),
    ("date in front", date_in_front),
    ("date written otherwise", date_written),
    ("passive", passive),
    ("possessive", possessive),
    ("spelling and signs", spelling),
    ("pair in another order", mutual),
    ("synonym", synonym),
    ("clauses exchanged", clauses),
    ("reported", reported),
    ("aside", aside),
];

/// Different paraphrases, as many of each way.
pub fn generate(each: usize, seed: u64) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (place, (kind, way)) in WAYS.iter().enumerate() {
        let mut random = Lcg(seed.wrapping_mul(1_000).wrapping_add(500 + place as u64));
        let mut seen = BTreeSet::new();
        for _ in 0..each * 50 {
            if seen.len() == each {
                break;
            }
            let (stored, asked) = way(&mut random);
            let (stored, asked) = if random.below(2) == 0 { (stored, asked) } else { (asked, stored) };
            if seen.insert((stored.clone(), asked.clone())) {
                pairs.push(Pair { kind, stored, asked, words: Vec::new() });
            }
        }
    }
    pairs
}

fn person(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &["How do I", "How can I", "How do you", "How can you", "How does one", "How can one", "How do we"],
    );
    let task = pick(random, TASKS);
    (format!("{one} {task}?"), format!("{other} {task}?"))
}

fn way(random: &mut Lcg) -> (String, String) {
    let other = pick(
        random,
        &[
            "What is the best way to",
            "What's the way to",
            "How to",
            "What are some ways to",
            "What is the right way to",
            "What do I need to do to",
        ],
    );
    let task = pick(random, TASKS);
    (format!("How do I {task}?"), format!("{other} {task}?"))
}

fn manners(random: &mut Lcg) -> (String, String) {
    let (task, place) = (pick(random, TASKS), pick(random, PLACES));
    let plain = format!("How can I {task} in {place}");
    let asked = match random.below(4) {
        0 => format!("Please, how can I {task} in {place}?"),
        1 => format!("{plain}, please?"),
        2 => format!("Hello, how can I {task} in {place}?"),
        _ => format!("{plain}? Thanks!"),
    };
    (format!("{plain}?"), asked)
}

fn asked_around(random: &mut Lcg) -> (String, String) {
    let (fact, place) = (pick(random, FACTS), pick(random, PLACES));
    let asked = match random.below(4) {
        0 => format!("Can you tell me what the {fact} of {place} is?"),
        1 => format!("Do you know what the {fact} of {place} is?"),
        2 => format!("Could you tell me what is the {fact} of {place}?"),
        _ => format!("Tell me what the {fact} of {place} is."),
    };
    (format!("What is the {fact} of {place}?"), asked)
}

fn contraction(random: &mut Lcg) -> (String, String) {
    let (firm, other) = two(random, FIRMS);
    let (long, short) = pick(
        random,
        &[
            ("does not", "doesn't"),
            ("did not", "didn't"),
            ("will not", "won't"),
            ("cannot", "can't"),
            ("would not", "wouldn't"),
        ],
    );
    let verb =
        pick(random, &["own", "supply", "insure", "sponsor", "license", "outsell", "advise", "finance"]);
    (format!("{firm} {long} {verb} {other}."), format!("{firm} {short} {verb} {other}."))
}

fn one_or_many(random: &mut Lcg) -> (String, String) {
    let (one, many) = pick(random, NOUNS);
    let article = if one.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    match random.below(3) {
        0 => (format!("What is {article} {one}?"), format!("What are {many}?")),
        1 => (format!("How does {article} {one} work?"), format!("How do {many} work?")),
        _ => (format!("Why is {article} {one} dangerous?"), format!("Why are {many} dangerous?")),
    }
}

fn date_in_front(random: &mut Lcg) -> (String, String) {
    let ((actor, verb, thing), year) = (deed(random), 1_900 + random.below(120));
    let when = if random.below(2) == 0 {
        format!("in {year}")
    } else {
        format!("in {} {year}", pick(random, MONTHS))
    };
    (
        sentence(&format!("{actor} {verb} {thing} {when}.")),
        format!("{}, {actor} {verb} {thing}.", sentence(&when)),
    )
}

fn date_written(random: &mut Lcg) -> (String, String) {
    let ((actor, verb, thing), year) = (deed(random), 1_900 + random.below(120));
    let (day, month) = (4 + random.below(17), pick(random, MONTHS));
    let forms = [
        format!("{day} {month} {year}"),
        format!("{month} {day}, {year}"),
        format!("{month} {day}th, {year}"),
        format!("the {day}th of {month} {year}"),
    ];
    let (one, other) = two(random, &[0, 1, 2, 3]);
    let text = |when: &str| sentence(&format!("{actor} {verb} {thing} on {when}."));
    (text(&forms[one]), text(&forms[other]))
}

fn passive(random: &mut Lcg) -> (String, String) {
    let (actor, verb, thing) = deed(random);
    let verb = if verb == "quit" || verb == "split" { "approved" } else { verb };
    (sentence(&format!("{actor} {verb} {thing}.")), sentence(&format!("{thing} was {verb} by {actor}.")))
}

fn possessive(random: &mut Lcg) -> (String, String) {
    let (fact, place) = (pick(random, FACTS), pick(random, PLACES));
    (format!("What is the {fact} of {place}?"), format!("What is {place}'s {fact}?"))
}

fn spelling(random: &mut Lcg) -> (String, String) {
    let (one, other) = pick(
        random,
        &[
            ("organise 1,200 volunteers", "organize 1200 volunteers"),
            ("colour 5 kg of wool", "color 5 kilograms of wool"),
            ("apply a 30% discount", "apply a 30 percent discount"),
            ("recognise a forged stamp", "recognize a forged stamp"),
            ("neighbours", "neighbors"),
            ("a 10-year-old car", "a 10 year old car"),
            ("cancelled flights", "canceled flights"),
            ("salt & pepper", "salt and pepper"),
            ("a US visa", "a U.S. visa"),
            ("e-mail fraud", "email fraud"),
            ("grey paint", "gray paint"),
        ],
    );
    let place = pick(random, PLACES);
    if one.contains(' ')
        && ["organise", "colour", "apply", "recognise"].iter().any(|verb| one.starts_with(verb))
    {
        (format!("How do I {one} in {place}?"), format!("How do I {other} in {place}?"))
    } else {
        (format!("How do I deal with {one} in {place}?"), format!("How do I deal with {other} in {place}?"))
    }
}

fn mutual(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(random, NOUNS);
    let (one, other) = if random.below(2) == 0 { (one.1, other.1) } else { two(random, FIRMS) };
    let head = pick(
        random,
        &[
            "What is the difference between",
            "What are the similarities between",
            "What is the distance between",
        ],
    );
    (format!("{head} {one} and {other}?"), format!("{head} {other} and {one}?"))
}

fn synonym(random: &mut Lcg) -> (String, String) {
    let (one, other) = pick(
        random,
        &[
            ("buy a car", "purchase a car"),
            ("fix a bicycle", "repair a bike"),
            ("begin a diary", "start a diary"),
            ("find a lawyer", "find an attorney"),
            ("choose a doctor", "choose a physician"),
            ("get rid of ants", "eliminate ants"),
            ("remove rust", "get rust off"),
            ("end a lease", "terminate a lease"),
            ("raise a complaint", "lodge a complaint"),
            ("hire a nanny", "employ a nanny"),
            ("scare away pigeons", "deter pigeons"),
            ("borrow money", "take out a loan"),
            ("answer a letter", "reply to a letter"),
            ("lose weight", "slim down"),
            ("select a mattress", "choose a mattress"),
            ("postpone a trip", "delay a trip"),
        ],
    );
    let place = pick(random, PLACES);
    (format!("How do I {one} in {place}?"), format!("How do I {other} in {place}?"))
}

fn clauses(random: &mut Lcg) -> (String, String) {
    let ((actor, verb, thing), other) = (deed(random), pick(random, ACTORS));
    let word = pick(random, &["because", "after", "although", "when"]);
    let why = pick(random, &["had lost money", "had complained", "objected", "went on strike"]);
    (
        sentence(&format!("{actor} {verb} {thing} {word} {other} {why}.")),
        sentence(&format!("{word} {other} {why}, {actor} {verb} {thing}.")),
    )
}

fn reported(random: &mut Lcg) -> (String, String) {
    let ((actor, verb, thing), who) = (deed(random), pick(random, PEOPLE));
    (
        format!("{who} said that {actor} {verb} {thing}."),
        format!("According to {who}, {actor} {verb} {thing}."),
    )
}

fn aside(random: &mut Lcg) -> (String, String) {
    let (thing, place) = (pick(random, THINGS), pick(random, PLACES));
    let word = pick(random, &["exactly", "actually"]);
    let question = pick(random, &["is", "was"]);
    (format!("What {question} {thing} in {place}?"), format!("What {word} {question} {thing} in {place}?"))
}
