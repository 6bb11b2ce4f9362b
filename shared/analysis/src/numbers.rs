//! Numbers with what they count: money, percentages, dates, quantities, counts.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Serialize;

use crate::document::{Document, Token};
use crate::lexicon;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// With a currency.
    Money,
    /// A share of a hundred.
    Percent,
    /// A day, a month of a year, or a year.
    Date,
    /// With a unit of measure.
    Quantity,
    /// Of things.
    Count,
}

/// A number in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// As written, with its unit.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// Its value; a date has one only if it is a year alone.
    pub value: Option<f64>,
    /// The unit as written, in lower case.
    pub unit: Option<String>,
    /// Index of the segment.
    pub segment: usize,
}

/// Finds the numbers of a transcript in order.
pub fn find(document: &Document<'_>) -> Vec<Number> {
    let classes: Vec<Class> =
        document.words.iter().map(|word| classify(&word.text, document.language)).collect();
    let mut numbers = Vec::new();
    for segment in 0..document.segments.len() {
        let tokens = &document.tokens[segment];
        let reader = Reader { document, classes: &classes, segment, tokens };
        let mut position = 0;
        while position < tokens.len() {
            position = match reader.read(position) {
                Some((number, next)) => {
                    numbers.push(number);
                    next
                }
                None => position + 1,
            };
        }
    }
    numbers
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Other,
    /// Starts with a digit.
    Digits,
    /// A word such as "three" or "twenty-five"; scales such as "hundred" are no words of this kind.
    Word(f64),
    Ordinal(u8),
    Scale(f64),
    Month,
    Money,
    Percent,
    Unit,
}

struct Reader<'a, 'd> {
    document: &'a Document<'d>,
    classes: &'a [Class],
    segment: usize,
    tokens: &'a [Token],
}

impl Reader<'_, '_> {
    fn class(&self, position: usize) -> Class {
        self.tokens.get(position).map_or(Class::Other, |token| self.classes[token.word as usize])
    }

    fn word(&self, position: usize) -> &str {
        self.tokens.get(position).map_or("", |token| self.document.word(token).text.as_str())
    }

    /// The text between a token and the next.
    fn gap(&self, position: usize) -> &str {
        let text = &self.document.segments[self.segment].text;
        let start = self.tokens[position].end as usize;
        let end = self.tokens.get(position + 1).map_or(text.len(), |token| token.start as usize);
        &text[start..end]
    }

    fn adjacent(&self, position: usize) -> bool {
        position + 1 < self.tokens.len() && self.gap(position).trim().is_empty()
    }

    fn read(&self, position: usize) -> Option<(Number, usize)> {
        match self.class(position) {
            Class::Month => self.month_first(position),
            Class::Ordinal(_) => self.day_first(position),
            Class::Digits => self.day_first(position).or_else(|| self.measured(position)),
            Class::Word(_) => self.measured(position),
            Class::Scale(_)
                if position == 0 || !matches!(self.class(position - 1), Class::Digits | Class::Word(_)) =>
            {
                None
            }
            _ => None,
        }
    }

    /// "May 14, 2024", "May 2024".
    fn month_first(&self, position: usize) -> Option<(Number, usize)> {
        if !self.adjacent(position) || (self.document.language == "en" && !self.tokens[position].capital) {
            return None;
        }
        if self.year(position + 1) {
            return Some((self.date(position, position + 1), position + 2));
        }
        if self.document.language != "en" || !self.day(position + 1) {
            return None;
        }
        let comma = position + 2 < self.tokens.len() && matches!(self.gap(position + 1).trim(), "" | ",");
        let last = if comma && self.year(position + 2) { position + 2 } else { position + 1 };
        Some((self.date(position, last), last + 1))
    }

    /// "14 May 2024", "31st of March", "3. März 2025".
    fn day_first(&self, position: usize) -> Option<(Number, usize)> {
        if !self.day(position) || position + 1 >= self.tokens.len() {
            return None;
        }
        if !matches!(self.gap(position).trim(), "" | ".") {
            return None;
        }
        let joined = matches!(self.word(position + 1), "of" | "de" | "di");
        let month = if joined { position + 2 } else { position + 1 };
        if self.class(month) != Class::Month {
            return None;
        }
        let joined = matches!(self.word(month + 1), "de" | "del") && self.year(month + 2);
        let year = if joined { month + 2 } else { month + 1 };
        let near = month + 1 < self.tokens.len() && matches!(self.gap(month).trim(), "" | ",");
        let last = if near && self.year(year) { year } else { month };
        Some((self.date(position, last), last + 1))
    }

