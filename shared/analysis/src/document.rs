//! A transcript, tokenised once for all analysers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::lexicon::{self, Phrase};
use crate::pattern;
use crate::segments::Segment;
use crate::sentences::is_unspaced;

/// A word in its place.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Where it starts in its segment's text, in bytes.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Its entry in [`Document::words`].
    pub word: u32,
    /// True if it starts with a capital.
    pub capital: bool,
}

/// What is known of a word as such.
#[derive(Clone, Debug)]
pub struct Word {
    /// In lower case, apostrophes straight.
    pub text: String,
    /// The word that stands for it and its inflections in statistics: an index into [`Document::words`].
    pub term: u32,
    /// True for words that carry content: no stop words, no numbers, no single letters.
    pub content: bool,
    /// Its length in letters, counted up to 255.
    pub letters: u8,
}

/// A phrase of the lexicon found in the transcript.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// Which cue.
    pub cue: &'static str,
    /// Index of the segment.
    pub segment: usize,
    /// First token in the segment.
    pub first: usize,
    /// Last token in the segment.
    pub last: usize,
}

/// Segments with tokens, vocabulary and lexicon hits.
#[derive(Debug)]
pub struct Document<'a> {
    /// The segments.
    pub segments: &'a [Segment],
    /// The code of the language.
    pub language: &'a str,
    /// The tokens of each segment.
    pub tokens: Vec<Vec<Token>>,
    /// The vocabulary, in order of first use.
    pub words: Vec<Word>,
    hits: Vec<Hit>,
    hit_ranges: Vec<Range<usize>>,
}

impl<'a> Document<'a> {
    /// Tokenises `segments` and finds the lexicon's phrases; linear. Sounds of hesitation are no words: a transcript may have them
    /// or not, and says the same.
    pub fn new(segments: &'a [Segment], language: &'a str) -> Self {
        let mut vocabulary = Vocabulary::default();
        let token = if matches!(language, "fr" | "it") { &*TOKEN_ELIDED } else { &*TOKEN };
        let mut tokens: Vec<Vec<Token>> =
            segments.iter().map(|segment| vocabulary.tokenise(&segment.text, token)).collect();
        let lexicon = lexicon::of(language);
        let is_sound: Vec<bool> =
            vocabulary.words.iter().map(|word| lexicon.is_hesitation(&word.text)).collect();
        if is_sound.contains(&true) {
            for (segment, tokens) in segments.iter().zip(&mut tokens) {
                // In capitals it is a name, such as that of a treasury.
                let is_name = |token: &Token| {
                    segment.text[token.start as usize..token.end as usize].chars().all(char::is_uppercase)
                };
                tokens.retain(|token| !is_sound[token.word as usize] || is_name(token));
            }
        }
        vocabulary.find_terms(language);
        let mut document = Self {
            segments,
            language,
            tokens,
            words: vocabulary.words,
            hits: Vec::new(),
            hit_ranges: Vec::new(),
        };
        document.find_hits();
        document
    }

    /// The lexicon hits in a segment, in order.
    pub fn hits(&self, segment: usize) -> &[Hit] {
        &self.hits[self.hit_ranges[segment].clone()]
    }

    /// All lexicon hits in order.
    pub fn all_hits(&self) -> &[Hit] {
        &self.hits
    }

    /// True if a phrase of `cue` is in the segment.
    pub fn has(&self, segment: usize, cue: &str) -> bool {
        self.hits(segment).iter().any(|hit| hit.cue == cue)
    }

