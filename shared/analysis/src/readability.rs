//! How hard a text is to read: Flesch reading ease (Flesch 1948) and Flesch-Kincaid grade (Kincaid et al. 1975).
//!
//! English only. Both rest on the length of sentences, so that a transcript without punctuation has neither. They were
//! made for print; speech reads easier than it is.

use crate::document::Document;
use crate::speakers::round;

/// A word of more letters is long.
const LETTERS_OF_SHORT_WORDS: u8 = 6;

/// How hard a text is to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readability {
    /// Flesch reading ease, about 0 (hard) to 100 (easy); nothing without punctuation.
    pub reading_ease: Option<f64>,
    /// Flesch-Kincaid grade: years of school in the United States; nothing without punctuation.
    pub grade: Option<f64>,
    /// Words per sentence; nothing without punctuation.
    pub mean_sentence_words: Option<f64>,
    /// Syllables per word, counted by rules of spelling.
    pub mean_word_syllables: f64,
    /// Share of words of more than six letters, 0 to 1.
    pub long_word_share: f64,
    /// Words counted: those with a letter in them.
    pub words: usize,
    /// Sentences with such words.
    pub sentences: usize,
}

/// The readability; nothing for other languages than English and without words.
pub fn find(document: &Document<'_>) -> Option<Readability> {
    if document.language != "en" {
        return None;
    }
    // What is known of a word does not change with its place.
    let known: Vec<Option<(usize, bool)>> = document
        .words
        .iter()
        .map(|word| {
            let is_long = word.letters > LETTERS_OF_SHORT_WORDS;
            word.text.contains(char::is_alphabetic).then(|| (syllables(&word.text), is_long))
        })
        .collect();
    let (mut words, mut sentences, mut all_syllables, mut long) = (0, 0, 0, 0);
    for tokens in &document.tokens {
        let before = words;
        for (count, is_long) in tokens.iter().filter_map(|token| known[token.word as usize]) {
            words += 1;
            all_syllables += count;
            long += usize::from(is_long);
        }
        sentences += usize::from(words > before);
    }
    if words == 0 {
        return None;
    }
    let per_word = all_syllables as f64 / words as f64;
    let per_sentence = words as f64 / sentences as f64;
    let known = is_punctuated(document);
    Some(Readability {
        reading_ease: known.then(|| round(206.835 - 1.015 * per_sentence - 84.6 * per_word, 1)),
        grade: known.then(|| round(0.39 * per_sentence + 11.8 * per_word - 15.59, 1)),
        mean_sentence_words: known.then(|| round(per_sentence, 1)),
        mean_word_syllables: round(per_word, 3),
        long_word_share: round(long as f64 / words as f64, 4),
        words,
        sentences,
    })
}

/// True if at least half of the segments end as sentences do; else they were cut by pauses and length.
pub fn is_punctuated(document: &Document<'_>) -> bool {
    let (mut ended, mut all) = (0, 0);
    for (segment, tokens) in document.segments.iter().zip(&document.tokens) {
        if !tokens.is_empty() {
            let bare = segment.text.trim_end_matches(|letter: char| "\"'”’»)]」』 ".contains(letter));
            ended +=
                usize::from(bare.ends_with(['.', '!', '?', '…', '。', '！', '？', '｡', '؟', '۔', '।', '։']));
            all += 1;
        }
    }
    ended * 2 >= all
}

/// The syllables of an English word in lower case, at least 1: groups of vowels, less silent endings.
pub fn syllables(word: &str) -> usize {
    word.split(['-', '.', '/']).map(syllables_of_part).sum::<usize>().max(1)
}

fn syllables_of_part(word: &str) -> usize {
    let word = word.strip_suffix("'s").unwrap_or(word);
    let letters: Vec<char> = word.chars().filter(|letter| letter.is_alphabetic()).collect();
    let vowel_at = |at: usize| letters.get(at).is_some_and(|letter| is_vowel(*letter));
    // "y" before a vowel is a consonant where a word begins and after a vowel: "yes", "players".
    let sounds = |at: usize| {
        let is_ending = matches!(letters[at + 1..], ['e'] | ['e', 's' | 'd']);
        let consonant = letters[at] == 'y' && vowel_at(at + 1) && (at == 0 || vowel_at(at - 1)) && !is_ending;
        vowel_at(at) && !consonant
    };
    let mut count = 0;
    for at in 0..letters.len() {
        let goes_on = at > 0 && sounds(at - 1);
        count += usize::from(sounds(at) && (!goes_on || is_apart(&letters, at)));
    }
    let bare: String = letters.iter().collect();
    if count > 1 && is_silent_ending(&bare) {
        count -= 1;
    }
    let begins = |part: &str| {
        bare.strip_prefix(part).is_some_and(|rest| rest.starts_with(|letter: char| !is_vowel(letter)))
    };
    count -= usize::from(count > 1 && (begins("some") || begins("every")));
    let is_contracted = word.ends_with("n't") && !vowel_at(letters.len().wrapping_sub(3));
    count += usize::from(is_contracted) + usize::from(bare.ends_with("sm"));
    if letters.is_empty() { 0 } else { count.max(1) }
}

