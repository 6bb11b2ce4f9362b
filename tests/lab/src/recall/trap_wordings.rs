//! More ways to make traps: how much is meant, what is asked, and what a text points at.

use super::pools::{ACTORS, KINDS, OPPOSITES, PLACES, TASKS, THINGS, deed, pick, sentence, two};
use super::traps::claim;
use crate::score::Lcg;

pub(super) fn how_many(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "all",
            "some",
            "most",
            "a few",
            "a handful of",
            "countless",
            "nearly all",
            "a third of the",
            "two thirds of the",
            "hardly any",
            "no",
            "many",
            "dozens of",
            "the majority of",
            "a minority of",
            "several",
            "every one of the",
            "half of the",
        ],
    );
    let (kind, place) = (pick(random, KINDS), pick(random, PLACES));
    (
        sentence(&format!("{one} {kind} in {place} were inspected.")),
        sentence(&format!("{other} {kind} in {place} were inspected.")),
    )
}

pub(super) fn only(random: &mut Lcg) -> (String, String) {
    let (actor, verb, thing) = deed(random);
    let word = pick(
        random,
        &[
            "solely",
            "merely",
            "exclusively",
            "partially",
            "temporarily",
            "allegedly",
            "reportedly",
            "purely",
            "chiefly",
            "secretly",
            "nominally",
            "unanimously",
            "repeatedly",
            "only",
            "almost",
            "formally",
            "narrowly",
        ],
    );
    (claim(actor, verb, thing, ""), claim(actor, &format!("{word} {verb}"), thing, ""))
}

pub(super) fn how_far(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "at least",
            "at most",
            "more than",
            "under",
            "roughly",
            "up to",
            "exactly",
            "no fewer than",
            "nearly",
            "well over",
            "barely",
        ],
    );
    let (number, kind, actor) = (2 + random.below(90), pick(random, KINDS), pick(random, ACTORS));
    (
        sentence(&format!("{actor} lost {one} {number} crates of {kind}.")),
        sentence(&format!("{actor} lost {other} {number} crates of {kind}.")),
    )
}

pub(super) fn article(random: &mut Lcg) -> (String, String) {
    let (one, many) = pick(
        random,
        &[
            ("a minister", "the ministers"),
            ("a bridge", "bridges"),
            ("one nurse", "nurses"),
            ("a tanker", "the tankers"),
            ("a witness", "witnesses"),
            ("few doctors", "a few doctors"),
            ("little rain", "a little rain"),
            ("a pilot", "both pilots"),
        ],
    );
    let (place, year) = (pick(random, PLACES), 1_950 + random.below(70));
    (
        sentence(&format!("{one} reached {place} in {year}.")),
        sentence(&format!("{many} reached {place} in {year}.")),
    )
}

pub(super) fn question_word(random: &mut Lcg) -> (String, String) {
    let (one, other) = two(
        random,
        &[
            "When",
            "Where",
            "Why",
            "How",
            "With whom",
            "For whom",
            "How often",
            "At what cost",
            "Under which law",
            "On whose orders",
        ],
    );
    let (actor, thing) = (pick(random, ACTORS), pick(random, THINGS));
    let verb = pick(random, &["renew", "abolish", "finance", "discuss", "advertise"]);
    (format!("{one} did {actor} {verb} {thing}?"), format!("{other} did {actor} {verb} {thing}?"))
}

pub(super) fn asked_or_told(random: &mut Lcg) -> (String, String) {
    let (task, place) = (pick(random, TASKS), pick(random, PLACES));
    let (one, other) = two(
        random,
        &[
            "How do I",
            "When do I",
            "Why would I",
            "Where can I",
            "Should I",
            "Must I",
            "May I",
            "Who can",
            "How often do I",
            "What does it cost to",
            "Is it legal to",
            "Is it worth paying to",
        ],
    );
    (format!("{one} {task} in {place}?"), format!("{other} {task} in {place}?"))
}

pub(super) fn how_much(random: &mut Lcg) -> (String, String) {
    let (one, other) =
        two(random, &["tall", "old", "heavy", "deep", "fragile", "rare", "wide", "costly", "noisy", "steep"]);
    let (thing, place) = (
        pick(
            random,
            &["the viaduct", "the cathedral", "the reservoir", "the lighthouse", "the obelisk", "the dam"],
        ),
        pick(random, PLACES),
    );
    if random.below(4) == 0 {
        return (
            format!("How {one} is {thing} in {place}?"),
            sentence(&format!("{thing} in {place} is {one}.")),
        );
    }
    (format!("How {one} is {thing} in {place}?"), format!("How {other} is {thing} in {place}?"))
}

