//! The podcast namespace's HTML transcript: `<cite>` a speaker, `<time>` a moment, `<p>` the words.

use super::markup::{clean, decode_entities, fold};
use super::plain::give_spans;
use super::stamp::parse_stamp;
use super::{CaptionError, Captions, Cue};

/// Reads cues; their times are those of [`give_spans`].
pub(super) fn parse(text: &str) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut speaker: Option<String> = None;
    let mut start: (usize, Option<u64>) = (0, None);
    let mut starts: Vec<(usize, Option<u64>)> = Vec::new();
    let mut skipped: Option<&str> = None;
    let mut words = String::new();
    let mut pieces = Pieces { rest: text };
    let mut line = 1;
    let mut before = text;
    while let Some(piece) = pieces.next() {
        line += before[..before.len() - pieces.rest.len()].matches('\n').count();
        before = pieces.rest;
        match piece {
            Piece::Text(text) if skipped.is_none() => words.push_str(text),
            Piece::Text(_) => {}
            Piece::Tag { name, closing } if name == "script" || name == "style" || name == "head" => {
                skipped = if closing { None } else { Some(name) };
            }
            Piece::Tag { name: "cite", closing: true } => {
                let name = clean(&words);
                speaker = Some(name.trim_end_matches(':').trim().to_owned()).filter(|name| !name.is_empty());
                words.clear();
            }
            Piece::Tag { name: "time", closing: true } => {
                start = (line, parse_stamp(fold(&words).trim_matches(['[', ']', '(', ')'])));
                words.clear();
            }
            Piece::Tag { name, .. } if is_block(name) => {
                let text = fold(&decode_entities(&words));
                words.clear();
                if !text.is_empty() {
                    captions.cues.push(Cue { span: None, speaker: speaker.clone(), text });
                    starts.push(std::mem::take(&mut start));
                }
            }
            Piece::Tag { name: "br", .. } => words.push(' '),
            Piece::Tag { .. } => {}
        }
    }
    let text = fold(&decode_entities(&words));
    if !text.is_empty() {
        captions.cues.push(Cue { span: None, speaker, text });
        starts.push(start);
    }
    if captions.cues.is_empty() {
        let remedy = "give `<cite>Name:</cite><time>0:00</time><p>words</p>`";
        return Err(CaptionError::new(1, "the HTML has no text", remedy));
    }
    give_spans(&mut captions, &starts);
    Ok(captions)
}

enum Piece<'a> {
    Text(&'a str),
    Tag { name: &'a str, closing: bool },
}

struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(inside) = self.rest.strip_prefix('<') else {
            let end = self.rest.find('<').unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(Piece::Text(text));
        };
        let Some(end) = inside.find('>') else {
            // No tag ends any more: what remains is text.
            let text = self.rest;
            self.rest = "";
            return Some(Piece::Text(text));
        };
        self.rest = &inside[end + 1..];
        let tag = &inside[..end];
        let (closing, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name = tag.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
        Some(Piece::Tag { name, closing })
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div" | "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "body" | "html" | "tr" | "section"
    ) || matches!(name, "article" | "blockquote" | "ul" | "ol" | "cite" | "time")
}

#[cfg(test)]
mod tests {
    use super::super::Span;
    use super::*;

    #[test]
    fn speakers_and_times() {
        let html = "<cite>Ann:</cite>\n<time>0:00</time>\n<p>It&#39;s <b>on</b>.</p>\n<cite>Bob:</cite><time>0:09</time><p>Yes";
        let captions = parse(html).unwrap();
        assert_eq!(captions.cues.len(), 2);
        assert_eq!(captions.cues[0].text, "It's on.");
        assert_eq!(captions.cues[0].span, Some(Span { start_ms: 0, end_ms: 9000 }));
        assert_eq!(captions.cues[1].speaker.as_deref(), Some("Bob"));
    }

    #[test]
    fn times_that_are_left_out_are_named_with_the_line() {
        let check = |html: &str, spans: &[Option<u64>], warnings: &[&str]| {
            let captions = parse(html).unwrap();
            let found = captions.cues.iter().map(|cue| cue.span.map(|span| span.start_ms));
            assert_eq!(found.collect::<Vec<_>>(), spans, "{html}");
            assert_eq!(captions.warnings, warnings, "{html}");
        };
        let cues = "<time>0:00</time><p>a</p>\n<p>b</p><time>0:04</time><p>c</p>\n<time>0:09</time><p>d</p>";
        let timed = [None, Some(0), Some(2_000), Some(4_000), Some(9_000)];
        check(&format!("<h1>Talk</h1>{cues}"), &timed, &[]);
        let before = "line 4: times were left out because the one here is before the one above it";
        check(&format!("{cues}\n<time>0:05</time><p>e</p>"), &[None; 5], &[before]);
        // One time in an article is a clock's.
        check("<p>a</p>\n<time>0:05</time><p>b</p><p>c</p>", &[None; 3], &[]);
    }
}
