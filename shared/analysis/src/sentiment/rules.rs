//! The rules on rated words: degree, negation, capitals, idioms, "but", "least" and marks.

use std::collections::{BTreeSet, HashMap};

use super::lexicon;
use super::tokens::{Token, Tokens};

/// What capitals add where other words are in small letters.
const CAPITALS: f64 = 0.733;
/// A negated valence: turned round, and weaker.
const NEGATED: f64 = -0.74;
/// Degree words and negations are looked for in so many words before a rated one.
const REACH: usize = 3;
/// What a degree word keeps of its weight at distance 1, 2, 3.
const WEIGHT_BY_DISTANCE: [f64; REACH] = [1.0, 0.95, 0.9];

/// The valence of a word in its place; 0 for words that are not rated and for degree words.
pub(super) fn valence(tokens: &Tokens, at: usize) -> f64 {
    let Some(token) = tokens.get(at) else { return 0.0 };
    let next = tokens.get(at + 1);
    let is_kind_of = token.lower == "kind" && next.is_some_and(|next| next.lower == "of");
    let Some(rated) = token.valence.filter(|_| !token.is_degree && !is_kind_of) else { return 0.0 };
    let mut valence = rated;
    if token.lower == "no" && next.is_some_and(|next| next.valence.is_some()) {
        valence = 0.0;
    }
    if tokens.is_before(at, 1, &["no"])
        || tokens.is_before(at, 2, &["no"])
        || (tokens.is_before(at, 3, &["no"]) && tokens.is_before(at, 1, &["or", "nor"]))
    {
        valence = rated * NEGATED;
    }
    if token.is_upper && tokens.capitals_differ {
        valence += if valence > 0.0 { CAPITALS } else { -CAPITALS };
    }
    for distance in 1..=REACH {
        let Some(before) = tokens.before(at, distance).filter(|before| before.valence.is_none()) else {
            continue;
        };
        valence += degree(before, valence, tokens.capitals_differ) * WEIGHT_BY_DISTANCE[distance - 1];
        valence = negate(tokens, at, distance, valence);
        if distance == REACH {
            valence = idioms(tokens, at, valence);
        }
    }
    let least = tokens.is_before(at, 1, &["least"]) && !tokens.is_before(at, 2, &["at", "very"]);
    if least { valence * NEGATED } else { valence }
}

/// What the word before adds to a valence.
fn degree(before: &Token, valence: f64, capitals_differ: bool) -> f64 {
    if !before.is_degree {
        return 0.0;
    }
    let mut degree = if valence < 0.0 { -before.degree } else { before.degree };
    if before.is_upper && capitals_differ {
        degree += if valence > 0.0 { CAPITALS } else { -CAPITALS };
    }
    degree
}

/// The valence after the negation, if any, so many words before.
fn negate(tokens: &Tokens, at: usize, distance: usize, valence: f64) -> f64 {
    const STRENGTHENED: f64 = 1.25;
    let so_or_this = |distance| tokens.is_before(at, distance, &["so", "this"]);
    let is_never = tokens.is_before(at, distance, &["never"]);
    let is_without = tokens.is_before(at, distance, &["without"]);
    // "so" or "this" just before strengthens at distance 3 whatever stands there: the reference does so too.
    let strengthened = match distance {
        2 => is_never && so_or_this(1),
        3 => (is_never && so_or_this(2)) || so_or_this(1),
        _ => false,
    };
    let without_doubt = is_without && (1..distance).any(|near| tokens.is_before(at, near, &["doubt"]));
    if strengthened {
        valence * STRENGTHENED
    } else if !without_doubt && tokens.before(at, distance).is_some_and(|before| before.negates) {
        valence * NEGATED
    } else {
        valence
    }
}

/// The valence after the phrases the word is part of; it has at least three words before it.
fn idioms(tokens: &Tokens, at: usize, mut valence: f64) -> f64 {
    let phrase = |from: usize, count: usize| {
        let words: Vec<&str> =
            (from..from + count).filter_map(|at| tokens.get(at)).map(|token| token.lower.as_str()).collect();
        (words.len() == count).then(|| words.join(" "))
    };
    let special = |from, count| phrase(from, count).and_then(|text| lexicon::special_case(&text));
    let before = [(at - 1, 2), (at - 2, 3), (at - 2, 2), (at - 3, 3), (at - 3, 2)];
    if let Some(other) = before.into_iter().find_map(|(from, count)| special(from, count)) {
        valence = other;
    }
    for count in [2, 3] {
        if let Some(other) = special(at, count) {
            valence = other;
        }
    }
    for (from, count) in [(at - 3, 3), (at - 3, 2), (at - 2, 2)] {
        if let Some(degree) = phrase(from, count).and_then(|text| lexicon::degree(&text)) {
            valence += degree;
        }
    }
    valence
}

/// Halves what stands before the first "but" and strengthens what stands after it.
///
/// The reference looks each valence up by its value and changes the first place that has it, which need not be the one
/// it is at. That is kept; an index by value keeps it from taking the square of the length.
pub(super) fn weigh_around_but(valences: &mut [f64], but: usize) {
    // Adding zero makes one value of both zeros.
    let key = |valence: f64| (valence + 0.0).to_bits();
    let mut places: HashMap<u64, BTreeSet<usize>> = HashMap::new();
    for (at, valence) in valences.iter().enumerate() {
        places.entry(key(*valence)).or_default().insert(at);
    }
    for at in 0..valences.len() {
        let valence = valences[at];
        let Some(first) = places.get(&key(valence)).and_then(|places| places.first().copied()) else {
            continue;
        };
        let changed = match first.cmp(&but) {
            std::cmp::Ordering::Less => valence * 0.5,
            std::cmp::Ordering::Equal => continue,
            std::cmp::Ordering::Greater => valence * 1.5,
        };
        if let Some(places) = places.get_mut(&key(valence)) {
            places.remove(&first);
        }
        places.entry(key(changed)).or_default().insert(first);
        valences[first] = changed;
    }
}

/// What exclamation and question marks add.
pub(super) fn emphasis(text: &str) -> f64 {
    const EXCLAMATION: f64 = 0.292;
    const MOST_EXCLAMATIONS: usize = 4;
    const QUESTION: f64 = 0.18;
    const MANY_QUESTIONS: f64 = 0.96;
    let exclamations = text.matches('!').count().min(MOST_EXCLAMATIONS) as f64 * EXCLAMATION;
    let questions = match text.matches('?').count() {
        0 | 1 => 0.0,
        count @ 2..=3 => count as f64 * QUESTION,
        _ => MANY_QUESTIONS,
    };
    exclamations + questions
}
