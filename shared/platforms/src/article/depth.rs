//! Measuring a page before it is read, by the parser that reads it: what ends where is decided by the same code, so that no
//! trick makes a page look shallower than it is. Only depths and counts are kept, and the page is given piece by piece, so
//! that the first piece too much ends it.

use std::sync::atomic::{AtomicBool, Ordering};

use engine::error::{Error, ErrorKind, Result};
use html5ever::driver::{ParseOpts, parse_document};
use html5ever::tendril::{StrTendril, TendrilSink as _};
use html5ever::tree_builder::TreeBuilderOpts;

use super::shape::Shape;
use crate::fetch::{LARGEST_PAGE_BYTES, bytes_in_words};

/// Deeper than pages for people, and shallow enough for every parser. `html` is at depth 1.
const DEEPEST: usize = 256;
/// More elements than a page for people has.
const MOST_ELEMENTS: usize = 200_000;
/// More attributes than the elements of such a page have.
const MOST_ATTRIBUTES: usize = 1_000_000;
/// How much of a page is parsed before its shape is looked at again.
const PIECE_BYTES: usize = 4_096;

/// How a page is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measures {
    /// How deep elements are nested at most.
    pub(super) deepest: usize,
    /// Elements and comments.
    pub(super) elements: usize,
    pub(super) attributes: usize,
}

impl Measures {
    /// What there is too much of.
    fn too_much(self) -> Option<String> {
        let more = |found: usize, most: usize, what: &str| {
            (found > most).then(|| format!("more than {most} {what}"))
        };
        more(self.deepest, DEEPEST, "elements inside each other")
            .or_else(|| more(self.elements, MOST_ELEMENTS, "elements"))
            .or_else(|| more(self.attributes, MOST_ATTRIBUTES, "attributes"))
    }
}

/// Refuses a page of too many bytes: `TooLarge`.
pub(super) fn check_size(html: &str) -> Result<()> {
    if html.len() > LARGEST_PAGE_BYTES {
        let most = bytes_in_words(LARGEST_PAGE_BYTES);
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("the page is larger than the {most} that are read"),
        ));
    }
    Ok(())
}

/// Refuses what could end the process or take for ever: `InvalidInput`. Ends early once `given_up` is set.
pub(super) fn check(html: &str, given_up: &AtomicBool) -> Result<()> {
    let Some(what) = measure(html, given_up).too_much() else { return Ok(()) };
    let what =
        format!("the page has {what}, more than any page for people; save its text and hand in the file");
    Err(Error::new(ErrorKind::InvalidInput, what))
}

