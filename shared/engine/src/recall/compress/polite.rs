//! Politeness and filler, dropped where they can be nothing else.

use std::borrow::Cow;

use super::WORDS;
use super::chunks::{Chunk, begins_sentence, ends_line, ends_sentence};

/// Takes politeness out, unless nothing would be left; whether there was any to take.
pub(super) fn drop(chunks: &mut Vec<Chunk<'_>>) -> bool {
    let mut dropped = vec![false; chunks.len()];
    let mut asks = false;
    for place in 0..chunks.len() {
        if begins_sentence(chunks, place) {
            asks = begins_request(chunks, place);
        }
        if chunks[place].is_quote || dropped[place] {
            continue;
        }
        let end = greeting(chunks, place)
            .or_else(|| thanks(chunks, place))
            .or_else(|| please(chunks, place, asks))
            .or_else(|| filler(chunks, place));
        dropped[place..end.unwrap_or(place)].fill(true);
    }
    if dropped.iter().all(|dropped| *dropped) || !dropped.contains(&true) {
        return false;
    }
    let mut place = 0;
    while place < chunks.len() {
        let end = place + dropped[place..].iter().take_while(|dropped| **dropped).count();
        if end > place && place > 0 && ends_sentence(chunks, end - 1) {
            close_sentence(chunks, place, end);
        }
        place = end + 1;
    }
    keep_breaks(chunks, &dropped);
    let mut places = dropped.iter();
    chunks.retain(|_| !places.next().copied().unwrap_or_default());
    true
}

