//! Where sentences end, in any script.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::pattern;

/// The byte ranges of the sentences of `text`, trimmed, in order, covering all its words.
pub fn split(text: &str) -> Vec<Range<usize>> {
    let has_case = text.contains(char::is_uppercase);
    let mut found = Vec::new();
    let mut start = 0;
    for end in TERMINATOR.find_iter(text) {
        if ends_sentence(text, start, end.range(), has_case) {
            push(text, start..end.end(), &mut found);
            start = end.end();
        }
    }
    push(text, start..text.len(), &mut found);
    found
}

/// True for letters of scripts that are written without spaces.
pub fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}'
        | '\u{0e00}'..='\u{0eff}' | '\u{20000}'..='\u{3ffff}')
}

static TERMINATOR: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[.!?…。！？｡؟۔।։]+["'”’»)\]」』]*"#));

/// A name follows these, so their point never ends a sentence.
const TITLES: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "gen", "sen", "rep", "gov", "rev", "hon", "capt", "col", "lt", "sgt",
    "cmdr", "maj", "st", "mt", "ft", "vs", "hr", "fr", "frl", "dipl", "ing", "sr", "sra", "srta", "dra",
    "mme", "mlle", "sig", "dott", "avv", "approx", "ca", "cf", "al", "pres", "supt", "det", "insp", "г",
    "ул", "им",
];
/// Inside a sentence as a rule.
const INNER: &[&str] =
    &["e.g", "i.e", "z.b", "d.h", "u.a", "o.ä", "v.a", "z.t", "p.ej", "p.ex", "т.е", "т.д"];
/// They end a sentence only if a word follows that starts sentences.
const EITHER: &[&str] = &[
    "inc", "ltd", "co", "corp", "jr", "etc", "dept", "univ", "assn", "bros", "bzw", "usw", "ave", "blvd",
    "rd", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "est", "плн",
    "млн", "млрд", "тыс",
];
/// A number follows these.
const BEFORE_NUMBER: &[&str] =
    &["no", "nr", "vol", "fig", "art", "sec", "ch", "pp", "nos", "núm", "n", "abs", "стр"];
const MONTHS: &[&str] = &[
    "januar",
    "februar",
    "märz",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "dezember",
    "january",
    "february",
    "march",
    "may",
    "june",
    "july",
    "october",
    "december",
    "jahrhundert",
];
const STARTERS: &[&str] = &[
    "the", "a", "an", "this", "that", "these", "those", "it", "we", "he", "she", "they", "i", "you", "but",
    "and", "so", "in", "on", "at", "if", "when", "what", "who", "how", "why", "where", "there", "now",
    "then", "after", "before", "our", "my", "his", "her", "their", "for", "as", "with", "not", "no", "yes",
    "some", "many", "most", "all", "is", "are", "was", "do", "does", "did", "will", "can", "let's", "it's",
    "that's", "because", "while", "however", "der", "die", "das", "er", "sie", "es", "wir", "ich", "aber",
    "und", "ein", "eine", "im", "am", "nach", "le", "la", "les", "il", "elle", "nous", "un", "une", "mais",
    "el", "los", "las", "pero", "y", "en", "o", "os", "mas", "e", "ma", "lo",
];

fn ends_sentence(text: &str, start: usize, end: Range<usize>, has_case: bool) -> bool {
    let mark = &text[end.clone()];
    if mark.starts_with(['。', '！', '？', '｡', '؟', '۔', '।', '։']) {
        return true;
    }
    let after = &text[end.end..];
    let rest = after.trim_start();
    if rest.is_empty() {
        return true;
    }
    if rest.len() == after.len() {
        return after.starts_with(is_unspaced) && !mark.starts_with('.');
    }
    let rest =
        rest.trim_start_matches(['"', '\'', '“', '‘', '«', '„', '(', '[', '¿', '¡', '-', '–', '—', ' ']);
    let next_is_lowercase = rest.starts_with(char::is_lowercase);
    if has_case && next_is_lowercase {
        return false;
    }
    if mark != "." {
        return true;
    }
    let before = last_word(&text[start..end.start]);
    let word = before.to_lowercase();
    let next = rest.split_whitespace().next().unwrap_or_default();
    let next_word = next.trim_end_matches([',', '.', ':', ';', '!', '?']).to_lowercase();
    let starts = STARTERS.contains(&next_word.as_str());
    if TITLES.contains(&word.as_str()) || INNER.contains(&word.as_str()) {
        return false;
    }
    if BEFORE_NUMBER.contains(&word.as_str()) {
        return !next.starts_with(|letter: char| letter.is_ascii_digit());
    }
    if EITHER.contains(&word.as_str())
        || (word.contains('.') && word.chars().all(|c| c == '.' || c.is_alphabetic()))
    {
        return starts;
    }
    let mut letters = before.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_uppercase()
        && letter != 'I'
    {
        return starts;
    }
    let ordinal = word.len() <= 2 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    !(ordinal && MONTHS.contains(&next_word.as_str()))
}

/// The last word, looked for in the last few letters only.
fn last_word(text: &str) -> &str {
    const LOOK_BACK: usize = 24;
    let mut from = text.len().saturating_sub(LOOK_BACK);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let tail = &text[from..];
    tail.rsplit(|letter: char| letter.is_whitespace() || "(\"'“‘«„[—–-".contains(letter))
        .next()
        .unwrap_or(tail)
}

fn push(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = range.start + piece.trim_end().len();
    if start < end {
        found.push(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = split(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn abbreviations() {
        check("Dr. Lee met J. Smith. They spoke.", &["Dr. Lee met J. Smith.", "They spoke."]);
        check("It began at 7 p.m. The hall was full.", &["It began at 7 p.m.", "The hall was full."]);
        check("It began at 7 p.m. Eastern time.", &["It began at 7 p.m. Eastern time."]);
        check("The U.S. Senate voted. So it goes.", &["The U.S. Senate voted.", "So it goes."]);
        check(
            "It grew 3.8 percent. No. 5 is new. No. Never!",
            &["It grew 3.8 percent.", "No. 5 is new.", "No.", "Never!"],
        );
        check("Harrow Inc. in Jan. 2020 sold it.", &["Harrow Inc. in Jan. 2020 sold it."]);
    }

    #[test]
    fn other_languages() {
        check(
            "Am 3. März kam Frau Dr. Lehmann. Sie blieb.",
            &["Am 3. März kam Frau Dr. Lehmann.", "Sie blieb."],
        );
        check("¿Qué pasa? ¡Nada! Adiós.", &["¿Qué pasa?", "¡Nada!", "Adiós."]);
        check("今日は雨です。明日は晴れますか？はい。", &["今日は雨です。", "明日は晴れますか？", "はい。"]);
        check("هل هذا صحيح؟ هذا غير صحيح.", &["هل هذا صحيح؟", "هذا غير صحيح."]);
    }

    #[test]
    fn quotes_and_ellipses() {
        check("She said \"no.\" Then she left.", &["She said \"no.\"", "Then she left."]);
        check("Well... maybe. We'll see…", &["Well... maybe.", "We'll see…"]);
        check("yes. no. maybe", &["yes.", "no.", "maybe"]);
        check("", &[]);
    }
}
