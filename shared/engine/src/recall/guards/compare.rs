//! Two readings word for word.

use std::collections::BTreeMap;

use super::inflect::{Likeness, differ_in_spelling, likeness};
use super::own_terms::is_function;
use super::reading::{Asks, Reading, is_break};
use super::tokens::{Article, Case, Kind, Token};
use super::{Guard, Refusal, WORDS};

/// What a token has to be.
type Check<'a> = &'a dyn Fn(&Token) -> bool;

/// Refuses at the first difference that nothing explains.
pub(super) fn compare(stored: &Reading, asked: &Reading) -> Result<(), Refusal> {
    if stored.asks != asked.asks {
        return Err(refusal(Guard::Question, stored.tokens.first(), asked.tokens.first()));
    }
    let general = is_general(stored) && is_general(asked);
    let direct = align(stored, &asked.tokens, general);
    match direct {
        Err(refused) if refused.guard != Guard::Role => {
            let turned = mutual(&asked.tokens).map(|turned| align(stored, &turned, general));
            if turned == Some(Ok(())) { Ok(()) } else { Err(named(refused, &stored.tokens, &asked.tokens)) }
        }
        other => other,
    }
}

/// A question about a kind of thing, in which one and several are the same: not who, how many, whether, what was, nor which is
/// the largest.
fn is_general(reading: &Reading) -> bool {
    let first = reading.tokens.first().map(|token| token.word.as_str()).unwrap_or_default();
    let asks = reading.asks == Asks::What && !matches!(first, "who" | "whom" | "whose" | "when");
    let past = reading.tokens.iter().any(|token| {
        matches!(token.word.as_str(), "was" | "were" | "did" | "had" | "many")
            || (!token.is_name()
                && super::inflect::readings(&token.word)
                    .iter()
                    .any(|(_, form)| *form == super::inflect::Form::Past)
                && !token.word.ends_with("ed"))
    });
    let ranks = |token: &Token| superlative(token) || WORDS.has("ranks", &token.word);
    asks && !past && !reading.tokens.iter().any(ranks)
}

fn align(stored: &Reading, asked: &[Token], general: bool) -> Result<(), Refusal> {
    let ours = &stored.tokens;
    for place in 0..ours.len().max(asked.len()) {
        let (Some(one), Some(other)) = (ours.get(place), asked.get(place)) else {
            return Err(refusal(Guard::Word, ours.get(place), asked.get(place)));
        };
        let counted =
            place > 0 && (ours[place - 1].kind == Kind::Number || WORDS.has("scope", &ours[place - 1].word));
        let measured = place > 0
            && [&ours[place - 1], &asked[place - 1]].iter().all(|token| token.kind == Kind::Number)
            && [one, other].iter().all(|token| WORDS.has("units", &token.word));
        let of = ours.get(place + 1).is_some_and(|next| next.is("of"));
        let mutual = WORDS.has("mutual", &one.word) && one.article == other.article;
        let number = measured
            || general && mutual
            || general && !counted && !of && one_has_article(ours, asked, place);
        let ahead = ours.iter().zip(asked).skip(place + 1).take(3);
        let number_ahead = general
            && ahead.into_iter().any(|(one, other)| likeness(&one.word, &other.word) == Likeness::Number);
        let definite = [one, other].iter().any(|token| token.article == Article::The);
        if (!number_ahead || definite) && !articles_agree(ours, asked, place, stored.asks) {
            return Err(refusal(Guard::Scope, Some(one), Some(other)));
        }
        // After a number a capital tells a milliwatt from a megawatt.
        let after_number = place > 0 && ours[place - 1].kind == Kind::Number;
        if after_number
            && one.written != other.written
            && one.case == Case::Fixed
            && other.case == Case::Fixed
        {
            return Err(refusal(Guard::Entity, Some(one), Some(other)));
        }
        agree(one, other, general, number)?;
    }
    Ok(())
}

/// One of a kind has "a" close before it. Without, "window" and "windows" may be two things; and "the bank" is a certain one.
fn one_has_article(ours: &[Token], theirs: &[Token], place: usize) -> bool {
    let singular = if ours[place].word.len() < theirs[place].word.len() { ours } else { theirs };
    singular[place.saturating_sub(2)..=place].iter().any(|token| token.article == Article::A)
}