fn is_vowel(letter: char) -> bool {
    "aeiouyàáâäãåèéêëìíîïòóôöõùúûü".contains(letter)
}

/// True if the vowel at a place is said apart from the one before it: "video", "create", "science", "going"; not in
/// "nation", "special", "million", "quality".
fn is_apart(letters: &[char], at: usize) -> bool {
    let before = at.checked_sub(2).map_or(' ', |before| letters[before]);
    let from = |count: usize| at.checked_sub(count).map_or(&[][..], |first| &letters[first..]);
    let starts = |part: &[char], word: &str| {
        part.len() >= word.len() && word.chars().eq(part[..word.len()].iter().copied())
    };
    let pair = (letters[at - 1], letters[at]);
    let apart = match pair {
        ('i', 'a') => !matches!(before, 't' | 'c' | 's' | 'g' | 'x'),
        ('i', 'o' | 'u') => !matches!(before, 't' | 'c' | 's' | 'g' | 'x' | 'n') && !starts(from(3), "llio"),
        ('e', 'o') => !matches!(before, 'g' | 'p'),
        ('u', 'a') => !matches!(before, 'q' | 'g'),
        ('i', 'e') if starts(&letters[at..], "en") => {
            !matches!(before, 't' | 'c' | 'f') && !starts(from(3), "frien") || starts(from(3), "scien")
        }
        ('i', 'e') => starts(&letters[at..], "ety"),
        ('e', 'a') => starts(from(3), "creat"),
        ('e' | 'o' | 'u' | 'y', 'i') => letters[at..] == ['i', 'n', 'g'],
        _ => false,
    };
    apart && !is_vowel(before) || starts(from(3), "quiet")
}

/// A last syllable that is written and not said: "make", "makes", "walked"; not "table", "wanted", "houses".
fn is_silent_ending(word: &str) -> bool {
    let is_mute =
        |stem: &str| stem.chars().next_back().is_some_and(|letter| !is_vowel(letter)) && !keeps_vowel(stem);
    if let Some(stem) = word.strip_suffix("ed") {
        return is_mute(stem) && !stem.ends_with(['t', 'd']);
    }
    if let Some(stem) = word.strip_suffix("es") {
        let hisses =
            stem.ends_with(['s', 'z', 'c', 'g', 'x']) || stem.ends_with("sh") || stem.ends_with("ch");
        return is_mute(stem) && !hisses;
    }
    let inner = ["ely", "eless", "eful", "ement", "ements"];
    let stem = inner.iter().find_map(|ending| word.strip_suffix(ending)).or_else(|| word.strip_suffix('e'));
    stem.is_some_and(is_mute)
}

/// "tabl", "peopl", "metr": the last consonant makes a syllable with the vowel after it.
fn keeps_vowel(stem: &str) -> bool {
    let after_consonant =
        |rest: &str| rest.ends_with(|letter: char| letter.is_alphabetic() && !is_vowel(letter));
    let l =
        stem.strip_suffix('l').is_some_and(|rest| after_consonant(rest) && !rest.ends_with(['l', 'r', 'w']));
    l || stem.strip_suffix('r').is_some_and(|rest| rest.ends_with('t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    fn read(sentences: &[&str], language: &str) -> Option<Readability> {
        let segments: Vec<Segment> =
            sentences.iter().map(|text| Segment { text: (*text).to_owned(), ..Segment::default() }).collect();
        find(&Document::new(&segments, language))
    }

    #[test]
    fn syllables_by_spelling() {
        for (count, words) in [
            (1, "the make makes walked strength queue eyes you they're we'll don't yes"),
            (2, "table people wanted houses doesn't create science quiet nation special well-known seven"),
            (2, "million union going players something metres movement"),
            (3, "video family industry important everything audience"),
            (4, "ability education economy experience january"),
            (5, "university opportunity"),
        ] {
            for word in words.split(' ') {
                assert_eq!(syllables(word), count, "{word}");
            }
        }
    }

    #[test]
    fn easy_and_hard() {
        // 12 words, 2 sentences, 12 syllables.
        let easy = read(&["The cat sat on the mat.", "It was a good old cat."], "en").unwrap();
        assert_eq!(
            (easy.reading_ease, easy.grade, easy.mean_sentence_words),
            (Some(116.1), Some(-1.4), Some(6.0))
        );
        let hard = "Notwithstanding considerable international opposition, governmental organisations \
            subsequently authorised comprehensive infrastructural investigations.";
        let hard = read(&[hard], "en").unwrap();
        assert!(hard.reading_ease < Some(0.0) && hard.long_word_share == 1.0, "{hard:?}");
    }

    #[test]
    fn unknown_without_punctuation_or_in_another_language() {
        let found = read(&["so we went down to the river", "and it was high that day"], "en").unwrap();
        assert_eq!((found.reading_ease, found.grade, found.mean_sentence_words), (None, None, None));
        assert_eq!(found.words, 13);
        assert_eq!(read(&["Der Rat tagte."], "de"), None);
        assert_eq!(read(&["..."], "en"), None);
    }
}
