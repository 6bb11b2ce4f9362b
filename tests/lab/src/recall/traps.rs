//! Pairs that are alike in nearly every word and must never be taken for one another.
//!
//! Each kind of trap has templates of its own here; what fills them comes from pools that were written without looking at
//! the guards' lists. Every other trap is rewritten on top by something harmless (a contraction, a date in front, a
//! passive, other manners), so that it cannot be told by being alike in form.

use std::collections::BTreeSet;

use super::Pair;
use super::pools::{
    ACTORS, DEEDS, FIRMS, KINDS, MONTHS, OPPOSITES, PEOPLE, PLACES, QUALITIES, TASKS, THINGS, deed, pick,
    sentence, two,
};
use super::trap_wordings::{
    article, asked_or_told, earlier_text, here, how_far, how_many, how_much, moment, only, pointing_words,
    question_word, speaker,
};
use crate::score::Lcg;

/// A way to make a trap: the two texts.
type Trap = fn(&mut Lcg) -> (String, String);

/// The kinds, and how each is made.
const KINDS_OF_TRAP: &[(&str, &[Trap])] = &[
    ("negation", &[negated_verb, failing, prefix, lacking]),
    ("antonym", &[opposite, opposite_asked]),
    ("number", &[figure, written_figure, share, ordinal, version]),
    ("date", &[year, month, weekday, day, era]),
    ("unit", &[unit, money, rate]),
    ("entity", &[person, place, firm, kind]),
    ("role", &[firms_swapped, conversion, passive_swapped, people_swapped, longer, kinds_swapped]),
    ("scope", &[how_many, only, how_far, article]),
    ("question", &[question_word, asked_or_told, how_much]),
    ("pointing", &[moment, speaker, here, earlier_text]),
];

/// The kinds of traps.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS_OF_TRAP.iter().map(|(kind, _)| *kind)
}

/// Different traps, as many of each kind.
pub fn generate(each: usize, seed: u64) -> Vec<Pair> {
    let mut traps = Vec::new();
    for (place, (kind, ways)) in KINDS_OF_TRAP.iter().enumerate() {
        let mut random = Lcg(seed.wrapping_mul(1_000).wrapping_add(place as u64));
        let mut seen = BTreeSet::new();
        // Pools are finite: a kind that repeats itself ends after so many tries.
        for _ in 0..each * 50 {
            if seen.len() == each {
                break;
            }
            let (stored, asked) = pick(&mut random, ways)(&mut random);
            let words =
                if *kind == "pointing" { pointing_words(&stored) } else { difference(&stored, &asked) };
            let (stored, asked) = (dressed(&mut random, &stored), dressed(&mut random, &asked));
            if seen.insert((stored.clone(), asked.clone())) {
                traps.push(Pair { kind, stored, asked, words });
            }
        }
    }
    traps
}

/// The words that only one of two texts has; those of both where only their order differs.
fn difference(one: &str, other: &str) -> Vec<String> {
    let words = |text: &str| -> BTreeSet<String> {
        let split = text.split(|letter: char| !letter.is_alphanumeric() && letter != '.');
        split.map(|word| word.trim_matches('.').to_lowercase()).filter(|word| !word.is_empty()).collect()
    };
    let (ours, theirs) = (words(one), words(other));
    let found: Vec<String> = ours.symmetric_difference(&theirs).cloned().collect();
    if found.is_empty() { ours.into_iter().filter(|word| word.len() > 3).collect() } else { found }
}

/// Something harmless done to a text.
fn dressed(random: &mut Lcg, text: &str) -> String {
    match random.below(8) {
        0 => text.replace("did not", "didn't").replace("is not", "isn't").replace("are not", "aren't"),
        1 => text.replace("How do I", "How can I"),
        2 => text.trim_end_matches('.').to_owned(),
        3 if text.ends_with('?') => format!("Please, {}{}", text[..1].to_lowercase(), &text[1..]),
        4 if text.ends_with('?') => text.replace("What is", "What's"),
        5 => format!(" {}  ", text.replace(' ', "  ")),
        _ => text.to_owned(),
    }
}