/// Texts that mean something else each time they are said; asked again in the same words.
pub(super) fn moment(random: &mut Lcg) -> (String, String) {
    let word = pick(
        random,
        &[
            "today",
            "tonight",
            "yesterday",
            "last week",
            "next month",
            "this morning",
            "two days ago",
            "right now",
            "these days",
            "recently",
            "at present",
            "a moment ago",
            "the day before",
            "earlier",
            "hitherto",
            "henceforth",
            "the following day",
            "at the moment",
            "tomorrow",
            "this year",
            "so far",
            "last night",
            "in the coming weeks",
            "forthwith",
            "momentarily",
            "overnight",
        ],
    );
    let (actor, verb, thing) = deed(random);
    let text = claim(actor, verb, thing, &format!(" {word}"));
    (text.clone(), text)
}

pub(super) fn speaker(random: &mut Lcg) -> (String, String) {
    let who = pick(
        random,
        &[
            "he",
            "she",
            "they",
            "we",
            "I",
            "our landlord",
            "my sister",
            "his lawyer",
            "her employer",
            "their doctor",
            "you",
            "it",
            "the undersigned",
            "someone we know",
            "yours truly",
            "those people",
            "this man",
            "that firm",
        ],
    );
    let ((done, _), thing) = (pick(random, OPPOSITES), pick(random, THINGS));
    let text = sentence(&format!("{who} {done} {thing}."));
    (text.clone(), text)
}

pub(super) fn here(random: &mut Lcg) -> (String, String) {
    let text = match random.below(4) {
        0 => format!(
            "Is {} available {}?",
            pick(random, KINDS),
            pick(random, &["here", "nearby", "around here", "over there", "in this town", "in our street"])
        ),
        1 => format!(
            "Where is {} {}?",
            pick(random, &["my", "our", "your", "this", "that"]),
            pick(random, &["luggage", "refund", "appointment", "ticket", "invoice"])
        ),
        2 => format!(
            "Who is the {} {}?",
            pick(random, &["current", "incumbent", "present", "sitting", "former", "acting", "outgoing"]),
            pick(random, &["chancellor", "governor", "coach", "mayor", "abbot"])
        ),
        _ => format!(
            "Will {} {}?",
            pick(random, ACTORS),
            pick(
                random,
                &[
                    "strike tonight",
                    "close soon",
                    "reopen shortly",
                    "vote this week",
                    "meet later",
                    "return tomorrow"
                ]
            )
        ),
    };
    (text.clone(), text)
}

pub(super) fn earlier_text(random: &mut Lcg) -> (String, String) {
    let place = pick(random, PLACES);
    let text = pick(
        random,
        &[
            "What about",
            "And in",
            "But why not in",
            "How about",
            "Is the latter true of",
            "Does the same go for",
            "Is that also so in",
            "Why is this different in",
            "Do the above rules hold in",
            "Are such fees paid in",
            "Is the aforementioned law valid in",
            "So what happens in",
            "Then who rules",
        ],
    );
    let text = format!("{text} {place}?");
    (text.clone(), text)
}

/// What makes a text depend on its moment: its words but for the template's. The pools have no other small words.
pub(super) fn pointing_words(text: &str) -> Vec<String> {
    const POINTING: &[&str] = &[
        "today",
        "tonight",
        "yesterday",
        "week",
        "month",
        "morning",
        "ago",
        "now",
        "days",
        "recently",
        "present",
        "moment",
        "before",
        "earlier",
        "hitherto",
        "henceforth",
        "following",
        "tomorrow",
        "year",
        "far",
        "night",
        "coming",
        "forthwith",
        "momentarily",
        "overnight",
        "he",
        "she",
        "they",
        "we",
        "i",
        "our",
        "my",
        "his",
        "her",
        "their",
        "you",
        "it",
        "undersigned",
        "yours",
        "those",
        "this",
        "that",
        "here",
        "nearby",
        "there",
        "your",
        "current",
        "incumbent",
        "sitting",
        "former",
        "acting",
        "outgoing",
        "soon",
        "shortly",
        "later",
        "about",
        "and",
        "but",
        "how",
        "latter",
        "same",
        "above",
        "such",
        "aforementioned",
        "so",
        "then",
        "last",
        "next",
        "these",
    ];
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| POINTING.contains(word)).map(str::to_owned).collect()
}