    fn day(&self, position: usize) -> bool {
        match self.class(position) {
            Class::Ordinal(_) => true,
            Class::Digits => {
                let digits = self.word(position).trim_end_matches(|letter: char| letter.is_ascii_lowercase());
                digits.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day))
            }
            _ => false,
        }
    }

    fn year(&self, position: usize) -> bool {
        let word = self.word(position);
        word.len() == 4 && word.parse::<u16>().is_ok_and(|year| (1500..=2100).contains(&year))
    }

    fn date(&self, first: usize, last: usize) -> Number {
        self.number(first, last, Kind::Date, None, None)
    }

    /// A number and what follows it.
    fn measured(&self, first: usize) -> Option<(Number, usize)> {
        let (mut value, mut last) = self.value(first)?;
        let text = &self.document.segments[self.segment].text;
        let before = &text[..self.tokens[first].start as usize];
        let symbol =
            ["US$", "$", "£", "€", "¥", "₹", "₽"].iter().find(|symbol| before.trim_end().ends_with(**symbol));
        let mut unit = String::new();
        if self.class(first) == Class::Digits {
            unit.extend(self.word(first).chars().skip_while(|letter| !letter.is_alphabetic()));
        }
        if let Some(factor) = short_scale(&unit, symbol.is_some()) {
            value *= factor;
            unit.clear();
        }
        while self.adjacent(last)
            && let Class::Scale(factor) = self.class(last + 1)
        {
            value *= factor;
            last += 1;
        }
        if let Some(symbol) = symbol {
            let mut number = self.number(first, last, Kind::Money, Some(value), Some((*symbol).to_owned()));
            let last_end = self.tokens[last].end as usize;
            if let Some(start) = before.rfind(symbol) {
                text[start..last_end].clone_into(&mut number.text);
            }
            return Some((number, last + 1));
        }
        let gap = self.gap(last);
        if let Some(sign) = ["%", "€", "$", "£", "°"].iter().find(|sign| gap.trim_start().starts_with(**sign))
        {
            let kind = match *sign {
                "%" => Kind::Percent,
                "°" => Kind::Quantity,
                _ => Kind::Money,
            };
            let mut number = self.number(first, last, kind, Some(value), Some((*sign).to_owned()));
            let end = gap.find(sign).unwrap_or(0) + sign.len();
            number.text.push_str(&gap[..end]);
            return Some((number, last + 1));
        }
        if !unit.is_empty() {
            let kind =
                if MEASURES.get(unit.as_str()) == Some(&Class::Unit) { Kind::Quantity } else { Kind::Count };
            let plausible = kind == Kind::Quantity || unit.len() > 3;
            return plausible.then(|| (self.number(first, last, kind, Some(value), Some(unit)), last + 1));
        }
        self.with_unit_word(first, last, value)
    }

    fn with_unit_word(&self, first: usize, last: usize, value: f64) -> Option<(Number, usize)> {
        let digits_only = first == last && self.class(first) == Class::Digits;
        if self.adjacent(last) {
            let next = last + 1;
            let elided = next + 1 < self.tokens.len() && matches!(self.gap(next), "'" | "’");
            let after = if elided || self.adjacent(next) { next + 1 } else { next };
            let cent = matches!(self.word(after), "cent" | "cento" | "ciento");
            if matches!(self.word(next), "per" | "por" | "pour") && cent {
                return Some((
                    self.number(first, after, Kind::Percent, Some(value), Some("%".into())),
                    after + 1,
                ));
            }
            let of = matches!(self.word(next), "de" | "d" | "di") && after > next;
            let noun = if of { after } else { next };
            let kind = match self.class(noun) {
                Class::Money => Some(Kind::Money),
                Class::Percent => Some(Kind::Percent),
                Class::Unit => Some(Kind::Quantity),
                _ => None,
            };
            if let Some(kind) = kind {
                let unit = if kind == Kind::Percent { "%".to_owned() } else { self.word(noun).to_owned() };
                return Some((self.number(first, noun, kind, Some(value), Some(unit)), noun + 1));
            }
            if matches!(self.word(next), "cubic" | "square") && self.class(after) == Class::Unit {
                let unit = format!("{} {}", self.word(next), self.word(after));
                return Some((self.number(first, after, Kind::Quantity, Some(value), Some(unit)), after + 1));
            }
            let word = self.document.word(&self.tokens[noun]);
            let plural_noun =
                word.letters > 3 && (word.content || matches!(word.text.as_str(), "people" | "menschen"));
            let year = digits_only && self.year(first);
            let english = self.document.language == "en";
            let plural = !english || word.text.ends_with('s') || word.text == "people";
            // "360 Olympic pools": a name is no unit; "2024 flood line": a year is no count.
            let named = self.tokens[noun].capital && self.document.language != "de";
            let year = year && !(english && plural);
            if plural_noun && !named && value != 1.0 && !year && (plural || value >= 10.0) {
                let unit = word.text.clone();
                return Some((self.number(first, noun, Kind::Count, Some(value), Some(unit)), noun + 1));
            }
        }
        if digits_only && self.year(first) && value >= 1700.0 {
            return Some((
                self.number(first, first, Kind::Date, Some(value), Some("year".into())),
                first + 1,
            ));
        }
        // A large number says something even where its noun stands elsewhere; a small one may be a label.
        (value >= 1000.0).then(|| (self.number(first, last, Kind::Count, Some(value), None), last + 1))
    }

    /// The value that starts at a token, and its last token.
    fn value(&self, first: usize) -> Option<(f64, usize)> {
        match self.class(first) {
            Class::Digits => {
                let text = &self.document.segments[self.segment].text;
                let before = text[..self.tokens[first].start as usize].chars().next_back();
                if before == Some(':')
                    || self.gap(first).starts_with(':') && self.class(first + 1) == Class::Digits
                {
                    return None;
                }
                let number: String = self
                    .word(first)
                    .chars()
                    .take_while(|letter| letter.is_numeric() || ".,'".contains(*letter))
                    .collect();
                let mut digits = number;
                let mut last = first;
                while digits.len() % 3 != 1 || digits.len() < 12 {
                    let next = self.word(last + 1);
                    let spaced = matches!(
                        self.document.language,
                        "fr" | "ru" | "pl" | "cs" | "uk" | "sv" | "fi" | "nb"
                    );
                    let three = next.len() == 3 && next.bytes().all(|byte| byte.is_ascii_digit());
                    if !spaced || !three || self.gap(last).chars().count() != 1 {
                        break;
                    }
                    digits.push_str(next);
                    last += 1;
                }
                Some((parse_number(&digits, self.document.language)?, last))
            }
            Class::Word(value) => {
                // "two hundred and fifty thousand": hundreds stay in the group, larger scales close it.
                let mut group = value;
                let mut last = first;
                loop {
                    if !self.adjacent(last) {
                        break;
                    }
                    match self.class(last + 1) {
                        Class::Scale(100.0) => group *= 100.0,
                        Class::Word(value) if value < 100.0 && group >= 20.0 && group % 10.0 == 0.0 => {
                            group += value
                        }
                        _ if self.word(last + 1) == "and" && group >= 100.0 && self.adjacent(last + 1) => {
                            let Class::Word(value) = self.class(last + 2) else { break };
                            group += value;
                            last += 1;
                        }
                        _ => break,
                    }
                    last += 1;
                }
                Some((group, last))
            }
            _ => None,
        }
    }

    fn number(
        &self,
        first: usize,
        last: usize,
        kind: Kind,
        value: Option<f64>,
        unit: Option<String>,
    ) -> Number {
        let text = &self.document.segments[self.segment].text;
        let range = self.tokens[first].start as usize..self.tokens[last].end as usize;
        Number { text: text[range].to_owned(), kind, value, unit, segment: self.segment }
    }
}

