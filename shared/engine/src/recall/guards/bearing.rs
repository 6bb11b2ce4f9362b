//! Whether a passage is about what a text is about, or takes something back.
//!
//! A passage is let go where no word of it is one of the text's, in any form that is known, it goes on with nothing and nobody said
//! before, nobody denies anything in it, and it is English. A number or a unit of the text counts as its word. Words that resume are a
//! closed class; words that deny are not, but hardly anything is taken back without a word for what is taken back.

use super::WORDS;
use super::inflect::{Likeness, likeness};
use super::own_terms::{is_function, language};
use super::reading::MOST_BYTES;
use super::tokens::{Kind, Token, cut};

/// Words with as few letters count only if they are the same.
const SHORT_LETTERS: usize = 4;

pub(super) fn is_about(text: &str, passage: &str) -> bool {
    if passage.trim().is_empty() {
        return false;
    }
    if text.len() > MOST_BYTES || passage.len() > MOST_BYTES {
        return true;
    }
    let (text, passage) = (cut(text), cut(passage));
    let goes_on = (0..passage.len()).any(|at| takes_back(&passage[at]) || resumes(&passage[at..]));
    if goes_on || language(&passage).is_err() {
        return true;
    }
    let tells = |token: &&Token| token.kind != Kind::Mark && !is_function(&token.word);
    let told: Vec<&Token> = passage.iter().filter(tells).collect();
    text.iter().filter(tells).any(|ours| told.iter().any(|theirs| is_shared(&ours.word, &theirs.word)))
}

/// Whether it speaks of somebody who was named before.
pub(super) fn goes_on_with_somebody(passage: &str) -> bool {
    cut(passage).iter().any(|token| token.kind == Kind::Word && WORDS.has("somebody", &token.word))
}

/// A denial, or a word by which people correct each other.
fn takes_back(token: &Token) -> bool {
    token.kind == Kind::Word && ["negation", "objection"].iter().any(|list| WORDS.has(list, &token.word))
}

/// Begins with a word that resumes what was said; "this morning" resumes nothing.
fn resumes(tokens: &[Token]) -> bool {
    let [first, rest @ ..] = tokens else { return false };
    let tells_time = |next: &Token| first.is("this") && WORDS.has("parts_of_time", &next.word);
    first.kind == Kind::Word && WORDS.has("resumption", &first.word) && !rest.first().is_some_and(tells_time)
}

/// The same word, in whatever form: a passage that bears on the text is only asked about once more.
fn is_shared(ours: &str, theirs: &str) -> bool {
    ours == theirs
        || likeness(ours, theirs) != Likeness::None
        || (stem(ours).is_some_and(|stem| theirs.starts_with(stem)))
        || (stem(theirs).is_some_and(|stem| ours.starts_with(stem)))
}

/// A word without what may be an ending.
fn stem(word: &str) -> Option<&str> {
    let letters = word.chars().count();
    let kept = word.char_indices().nth(letters.saturating_sub(2).max(SHORT_LETTERS))?.0;
    word.get(..kept)
}