pub(super) fn claim(actor: &str, verb: &str, thing: &str, rest: &str) -> String {
    sentence(&format!("{actor} {verb} {thing}{rest}."))
}

fn negated_verb(random: &mut Lcg) -> (String, String) {
    let (firm, other) = two(random, FIRMS);
    let verb =
        pick(random, &["own", "supply", "insure", "sponsor", "license", "outsell", "advise", "finance"]);
    let (plain, denied) = pick(
        random,
        &[
            ("does", "does not"),
            ("did", "did not"),
            ("will", "will not"),
            ("can", "cannot"),
            ("will", "will never"),
            ("would", "wouldn't"),
        ],
    );
    (format!("{firm} {plain} {verb} {other}."), format!("{firm} {denied} {verb} {other}."))
}

fn failing(random: &mut Lcg) -> (String, String) {
    let (actor, thing) = (pick(random, ACTORS), pick(random, THINGS));
    let (verb, place) =
        (pick(random, &["publish", "renew", "abolish", "fund", "extend", "review"]), pick(random, PLACES));
    let (does, fails) = two(
        random,
        &[
            "managed",
            "refused",
            "failed",
            "declined",
            "vowed",
            "ceased",
            "forgot",
            "hesitated",
            "volunteered",
        ],
    );
    (
        claim(actor, &format!("{does} to {verb}"), thing, &format!(" in {place}")),
        claim(actor, &format!("{fails} to {verb}"), thing, &format!(" in {place}")),
    )
}

fn prefix(random: &mut Lcg) -> (String, String) {
    let ((plain, denied), thing, place) =
        (pick(random, QUALITIES), pick(random, THINGS), pick(random, PLACES));
    match random.below(3) {
        0 => (format!("Is {thing} in {place} {plain}?"), format!("Is {thing} in {place} {denied}?")),
        1 => (
            sentence(&format!("{thing} in {place} is {plain}.")),
            sentence(&format!("{thing} in {place} is {denied}.")),
        ),
        _ => (
            sentence(&format!("{thing} in {place} is {plain}.")),
            sentence(&format!("{thing} in {place} is not {plain}.")),
        ),
    }
}

fn lacking(random: &mut Lcg) -> (String, String) {
    let task = pick(random, TASKS);
    let (with, without) = pick(
        random,
        &[
            ("with", "without"),
            ("despite having", "despite lacking"),
            ("using", "avoiding"),
            ("including", "excluding"),
        ],
    );
    let tool = pick(
        random,
        &[
            "a ladder",
            "bleach",
            "a lawyer",
            "hot water",
            "an app",
            "glue",
            "a permit",
            "salt",
            "a screwdriver",
        ],
    );
    (format!("How do I {task} {with} {tool}?"), format!("How do I {task} {without} {tool}?"))
}

fn opposite(random: &mut Lcg) -> (String, String) {
    let ((verb, other), actor, thing, place) =
        (pick(random, OPPOSITES), pick(random, ACTORS), pick(random, THINGS), pick(random, PLACES));
    let rest = format!(" in {place}");
    (claim(actor, verb, thing, &rest), claim(actor, other, thing, &rest))
}

fn opposite_asked(random: &mut Lcg) -> (String, String) {
    let (one, other) = pick(
        random,
        &[
            ("hot", "cold"),
            ("cheap", "expensive"),
            ("rural", "urban"),
            ("shallow", "deep"),
            ("wet", "dry"),
            ("ancient", "modern"),
            ("sweet", "sour"),
            ("public", "private"),
            ("domestic", "foreign"),
            ("temporary", "permanent"),
            ("loud", "quiet"),
            ("heavy", "lightweight"),
            ("rough", "smooth"),
            ("male", "female"),
            ("northern", "southern"),
            ("raw", "cooked"),
            ("voluntary", "compulsory"),
            ("thick", "thin"),
            ("inner", "outer"),
            ("advantages", "drawbacks"),
            ("causes", "effects"),
            ("imports", "exports"),
            ("winners", "losers"),
            ("buyers", "sellers"),
            ("arrivals", "departures"),
            ("strict", "lenient"),
        ],
    );
    let (kind, place) = (pick(random, KINDS), pick(random, PLACES));
    match one {
        "advantages" | "causes" | "imports" | "winners" | "buyers" | "arrivals" => (
            format!("What are the {one} of {kind} in {place}?"),
            format!("What are the {other} of {kind} in {place}?"),
        ),
        _ => (
            format!("Why are {one} {kind} popular in {place}?"),
            format!("Why are {other} {kind} popular in {place}?"),
        ),
    }
}