/// Reads digits with the separators of a language; digits of any script.
fn parse_number(text: &str, language: &str) -> Option<f64> {
    let ascii: String = text
        .chars()
        .map(|letter| match letter {
            '\u{660}'..='\u{669}' => char::from(b'0' + (letter as u32 - 0x660) as u8),
            '\u{6f0}'..='\u{6f9}' => char::from(b'0' + (letter as u32 - 0x6f0) as u8),
            '\u{966}'..='\u{96f}' => char::from(b'0' + (letter as u32 - 0x966) as u8),
            _ => letter,
        })
        .filter(|letter| *letter != '\'')
        .collect();
    let ascii = ascii.trim_end_matches(['.', ',']);
    let comma_is_decimal = [
        "de", "fr", "es", "it", "pt", "ru", "nl", "pl", "cs", "sv", "da", "nb", "fi", "tr", "uk", "ro", "el",
    ]
    .contains(&language);
    let (thousands, decimal) = if comma_is_decimal { ('.', ',') } else { (',', '.') };
    let both = ascii.contains(',') && ascii.contains('.');
    let decimal_at = if both {
        ascii.rfind([',', '.'])
    } else {
        let separators = ascii.matches([',', '.']).count();
        let at = ascii.find([',', '.']).filter(|_| separators == 1);
        let groups_of_three = at.is_some_and(|at| ascii.len() - at == 4);
        at.filter(|at| {
            ascii[*at..].starts_with(decimal) || !(groups_of_three && ascii[*at..].starts_with(thousands))
        })
    };
    let mut plain = String::with_capacity(ascii.len());
    for (at, letter) in ascii.char_indices() {
        match letter {
            ',' | '.' if Some(at) == decimal_at => plain.push('.'),
            ',' | '.' => {}
            _ => plain.push(letter),
        }
    }
    plain.parse().ok().filter(|value: &f64| value.is_finite())
}