/// Whether two tokens at one place agree. `general` texts may say "is" or "are", and one or many where `number` says so.
fn agree(one: &Token, other: &Token, general: bool, number: bool) -> Result<(), Refusal> {
    let refuse = |guard| Err(refusal(guard, Some(one), Some(other)));
    if one.kind != other.kind || (one.kind != Kind::Word && one.word != other.word) {
        return refuse(Guard::Word);
    }
    if one.kind != Kind::Word {
        return Ok(());
    }
    if !written_alike(one, other) {
        return refuse(Guard::Entity);
    }
    let verbs = [&["is", "are"][..], &["was", "were"], &["do", "does"], &["has", "have"]];
    let agreement =
        verbs.iter().any(|verbs| verbs.contains(&one.word.as_str()) && verbs.contains(&other.word.as_str()));
    let likeness = match likeness(&one.word, &other.word) {
        likeness if one.is_name() || other.is_name() => {
            let dated = WORDS.has("dates", &one.word) && likeness == Likeness::Same;
            if one.word == other.word || dated { Likeness::Same } else { Likeness::None }
        }
        // Nobody knows whether a first word is a name, and a name is not spelled in two ways.
        _ if differ_in_spelling(&one.word, &other.word)
            && [one, other].iter().any(|token| token.case == Case::Unknown) =>
        {
            Likeness::None
        }
        _ if general && agreement => Likeness::Same,
        likeness => likeness,
    };
    match likeness {
        Likeness::Same => Ok(()),
        Likeness::Number if number => Ok(()),
        Likeness::Number => refuse(Guard::Scope),
        Likeness::Time => refuse(Guard::Tense),
        Likeness::None => refuse(Guard::Word),
    }
}

/// A question may leave out "the" where only one thing can be meant: after "what is", before "of", a superlative. Elsewhere "the"
/// may be all that tells one from many, or some from all: "do the doctors agree" is about certain doctors. "a" and nothing are the
/// same in a question of what something is, but not after a noun: where nobody cares for capitals, "hepatitis a" looks as if
/// it had an article.
fn articles_agree(ours: &[Token], theirs: &[Token], place: usize, asks: Asks) -> bool {
    let (one, other) = (&ours[place], &theirs[place]);
    let before = place.checked_sub(1).map(|place| ours[place].word.as_str()).unwrap_or_default();
    match (one.article, other.article) {
        (Article::A, Article::None) | (Article::None, Article::A)
            if likeness(&one.word, &other.word) == Likeness::Number =>
        {
            true
        }
        (Article::A, Article::None) | (Article::None, Article::A) => {
            asks == Asks::What && (is_function(before) || before.ends_with("_to"))
        }
        (Article::A, Article::The) | (Article::The, Article::A) => false,
        (Article::None, Article::The) | (Article::The, Article::None) => {
            let of = ours.get(place + 1).is_some_and(|next| next.is("of") || next.is("between"));
            let defined = place == 2 && ours[0].is("what") && ours[1].is("is");
            let is_only =
                of || defined || superlative(one) || WORDS.has("attributes", &one.word) || one.word == "best";
            asks != Asks::Nothing && is_only && !is_several(&one.word)
        }
        _ => true,
    }
}

/// Whether a word may be a plural.
fn is_several(word: &str) -> bool {
    super::inflect::readings(word).iter().any(|(_, form)| *form == super::inflect::Form::S)
}

/// Whether capitals do not make two words different ones. A first word has a capital anyway: "Jobs fell" may be about work or
/// about a man, and only what is written elsewhere tells.
fn written_alike(one: &Token, other: &Token) -> bool {
    let is_shouted = |token: &Token| token.word.len() < 7 && !token.written.contains(char::is_lowercase);
    match (one.case, other.case) {
        (Case::Lower, Case::Capital) | (Case::Capital, Case::Lower) => false,
        (Case::Fixed, Case::Fixed) => one.written == other.written || one.word.len() > 4,
        (Case::Fixed, Case::Capital) => one.word.len() > 4 && !is_shouted(one),
        (Case::Capital, Case::Fixed) => one.word.len() > 4 && !is_shouted(other),
        (Case::Fixed, _) | (_, Case::Fixed) => false,
        (Case::Unknown, Case::Lower) | (Case::Lower, Case::Unknown) => is_function(&one.word),
        (Case::Unknown, Case::Capital) | (Case::Capital, Case::Unknown) => {
            !is_several(&one.word) && !WORDS.has("names_too", &one.word)
        }
        _ => true,
    }
}

