//! The words of an article without what pages put between them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// Lines that are no sentence of an article, whole. Without case.
static BETWEEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:\[/?[a-z_-]+[^\]]*\].*|advert(?:isement|ising)?|skip to (?:main )?content|comments?|captions?|close|share(?: this.*)?|loading.*|print|e-?mail|tweet|image \d+ of\s*/?\s*\d+|(?:photo|image|picture|credit|photograph)s?(?: credit)?: .{1,80}|(?:published|updated|posted|last updated|first published)\b.{1,60}|.{0,20}continue reading below|this (?:slideshow|site|page|video) requires javascript.*|.*\bthis (?:web)?site uses cookies\b.*|(?:sign up|subscribe)\b.{0,60}\b(?:newsletters?|channel|inbox|updates)\b.{0,60}|(?:follow|like) us on .{1,60}|(?:read|see|watch|listen)(?: more| also| next)?:? .{0,60}\bclick(?:ing)? here\.?|.{0,60}\bby clicking here\.?|read more.{0,80}|(?:\d+ )?min(?:ute)?s? read)$",
    )
});
/// Headings of what follows an article. Without case.
static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:about the authors?|about (?:me|us)|related(?: (?:articles?|posts?|stories|content|news|topics|links))?:?|read (?:also|next):?|more (?:from|on|in|stories).{0,40}|you (?:may|might) also (?:like|enjoy).*|recommended(?: for you)?|leave a (?:reply|comment).*|(?:post|add) a comment.*|tell us what you think.*|join the (?:conversation|discussion).*|comments? \(\d+\)|share this(?: (?:article|post|story))?:?|tags?:.{0,80}|filed under:?.{0,80}|topics:.{0,80}|sources?:|footnotes|most (?:read|popular|viewed).{0,30}|trending.{0,30}|latest (?:news|stories).{0,20})$",
    )
});
/// Later than this share of the words a heading of what follows is believed.
const TAIL_FROM: f64 = 0.6;

fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
    Regex::new(text).expect("a constant pattern")
}

/// Paragraphs with an empty line between them; without the title and the author at the top, lines that belong to the
/// page, paragraphs said twice, and what follows the article.
pub(super) fn paragraphs(text: &str, title: Option<&str>, author: Option<&str>) -> String {
    let words: usize = text.split_whitespace().count();
    let mut seen = BTreeSet::new();
    let mut kept: Vec<String> = Vec::new();
    let mut passed = 0;
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let before = passed;
        passed += line.split(' ').count();
        let at = before as f64 / words.max(1) as f64;
        if line.is_empty() || BETWEEN.is_match(&line) {
            continue;
        }
        if at > TAIL_FROM && AFTER.is_match(&line) {
            break;
        }
        if kept.len() < 3 && (is(&line, title) || is_byline(&line, author)) {
            continue;
        }
        if line.len() > SHORTEST_REPEATED && !seen.insert(line.clone()) {
            continue;
        }
        kept.push(line);
    }
    kept.join("\n\n")
}

/// A shorter line may be said twice.
const SHORTEST_REPEATED: usize = 40;

fn is(line: &str, other: Option<&str>) -> bool {
    other.is_some_and(|other| line.eq_ignore_ascii_case(other.trim()))
}

fn is_byline(line: &str, author: Option<&str>) -> bool {
    let bare = |text: &str| {
        let text = text.to_lowercase();
        text.strip_prefix("by ").map_or(text.clone(), str::to_owned)
    };
    author.is_some_and(|author| bare(line) == bare(author))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_page_goes() {
        let long = "The council met on Tuesday and voted for the wall with nine votes to four.";
        let text = format!(
            "The wall\nBy Ann Lee\nPublished 2 days ago\n{long}\nAdvertisement\n{long}\nRead more about walls by \
             clicking here\nThe vote is final.\nIt was close.\nNobody objected to it, and the meeting ended.\nAbout \
             the author\nAnn Lee writes about walls."
        );
        let expected = format!(
            "{long}\n\nThe vote is final.\n\nIt was close.\n\nNobody objected to it, and the meeting ended."
        );
        assert_eq!(paragraphs(&text, Some("The wall"), Some("Ann Lee")), expected);
    }

    #[test]
    fn sentences_stay() {
        for line in [
            "Close the door, he said.",
            "Comments by the mayor caused a stir.",
            "Updated figures show that the wall cost three times as much as the council had planned for.",
            "Subscribe is what they want you to do.",
            "Share prices fell.",
            "广告",
        ] {
            assert_eq!(paragraphs(line, None, None), line);
        }
    }

    #[test]
    fn an_early_heading_ends_nothing() {
        let text = "Sources\nA first paragraph that is long enough to matter here.\nAnd a second one.";
        assert!(paragraphs(text, None, None).ends_with("And a second one."));
    }
}