fn short_scale(letters: &str, money: bool) -> Option<f64> {
    match letters {
        "bn" => Some(1e9),
        "m" if money => Some(1e6),
        "k" => Some(1e3),
        _ => None,
    }
}

fn classify(text: &str, language: &str) -> Class {
    if text.starts_with(char::is_numeric) {
        return Class::Digits;
    }
    if let Some(factor) = scale(text) {
        return Class::Scale(factor);
    }
    if let Some(class) = MEASURES.get(text) {
        return *class;
    }
    if text.starts_with("percent")
        || text.starts_with("процент")
        || ["prozent", "بالمئة", "بالمائة"].contains(&text)
    {
        return Class::Percent;
    }
    if language == "en" {
        if let Some(value) = english_number(text) {
            return Class::Word(value);
        }
        if let Some(day) = english_ordinal(text) {
            return Class::Ordinal(day);
        }
    }
    if language == "de"
        && let Some(at) = GERMAN_NUMBERS.iter().position(|word| *word == text)
    {
        return Class::Word(at as f64 + 2.0);
    }
    Class::Other
}

static MEASURES: LazyLock<HashMap<&'static str, Class>> = LazyLock::new(|| {
    let class = |cue: &str| match cue {
        "month" => Class::Month,
        "money" => Class::Money,
        _ => Class::Unit,
    };
    lexicon::measures().iter().map(|phrase| (phrase.words[0], class(phrase.cue))).collect()
});

fn scale(text: &str) -> Option<f64> {
    Some(match text {
        "hundred" => 100.0,
        "thousand" | "tausend" | "mille" | "mil" | "тысяч" | "тысячи" | "ألف" | "آلاف" => {
            1e3
        }
        "million" | "millions" | "millionen" | "millón" | "millones" | "milione" | "milioni" | "milhão"
        | "milhões" | "миллион" | "миллиона" | "миллионов" | "млн" | "مليون" | "ملايين" => {
            1e6
        }
        "billion"
        | "billions"
        | "milliarde"
        | "milliarden"
        | "milliard"
        | "milliards"
        | "miliardo"
        | "miliardi"
        | "bilhão"
        | "bilhões"
        | "миллиард"
        | "миллиардов"
        | "миллиарда"
        | "млрд"
        | "مليار" => 1e9,
        "trillion" | "trillions" | "трлн" => 1e12,
        _ => return None,
    })
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];
const GERMAN_NUMBERS: [&str; 11] =
    ["zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"];

/// True for words that are numbers from two on, in the languages that have them listed.
pub(crate) fn is_written_out(word: &str) -> bool {
    english_number(word).is_some_and(|value| value > 1.0)
        || english_ordinal(word).is_some_and(|day| day > 2)
        || GERMAN_NUMBERS.contains(&word)
}

fn english_number(text: &str) -> Option<f64> {
    if let Some(value) = ONES.iter().position(|word| *word == text) {
        return Some(value as f64);
    }
    let (tens, ones) = text.split_once('-').unwrap_or((text, "zero"));
    let tens = TENS.iter().position(|word| *word == tens)?;
    let ones = ONES[..10].iter().position(|word| *word == ones)?;
    Some((tens * 10 + 20 + ones) as f64)
}

fn english_ordinal(text: &str) -> Option<u8> {
    let (base, word) = match text.split_once('-') {
        Some(("twenty", word)) => (20, word),
        Some(("thirty", word)) => (30, word),
        _ => (0, text),
    };
    ORDINALS.iter().position(|ordinal| *ordinal == word).map(|at| base + at as u8 + 1)
}

#[cfg(test)]
mod tests;
