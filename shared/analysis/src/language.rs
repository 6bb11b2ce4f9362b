//! Which language a text is in.

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

/// Shorter texts must be detected reliably to be taken for known.
const FEWEST_LETTERS: usize = 200;
/// More text than this adds nothing.
const MOST_BYTES: usize = 20_000;

/// Detects the language of the first texts.
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
    let letters = sample.chars().filter(|letter| letter.is_alphabetic()).count();
    if !reliable && letters < FEWEST_LETTERS {
        return unknown;
    }
    let confidence = (info.confidence() * 1000.0).round() / 1000.0;
    Language { code: short_code(info.lang().code()).to_owned(), confidence, reliable }
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
    }
}
