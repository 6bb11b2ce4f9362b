//! Whether a text stands for itself: in English, and pointing at no moment, place or speaker.

use super::inflect::{Form, is_listed, readings};
use super::tokens::{Article, Case, Kind, Token};
use super::{Guard, Refusal, WORDS};

/// Not English: letters of another script, words only other languages have, or no word that English has to have.
pub(super) fn language(tokens: &[Token]) -> Result<(), Refusal> {
    let words = || tokens.iter().filter(|token| token.kind == Kind::Word);
    let known = |token: &&Token| {
        [
            "english",
            "common",
            "auxiliary",
            "question",
            "modal",
            "negation",
            "scope",
            "units",
            "pointing",
            "comparison",
        ]
        .iter()
        .any(|list| WORDS.has(list, &token.word))
            || is_listed(&token.word)
            || readings(&token.word)
                .iter()
                .any(|(_, form)| matches!(form, Form::Past | Form::Ing) && token.word.len() > 3)
    };
    let foreign = |token: &&Token| {
        let latin = |letter: char| letter.is_ascii() || ('\u{c0}'..='\u{24f}').contains(&letter);
        let plain = token.word.is_ascii();
        let english_too = matches!(
            token.word.as_str(),
            "das" | "den" | "die" | "des" | "an" | "com" | "sur" | "pour" | "per" | "del"
        );
        let is_name = token.is_name() || token.case == Case::Unknown;
        !token.word.chars().all(latin)
            || (!is_name && WORDS.has("foreign", &token.word) && !english_too)
            || (!is_name && english_too && token.word != "an" && token.word != "die" && token.word != "per")
            || (!plain && !token.is_name())
    };
    if let Some(token) = words().find(foreign) {
        return Err(Refusal::of_one(Guard::Language, &token.word));
    }
    let (all, english) = (words().count(), words().filter(known).count());
    if english == 0 || english * 7 < all {
        return Err(Refusal::of_one(Guard::Language, "not known to be English"));
    }
    Ok(())
}

/// Words that mean something else at another moment, in another place or of another speaker, and texts that go on with
/// something said before.
pub(super) fn pointing(tokens: &[Token]) -> Result<(), Refusal> {
    let refuse = |token: &Token| Err(Refusal::of_one(Guard::Pointing, &token.word));
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return Ok(()) };
    let second = tokens.get(1).map(|token| token.word.as_str()).unwrap_or_default();
    let about = matches!(first.word.as_str(), "what" | "how") && second == "about";
    let goes_on = WORDS.has("remarks", &first.word) || about || (first.is("why") && second == "not");
    let dangles =
        matches!(last.word.as_str(), "before" | "after" | "since" | "one" | "ones" | "there" | "too");
    let content = tokens.iter().filter(|token| token.kind != Kind::Mark && !is_function(&token.word));
    if (goes_on && !first.is_name()) || content.count() == 0 || tokens.len() < 3 {
        return refuse(first);
    }
    if dangles && last.kind == Kind::Word {
        return refuse(last);
    }
    let of_the_future =
        ["will", "shall", "going", "would"].iter().any(|word| tokens.iter().any(|token| token.is(word)));
    let dated = tokens.iter().any(|token| token.kind == Kind::Number || WORDS.has("months", &token.word));
    for (place, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let of_a_week = WORDS.has("weekdays", &token.word) && !dated;
        let ahead =
            of_the_future && matches!(token.word.as_str(), "in" | "within") && is_span(&tokens[place + 1..]);
        let some_time = !dated && !token.is_name() && is_time(&token.word) && is_some(tokens, place);
        if of_a_week || ahead || some_time || (!token.is_name() && points(tokens, place)) {
            return refuse(token);
        }
    }
    Ok(())
}

/// Whether a time is one that only who speaks knows: "the day after", "the other week", but not "the days of the week".
fn is_some(tokens: &[Token], place: usize) -> bool {
    let before = place.checked_sub(1).map(|place| tokens[place].word.as_str()).unwrap_or_default();
    let next = tokens.get(place + 1).filter(|next| next.kind == Kind::Word);
    let of = next.is_some_and(|next| next.is("of"));
    // "the night service" is a service.
    let part = next.is_some_and(|next| !is_function(&next.word));
    if part {
        return false;
    }
    let definite = tokens[place].article == Article::The && before != "of";
    !of && (definite || matches!(before, "other" | "one" | "some" | "same" | "any" | "the"))
}

