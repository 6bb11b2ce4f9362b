//! A text in words, each with all that the rules ask of it.

use super::lexicon;

/// One word or emoticon.
pub(super) struct Token {
    /// In lower case.
    pub(super) lower: String,
    /// Its rating, if it has one.
    pub(super) valence: Option<f64>,
    /// What it adds to the word after it; 0 for a word that is no degree word.
    pub(super) degree: f64,
    /// True for a degree word.
    pub(super) is_degree: bool,
    /// True if it turns the valence of a later word round.
    pub(super) negates: bool,
    /// True if all its letters are capitals.
    pub(super) is_upper: bool,
}

/// The words of a text.
pub(super) struct Tokens {
    tokens: Vec<Token>,
    /// True if some words are in capitals and others are not, so that capitals mean something.
    pub(super) capitals_differ: bool,
}

impl Tokens {
    /// Cuts at white space; punctuation around a word is taken off, emoticons stay whole.
    pub(super) fn of(text: &str) -> Self {
        let words = text.split(is_space).filter(|word| !word.is_empty());
        let tokens: Vec<Token> = words.map(|word| Token::of(without_punctuation(word))).collect();
        let upper = tokens.iter().filter(|token| token.is_upper).count();
        Self { capitals_differ: 0 < upper && upper < tokens.len(), tokens }
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// True without any words.
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The word at a place, if there is one.
    pub(super) fn get(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    /// The word so many places before another, if there is one.
    pub(super) fn before(&self, at: usize, distance: usize) -> Option<&Token> {
        at.checked_sub(distance).and_then(|at| self.tokens.get(at))
    }

    /// True if the word so many places before another is one of these.
    pub(super) fn is_before(&self, at: usize, distance: usize, words: &[&str]) -> bool {
        self.before(at, distance).is_some_and(|token| words.contains(&token.lower.as_str()))
    }

    /// Where the first "but" stands.
    pub(super) fn first_but(&self) -> Option<usize> {
        self.tokens.iter().position(|token| token.lower == "but")
    }
}

impl Token {
    fn of(word: &str) -> Self {
        let lower = word.to_lowercase();
        let degree = lexicon::degree(&lower);
        Self {
            valence: lexicon::word(&lower),
            degree: degree.unwrap_or(0.0),
            is_degree: degree.is_some(),
            negates: lexicon::is_negation(&lower),
            is_upper: is_upper(word),
            lower,
        }
    }
}

/// The text with emoji in words, trimmed.
pub(super) fn describe_emoji(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_space = true;
    for letter in text.chars() {
        match lexicon::emoji(letter) {
            Some(words) => {
                if !after_space {
                    out.push(' ');
                }
                out.push_str(words);
                after_space = false;
            }
            None => {
                out.push(letter);
                after_space = letter == ' ';
            }
        }
    }
    out.trim_matches(is_space).to_owned()
}

/// A word without the punctuation around it; what is then no longer than two letters was an emoticon and stays.
fn without_punctuation(word: &str) -> &str {
    let bare = word.trim_matches(|letter: char| letter.is_ascii_punctuation());
    if bare.chars().nth(2).is_some() { bare } else { word }
}

/// White space as the reference knows it, the four separators of ASCII included.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{1c}'..='\u{1f}')
}

/// True if a word has capitals, and no small letters or titlecase digraphs.
fn is_upper(word: &str) -> bool {
    let is_title = |letter: char| {
        matches!(letter, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}'
            | '\u{1fa8}'..='\u{1faf}' | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
    };
    word.contains(char::is_uppercase)
        && !word.contains(|letter: char| letter.is_lowercase() || is_title(letter))
}
