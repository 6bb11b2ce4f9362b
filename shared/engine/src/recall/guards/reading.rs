//! What a short text says, in a form in which texts that say the same are alike: ways of asking brought together, articles kept
//! beside their words, dates in one order, passives turned.

use super::own_terms::{language, pointing};
use super::rewrite::{attribution, commas, dates, fronted, passive, possessives, rewrite};
use super::tokens::{Article, BREAK, Kind, Token, cut};
use super::{Guard, Refusal, WORDS};

/// A text's tokens in their common form, and what kind of text it is.
#[derive(Clone, Debug)]
pub struct Reading {
    pub(super) tokens: Vec<Token>,
    pub(super) asks: Asks,
}

/// Whether a text asks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// A claim or an instruction.
    Nothing,
    /// Yes or no.
    Whether,
    /// What, who, how, ...
    What,
}

/// A text longer than this many bytes is none to compare by meaning.
pub(super) const MOST_BYTES: usize = 1_000;
/// As many tokens are compared.
const MOST_TOKENS: usize = 64;

impl Reading {
    /// Reads a text. Refused: what is too long, in another language, or points at its moment, its place or its speaker.
    pub fn of(text: &str) -> Result<Self, Refusal> {
        if text.len() > MOST_BYTES {
            return Err(Refusal::of_one(Guard::Length, "too long"));
        }
        let mut tokens = cut(text);
        if tokens.len() > MOST_TOKENS || tokens.is_empty() {
            return Err(Refusal::of_one(Guard::Length, if tokens.is_empty() { "empty" } else { "too long" }));
        }
        language(&tokens)?;
        articles(&mut tokens);
        introduction(&mut tokens);
        if tokens.is_empty() {
            return Err(Refusal::of_one(Guard::Length, "empty"));
        }
        let asks = asks(&tokens, is_asking(text));
        if asks != Asks::Nothing {
            persons(&mut tokens);
            padding(&mut tokens);
        }
        pointing(&tokens)?;
        rewrite(&mut tokens);
        dates(&mut tokens);
        commas(&mut tokens);
        attribution(&mut tokens, asks);
        fronted(&mut tokens);
        possessives(&mut tokens);
        passive(&mut tokens, asks);
        Ok(Self { tokens, asks })
    }
}

/// Whether a text ends with a question mark, but for thanks.
fn is_asking(text: &str) -> bool {
    let end = text.trim_end().trim_end_matches(['"', '\'', ')']);
    let before_thanks =
        end.rsplit_once('?').map(|(_, rest)| rest.trim().trim_end_matches(['!', '.']).to_lowercase());
    before_thanks
        .is_some_and(|rest| matches!(rest.as_str(), "" | "thanks" | "thank you" | "thanks in advance"))
}

/// Articles move to the word they stand before, but for those that are part of a number or a degree.
fn articles(tokens: &mut Vec<Token>) {
    let mut kept: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut waiting = Article::None;
    for place in 0..tokens.len() {
        let mut token = tokens[place].clone();
        let article = match token.word.as_str() {
            _ if token.is_name() || token.kind != Kind::Word => Article::None,
            "a" | "an" => Article::A,
            "the" => Article::The,
            _ => Article::None,
        };
        let next = tokens.get(place + 1);
        let counts = next.is_some_and(|next| {
            ["few", "little", "lot", "bit", "number", "couple", "most", "one", "only", "same", "other"]
                .contains(&next.word.as_str())
        });
        if article != Article::None && next.is_some_and(|next| next.kind != Kind::Mark) {
            if counts {
                "the".clone_into(&mut token.word);
                if article == Article::A {
                    "a".clone_into(&mut token.word);
                }
                kept.push(token);
            } else {
                waiting = article;
            }
            continue;
        }
        token.article = std::mem::replace(&mut waiting, Article::None);
        kept.push(token);
    }
    *tokens = kept;
}

/// "Can you tell me" before a question, and "please" wherever it only asks.
fn introduction(tokens: &mut Vec<Token>) {
    const BEFORE: &[&[&str]] = &[
        &["can", "you", "tell", "me"],
        &["could", "you", "tell", "me"],
        &["can", "anyone", "tell", "me"],
        &["can", "someone", "tell", "me"],
        &["do", "you", "know"],
        &["does", "anyone", "know"],
        &["i", "want", "to", "know"],
        &["i", "would", "like", "to", "know"],
        &["tell", "me"],
    ];
    let polite = |tokens: &[Token], place: usize| {
        tokens[place].is("please")
            && (place == 0
                || place + 1 == tokens.len()
                || tokens[place - 1].is("you")
                || tokens[place - 1].is_mark(","))
    };
    while let Some(place) = (0..tokens.len()).find(|place| polite(tokens, *place)) {
        tokens.remove(place);
        if place > 0 && tokens[place - 1].is_mark(",") {
            tokens.remove(place - 1);
        } else if tokens.get(place).is_some_and(|token| token.is_mark(",")) {
            tokens.remove(place);
        }
        if tokens.is_empty() {
            return;
        }
    }
    manners(tokens);
    let begins = |words: &[&str]| {
        words.len() < tokens.len() && tokens.iter().zip(words).all(|(token, word)| token.is(word))
    };
    let Some(words) = BEFORE.iter().find(|words| begins(words)) else { return };
    let (next, after) = (tokens.get(words.len()), tokens.get(words.len() + 1));
    // "Do you know how to swim" asks whether somebody can.
    let of_a_skill = words[0].starts_with("do") && after.is_some_and(|after| after.is("to"));
    if of_a_skill || !next.is_some_and(|next| WORDS.has("question", &next.word)) {
        return;
    }
    tokens.drain(..words.len());
    // "what the capital of France is" asks "what is the capital of France".
    let be = |token: &Token| ["is", "are", "was", "were"].iter().any(|be| token.is(be));
    if tokens.len() > 3 && be(&tokens[tokens.len() - 1]) && !tokens[1..tokens.len() - 1].iter().any(be) {
        let last = tokens.pop();
        tokens.splice(1..1, last);
    }
}