fn figure(random: &mut Lcg) -> (String, String) {
    let number = 11 + random.below(9_000);
    let swapped: usize = number.to_string().chars().rev().collect::<String>().parse().unwrap_or(7);
    let other = match random.below(4) {
        0 if swapped != number => swapped,
        1 => number * 10,
        2 => number + 1,
        _ => number + 7 + random.below(900),
    };
    let (actor, verb, thing) = deed(random);
    let counted =
        pick(random, &["objections", "hearings", "complaints", "days", "votes", "letters", "strikes"]);
    let text = |number: usize| claim(actor, verb, thing, &format!(" after {number} {counted}"));
    (text(number), text(other))
}

fn written_figure(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "two", "three", "four", "six", "seven", "eleven", "twelve", "fifteen", "nineteen", "forty",
            "ninety",
        ],
    );
    let (kind, place) = (pick(random, KINDS), pick(random, PLACES));
    (
        format!("Did {one} trucks of {kind} reach {place}?"),
        format!("Did {other} trucks of {kind} reach {place}?"),
    )
}

fn share(random: &mut Lcg) -> (String, String) {
    let (one, other) = (1 + random.below(98), 1 + random.below(98));
    let other = if one == other { one + 1 } else { other };
    let (kind, place) = (pick(random, KINDS), pick(random, PLACES));
    let (mark, tenth) = (pick(random, &["%", " percent"]), pick(random, &["", ".5"]));
    (
        format!("Exports of {kind} from {place} fell by {one}{tenth}{mark}."),
        format!("Exports of {kind} from {place} fell by {other}{tenth} percent."),
    )
}

fn ordinal(random: &mut Lcg) -> (String, String) {
    let (one, other) =
        two(random, &["first", "second", "third", "fourth", "fifth", "sixth", "tenth", "twelfth"]);
    let (actor, verb, thing) = deed(random);
    (
        claim(actor, verb, thing, &format!(" at the {one} attempt")),
        claim(actor, verb, thing, &format!(" at the {other} attempt")),
    )
}

fn version(random: &mut Lcg) -> (String, String) {
    let (one, other) =
        two(random, &["4.0", "4.2", "5.1", "10", "11", "IV", "V", "XR", "7B", "7C", "2.10", "2.1"]);
    let firm = pick(random, FIRMS);
    (format!("How do I install {firm} Studio {one}?"), format!("How do I install {firm} Studio {other}?"))
}

fn year(random: &mut Lcg) -> (String, String) {
    let (one, gap) = (1_801 + random.below(220), 1 + random.below(60));
    let (actor, verb, thing) = deed(random);
    if random.below(2) == 0 {
        (
            claim(actor, verb, thing, &format!(" in {one}")),
            format!("In {}, {actor} {verb} {thing}.", one + gap),
        )
    } else {
        (
            claim(actor, verb, thing, &format!(" before {one}")),
            claim(actor, verb, thing, &format!(" after {one}")),
        )
    }
}

fn month(random: &mut Lcg) -> (String, String) {
    let ((one, other), day) = (two(random, MONTHS), 1 + random.below(28));
    let (actor, verb, thing) = deed(random);
    (
        claim(actor, verb, thing, &format!(" on {day} {one} 2014")),
        claim(actor, verb, thing, &format!(" on {other} {day}, 2014")),
    )
}

