//! Which language a text is in.

use std::collections::HashSet;

use crate::lexicon;

/// A language, as far as it can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Language {
    /// ISO 639-1 where there is one, else 639-3; `unknown` when too little text says nothing reliable.
    pub code: String,
    /// 0..1.
    pub confidence: f64,
    /// True if the detector vouches for it.
    pub reliable: bool,
}

/// The code of a language that is not known.
pub const UNKNOWN: &str = "unknown";

/// Of shorter texts the words say nothing that the detector did not see.
const FEWEST_LETTERS: usize = 200;
/// Where the detector is unsure, so many of the words must be words that any text of the language is full of.
const LEAST_COMMON_WORDS: f64 = 0.2;
/// More text than this adds nothing.
const MOST_BYTES: usize = 20_000;

/// The English name of a language by its code, such as `German` for `de`; nothing for codes that are not known.
pub fn name(code: &str) -> Option<&'static str> {
    let long = SHORT_CODES.iter().find(|(_, short)| *short == code).map_or(code, |(long, _)| long);
    match long {
        "cmn" => Some("Chinese"),
        long => whatlang::Lang::from_code(long).map(|language| language.eng_name()),
    }
}

/// Detects the language of the first texts. A guess that neither the detector nor the text's own words vouch for is
/// none.
pub fn detect<'a>(texts: impl Iterator<Item = &'a str>) -> Language {
    let mut sample = String::new();
    for text in texts {
        if sample.len() + text.len() > MOST_BYTES && !sample.is_empty() {
            break;
        }
        sample.push_str(text);
        sample.push(' ');
    }
    let unknown = Language { code: UNKNOWN.to_owned(), confidence: 0.0, reliable: false };
    let Some(info) = whatlang::detect(&sample) else { return unknown };
    let reliable = info.is_reliable();
    let code = short_code(info.lang().code());
    if !reliable && !reads_like(&sample, code) {
        return unknown;
    }
    let confidence = (info.confidence() * 1000.0).round() / 1000.0;
    Language { code: code.to_owned(), confidence, reliable }
}

/// True if a text is long enough and full of the language's own small words.
fn reads_like(text: &str, code: &str) -> bool {
    let letters = text.chars().filter(|letter| letter.is_alphabetic()).count();
    let small = lexicon::phrases(code).iter().filter(|phrase| phrase.cue == "stop");
    let small: HashSet<&str> = small.filter_map(|phrase| phrase.words.first().copied()).collect();
    let (mut known, mut all) = (0, 0);
    for word in text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()) {
        known += usize::from(small.contains(word.to_lowercase().as_str()));
        all += 1;
    }
    letters >= FEWEST_LETTERS && known as f64 >= LEAST_COMMON_WORDS * all as f64
}

const SHORT_CODES: &[(&str, &str)] = &[
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zul", "zu"),
];

fn short_code(code: &str) -> &str {
    SHORT_CODES.iter().find(|(long, _)| *long == code).map_or(code, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown() {
        let german = "Der Stadtrat hat beschlossen, achtzehn Millionen Euro für den Umbau des Bahnhofs auszugeben, \
            und die Arbeiten beginnen nach Angaben der Stadt im Oktober dieses Jahres mit dem Abriss des alten Daches.";
        assert_eq!(detect([german].into_iter()).code, "de");
        assert_eq!(detect(["سعر المياه لن يتغير قبل نهاية العام"].into_iter()).code, "ar");
        assert_eq!(detect(["ok"].into_iter()).code, UNKNOWN);
        assert_eq!(detect([].into_iter()).code, UNKNOWN);
        let english = "1 2 3 4 5 6 7 8 9 10 and the council is of it, or that was in the wall. ".repeat(8);
        assert_eq!(detect([english.as_str()].into_iter()).code, "en");
    }

    #[test]
    fn odd_texts_are_in_no_language() {
        let odd = [
            "a".repeat(2000),
            "abcdefghij".repeat(200),
            "hello ".repeat(90),
            "uh um yeah hm mhm ok ".repeat(20),
            "fn main() { let x = 5; } struct Foo { bar: u32 } ".repeat(8),
        ];
        for text in odd {
            assert_eq!(detect([text.as_str()].into_iter()).code, UNKNOWN, "{text}");
        }
    }

    #[test]
    fn languages_have_names() {
        assert_eq!(["de", "zh", "ak", "eng"].map(name), ["German", "Chinese", "Akan", "English"].map(Some));
        assert_eq!([UNKNOWN, "", "xx"].map(name), [None; 3]);
        assert!(SHORT_CODES.iter().all(|(_, short)| name(short).is_some()));
    }
}