/// "Hello," before everything, and thanks after everything.
fn manners(tokens: &mut Vec<Token>) {
    let greets = ["hello", "hi", "hey"].iter().any(|word| tokens.first().is_some_and(|first| first.is(word)));
    if greets && tokens.len() > 2 && tokens[1].is_mark(",") {
        tokens.drain(..2);
    }
    for thanks in [&["thanks"][..], &["thank", "you"], &["thanks", "in", "advance"]] {
        let Some(from) = tokens.len().checked_sub(thanks.len()).filter(|from| *from > 1) else { continue };
        let apart = tokens[from - 1].is_mark(",") || tokens[from - 1].is_mark(BREAK);
        if apart && tokens[from..].iter().zip(thanks).all(|(token, word)| token.is(word)) {
            tokens.truncate(from - 1);
        }
    }
}

fn asks(tokens: &[Token], ends_asking: bool) -> Asks {
    let first =
        tokens.first().filter(|token| !token.is_name()).map(|token| token.word.as_str()).unwrap_or_default();
    // "in which", "to whom", "at what"
    let second = tokens.get(1).filter(|_| ends_asking).map(|token| token.word.as_str()).unwrap_or_default();
    if WORDS.has("question", first) || WORDS.has("question", second) {
        Asks::What
    } else if ends_asking
        || ((WORDS.has("auxiliary", first) || WORDS.has("modal", first))
            && !first.is_empty()
            && first != "need"
            && first != "dare")
    {
        Asks::Whether
    } else {
        Asks::Nothing
    }
}

/// "How do I", "how can you" and "how can one" ask for a way that is everybody's; "should I" and "can I" for what holds for
/// anybody. What the model is asked about itself ("can you", "where do you") and what "we" do stays as it is.
fn persons(tokens: &mut [Token]) {
    // Not "how much do I"; and "how I can" is turned.
    let of_a_way = tokens.first().is_some_and(|first| first.is("how"))
        && tokens
            .get(1)
            .is_some_and(|verb| ["do", "does", "can", "i", "you", "one"].contains(&verb.word.as_str()));
    let mut generic: Option<String> = None;
    for place in 0..tokens.len().saturating_sub(2) {
        let (verb, person) = (tokens[place].word.clone(), &tokens[place + 1]);
        let anybody = match person.word.as_str() {
            "i" | "one" => {
                matches!(verb.as_str(), "can" | "should" | "must")
                    || ((of_a_way || is_needed(tokens)) && matches!(verb.as_str(), "do" | "does"))
            }
            "you" => {
                (of_a_way && matches!(verb.as_str(), "do" | "can"))
                    || (place > 0 && matches!(verb.as_str(), "can" | "should"))
            }
            "someone" | "somebody" => of_a_way && matches!(verb.as_str(), "can" | "does"),
            _ => false,
        };
        if anybody && !person.is_name() && !WORDS.has("states", &tokens[place + 2].word) {
            generic = Some(person.word.clone());
            "one".clone_into(&mut tokens[place + 1].word);
            if verb == "does" {
                "do".clone_into(&mut tokens[place].word);
            }
        } else if person.is("we") && matches!(verb.as_str(), "do" | "can" | "should") {
            "we_all".clone_into(&mut tokens[place + 1].word);
        }
    }
    // "how I can"
    if tokens.len() > 3
        && of_a_way
        && ["i", "you", "one"].iter().any(|person| tokens[1].is(person))
        && tokens[2].is("can")
    {
        generic = Some(tokens[1].word.clone());
        "one".clone_into(&mut tokens[1].word);
    }
    let Some(person) = generic.filter(|person| matches!(person.as_str(), "i" | "you")) else { return };
    for token in tokens.iter_mut().filter(|token| token.is(&person)) {
        "one".clone_into(&mut token.word);
    }
}

/// "What do I need to do to"
fn is_needed(tokens: &[Token]) -> bool {
    let is = |place: usize, word: &str| tokens.get(place).is_some_and(|token| token.is(word));
    is(0, "what") && (is(3, "need") || is(3, "have")) && is(4, "to") && is(5, "do")
}

fn padding(tokens: &mut Vec<Token>) {
    for place in [2, 1] {
        let after_question = tokens.first().is_some_and(|first| WORDS.has("question", &first.word));
        let counts = tokens.get(place + 1).is_some_and(|next| next.kind == Kind::Number);
        if after_question
            && !counts
            && tokens.get(place).is_some_and(|token| WORDS.has("padding", &token.word))
        {
            tokens.remove(place);
        }
    }
}

/// Whether a token ends a sentence inside of a text.
pub(super) fn is_break(token: &Token) -> bool {
    token.is_mark(BREAK)
}