/// What was dropped at the end of a sentence leaves its point or question mark behind, and no comma; thanks leave nothing.
fn close_sentence(chunks: &mut [Chunk<'_>], from: usize, end: usize) {
    let mark = if thanks(chunks, from).is_some() { Cow::Borrowed("") } else { chunks[end - 1].trail.clone() };
    let before = chunks[from - 1].trail.to_mut();
    if before.ends_with(',') {
        before.pop();
    }
    before.push_str(&mark);
}

/// The line break before something dropped goes to what follows it on its line.
fn keep_breaks(chunks: &mut [Chunk<'_>], dropped: &[bool]) {
    let mut pending: Option<Cow<'_, str>> = None;
    for place in 0..chunks.len() {
        if dropped[place] {
            let space = &chunks[place].space;
            if pending.is_none() || space.contains('\n') {
                pending = Some(space.clone());
            }
        } else if let Some(space) = pending.take()
            && !chunks[place].space.contains('\n')
        {
            chunks[place].space = space;
        }
    }
}

fn word(chunk: Option<&Chunk<'_>>) -> String {
    chunk.filter(|chunk| !chunk.is_quote).map(|chunk| chunk.core.to_lowercase()).unwrap_or_default()
}

/// Whether the sentence that begins here asks for something: an instruction, or whether one could.
fn begins_request(chunks: &[Chunk<'_>], place: usize) -> bool {
    let first = word(chunks.get(place));
    WORDS.has("instructions", &first)
        || (WORDS.has("polite_modals", &first) && word(chunks.get(place + 1)) == "you")
        || (first == "please" && WORDS.has("instructions", &word(chunks.get(place + 1))))
}

/// "Hello," before a request.
fn greeting(chunks: &[Chunk<'_>], place: usize) -> Option<usize> {
    if place > 0 || !chunks[0].lead.is_empty() || !WORDS.has("greetings", &word(chunks.first())) {
        return None;
    }
    let end = if word(chunks.get(1)) == "there" && chunks[0].trail.is_empty() { 1 } else { 0 };
    let next = word(chunks.get(end + 1));
    let follows = WORDS.has("instructions", &next) || WORDS.has("starters", &next) || next == "please";
    (matches!(chunks[end].trail.as_ref(), "," | "!" | ".") && follows).then_some(end + 1)
}

/// "thanks", "thank you very much" at the end of a line, as a clause of its own.
fn thanks(chunks: &[Chunk<'_>], place: usize) -> Option<usize> {
    let before = place.checked_sub(1).map(|place| &chunks[place])?;
    let apart = chunks[place].space.contains('\n') || before.trail.ends_with([',', '.', '!', '?', ';']);
    if !apart || !chunks[place].lead.is_empty() {
        return None;
    }
    let phrase_from = |from: usize, list: &str| {
        (1..=3).rev().find(|words| {
            let Some(phrase) = chunks.get(from..from + words) else { return false };
            let inner = phrase[..words - 1].iter().all(|chunk| chunk.trail.is_empty());
            let phrase: Vec<String> = phrase.iter().map(|chunk| word(Some(chunk))).collect();
            inner && WORDS.has(list, &phrase.join("_"))
        })
    };
    let mut end = place + phrase_from(place, "thanks")?;
    if chunks[end - 1].trail.is_empty() {
        end += phrase_from(end, "thanks_ends").unwrap_or(0);
    }
    let last = &chunks[end - 1];
    (ends_line(chunks, end - 1) && last.trail.chars().all(|mark| ".!".contains(mark))).then_some(end)
}

/// "please" and "kindly" where they ask, not where they are a verb or an adjective.
fn please(chunks: &[Chunk<'_>], place: usize, asks: bool) -> Option<usize> {
    let is = |listed| !chunks[place].is_quote && chunks[place].core.eq_ignore_ascii_case(listed);
    let is_please = is("please");
    if !(is_please || is("kindly")) || !chunks[place].lead.is_empty() {
        return None;
    }
    let trail = chunks[place].trail.as_ref();
    let next = word(chunks.get(place + 1));
    let before = |steps: usize| word(place.checked_sub(steps).and_then(|place| chunks.get(place)));
    let before_comma = place.checked_sub(1).is_some_and(|place| chunks[place].trail.ends_with(','));
    let first =
        begins_sentence(chunks, place) && matches!(trail, "" | ",") && WORDS.has("instructions", &next);
    let after_you = before(1) == "you" && WORDS.has("polite_modals", &before(2)) && trail.is_empty();
    let instructed = after_you && WORDS.has("instructions", &next);
    let last = is_please
        && asks
        && ends_sentence(chunks, place)
        && !begins_sentence(chunks, place)
        && (before_comma || !WORDS.has("may_please", &before(1)));
    let between = is_please && asks && before_comma && trail == ",";
    (first || instructed || last || between).then_some(place + 1)
}

/// "um," between commas or at the beginning of a sentence that is otherwise English.
fn filler(chunks: &[Chunk<'_>], place: usize) -> Option<usize> {
    let chunk = &chunks[place];
    let set_off = begins_sentence(chunks, place)
        || place.checked_sub(1).is_some_and(|place| chunks[place].trail == ",");
    if !set_off || !chunk.lead.is_empty() || chunk.trail != "," || !WORDS.has("fillers", &word(Some(chunk))) {
        return None;
    }
    let next = word(chunks.get(place + 1));
    let is_english = WORDS.has("instructions", &next) || WORDS.has("starters", &next);
    (is_english || before_a_statement(chunks, place)).then_some(place + 1)
}

/// So many words of a name, and of what follows it, are looked at.
const WORDS_OF_A_NAME: usize = 3;
const WORDS_OF_A_SENTENCE: usize = 40;
/// In bytes.
const LONGEST_ABBREVIATION: usize = 3;

/// Whether an English sentence follows that begins with a name, on the same line, and says something of that one: "Um, Nora Lind said
/// that". Whatever else may follow a name may make it a list that begins with somebody called Um.
fn before_a_statement(chunks: &[Chunk<'_>], place: usize) -> bool {
    let rest = &chunks[place + 1..];
    let is_plain =
        |chunk: &Chunk<'_>| !chunk.is_quote && chunk.lead.is_empty() && !chunk.space.contains('\n');
    let is_name = |chunk: &&Chunk<'_>| {
        is_plain(chunk) && chunk.trail.is_empty() && chunk.core.starts_with(char::is_uppercase)
    };
    let names = rest.iter().take(WORDS_OF_A_NAME).take_while(is_name).count();
    let says = |next: &Chunk<'_>| is_plain(next) && WORDS.has("says", &next.core);
    // "Dr." ends no sentence.
    let is_first = match place.checked_sub(1).map(|before| &chunks[before]) {
        Some(before) if !chunks[place].space.contains('\n') && before.trail.ends_with('.') => {
            before.core.len() > LONGEST_ABBREVIATION && before.core.chars().all(char::is_lowercase)
        }
        _ => begins_sentence(chunks, place),
    };
    let mut sentence =
        (names..rest.len().min(WORDS_OF_A_SENTENCE)).take_while(|at| !begins_sentence(rest, *at));
    names > 0
        && is_first
        && rest.get(names).is_some_and(says)
        && sentence.any(|at| WORDS.has("english", &rest[at].core))
}