/// "two weeks", "a month": so long from when it is said.
fn is_span(tokens: &[Token]) -> bool {
    let counted = |token: &Token| {
        token.kind == Kind::Number || token.article == Article::A || WORDS.has("counts", &token.word)
    };
    match tokens {
        [time, ..] if is_time(&time.word) => time.article == Article::A,
        [number, time, ..] => counted(number) && is_time(&time.word),
        _ => false,
    }
}

/// Whether the word at a place points, where it stands.
fn points(tokens: &[Token], place: usize) -> bool {
    let token = &tokens[place];
    let at = |place: Option<usize>| {
        place.and_then(|place| tokens.get(place)).map(|token| token.word.as_str()).unwrap_or_default()
    };
    let (before, after, second) = (at(place.checked_sub(1)), at(Some(place + 1)), at(Some(place + 2)));
    let be = |word: &str| WORDS.has("auxiliary", word);
    let counted = tokens.get(place + 1).is_some_and(|next| next.kind == Kind::Number);
    match token.word.as_str() {
        // "is it safe to", "does it take", but not "is it going to".
        "it" => {
            let shaped =
                matches!(second, "to" | "that" | "for") || matches!(after, "take" | "takes" | "cost");
            let going = after.ends_with("ing") || matches!(after, "about" | "due" | "ready");
            !(be(before) || be(after)) || !shaped || going
        }
        "there" => !be(before) && !be(after),
        "its" | "their" => tokens[..place].iter().all(|token| is_function(&token.word)),
        "that" => {
            place == 0 || be(before) || is_preposition(before) || WORDS.has("prepositions_of_time", before)
        }
        "last" => !after.is_empty() && (is_time(after) || token.article == Article::The || counted),
        "next" | "past" | "coming" | "previous" => {
            is_time(after) || token.article == Article::The || after.is_empty()
        }
        "longer" => matches!(before, "no" | "any"),
        "present" if after == "-" => true,
        // Of which talk or film, only who was there knows.
        word if WORDS.has("media", word) => {
            token.article == Article::The && !matches!(after, "of" | "with" | "by")
        }
        "new" => token.article == Article::The && before != "of",
        "present" | "sitting" | "acting" | "late" => {
            token.article == Article::The || before == "at" || before == "of"
        }
        "such" => after != "as",
        "same" => !tokens[place..].iter().any(|token| token.is("as")),
        "soon" if matches!(before, "as" | "how") => false,
        "earlier" | "later" | "sooner" => after != "than",
        "above" | "below" => !counted,
        "outside" => after != "of",
        "far" => before == "so",
        "long" => before == "before",
        "while" => token.article == Article::A,
        "course" => before == "due",
        "possible" => before == "as" && tokens[..place].iter().any(|token| token.is("soon")),
        "then" => !tokens.iter().any(|token| token.is("if")),
        "date" => before == "to",
        word if word.ends_with("ly") && word.len() > 4 => !WORDS.has("manner", word),
        word if ["here", "there", "hence", "forth"].iter().any(|stem| word.starts_with(stem)) => {
            !word.starts_with("heredit") && word != "therefore" && !word.starts_with("therm")
        }
        word => WORDS.has("pointing", word),
    }
}

pub(super) fn is_time(word: &str) -> bool {
    let base = word.strip_suffix('s').unwrap_or(word);
    matches!(
        base,
        "second"
            | "minute"
            | "hour"
            | "day"
            | "week"
            | "weekend"
            | "month"
            | "year"
            | "decade"
            | "century"
            | "night"
            | "time"
            | "morning"
            | "evening"
            | "few"
            | "season"
            | "quarter"
            | "election"
    ) || WORDS.has("dates", word)
}

fn is_preposition(word: &str) -> bool {
    matches!(
        word,
        "of" | "to"
            | "in"
            | "on"
            | "at"
            | "for"
            | "from"
            | "with"
            | "by"
            | "about"
            | "after"
            | "before"
            | "like"
            | "than"
            | "into"
            | "against"
            | "under"
            | "over"
    )
}

/// Whether a word is of those that a language has few of.
pub(super) fn is_function(word: &str) -> bool {
    ["english", "auxiliary", "question", "modal", "negation", "pointing"]
        .iter()
        .any(|list| WORDS.has(list, word))
        || word == "there"
}
