//! Cuts a text into the model's words: the same ids as its own tokenizer gives, by the same four steps. Characters are
//! cleaned, stripped of accents and lowered; runs between spaces are words, and each punctuation mark is one; a word is cut
//! from the left into the longest pieces the vocabulary has.

use unicode_categories::UnicodeCategories as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::model_file::{MOST_TOKENS, ModelFile};

/// Before a text.
const CLS: u32 = 101;
/// After it.
const SEP: u32 = 102;
/// For a word that cannot be cut into pieces.
const UNK: u32 = 100;

/// Names that stand for themselves where a text has them.
const SPECIAL: [(&str, u32); 5] =
    [("[PAD]", 0), ("[UNK]", UNK), ("[CLS]", CLS), ("[SEP]", SEP), ("[MASK]", 103)];

/// A word of more characters is not cut.
const LONGEST_WORD: usize = 100;

/// What stands before a piece that does not begin its word.
const INSIDE: &str = "##";

/// Cuts texts by the vocabulary of a model file.
pub(crate) struct WordPiece<'file> {
    file: &'file ModelFile,
    longest_piece: usize,
}

impl<'file> WordPiece<'file> {
    pub(crate) fn new(file: &'file ModelFile) -> Self {
        Self { file, longest_piece: file.longest_word() }
    }

    /// The ids of a text, `MOST_TOKENS` at most: what is beyond is not looked at.
    pub(crate) fn ids(&self, text: &str) -> Vec<u32> {
        let mut ids = vec![CLS];
        let mut rest = text;
        while ids.len() < MOST_TOKENS {
            let special = SPECIAL
                .iter()
                .filter_map(|(name, id)| rest.find(name).map(|at| (at, name.len(), *id)))
                .min_by_key(|(at, ..)| *at);
            let Some((at, length, id)) = special else {
                self.add(rest, &mut ids);
                break;
            };
            self.add(&rest[..at], &mut ids);
            ids.push(id);
            rest = &rest[at + length..];
        }
        ids.truncate(MOST_TOKENS - 1);
        ids.push(SEP);
        ids
    }

    /// Adds the ids of a text without special names, until there are enough.
    fn add(&self, text: &str, ids: &mut Vec<u32>) {
        let mut word = Word::default();
        for character in normalised(text) {
            if character.is_whitespace() {
                self.add_word(&mut word, ids);
            } else if is_punctuation(character) {
                self.add_word(&mut word, ids);
                word.push(character);
                self.add_word(&mut word, ids);
            } else {
                word.push(character);
            }
            if ids.len() >= MOST_TOKENS {
                return;
            }
        }
        self.add_word(&mut word, ids);
    }

    fn add_word(&self, word: &mut Word, ids: &mut Vec<u32>) {
        let before = ids.len();
        if word.characters > LONGEST_WORD || !self.add_pieces(&word.text, ids) {
            ids.truncate(before);
            ids.push(UNK);
        }
        *word = Word::default();
    }

    /// Whether the whole word could be cut.
    fn add_pieces(&self, word: &str, ids: &mut Vec<u32>) -> bool {
        let mut rest = word.to_owned();
        let mut begun = 0;
        while rest.len() > begun {
            let longest = rest.len().min(self.longest_piece);
            let piece = (begun + 1..=longest)
                .rev()
                .filter(|end| rest.is_char_boundary(*end))
                .find_map(|end| self.file.word_id(&rest.as_bytes()[..end]).map(|id| (end, id)));
            let Some((end, id)) = piece else {
                return false;
            };
            ids.push(id);
            rest.replace_range(..end, INSIDE);
            begun = INSIDE.len();
        }
        true
    }
}

/// A word as far as it has been read: of one that is too long only the length counts.
#[derive(Default)]
struct Word {
    text: String,
    characters: usize,
}

impl Word {
    fn push(&mut self, character: char) {
        self.characters += 1;
        if self.characters <= LONGEST_WORD {
            self.text.push(character);
        }
    }
}

fn normalised(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|character| !is_dropped(*character))
        .flat_map(|character| {
            let alone = is_ideograph(character).then_some(' ');
            let character = if character.is_whitespace() { ' ' } else { character };
            alone.into_iter().chain([character]).chain(alone)
        })
        .nfd()
        .filter(|character| !character.is_mark_nonspacing())
        .flat_map(char::to_lowercase)
}

fn is_dropped(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\0' | char::REPLACEMENT_CHARACTER => true,
        _ => character.is_other(),
    }
}

fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() || character.is_punctuation()
}

/// Chinese characters are words each. The ranges are those of the model's tokenizer, a gap of theirs with them.
fn is_ideograph(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}
