//! A title in the content's own words.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::ascii_pattern;
use crate::claims;
use crate::document::Document;

/// No title has more words.
pub const MOST_WORDS: usize = 12;
const FEWEST_WORDS: usize = 4;
/// Sentences from the start in which the subject is announced.
const OPENING: usize = 15;

/// The subject is its group: it begins after a space and ends at a mark, so at letters' boundaries. Bytes are counted.
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    ascii_pattern(
        r"(?i)\b(?:today|tonight|this (?:week|morning|evening|hour|episode|video|talk|lecture)|in this (?:episode|video|talk|lecture|report))\b[^.?!;:]{0,60}?\b(?:(?:talk(?:ing)?|speak(?:ing)?|about|all) about|about|discuss(?:ing)?|explor(?:e|ing)|explain(?:ing)?|look(?:ing)? at|examin(?:e|es|ing)) ([^.?!;:]{6,120}?)(?:, (?:and|with|so|because|but) [^.?!;:]*)?[.?!;:]",
    )
});

/// What the opening says the content is about, in its words and with a capital: "Today we talk about the harbour." Only
/// English openings are known. Nothing where the words could not stand alone.
pub fn announced(document: &Document<'_>) -> Option<String> {
    if document.language != "en" {
        return None;
    }
    for (at, segment) in document.segments.iter().take(OPENING).enumerate() {
        if let Some(found) = ANNOUNCED.captures(segment.text.as_bytes()).and_then(|found| found.get(1)) {
            let words = segment.text[found.range()].trim().trim_end_matches(',');
            let inside =
                document.tokens[at].iter().filter(|token| found.range().contains(&(token.start as usize)));
            let mut content = inside.clone().filter(|token| document.word(token).content);
            let count = inside.count();
            let pronoun = document
                .hits(at)
                .iter()
                .find(|hit| document.tokens[at][hit.first].start as usize == found.start())
                .is_some_and(|hit| matches!(hit.cue, "vague" | "second_person" | "first_person"));
            if (2..=MOST_WORDS).contains(&count) && content.next().is_some() && !pronoun {
                return Some(capitalised(
                    &words.replace(", and about ", " and ").replace(" and about ", " and "),
                ));
            }
        }
    }
    None
}

/// The most important sentence that is short enough for a title, without its discourse opener and its full stop.
pub fn sentence(document: &Document<'_>, importance: &[f64]) -> Option<String> {
    let best = importance.iter().copied().fold(0.0, f64::max);
    let mut ranked: Vec<(f64, usize)> = importance
        .iter()
        .enumerate()
        .filter(|(_, importance)| **importance > 0.0 && **importance >= best / 2.0)
        .map(|(segment, importance)| (*importance, segment))
        .collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    ranked.into_iter().find_map(|(_, segment)| {
        let tokens = document.tokens[segment].len();
        let pointing = document
            .hits(segment)
            .iter()
            .any(|hit| matches!(hit.cue, "vague" | "first_person" | "second_person"));
        let fits = (FEWEST_WORDS..=MOST_WORDS).contains(&tokens) && !pointing;
        fits.then(|| claims::decontextualise(document, segment).trim_end_matches(['.', ' ']).to_owned())
    })
}

/// The text with its first letter a capital. A letter whose capital is several letters, such as a ligature, stays.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let capital = letters.next().map(char::to_uppercase).filter(|capital| capital.len() == 1);
    capital.map_or_else(|| text.to_owned(), |capital| capital.chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    fn check(text: &str, expected: Option<&str>) {
        let segments = [Segment { text: text.to_owned(), ..Segment::default() }];
        assert_eq!(announced(&Document::new(&segments, "en")).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_capital_is_one_letter() {
        for (text, expected) in
            [("water", "Water"), ("étude", "Étude"), ("\u{fb01}ve", "\u{fb01}ve"), ("", "")]
        {
            assert_eq!(capitalised(text), expected);
        }
    }

    #[test]
    fn openings_that_name_the_subject() {
        check("Today we are talking about water, and about money.", Some("Water and money"));
        check(
            "In this video I explain the new harbour wall in Marlow.",
            Some("The new harbour wall in Marlow"),
        );
        check("Tonight, we discuss school roofs, and later there is music.", Some("School roofs"));
        check("Today we talk about Zoë’s café in Köln, and more.", Some("Zoë’s café in Köln"));
        check("Today we talk about it.", None);
        check("This week he was about to leave.", None);
        check("Water is the subject.", None);
    }

    #[test]
    fn a_short_sentence_that_stands_alone() {
        let texts = [
            "It was that.",
            "The flood wall in Marlow protects six hundred homes, two schools, a church and the only bridge for miles.",
            "So, the flood wall costs 42 million pounds.",
        ];
        let segments: Vec<Segment> =
            texts.iter().map(|text| Segment { text: (*text).to_owned(), ..Segment::default() }).collect();
        let document = Document::new(&segments, "en");
        let found = sentence(&document, &[9.0, 8.0, 7.0]);
        assert_eq!(found.as_deref(), Some("The flood wall costs 42 million pounds"));
        assert_eq!(sentence(&document, &[9.0, 8.0, 1.0]), None);
    }
}