    /// The words of a token, as written.
    pub fn text(&self, segment: usize, token: &Token) -> &'a str {
        &self.segments[segment].text[token.start as usize..token.end as usize]
    }

    /// The words of a hit, as written.
    pub fn hit_text(&self, hit: &Hit) -> &'a str {
        &self.segments[hit.segment].text[self.hit_range(hit)]
    }

    /// Where a hit stands in its segment's text, in bytes.
    pub fn hit_range(&self, hit: &Hit) -> Range<usize> {
        let tokens = &self.tokens[hit.segment];
        tokens[hit.first].start as usize..tokens[hit.last].end as usize
    }

    /// The word of a token.
    pub fn word(&self, token: &Token) -> &Word {
        &self.words[token.word as usize]
    }

    /// The terms that carry content, segment by segment.
    pub fn terms(&self, segment: usize) -> impl Iterator<Item = u32> + '_ {
        self.tokens[segment].iter().filter_map(|token| {
            let word = &self.words[token.word as usize];
            word.content.then_some(word.term)
        })
    }

    /// How many tokens there are.
    pub fn word_count(&self) -> usize {
        self.tokens.iter().map(Vec::len).sum()
    }

    /// How many words a reader would count: a run of very many letters is none, but a key, an address or noise.
    pub fn readable_words(&self) -> usize {
        const LONGEST: u8 = 100;
        let is_word = |token: &&Token| {
            let word = self.word(token);
            word.letters < LONGEST || word.text.starts_with(is_unspaced)
        };
        self.tokens.iter().flatten().filter(is_word).count()
    }

    fn find_hits(&mut self) {
        let lexicon = lexicon::of(self.language);
        let is_cue = |phrase: &&Phrase| !matches!(phrase.cue, "stop" | "common" | "measure");
        let starts: Vec<Vec<&Phrase>> = self
            .words
            .iter()
            .map(|word| lexicon.at(&word.text).into_iter().filter(is_cue).collect())
            .collect();
        for segment in 0..self.segments.len() {
            let from = self.hits.len();
            for (first, token) in self.tokens[segment].iter().enumerate() {
                for phrase in &starts[token.word as usize] {
                    if self.matches(segment, first, phrase) {
                        let last = first + phrase.words.len() - 1;
                        self.hits.push(Hit { cue: phrase.cue, segment, first, last });
                    }
                }
            }
            self.hit_ranges.push(from..self.hits.len());
        }
    }

    /// True for sounds of hesitation with their commas.
    fn is_hesitation(&self, gap: &str) -> bool {
        let lexicon = lexicon::of(self.language);
        let mut words = gap.split([' ', ',']).filter(|word| !word.is_empty()).peekable();
        words.peek().is_some() && words.all(|word| lexicon.is_hesitation(&word.to_lowercase()))
    }

    fn matches(&self, segment: usize, first: usize, phrase: &Phrase) -> bool {
        let count = phrase.words.len();
        let Some(tokens) = self.tokens[segment].get(first..first + count) else { return false };
        for position in 1..count {
            let word = &self.words[tokens[position].word as usize].text;
            let expected = phrase.words[position];
            let same = if phrase.open && position + 1 == count {
                word.starts_with(expected)
            } else {
                word == expected
            };
            let gap = &self.segments[segment].text
                [tokens[position - 1].end as usize..tokens[position].start as usize];
            if !same || !(gap.trim().is_empty() || self.is_hesitation(gap)) {
                return false;
            }
        }
        true
    }
}

// Letters and digits with what joins them inside a word or number; unspaced scripts in small pieces.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\p{Han}{1,2}|[\p{Hiragana}]+|[\p{Katakana}ー]+|[\p{L}\p{N}\p{M}]+(?:(?:['’.\-]|,\b)[\p{L}\p{N}\p{M}]+)*",
    )
});
static TOKEN_ELIDED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[\p{L}\p{N}\p{M}]+(?:(?:[.\-]|,\b)[\p{L}\p{N}\p{M}]+)*"));

#[derive(Default)]
struct Vocabulary {
    words: Vec<Word>,
    ids: HashMap<String, u32>,
}

impl Vocabulary {
    fn tokenise(&mut self, text: &str, token: &Regex) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.len() / 6 + 1);
        for found in token.find_iter(text) {
            let raw = found.as_str();
            let capital = raw.starts_with(char::is_uppercase);
            // A comma joins digits only; "yes,no" are two words.
            if raw.contains(',') && !raw.starts_with(|letter: char| letter.is_numeric()) {
                let mut start = found.start();
                for part in raw.split(',') {
                    self.push(part, start, part.starts_with(char::is_uppercase), &mut tokens);
                    start += part.len() + 1;
                }
                continue;
            }
            self.push(raw, found.start(), capital, &mut tokens);
        }
        tokens
    }

    fn push(&mut self, raw: &str, start: usize, capital: bool, tokens: &mut Vec<Token>) {
        let mut text = raw.to_lowercase();
        if text.contains('’') {
            text = text.replace('’', "'");
        }
        let word = match self.ids.get(text.as_str()) {
            Some(id) => *id,
            None => {
                let id = self.words.len() as u32;
                let letters = text.chars().count().min(255) as u8;
                let content = letters > 1 && !text.starts_with(|letter: char| letter.is_numeric());
                self.words.push(Word { text: text.clone(), term: id, content, letters });
                self.ids.insert(text, id);
                id
            }
        };
        tokens.push(Token { start: start as u32, end: (start + raw.len()) as u32, word, capital });
    }

    /// Marks stop words and joins inflections that can be told without a dictionary.
    fn find_terms(&mut self, language: &str) {
        const SHORTEST_UNKNOWN: u8 = 4;
        if lexicon::phrases(language).is_empty() {
            // Without a list, short words are taken for function words, but for scripts that write no spaces.
            for word in &mut self.words {
                word.content &= word.letters >= SHORTEST_UNKNOWN || word.text.starts_with(is_unspaced);
            }
        }
        let lexicon = lexicon::of(language);
        for word in &mut self.words {
            let mut listed = lexicon.beginning_with(&word.text);
            word.content &= !listed.any(|phrase| matches!(phrase.cue, "stop" | "common" | "measure"));
        }
        for id in 0..self.words.len() {
            let word = &self.words[id];
            let base = match language {
                "en" => english_base(&word.text, &self.ids),
                "de" | "fr" | "es" | "it" | "pt" => plural_base(&word.text, &self.ids),
                _ => None,
            };
            if let Some(base) = base {
                self.words[id].term = base;
                self.words[id].content &= self.words[base as usize].content;
            }
        }
    }
}

