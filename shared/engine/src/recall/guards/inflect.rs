//! Which words are forms of one word: by the regular endings, and by lists for what is not regular.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::WORDS;

/// How a form differs from the word in a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Base,
    /// A plural, or the third person.
    S,
    Past,
    Participle,
    Ing,
}

/// Irregular forms: what each is a form of.
static IRREGULAR: LazyLock<HashMap<&'static str, Vec<(&'static str, Form)>>> = LazyLock::new(|| {
    let mut forms: HashMap<&str, Vec<(&str, Form)>> = HashMap::new();
    for line in include_str!("irregular.txt").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let named: &[Form] = if words.len() == 2 { &[Form::S] } else { &[Form::Past, Form::Participle] };
        if let Some((base, others)) = words.split_first() {
            for (word, form) in others.iter().zip(named) {
                forms.entry(word).or_default().push((base, *form));
            }
        }
    }
    forms
});

/// Synonyms: the group of each word.
static SYNONYMS: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let lines = include_str!("synonyms.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .enumerate()
        .flat_map(|(group, line)| line.split_whitespace().map(move |word| (word, group)))
        .collect()
});

/// All that are listed, for who must not use them.
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    let irregular = include_str!("irregular.txt").lines().filter(|line| !line.starts_with('#'));
    SYNONYMS.keys().copied().chain(irregular.flat_map(str::split_whitespace))
}

/// Whether a word is in the lists of irregular forms or synonyms.
pub(super) fn is_listed(word: &str) -> bool {
    IRREGULAR.contains_key(word) || SYNONYMS.contains_key(word)
}

/// What a word may be a form of: itself, and what its ending makes likely.
pub(super) fn readings(word: &str) -> Vec<(String, Form)> {
    let mut readings = vec![(word.to_owned(), Form::Base)];
    if let Some(irregular) = IRREGULAR.get(word) {
        readings.extend(irregular.iter().map(|(base, form)| ((*base).to_owned(), *form)));
        if irregular.iter().all(|(_, form)| *form != Form::S) {
            return readings;
        }
    }
    if let Some(base) = word.strip_suffix("ies").filter(|base| base.len() > 1) {
        readings.push((format!("{base}y"), Form::S));
    }
    if let Some(base) = word
        .strip_suffix("es")
        .filter(|base| base.ends_with(['s', 'x', 'z', 'o']) || base.ends_with("ch") || base.ends_with("sh"))
    {
        readings.push((base.to_owned(), Form::S));
    }
    if let Some(base) =
        word.strip_suffix('s').filter(|base| base.len() > 2 && !base.ends_with(['s', 'u', 'i']))
    {
        readings.push((base.to_owned(), Form::S));
    }
    for (ending, forms, least) in [("ed", &[Form::Past, Form::Participle][..], 2), ("ing", &[Form::Ing], 3)] {
        if let Some(base) = word.strip_suffix(ending).filter(|base| base.len() >= least) {
            for form in forms {
                readings.extend(bases(base, ending).into_iter().map(|base| (base, *form)));
            }
        }
    }
    readings
}

/// `stopp` of "stopped" is "stop", `mak` of "making" is "make", `studi` of "studied" is "study".
fn bases(cut: &str, ending: &str) -> Vec<String> {
    let mut bases = vec![cut.to_owned(), format!("{cut}e")];
    let mut letters = cut.chars().rev();
    if let (Some(last), Some(before)) = (letters.next(), letters.next()) {
        if last == before && !"aeiou".contains(last) {
            bases.push(cut[..cut.len() - last.len_utf8()].to_owned());
        }
        if last == 'i' && ending == "ed" {
            bases.push(format!("{}y", &cut[..cut.len() - 1]));
        }
    }
    bases
}

/// How two words are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// The same word, or synonyms in the same form.
    Same,
    /// The same but for number.
    Number,
    /// Forms of one word that are not of one time.
    Time,
    /// Nothing is known that relates them.
    None,
}

/// How two words, in small letters, are related.
pub(super) fn likeness(one: &str, other: &str) -> Likeness {
    if one == other || spelling(one) == spelling(other) {
        return Likeness::Same;
    }
    let (ones, others) = (readings(one), readings(other));
    let mut likeness = Likeness::None;
    for (base, form) in &ones {
        for (other_base, other_form) in &others {
            let group = SYNONYMS.get(base.as_str());
            let (same, synonyms) =
                (base == other_base, group.is_some() && group == SYNONYMS.get(other_base.as_str()));
            if !same && !synonyms {
                continue;
            }
            let found = match (form, other_form) {
                // "filed" and "filled" might both come from "fil": endings alone do not tell.
                (one, other) if one == other && same => Likeness::None,
                (one, other) if one == other => Likeness::Same,
                (Form::Base, Form::S) | (Form::S, Form::Base)
                    if !WORDS.has("not_plural", base) && !WORDS.has("not_plural", other_base) =>
                {
                    Likeness::Number
                }
                (Form::Past, Form::Participle) | (Form::Participle, Form::Past) => Likeness::None,
                (Form::Base, Form::S) | (Form::S, Form::Base) => Likeness::None,
                _ => Likeness::Time,
            };
            likeness = match (likeness, found) {
                (Likeness::Same, _) | (_, Likeness::Same) => Likeness::Same,
                (Likeness::Number, _) | (_, Likeness::Number) => Likeness::Number,
                (Likeness::Time, _) | (_, Likeness::Time) => Likeness::Time,
                _ => Likeness::None,
            };
        }
    }
    likeness
}

/// Whether two words, in small letters, are one that is spelled in two ways.
pub(super) fn differ_in_spelling(one: &str, other: &str) -> bool {
    one != other && spelling(one) == spelling(other)
}

/// British and American spelling brought together: `-ise`, `-our`, `-tre`, `-yse`, doubled l.
fn spelling(word: &str) -> String {
    for (british, american, least) in [
        ("isation", "ization", 3),
        ("isations", "izations", 3),
        ("ising", "izing", 4),
        ("ised", "ized", 4),
        ("ises", "izes", 4),
        ("ise", "ize", 4),
        ("ysing", "yzing", 4),
        ("ysed", "yzed", 4),
        ("yse", "yze", 4),
        ("ours", "ors", 3),
        ("our", "or", 3),
        ("oured", "ored", 3),
        ("elling", "eling", 3),
        ("elled", "eled", 3),
        ("eller", "eler", 3),
    ] {
        if let Some(stem) = word.strip_suffix(british).filter(|stem| stem.len() >= least) {
            return format!("{stem}{american}");
        }
    }
    word.to_owned()
}
