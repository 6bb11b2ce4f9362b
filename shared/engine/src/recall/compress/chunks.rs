//! A text as quotes and words, and put together again.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// A word with what stands around it, or a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// The white space before it, folded.
    pub(super) space: Cow<'a, str>,
    /// Marks before the word.
    pub(super) lead: Cow<'a, str>,
    /// The word itself, or the quote with its marks.
    pub(super) core: Cow<'a, str>,
    /// Marks after the word.
    pub(super) trail: Cow<'a, str>,
    /// Whether it is quoted text, which nothing may touch.
    pub(super) is_quote: bool,
}

/// What opens a quote, and what closes it.
const QUOTES: [(&str, &str); 9] = [
    ("```", "```"),
    ("`", "`"),
    ("\"", "\""),
    ("\u{201c}", "\u{201d}"),
    ("\u{201e}", "\u{201c}"),
    ("\u{ab}", "\u{bb}"),
    ("\u{2018}", "\u{2019}"),
    ("\u{300c}", "\u{300d}"),
    ("'", "'"),
];

/// Cuts a text. A quote that is not closed goes to the text's end.
pub(super) fn cut(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut plain_from, mut at) = (0, 0);
    let mut none_until = 0;
    while let Some(skipped) = text[at..].bytes().position(may_open) {
        at += skipped;
        let before = text[..at].chars().next_back();
        match quote_at(text, at, before, &mut none_until) {
            Some(end) => {
                let space = words(&text[plain_from..at], &mut chunks);
                let core = Cow::Borrowed(&text[at..end]);
                chunks.push(Chunk { space, lead: "".into(), core, trail: "".into(), is_quote: true });
                (plain_from, at) = (end, end);
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    words(&text[plain_from..], &mut chunks);
    if let Some(first) = chunks.first_mut() {
        first.space = "".into();
    }
    chunks
}

/// Puts chunks together again.
pub(super) fn join(chunks: &[Chunk<'_>]) -> String {
    let mut text = String::new();
    for (place, chunk) in chunks.iter().enumerate() {
        if place > 0 {
            text.push_str(&chunk.space);
        }
        for part in [&chunk.lead, &chunk.core, &chunk.trail] {
            text.push_str(part);
        }
    }
    text
}

/// Whether a chunk begins a sentence or a line.
pub(super) fn begins_sentence(chunks: &[Chunk<'_>], place: usize) -> bool {
    if !chunks[place].lead.is_empty() {
        return false;
    }
    let Some(before) = place.checked_sub(1).map(|place| &chunks[place]) else { return true };
    // After a point there is no telling a new sentence from an abbreviation ("Gen. Will"), but listed words are no names.
    chunks[place].space.contains('\n')
        || (!before.is_quote && before.trail.ends_with(['.', '!', '?']) && !chunks[place].space.is_empty())
}

/// Whether a chunk ends a sentence, a line or the text.
pub(super) fn ends_sentence(chunks: &[Chunk<'_>], place: usize) -> bool {
    ends_line(chunks, place) || chunks[place].trail.ends_with(['.', '!', '?'])
}

/// Whether a chunk ends a line or the text.
pub(super) fn ends_line(chunks: &[Chunk<'_>], place: usize) -> bool {
    chunks.get(place + 1).is_none_or(|next| next.space.contains('\n'))
}

/// Whether an opener may begin with this byte.
fn may_open(byte: u8) -> bool {
    matches!(byte, b'`' | b'"' | b'\'') || !byte.is_ascii()
}

/// Where the quote ends that begins here, if one does. `none_until` is how far no single quote closes, so that no line is
/// searched twice.
fn quote_at(text: &str, at: usize, before: Option<char>, none_until: &mut usize) -> Option<usize> {
    let rest = &text[at..];
    let (open, close) = QUOTES.into_iter().find(|(open, _)| rest.starts_with(open))?;
    let inside = at + open.len();
    if open != "'" && open != "\u{2018}" {
        let end = text[inside..].find(close).map(|found| inside + found + close.len());
        return Some(end.unwrap_or(text.len()));
    }
    // An apostrophe is no quote: one opens after a blank or a bracket, and closes on its line before anything but a letter.
    if at < *none_until || before.is_some_and(|before| !before.is_whitespace() && !"([{".contains(before)) {
        return None;
    }
    let mut letters = text[inside..].char_indices().peekable();
    while let Some((found, letter)) = letters.next().filter(|(_, letter)| *letter != '\n') {
        *none_until = inside + found;
        let closes = close.starts_with(letter) && found > 0;
        if closes && !letters.peek().is_some_and(|(_, next)| next.is_alphanumeric()) {
            return Some(inside + found + letter.len_utf8());
        }
    }
    None
}

/// Cuts plain text into words, and gives the white space left over at its end.
fn words<'a>(plain: &'a str, chunks: &mut Vec<Chunk<'a>>) -> Cow<'a, str> {
    let mut rest = plain;
    loop {
        let word_at = rest.find(|letter: char| !letter.is_whitespace()).unwrap_or(rest.len());
        let (space, after) = rest.split_at(word_at);
        let space = folded(space);
        if after.is_empty() {
            return space;
        }
        let (word, left) = after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
        rest = left;
        let is_mark = |letter: char| !letter.is_alphanumeric() && !"$€£¥%°+-−#@&_/<>=~^*|\\".contains(letter);
        let start = word.find(|letter| !is_mark(letter)).unwrap_or(word.len());
        let (lead, word) = word.split_at(start);
        let end = word.trim_end_matches(is_mark).len();
        let (core, trail) = word.split_at(end);
        chunks.push(Chunk {
            space,
            lead: lead.into(),
            core: usual_form(core),
            trail: trail.into(),
            is_quote: false,
        });
    }
}

/// White space inside of a line becomes one blank; lines keep their indentation, and two empty lines become one.
fn folded(space: &str) -> Cow<'_, str> {
    let breaks = space.matches('\n').count();
    if breaks == 0 {
        return if space.is_empty() { "".into() } else { " ".into() };
    }
    let indentation = space.rsplit('\n').next().unwrap_or_default();
    format!("{}{indentation}", "\n".repeat(breaks.min(2))).into()
}

/// A word in the form NFKC gives it, unless it has capitals, figures, or a letter that stands for a figure or a unit.
fn usual_form(word: &str) -> Cow<'_, str> {
    let stays = |letter: char| {
        letter.is_uppercase()
            || letter.is_numeric()
            || matches!(letter, '\u{aa}' | '\u{b5}' | '\u{ba}' | '\u{2b0}'..='\u{2ff}' | '\u{1d2c}'..='\u{1dbf}'
                | '\u{2070}'..='\u{218f}' | '\u{2460}'..='\u{24ff}' | '\u{3200}'..='\u{33ff}' | '\u{1d400}'..='\u{1d7ff}')
    };
    if word.is_ascii() || word.contains(stays) { word.into() } else { word.nfkc().collect() }
}