/// "difference between A and B" with A and B exchanged, if that is what the text ends with, and no word of A may be meant of B:
/// "German beer and wine" are perhaps both German.
fn mutual(tokens: &[Token]) -> Option<Vec<Token>> {
    let between = tokens.iter().position(|token| token.is("between"))?;
    let head = tokens.get(between.checked_sub(1)?)?;
    let sides = &tokens[between + 1..];
    let and = sides.iter().position(|token| token.is("and"))?;
    let (one, other) = (&sides[..and], &sides[and + 1..]);
    let is_side = |side: &[Token]| {
        !side.is_empty()
            && side
                .iter()
                .all(|token| token.kind == Kind::Word && !is_function(&token.word) || token.is("of"))
    };
    let is_whole = |side: &[Token]| side.len() == 1 || side.iter().all(Token::is_name);
    let has_of = |side: &[Token]| side.iter().any(|token| token.is("of"));
    let apart = is_whole(one) && is_whole(other) || one.len() == other.len() && has_of(one) == has_of(other);
    if !WORDS.has("mutual", &head.word) || !is_side(one) || !is_side(other) || !apart {
        return None;
    }
    let and = &sides[and..=and];
    Some([&tokens[..=between], other, and, one].concat())
}

/// The refusal with the guard that says best what differs: by what either text has and the other has not.
fn named(refused: Refusal, stored: &[Token], asked: &[Token]) -> Refusal {
    if matches!(refused.guard, Guard::Tense | Guard::Scope) && stored.len() == asked.len() {
        return refused;
    }
    let cased =
        stored.len() == asked.len() && stored.iter().zip(asked).all(|(one, other)| one.word == other.word);
    if cased {
        return refused;
    }
    let (ours, theirs) = (surplus(stored, asked), surplus(asked, stored));
    if ours.is_empty() && theirs.is_empty() {
        return Refusal { guard: Guard::Role, ..refused };
    }
    let first = |has: Check<'_>| {
        let (one, other) = (ours.iter().find(|token| has(token)), theirs.iter().find(|token| has(token)));
        (one.is_some() || other.is_some()).then(|| (one.copied(), other.copied()))
    };
    let listed =
        |list: &'static str| move |token: &Token| token.kind == Kind::Word && WORDS.has(list, &token.word);
    let checks: [(Guard, Check<'_>); 11] = [
        (Guard::Quote, &|token| token.kind == Kind::Quote),
        (Guard::Negation, &listed("negation")),
        (Guard::Date, &|token| WORDS.has("dates", &token.word) && token.case != Case::Lower),
        (Guard::Number, &|token| token.kind == Kind::Number),
        (Guard::Unit, &listed("units")),
        (Guard::Question, &|token| listed("question")(token) || token.word.contains("_to")),
        (Guard::Modal, &listed("modal")),
        (Guard::Scope, &listed("scope")),
        (Guard::Comparison, &|token| listed("comparison")(token) || superlative(token)),
        (Guard::Entity, &Token::is_name),
        (Guard::Tense, &|token| ["is", "are", "was", "were", "did"].contains(&token.word.as_str())),
    ];
    for (guard, has) in checks {
        if let Some((one, other)) = first(has) {
            return refusal(guard, one.or(ours.first().copied()), other.or(theirs.first().copied()));
        }
    }
    refusal(Guard::Word, ours.first().copied(), theirs.first().copied())
}

fn superlative(token: &Token) -> bool {
    token.word.len() > 5 && (token.word.ends_with("est") || token.word.ends_with("ier"))
}

/// The tokens of one text that the other has not as often.
fn surplus<'a>(of: &'a [Token], other: &[Token]) -> Vec<&'a Token> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for token in other {
        *counts.entry(&token.word).or_default() += 1;
    }
    let mut left = Vec::new();
    for token in of.iter().filter(|token| !is_break(token)) {
        match counts.get_mut(token.word.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => left.push(token),
        }
    }
    left
}

fn refusal(guard: Guard, stored: Option<&Token>, asked: Option<&Token>) -> Refusal {
    let word = |token: Option<&Token>| token.map(|token| token.word.clone()).unwrap_or_default();
    Refusal { guard, stored: word(stored), asked: word(asked) }
}