fn weekday(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "Mondays",
            "Tuesdays",
            "Thursdays",
            "Fridays",
            "Sundays",
            "Easter",
            "Christmas",
            "Ramadan",
            "Diwali",
            "weekends",
            "holidays",
            "dusk",
            "dawn",
        ],
    );
    let place = pick(random, PLACES);
    let what = pick(
        random,
        &["Are banks open", "Do ferries sail", "Are schools closed", "Do markets trade", "Is parking free"],
    );
    (format!("{what} in {place} on {one}?"), format!("{what} in {place} on {other}?"))
}

fn day(random: &mut Lcg) -> (String, String) {
    let (one, gap) = (1 + random.below(14), 1 + random.below(14));
    let (month, (actor, verb, thing)) = (pick(random, MONTHS), deed(random));
    (
        claim(actor, verb, thing, &format!(" on {month} {one}")),
        claim(actor, verb, thing, &format!(" on {} {month}", one + gap)),
    )
}

fn era(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "the Bronze Age",
            "the Middle Ages",
            "the 1920s",
            "the 1930s",
            "the nineteenth century",
            "the eighteenth century",
            "the Victorian era",
            "antiquity",
            "wartime",
            "peacetime",
        ],
    );
    let (kind, place) = (pick(random, KINDS), pick(random, PLACES));
    (
        format!("How were {kind} traded in {place} during {one}?"),
        format!("How were {kind} traded in {place} during {other}?"),
    )
}

fn unit(random: &mut Lcg) -> (String, String) {
    let (one, other) = pick(
        random,
        &[
            ("metres", "feet"),
            ("hectares", "acres"),
            ("litres", "gallons"),
            ("kilometres", "miles"),
            ("kilograms", "pounds"),
            ("knots", "furlongs"),
            ("bar", "psi"),
            ("lumens", "lux"),
            ("barrels", "crates"),
            ("tonnes", "stone"),
            ("fathoms", "leagues"),
            ("teaspoons", "tablespoons"),
            ("bushels", "pecks"),
            ("joules", "calories"),
            ("microns", "nanometres"),
            ("pints", "quarts"),
            ("carats", "grains"),
            ("fortnights", "lunations"),
            ("cubits", "spans"),
            ("decibels", "sones"),
            ("amperes", "ohms"),
            ("newtons", "pascals"),
            ("kilobits", "kilobytes"),
            ("sieverts", "becquerels"),
            ("moles", "millimoles"),
        ],
    );
    let (number, kind, actor) = (2 + random.below(900), pick(random, KINDS), pick(random, ACTORS));
    let verb = pick(random, &["tested", "moved", "required", "reported", "sold"]);
    (
        sentence(&format!("{actor} {verb} {number} {one} of {kind}.")),
        sentence(&format!("{actor} {verb} {number} {other} of {kind}.")),
    )
}

fn money(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "dollars", "euros", "pesos", "rupees", "francs", "kroner", "yen", "zlotys", "rand", "shekels",
            "baht", "lira",
        ],
    );
    let (number, actor, thing) = (2 + random.below(900), pick(random, ACTORS), pick(random, THINGS));
    let size = pick(random, &["", " million", " thousand"]);
    let wrong = if random.below(4) == 0 && size == " million" { (one, " billion") } else { (other, size) };
    (
        claim(actor, "spent", &format!("{number}{size} {one} on {thing}"), ""),
        claim(actor, "spent", &format!("{number}{} {} on {thing}", wrong.1, wrong.0), ""),
    )
}

fn rate(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "an hour",
            "a day",
            "a shift",
            "a week",
            "a month",
            "a quarter",
            "a decade",
            "a lap",
            "a passenger",
            "a household",
        ],
    );
    let (number, actor) = (2 + random.below(90), pick(random, ACTORS));
    (
        sentence(&format!("{actor} uses {number} litres {one}.")),
        sentence(&format!("{actor} uses {number} litres {other}.")),
    )
}

