//! Whether a text stands for itself: in English, and pointing at no moment, place or speaker.

use super::inflect::{Form, is_listed, readings};
use super::tokens::{Article, Case, Kind, Token};
use super::{Guard, Refusal, WORDS};

/// Not English: letters of another script, words only other languages have, or no word that English has to have.
pub(super) fn language(tokens: &[Token]) -> Result<(), Refusal> {
    let words = || tokens.iter().filter(|token| token.kind == Kind::Word);
    let known = |token: &&Token| {
        ["english", "auxiliary", "question", "modal", "negation", "scope", "units", "pointing", "comparison"]
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

/// Words that mean something else at another moment, in another place or of another speaker.
pub(super) fn pointing(tokens: &[Token]) -> Result<(), Refusal> {
    for (place, token) in tokens.iter().enumerate() {
        let before = |steps: usize| {
            place.checked_sub(steps).map(|place| tokens[place].word.as_str()).unwrap_or_default()
        };
        let after =
            |steps: usize| tokens.get(place + steps).map(|token| token.word.as_str()).unwrap_or_default();
        if token.is_name() || token.kind != Kind::Word {
            continue;
        }
        let be = |word: &str| WORDS.has("auxiliary", word);
        let allowed = match token.word.as_str() {
            "it" => {
                let shaped = matches!(after(2), "to" | "that" | "for")
                    || matches!(after(1), "take" | "cost" | "takes");
                let going =
                    after(1).ends_with("ing") || matches!(after(1), "going" | "about" | "due" | "ready");
                (be(before(1)) || be(after(1))) && shaped && !going
            }
            "there" => be(before(1)) || be(after(1)),
            "its" | "their" => tokens[..place].iter().any(|token| !is_function(&token.word)),
            "that" => {
                place > 0
                    && !WORDS.has("prepositions_of_time", before(1))
                    && !WORDS.has("auxiliary", before(1))
                    && !is_preposition(before(1))
                    && !before(1).is_empty()
            }
            "last" | "next" | "past" | "coming" | "previous" => {
                after(1).is_empty() == (token.word == "last")
                    && before(1) != "the"
                    && !is_time(after(1))
                    && token.article != Article::The
            }
            "such" => after(1) == "as",
            "soon" => before(1) == "as" || before(1) == "how",
            "above" | "below" => tokens.get(place + 1).is_some_and(|next| next.kind == Kind::Number),
            "following" | "yet" => false,
            _ => !WORDS.has("pointing", &token.word),
        };
        if !allowed {
            return Err(Refusal::of_one(Guard::Pointing, &token.word));
        }
    }
    Ok(())
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