/// The word without `'s`, and its singular where that occurs too.
fn english_base(text: &str, ids: &HashMap<String, u32>) -> Option<u32> {
    let bare = text.strip_suffix("'s").or_else(|| text.strip_suffix('\''));
    if let Some(id) = bare.and_then(|bare| ids.get(bare)) {
        return Some(*id);
    }
    if text.len() < 4 || text.ends_with("ss") || text.ends_with("us") {
        return None;
    }
    let stem = text.strip_suffix('s')?;
    if let Some(id) = ids.get(stem) {
        return Some(*id);
    }
    let stem = stem.strip_suffix('e')?;
    if let Some(id) = stem.strip_suffix('i').and_then(|stem| ids.get(&format!("{stem}y"))) {
        return Some(*id);
    }
    ids.get(stem).copied()
}

/// The word without a common plural ending, where that occurs too.
fn plural_base(text: &str, ids: &HashMap<String, u32>) -> Option<u32> {
    if text.len() < 5 {
        return None;
    }
    ["en", "es", "er", "s", "n", "e"].iter().find_map(|ending| {
        let stem = text.strip_suffix(ending)?;
        if stem.len() < 4 { None } else { ids.get(stem).copied() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str) -> Segment {
        Segment { id: "s1".into(), text: text.into(), ..Segment::default() }
    }

    fn tokens(text: &str, language: &str) -> Vec<String> {
        let segments = [segment(text)];
        let document = Document::new(&segments, language);
        document.tokens[0].iter().map(|token| document.text(0, token).to_owned()).collect()
    }

    #[test]
    fn words_numbers_and_scripts() {
        let english = "It's 900,000 m, 3.8 flood-defence; U.S. yes,no";
        assert_eq!(
            tokens(english, "en"),
            ["It's", "900,000", "m", "3.8", "flood-defence", "U.S", "yes", "no"]
        );
        assert_eq!(tokens("L'eau d'ici", "fr"), ["L", "eau", "d", "ici"]);
        assert_eq!(tokens("水位上昇です", "ja"), ["水位", "上昇", "です"]);
        assert_eq!(tokens("سعر المياه", "ar"), ["سعر", "المياه"]);
    }

    #[test]
    fn phrases_are_found_across_spaces_only() {
        let segments = [segment("I think, according to them. According. To")];
        let document = Document::new(&segments, "en");
        let found: Vec<&str> = document
            .hits(0)
            .iter()
            .filter(|hit| hit.cue == "attribution")
            .map(|hit| document.hit_text(hit))
            .collect();
        assert_eq!(found, ["according to"]);
    }

    #[test]
    fn sounds_of_hesitation_are_no_words() {
        assert_eq!(tokens("Um, the harbour, uh, is late. Hmm.", "en"), ["the", "harbour", "is", "late"]);
        assert_eq!(tokens("Ähm, es geht um acht.", "de"), ["es", "geht", "um", "acht"]);
        assert_eq!(tokens("Um.", "en"), [""; 0]);
        assert_eq!(tokens("HM Treasury", "en"), ["HM", "Treasury"]);
        let segments = [segment("You, um, know that."), segment("You, know that.")];
        let document = Document::new(&segments, "en");
        let plain = [segment("You know that.")];
        assert_eq!(document.hits(0).len(), Document::new(&plain, "en").hits(0).len());
        assert_ne!(document.hits(0).len(), document.hits(1).len());
    }

    #[test]
    fn noise_is_no_word() {
        let noise = "abcdefghij".repeat(100);
        let segments = [segment(&format!("{noise} is noise")), segment(&noise)];
        assert_eq!(Document::new(&segments, "en").readable_words(), 2);
        let segments = [segment(&"น้ำท่วม".repeat(40))];
        assert_eq!(Document::new(&segments, "th").readable_words(), 1);
    }

    #[test]
    fn inflections_share_a_term() {
        let segments = [segment("wall walls city cities council's council bus")];
        let document = Document::new(&segments, "en");
        let terms: Vec<u32> = document.terms(0).collect();
        assert_eq!(terms[0], terms[1]);
        assert_eq!(terms[2], terms[3]);
        assert_eq!(terms[4], terms[5]);
    }
}