/// The measures of a page, or of its beginning if that is too much already.
pub(super) fn measure(html: &str, given_up: &AtomicBool) -> Measures {
    // As the page is read later: without scripts, so that what stands in for them counts.
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let options = ParseOpts { tree_builder, ..ParseOpts::default() };
    let mut parser = parse_document(Shape::default(), options);
    let mut rest = html;
    while !rest.is_empty() && !given_up.load(Ordering::Relaxed) {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(PIECE_BYTES.min(rest.len())));
        parser.process(StrTendril::from(piece));
        rest = after;
        let measures = parser.tokenizer.sink.sink.measures();
        if measures.too_much().is_some() {
            return measures;
        }
    }
    parser.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dom_query::{Document, NodeRef};
    use proptest::prelude::*;

    fn measured(html: &str) -> Measures {
        measure(html, &AtomicBool::new(false))
    }

    /// Depth of the tree that is read, without recursion.
    fn real_depth(html: &str) -> usize {
        let page = Document::from(html);
        let mut deepest = 0;
        let mut level: Vec<NodeRef<'_>> = page.root().element_children();
        while !level.is_empty() {
            deepest += 1;
            level = level.iter().flat_map(NodeRef::element_children).collect();
        }
        deepest
    }

    #[test]
    fn depth_is_what_the_parser_sees() {
        for (html, deepest) in [
            ("", 2),
            ("text < 3 and <3", 2),
            ("<div><p>a</p><br><img src='>'></div>", 4),
            ("<DIV><div></DIV></div>", 4),
            ("<!-- <div><div> --><div>", 3),
            ("<script>'<div><div><div>'</script><div>", 3),
            ("<p>one<p>two<p>three", 3),
            ("<ul><li>one<li>two</ul>", 4),
            ("<div title=\"<b><b><b>\">", 3),
            ("<svg><path/><path/></svg>", 4),
            ("<div/><div/>", 4),
            ("<b></i></i><b>", 4),
            ("<div", 2),
            ("<div><table><tr><td></div><div>", 8),
            ("<div><noscript><div><div>", 6),
            ("<svg><style><a><a>", 6),
            ("<svg><title><a><b>", 6),
            ("<svg><source><source>", 5),
            ("<p><b><i>x</p><p>y", 5),
        ] {
            assert_eq!(measured(html).deepest, deepest, "{html}");
            assert_eq!(real_depth(html), deepest, "{html}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        for unit in [
            "<div>",
            "<b><i><a>",
            "<table><tr><td>",
            "<ul><li>",
            "<x-y>",
            "<svg>",
            "<div><table><tr><td></div>",
            "<div><object></div>",
            "<div><svg><desc></div>",
            "<div><template></div>",
            "<b><template><tr><td></b>",
        ] {
            let error = check(&unit.repeat(20_000), &AtomicBool::new(false)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{unit}");
        }
        for (start, unit) in
            [("<noscript>", "<div>"), ("<svg>", "<td>"), ("<svg>", "<source>"), ("<svg><style>", "<a>")]
        {
            let html = start.to_owned() + &unit.repeat(190_000);
            let error = check(&html, &AtomicBool::new(false)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{start}{unit}");
        }
        // Every paragraph opens all of them again.
        let formats: String = (0..200).map(|n| format!("<b id={n}>")).collect();
        let again = format!("<p>{formats}</p>{}", "<p>x".repeat(100_000));
        assert!(measured(&again).elements > MOST_ELEMENTS);
        assert!(check(&"<p>a".repeat(20_000), &AtomicBool::new(false)).is_ok());
        assert!(check(&"<i></i>".repeat(20_000), &AtomicBool::new(false)).is_ok());
        assert_eq!(check_size(&" ".repeat(LARGEST_PAGE_BYTES + 1)).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    /// Tags of every kind that the parser treats in its own way.
    fn soup() -> impl Strategy<Value = String> {
        const NAMES: [&str; 38] = [
            "div",
            "p",
            "b",
            "i",
            "a",
            "nobr",
            "table",
            "tbody",
            "tr",
            "td",
            "th",
            "caption",
            "colgroup",
            "template",
            "svg",
            "math",
            "mi",
            "desc",
            "title",
            "style",
            "foreignObject",
            "annotation-xml",
            "select",
            "option",
            "noscript",
            "script",
            "textarea",
            "button",
            "form",
            "object",
            "marquee",
            "applet",
            "li",
            "dd",
            "h1",
            "body",
            "html",
            "br",
        ];
        let tag = (0..NAMES.len(), 0..8_usize).prop_map(|(name, form)| match form {
            0..4 => format!("<{}>", NAMES[name]),
            4 => format!("<{}/>", NAMES[name]),
            5 => "x".to_owned(),
            _ => format!("</{}>", NAMES[name]),
        });
        proptest::collection::vec(tag, 0..120).prop_map(|tags| tags.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_500))]

        #[test]
        fn no_page_is_deeper_than_measured(html in soup()) {
            let measured = measured(&html).deepest;
            prop_assert!(measured >= real_depth(&html), "{measured} < {}", real_depth(&html));
        }

        #[test]
        fn any_text_is_measured(html in "(?s)[<>/a-c\"' =!\\-é]{0,200}") {
            prop_assert!(measured(&html).deepest >= real_depth(&html));
        }
    }
}