fn person(random: &mut Lcg) -> (String, String) {
    let ((one, other), (_, verb, thing)) = (two(random, PEOPLE), deed(random));
    (format!("{one} {verb} {thing}."), format!("{other} {verb} {thing}."))
}

fn place(random: &mut Lcg) -> (String, String) {
    let ((one, other), task) = (two(random, PLACES), pick(random, TASKS));
    (format!("How do I {task} in {one}?"), format!("How do I {task} in {other}?"))
}

fn firm(random: &mut Lcg) -> (String, String) {
    let ((one, other), place) = (two(random, FIRMS), pick(random, PLACES));
    let what = pick(
        random,
        &["Who runs", "When was the head of", "Why did people boycott", "What does", "How large is"],
    );
    let end = match what {
        "What does" => " sell",
        "When was the head of" => " arrested",
        _ => "",
    };
    (format!("{what} {one}{end} in {place}?"), format!("{what} {other}{end} in {place}?"))
}

fn kind(random: &mut Lcg) -> (String, String) {
    let ((one, other), place) = (two(random, KINDS), pick(random, PLACES));
    let (before, after) = pick(
        random,
        &[
            ("Are ", " protected in"),
            ("What is the price of ", " in"),
            ("Who sells ", " in"),
            ("How are ", " stored in"),
            ("Can children be near ", " in"),
        ],
    );
    (format!("{before}{one}{after} {place}?"), format!("{before}{other}{after} {place}?"))
}

fn firms_swapped(random: &mut Lcg) -> (String, String) {
    let ((one, other), verb) = (two(random, FIRMS), pick(random, DEEDS));
    let rest = format!(" in {}", 1_950 + random.below(70));
    (format!("{one} {verb} {other}{rest}."), format!("{other} {verb} {one}{rest}."))
}

fn passive_swapped(random: &mut Lcg) -> (String, String) {
    let ((one, other), verb) = (
        two(random, FIRMS),
        pick(
            random,
            &["sued", "bought", "accused", "copied", "rescued", "fined", "warned", "defeated", "acquired"],
        ),
    );
    (format!("{one} {verb} {other}."), format!("{one} was {verb} by {other}."))
}

fn conversion(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "PDF",
            "JPEG",
            "euros",
            "Celsius",
            "miles",
            "sheet music",
            "binary",
            "Latin",
            "Kelvin",
            "Markdown",
            "Morse",
            "gallons",
        ],
    );
    let (verb, from, to) = pick(
        random,
        &[
            ("convert", "", "to"),
            ("translate", "from", "into"),
            ("go", "from", "to"),
            ("substitute", "", "for"),
            ("turn", "", "into"),
        ],
    );
    let text =
        |one: &str, other: &str| format!("How do I {verb} {from} {one} {to} {other}?").replace("  ", " ");
    (text(one, other), text(other, one))
}

fn people_swapped(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(random, PEOPLE);
    let (before, between) = pick(
        random,
        &[
            ("Did ", " lend money to "),
            ("Is ", " the manager of "),
            ("Why did ", " write to "),
            ("When did ", " succeed "),
            ("Has ", " forgiven "),
        ],
    );
    (format!("{before}{one}{between}{other}?"), format!("{before}{other}{between}{one}?"))
}

fn longer(random: &mut Lcg) -> (String, String) {
    let ((one, other), word) = (
        two(random, PLACES),
        pick(
            random,
            &["wetter", "hillier", "richer", "older", "more crowded", "less humid", "farther north"],
        ),
    );
    (format!("{one} is {word} than {other}."), format!("{other} is {word} than {one}."))
}

fn kinds_swapped(random: &mut Lcg) -> (String, String) {
    let ((one, other), place) = (two(random, KINDS), pick(random, PLACES));
    let verb = pick(random, &["replaced", "damaged", "outnumbered", "contaminated", "attracted", "hid"]);
    (
        sentence(&format!("{one} {verb} {other} in {place}.")),
        sentence(&format!("{other} {verb} {one} in {place}.")),
    )
}
