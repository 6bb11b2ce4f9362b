//! What a text says about pictures: images in Markdown or HTML, and words that point at something shown.

use std::sync::LazyLock;

use regex::Regex;

use crate::pattern;

/// An image in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// What it shows, in its author's words.
    pub alt: Option<String>,
}

/// Words that point at something shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The line they stand in, verbatim but for white space around it.
    pub quote: String,
    /// Which line, counted from 1.
    pub line: usize,
}

/// More than this is not listed.
const MOST: usize = 100;
const LONGEST_QUOTE: usize = 240;
const LONGEST_URL: usize = 2000;

/// The images of a text, in order, each address once.
pub fn images(text: &str) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    // Most transcripts have none, and the pattern is large to compile.
    if !text.contains("![") && !text.contains("<img") {
        return images;
    }
    for found in IMAGE.captures_iter(text) {
        let group = |at: usize| found.get(at).map(|group| group.as_str().trim().to_owned());
        let url = group(2).or_else(|| group(3)).unwrap_or_default();
        let alt = group(1).or_else(|| {
            ALT.captures(found.get(0)?.as_str())?.get(1).map(|alt| alt.as_str().trim().to_owned())
        });
        let sensible = !url.is_empty() && url.len() <= LONGEST_URL;
        if sensible && images.iter().all(|image| image.url != url) {
            images.push(Image { url, alt: alt.filter(|alt| !alt.is_empty()) });
        }
        if images.len() == MOST {
            break;
        }
    }
    images
}

/// Words that point at something shown, one per line at most.
pub fn references(text: &str) -> Vec<Reference> {
    let mut references: Vec<Reference> = Vec::new();
    let mut line = 1;
    let mut counted_to = 0;
    let mut last_line = 0;
    for found in POINTING.find_iter(text) {
        line += text[counted_to..found.start()].matches('\n').count();
        counted_to = found.start();
        let shown = last_line;
        last_line = line + found.as_str().matches('\n').count();
        if line <= shown {
            continue;
        }
        let line_start = text[..found.start()].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[found.end()..].find('\n').map_or(text.len(), |at| found.end() + at);
        let quote = near(text, line_start..line_end, found.range());
        references.push(Reference { quote, line });
        if references.len() == MOST {
            break;
        }
    }
    references
}

/// The line, or the part of a long line around the words; without the cue's voice tag.
fn near(text: &str, line: std::ops::Range<usize>, words: std::ops::Range<usize>) -> String {
    let mut start = line.start.max(words.start.saturating_sub(LONGEST_QUOTE / 2));
    let mut end = line.end.min(words.end + LONGEST_QUOTE / 2);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let part = &text[start..end];
    let after_tag = match (part.starts_with('<'), part.find('>')) {
        (true, Some(at)) if start + at < words.start => &part[at + 1..],
        _ => part,
    };
    after_tag.split_whitespace().collect::<Vec<_>>().join(" ")
}

static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"!\[([^\]\n]*)\]\(\s*<?([^)\s>]+)[^)\n]*\)|<img\s[^>]*?src\s*=\s*["']([^"'>]+)["'][^>]*>"#)
});
static ALT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"alt\s*=\s*["']([^"'>]+)["']"#));
static POINTING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(?:as\s+you\s+(?:can\s+)?see|you\s+can\s+see\s+(?:here|in|on|that)|take\s+a\s+look\s+at\s+th(?:is|e)|",
        r"on\s+(?:the|your|my)\s+screen|(?:this|the\s+next|our\s+next|next)\s+(?:chart|slide|graph|figure|diagram|map|picture|",
        r"photo|photograph|image|video|clip|table)\b|(?:shown|pictured|displayed)\s+(?:here|above|below|on)|look\s+at\s+this\s+",
        r"(?:chart|slide|graph|figure|map|picture|photo|image)|(?:blue|red|green|yellow|orange)\s+(?:bar|line|area|curve)\b|",
        r"wie\s+(?:sie|ihr|man)\s+(?:hier\s+|auf\s+\w+\s+\w+\s+)?(?:seh\w+|sieht)|auf\s+dies(?:er|em)\s+(?:karte|bild|folie|grafik|diagramm|foto)|",
        r"comme\s+vous\s+(?:pouvez\s+)?(?:le\s+)?voyez|sur\s+cette\s+(?:carte|image|photo|diapositive)|como\s+(?:pueden|puedes|ven)\s+ver|",
        r"en\s+est[ea]\s+(?:gráfico|mapa|imagen|foto)|come\s+(?:potete\s+)?ved(?:ete|ere)|como\s+podem\s+ver|как\s+(?:вы\s+)?видите)"
    ))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_both_kinds() {
        let text = "![A map](map.png \"t\") x ![](b.jpg) <img alt=\"Wall\" src='w.gif'> ![A map](map.png)";
        let rows: Vec<_> = images(text).into_iter().map(|image| (image.url, image.alt)).collect();
        let expected = [
            ("map.png".to_owned(), Some("A map".to_owned())),
            ("b.jpg".to_owned(), None),
            ("w.gif".to_owned(), Some("Wall".to_owned())),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn pointing_words_with_their_line() {
        let text = "one\n<v Ann>As you can\nsee in this chart, it rose.\nWie Sie auf dieser Karte sehen.\nthis is fine";
        let rows: Vec<_> = references(text).into_iter().map(|found| (found.line, found.quote)).collect();
        assert_eq!(rows[0], (2, "As you can see in this chart, it rose.".to_owned()));
        assert_eq!(rows[1].0, 4);
        assert_eq!(rows.len(), 2);
    }
}
