//! Whether a passage is about what a text is about, or takes something back.
//!
//! A passage is let go where no word of it is one of the text's, in any form that is known, it resumes nothing said before, has no
//! figure where the text has one and no date where the text has one, nobody denies anything in it, and it is English. Words
//! that resume are a closed class; words that deny are not, but hardly anything is taken back without a word for what is taken
//! back. Whom it calls he, she or they is taken for somebody else: what that costs, audits of served answers count.

use super::WORDS;
use super::inflect::{Likeness, likeness};
use super::own_terms::{is_function, language};
use super::reading::MOST_BYTES;
use super::tokens::{Case, Kind, Token, cut};

/// Words with as few letters count only if they are the same.
const SHORT_LETTERS: usize = 4;

pub(super) fn bears_on(text: &str, passage: &str) -> bool {
    if passage.trim().is_empty() {
        return false;
    }
    if text.len() > MOST_BYTES || passage.len() > MOST_BYTES {
        return true;
    }
    let (text, passage) = (cut_through(text), cut_through(passage));
    let goes_on = (0..passage.len()).any(|at| takes_back(&passage[at]) || resumes(&passage[at..]));
    if goes_on || language(&text).is_err() || language(&passage).is_err() {
        return true;
    }
    let [ours, theirs] = [Figures::of(&text), Figures::of(&passage)];
    if ours.dates && theirs.dates || ours.amounts && (theirs.amounts || theirs.dates) {
        return true;
    }
    let tells = |token: &&Token| token.kind != Kind::Mark && !is_function(&token.word);
    let told: Vec<&Token> = passage.iter().filter(tells).collect();
    text.iter().filter(tells).any(|ours| told.iter().any(|theirs| is_shared(&ours.word, &theirs.word)))
}

/// The tokens of a text, those within quotes among them.
fn cut_through(text: &str) -> Vec<Token> {
    let tokens = cut(text).into_iter();
    tokens.flat_map(|token| if token.kind == Kind::Quote { cut(&token.word) } else { vec![token] }).collect()
}

/// What numbers a text has.
#[derive(Default)]
struct Figures {
    dates: bool,
    amounts: bool,
}

impl Figures {
    fn of(tokens: &[Token]) -> Self {
        let is_named = |token: &Token| token.kind == Kind::Word && token.case != Case::Lower;
        let is_month = |token: &Token| {
            is_named(token) && ["dates", "months"].iter().any(|list| WORDS.has(list, &token.word))
        };
        let is_year =
            |token: &Token| token.word.parse::<u32>().is_ok_and(|year| (1_000..2_200).contains(&year));
        let mut figures = Self::default();
        for (at, token) in tokens.iter().enumerate() {
            let beside = tokens[at.saturating_sub(1)..(at + 2).min(tokens.len())].iter().any(is_month);
            if is_month(token) || token.kind == Kind::Number && (beside || is_year(token)) {
                figures.dates = true;
            } else if token.kind == Kind::Number
                || WORDS.has("counts", &token.word)
                || WORDS.has("multiples", &token.word)
            {
                figures.amounts = true;
            }
        }
        figures
    }
}

/// A denial, or a word by which people correct each other.
fn takes_back(token: &Token) -> bool {
    token.kind == Kind::Word && ["negation", "objection"].iter().any(|list| WORDS.has(list, &token.word))
}

/// Whether the first of these words resumes what was said; "this morning" resumes nothing.
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
