//! What the content is told by after somebody has edited some lines of it.

use engine::model::Sketch;

use crate::document::Document;
use crate::near_duplicates::{self, hash, mix};

/// Content is compared by its runs of so many words.
const WORDS: usize = 4;

/// The sketch of a transcript: its runs of words, whatever their marks, capitals, lines and sounds of hesitation; and its figures
/// with the words beside them, in digits or, in English and German, in words. None where there is too little to tell it by. Linear.
pub fn of(document: &Document<'_>) -> Option<Sketch> {
    let hashes: Vec<u64> = document.words.iter().map(|word| mix(hash(&word.text))).collect();
    let figures: Vec<Option<u64>> = document.words.iter().map(|word| figure(&word.text)).collect();
    let said: Vec<usize> = document.tokens.iter().flatten().map(|token| token.word as usize).collect();
    // The upper half of a hash is as good as the lower.
    let joined = |hashes: &[u64]| (hashes.iter().fold(0, |run, word| mix(run ^ word)) >> 32) as u32;
    let beside = |place: Option<usize>| place.and_then(|at| said.get(at)).map_or(0, |word| hashes[*word]);
    let figures = said.iter().enumerate().filter_map(|(at, word)| {
        Some(joined(&[beside(at.checked_sub(1)), figures[*word]?, beside(Some(at + 1))]))
    });
    let runs = said.windows(WORDS).map(|run| joined(&[0, 1, 2, 3].map(|at: usize| hashes[run[at]])));
    Sketch::of(figures.collect(), runs.collect())
}

/// The hash of a number: of its digits, so that what is written without a space behind them is no part of it, or of its word.
fn figure(word: &str) -> Option<u64> {
    let digits: String = word.chars().filter(|letter| letter.is_numeric()).collect();
    match digits.is_empty() {
        true => near_duplicates::Sketch::is_figure(word).then(|| mix(hash(word))),
        false => Some(mix(hash(&digits))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    const TALK: [&str; 12] = [
        "The river wall was built in 1968 and protects 600 homes.",
        "The council wants to make it higher by next spring.",
        "Dana Reyes says that the town has put the money aside.",
        "Her office found the state to be poor in all parts of it.",
        "People who live by the harbour are worried about their cellars.",
        "Some of them have moved their shops up the hill already.",
        "The fish market stays where it has always been.",
        "Daniel Okafor runs the oldest of the shops there.",
        "He would rather see the river get more room upstream.",
        "That is how the neighbours over in Brookfield went about it.",
        "Their fields are under water for a week each winter.",
        "In return the town itself has stayed dry ever since.",
    ];

    fn sketch(talk: &[&str], language: &str) -> Option<Sketch> {
        let segments: Vec<Segment> =
            talk.iter().map(|text| Segment { text: (*text).to_owned(), ..Segment::default() }).collect();
        of(&Document::new(&segments, language))
    }

    /// Whether the talk with one line exchanged is the same content.
    fn check(line: usize, edited: &str, expected: bool) {
        let mut talk = TALK;
        talk[line] = edited;
        let [one, other] = [&TALK, &talk].map(|talk| sketch(talk, "en").unwrap());
        assert_eq!(one.is_version_of(&other), expected, "{edited}");
    }

    #[test]
    fn an_edited_line_makes_no_other_content() {
        check(2, "Um, dana reyes says  that the town has put the money aside", true);
        check(7, "Daniel Okafor is the owner of the oldest one.", true);
        check(5, "", true);
        check(2, "Dana Reyes says that the town has not put the money aside.", true);
        // One of its two figures is half of them.
        check(0, "The river wall was built in 1986 and protects 600 homes.", false);
    }

    #[test]
    fn a_report_with_other_figures_is_other_content_and_an_edited_one_is_not() {
        let places = ["Alston", "Brook", "Cawdor", "Dale", "Elm", "Foss", "Garth", "Holt"];
        let report = |figures: [&str; 8]| -> Vec<String> {
            let said = TALK[1..].iter().zip(places.iter().zip(figures));
            said.map(|(line, (place, figure))| format!("{line} At {place} {figure} bags came in.")).collect()
        };
        let check = |other: [&str; 8], expected: bool| {
            let first = report(["12", "40", "7", "31", "18", "22", "nine", "64"]);
            let [one, other] = [first, report(other)]
                .map(|talk| sketch(&talk.iter().map(String::as_str).collect::<Vec<_>>(), "en").unwrap());
            assert_eq!(one.is_version_of(&other), expected);
        };
        check(["12", "40", "7", "31", "19", "22", "nine", "64"], true);
        check(["13", "44", "9", "36", "20", "27", "ten", "68"], false);
        check(["40", "12", "31", "7", "22", "18", "64", "nine"], false);
    }

    #[test]
    fn lines_may_be_cut_elsewhere_and_a_part_is_not_the_whole() {
        let whole = TALK.join(" ");
        let halves: Vec<&str> = TALK.iter().flat_map(|line| line.split(" the ")).collect();
        let again = sketch(&[&whole], "en").unwrap();
        assert!(again.is_version_of(&sketch(&TALK, "en").unwrap()));
        assert!(!again.is_version_of(&sketch(&halves, "en").unwrap()), "words are missing");
        assert!(!again.is_version_of(&sketch(&TALK[1..8], "en").unwrap()));
        let longer =
            format!("{whole} Now to the news. {}", whole.replace("town", "village").replace("the", "a"));
        assert!(!again.is_version_of(&sketch(&[&longer], "en").unwrap()));
    }

    #[test]
    fn what_is_short_is_told_by_nothing_and_any_language_will_do() {
        assert_eq!(sketch(&TALK[..2], "en"), None);
        assert_eq!(sketch(&[], "en"), None);
        let line = "洪水の壁は港の近くの家を守り、議会は春までに高くする予定だと町の新聞が書いている。";
        let talk = [line, "川の上流に場所を空けるほうがよいと店の主人は言う。"];
        let one = sketch(&talk, "ja").unwrap();
        assert!(one.is_version_of(&sketch(&[&talk.concat()], "ja").unwrap()));
    }
}
