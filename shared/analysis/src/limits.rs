//! What the analysers cannot find in a transcript, and why: said openly in the result, analyser by analyser.

use crate::document::Document;
use crate::entities;
use crate::lexicon;
use crate::readability::is_punctuated;

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
    let mut limits = Vec::new();
    let mut add = |analyser, reason: String| limits.push(Limit { analyser, reason });
    let language = document.language;
    if lexicon::phrases(language).is_empty() {
        add(
            "claims",
            format!("no word list for language {language}: scored by numbers, names and length only"),
        );
        add("key_phrases", format!("no word list for language {language}: single words only, no phrases"));
        add(
            "summary",
            format!("no word list for language {language}: greetings and advertising are not told apart"),
        );
        add(
            "highlights",
            format!("no word list for language {language}: found by numbers, marks and questions only"),
        );
    } else if language != "en" {
        add("claims", format!("weights were set on English; in {language} the order is less sure"));
    }
    if language != "en" {
        add("sentiment", format!("words are rated in English only, not in {language}"));
        add("readability", format!("the formulas are made for English, not for {language}"));
        add(
            "certainty",
            format!("modal hedges, softeners and boosters are listed in English only, not in {language}"),
        );
        add(
            "sourcing",
            format!("words that name a source are listed best in English, less or not at all in {language}"),
        );
        add(
            "repetition",
            format!("promotional wording is listed best in English, less or not at all in {language}"),
        );
    }
    if !is_punctuated(document) {
        add("sourcing", "the transcript has no punctuation: nothing shows what is quoted".to_owned());
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
    if !entities::has_two_cases(document) {
        let reason =
            "the transcript does not tell names by capitals: only speakers' names are found".to_owned();
        add("entities", reason);
    } else if !matches!(language, "en" | "de" | "fr" | "es" | "it" | "pt") {
        add("entities", format!("titles and marks of names are listed for other languages than {language}"));
    }
    if document.segments.iter().all(|segment| segment.start_ms.is_none()) {
        add("times", "the source has no times: nothing points to a moment".to_owned());
    }
    if document.segments.iter().all(|segment| segment.speaker.is_none()) {
        add("conversation", "the source does not say who speaks: nobody answers anybody".to_owned());
    }
    limits
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
        let english_only = ["sentiment", "readability", "certainty", "sourcing", "repetition"];
        check("de", "Der Rat von Marlow tagte.", &[&["claims"][..], &english_only].concat());
        let no_list = ["claims", "key_phrases", "summary", "highlights"];
        check("ar", "سعر المياه لن يتغير.", &[&no_list[..], &english_only, &["entities"]].concat());
    }

    #[test]
    fn without_punctuation() {
        check("en", "The council of Marlow met", &["sourcing", "readability", "sentiment"]);
    }

    #[test]
    fn times_and_speakers() {
        let segments = [Segment { text: "The council of Marlow met.".to_owned(), ..Segment::default() }];
        let found = of(&Document::new(&segments, "en"));
        assert_eq!(found.iter().map(|limit| limit.analyser).collect::<Vec<_>>(), ["times", "conversation"]);
    }
}
