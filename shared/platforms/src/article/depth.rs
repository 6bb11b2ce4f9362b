//! Measuring a page before anything parses it.

use engine::error::{Error, ErrorKind, Result};

use crate::fetch::LARGEST_PAGE_BYTES;

/// Deeper than pages for people, and shallow enough for every parser.
const DEEPEST: usize = 256;
/// More elements than a page for people has.
const MOST_TAGS: usize = 200_000;

/// Elements that have no end tag.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// Elements whose content is text up to their end tag.
const RAW: [&str; 5] = ["script", "style", "textarea", "title", "noscript"];
/// Elements that end where the next of their kind begins, so that they do not nest.
const IMPLIED_END: [&str; 9] = ["p", "li", "dt", "dd", "option", "tr", "td", "th", "optgroup"];

/// Refuses what could end the process or take for ever: `TooLarge`, `InvalidInput`. One pass.
pub(super) fn check(html: &str) -> Result<()> {
    if html.len() > LARGEST_PAGE_BYTES {
        let what =
            format!("the page is larger than the {} MB that are read", LARGEST_PAGE_BYTES / (1024 * 1024));
        return Err(Error::new(ErrorKind::TooLarge, what));
    }
    let (deepest, tags) = measure(html);
    if deepest > DEEPEST || tags > MOST_TAGS {
        let what = format!(
            "the page is nested {deepest} deep and has {tags} elements, more than any page for people; save its text \
             and hand in the file"
        );
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(())
}

/// How deep elements are nested at most, and how many there are. An end tag ends the innermost element whatever its name,
/// as far as it fits the depth: what is never closed counts, as it does for a parser.
fn measure(html: &str) -> (usize, usize) {
    let bytes = html.as_bytes();
    let (mut at, mut tags, mut deepest) = (0, 0, 0);
    let mut open: Vec<&str> = Vec::new();
    while let Some(found) = html.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found + 1;
        let rest = html.get(start..).unwrap_or_default();
        if rest.starts_with("!--") {
            at = rest.find("-->").map_or(html.len(), |end| start + end + 3);
            continue;
        }
        let closing = rest.starts_with('/');
        let name_at = start + usize::from(closing);
        let length = bytes
            .get(name_at..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':'))
            .count();
        let name = html.get(name_at..name_at + length).unwrap_or_default();
        if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            at = start;
            continue;
        }
        let end = end_of_tag(bytes, name_at + length);
        at = end;
        tags += 1;
        let is = |other: &&str| name.eq_ignore_ascii_case(other);
        if closing {
            // An end tag of something open ends all that was opened since.
            if let Some(place) = open.iter().rposition(is) {
                open.truncate(place);
            }
            continue;
        }
        if VOID.iter().any(is) {
            continue;
        }
        if RAW.iter().any(is) {
            at = end_of_raw(html, end, name);
            continue;
        }
        let closed = bytes.get(end.saturating_sub(2)) == Some(&b'/');
        let foreign = closed
            && open
                .iter()
                .any(|other| other.eq_ignore_ascii_case("svg") || other.eq_ignore_ascii_case("math"));
        if foreign {
            continue;
        }
        if IMPLIED_END.iter().any(is) && open.last().is_some_and(is) {
            continue;
        }
        open.push(name);
        deepest = deepest.max(open.len());
        if deepest > DEEPEST * 2 {
            return (deepest, tags);
        }
    }
    (deepest, tags)
}

/// The byte after a tag's `>`; quotes hide one.
fn end_of_tag(bytes: &[u8], from: usize) -> usize {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match quote {
            Some(open) if *byte == open => quote = None,
            Some(_) => {}
            None if *byte == b'>' => return at + 1,
            None if matches!(byte, b'"' | b'\'') && before == b'=' => quote = Some(*byte),
            None => {}
        }
        if !byte.is_ascii_whitespace() {
            before = *byte;
        }
    }
    bytes.len()
}

/// Where the text of a script and its like ends.
fn end_of_raw(html: &str, from: usize, name: &str) -> usize {
    let mut at = from;
    while let Some(found) = html.get(at..).and_then(|rest| rest.find("</")) {
        let start = at + found;
        let named = html.get(start + 2..start + 2 + name.len());
        if named.is_some_and(|other| other.eq_ignore_ascii_case(name)) {
            return start;
        }
        at = start + 2;
    }
    html.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_is_what_a_parser_would_see() {
        for (html, deepest) in [
            ("", 0),
            ("text < 3 and <3", 0),
            ("<div><p>a</p><br><img src='>'></div>", 2),
            ("<DIV><div></DIV></div>", 2),
            ("<!-- <div><div> --><div>", 1),
            ("<script>'<div><div><div>'</script><div>", 1),
            ("<p>one<p>two<p>three", 1),
            ("<ul><li>one<li>two</ul>", 2),
            ("<div title=\"<b><b><b>\">", 1),
            ("<svg><path/><path/></svg>", 1),
            ("<div/><div/>", 2),
            ("<b></i></i><b>", 2),
            ("<div", 1),
            ("<ä><1>", 0),
        ] {
            assert_eq!(measure(html).0, deepest, "{html}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        for unit in ["<div>", "<b><i><a>", "<table><tr><td>", "<ul><li>", "<x-y>", "<svg>"] {
            let error = check(&unit.repeat(20_000)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{unit}");
        }
        assert!(check(&"<p>a".repeat(20_000)).is_ok());
        assert!(check(&"<i></i>".repeat(20_000)).is_ok());
        assert_eq!(check(&" ".repeat(LARGEST_PAGE_BYTES + 1)).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    proptest! {
        #[test]
        fn any_text_is_measured(html in "(?s)[<>/a-c\"' =!\\-é]{0,200}") {
            let _ = measure(&html);
        }
    }
}
