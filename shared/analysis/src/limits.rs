//! What the analysers cannot find in a transcript, and why: said openly in the result, analyser by analyser.

use std::collections::HashSet;

use crate::document::Document;
use crate::readability::is_punctuated;
use crate::sentences::is_unspaced;
use crate::{cues, entities, language, lexicon};

/// An analyser that finds less here than it does elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The part of the result it concerns.
    pub analyser: &'static str,
    /// What is missing and why, for people.
    pub reason: String,
}

/// The limits that come from the language, the script and the times of a transcript. English has none by language.
pub fn of(document: &Document<'_>) -> Vec<Limit> {
    let mut limits = by_language(document.language);
    let mut add = |analyser, reason: String| limits.push(Limit { analyser, reason });
    let language = document.language;
    let other = other(language);
    if !is_punctuated(document) {
        add("sourcing", "the transcript has no punctuation: nothing shows what is quoted".to_owned());
        let reason = "the transcript has no punctuation: words such as “so” are not told from markers of an argument, and \
            none is named";
        add("arguments", reason.to_owned());
        if language == "en" {
            let reason = "the transcript has no punctuation: the length of its sentences is unknown, so reading ease and \
                grade are too";
            add("readability", reason.to_owned());
            add(
                "sentiment",
                "the transcript has no punctuation: tone is rated by pieces cut at pauses".to_owned(),
            );
        }
    }
    if document.segments.iter().any(|segment| segment.text.contains(is_unspaced)) {
        let reason = "phrases that come back are found where spaces part the words, and here they do not";
        add("repetition", reason.to_owned());
    }
    if !entities::has_two_cases(document) {
        let reason =
            "the transcript does not tell names by capitals: only speakers' names are found".to_owned();
        add("entities", reason);
    } else if !matches!(language, "en" | "de" | "fr" | "es" | "it" | "pt") {
        add("entities", format!("titles and marks of names are listed for other languages, {other}"));
    }
    if document.segments.iter().all(|segment| segment.start_ms.is_none()) {
        add("times", "the transcript has no times: nothing points to a moment".to_owned());
    }
    if document.segments.iter().all(|segment| segment.speaker.is_none()) {
        add("conversation", "the source does not say who speaks: nobody answers anybody".to_owned());
    }
    limits
}

fn by_language(language: &str) -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |analyser, reason: String| limits.push(Limit { analyser, reason });
    if language == "en" {
        return limits;
    }
    let other = other(language);
    let cues: HashSet<&str> = lexicon::phrases(language).iter().map(|phrase| phrase.cue).collect();
    let has = |kind: &str| cues.iter().any(|cue| cue.starts_with(kind));
    if cues.is_empty() {
        let none = match language::name(language) {
            Some(name) => format!("no word list for {name}"),
            None => "the language could not be told".to_owned(),
        };
        add("claims", format!("{none}: scored by numbers, names and length only"));
        add("key_phrases", format!("{none}: single words only, no phrases"));
        add("summary", format!("{none}: greetings and advertising are not told apart"));
        add("highlights", format!("{none}: found by numbers, marks and questions only"));
        add("risk_cues", format!("{none}: only figures without a source are counted"));
    } else {
        add("claims", format!("weights were set on English, {other}: the order is less sure"));
        let lacking: Vec<String> = cues::RISKS
            .iter()
            .filter(|(cue, _)| !cues.contains(cue))
            .map(|(_, name)| name.replace('_', " "))
            .collect();
        if !lacking.is_empty() {
            add("risk_cues", format!("{} is listed for other languages, {other}", lacking.join(", ")));
        }
    }
    let listed = if has("fallacy.") { "best in" } else { "in" };
    add("fallacies", format!("wording that often goes with a fallacy is listed {listed} English, {other}"));
    if !has("structure.") {
        add("arguments", format!("markers of reason and conclusion are listed for other languages, {other}"));
    }
    if !has("signal.") {
        add("conflict", format!("words of conflict are listed for other languages, {other}"));
    }
    let reason = match language {
        "de" => "of numbers in words only those from two to twelve are read in German".to_owned(),
        _ => format!("numbers in words are read in English, {other}"),
    };
    add("numbers", reason);
    add("title", format!("openings that announce a subject are known in English, {other}"));
    add("sentiment", format!("words are rated in English, {other}"));
    add("readability", format!("the formulas are made for English, {other}"));
    add("certainty", format!("modal hedges, softeners and boosters are listed in English, {other}"));
    add("sourcing", format!("words that name a source are listed best in English, {other}"));
    add("repetition", format!("promotional wording is listed best in English, {other}"));
    limits
}

/// How a sentence on other languages goes on.
fn other(language: &str) -> String {
    match language::name(language) {
        Some(name) => format!("not for {name}"),
        None if language == language::UNKNOWN || language.is_empty() => {
            "and the language could not be told".to_owned()
        }
        None => format!("not for the language “{language}”"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    fn check(language: &str, text: &str, expected: &[&str]) {
        let segments = [Segment {
            text: text.to_owned(),
            start_ms: Some(0),
            speaker: Some("Ann".to_owned()),
            ..Segment::default()
        }];
        let found = of(&Document::new(&segments, language));
        assert_eq!(found.iter().map(|limit| limit.analyser).collect::<Vec<_>>(), expected, "{text}");
        assert!(found.iter().all(|limit| !limit.reason.is_empty()));
    }

    #[test]
    fn english_first() {
        check("en", "The council of Marlow met.", &[]);
        check("en", "the council of marlow met.", &["entities"]);
        let english_only = [
            "fallacies",
            "numbers",
            "title",
            "sentiment",
            "readability",
            "certainty",
            "sourcing",
            "repetition",
        ];
        check("de", "Der Rat von Marlow tagte.", &[&["claims"][..], &english_only].concat());
        check("it", "Il consiglio di Marlow votò.", &[&["claims", "risk_cues"][..], &english_only].concat());
        let no_list = [
            "claims",
            "key_phrases",
            "summary",
            "highlights",
            "risk_cues",
            "fallacies",
            "arguments",
            "conflict",
        ];
        let unlisted = [&no_list[..], &english_only[1..]].concat();
        check("ar", "سعر المياه لن يتغير.", &[&unlisted[..], &["entities"]].concat());
        check("zh", "这座城市将花费四千万元。", &[&unlisted[..], &["repetition", "entities"]].concat());
    }

    #[test]
    fn names_and_no_codes() {
        for (language, name) in
            [("zh", "Chinese"), ("de", "German"), ("unknown", "the language could not be told")]
        {
            for limit in by_language(language) {
                let coded = limit.reason.split([' ', ':']).any(|word| word == language);
                assert!(limit.reason.contains(name) && !coded, "{limit:?}");
            }
        }
    }

    #[test]
    fn without_punctuation() {
        let expected = ["sourcing", "arguments", "readability", "sentiment"];
        check("en", "The council of Marlow met", &expected);
    }

    #[test]
    fn times_and_speakers() {
        let segments = [Segment { text: "The council of Marlow met.".to_owned(), ..Segment::default() }];
        let found = of(&Document::new(&segments, "en"));
        assert_eq!(found.iter().map(|limit| limit.analyser).collect::<Vec<_>>(), ["times", "conversation"]);
    }
}
