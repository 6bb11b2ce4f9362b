//! The podcast namespace's HTML transcript: `<cite>` a speaker, `<time>` a moment, `<p>` the words.

use super::markup::{clean, decode_entities, fold};
use super::stamp::parse_stamp;
use super::{CaptionError, Captions, Cue};

/// Reads cues; a cue ends where the next one begins, the last at its own start.
pub(super) fn parse(text: &str) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut speaker: Option<String> = None;
    let mut start_ms: Option<u64> = None;
    let mut starts: Vec<Option<u64>> = Vec::new();
    let mut skipped: Option<&str> = None;
    let mut words = String::new();
    for piece in (Pieces { rest: text }) {
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
                start_ms = parse_stamp(fold(&words).trim_matches(['[', ']', '(', ')']));
                words.clear();
            }
            Piece::Tag { name, .. } if is_block(name) => {
                let text = fold(&decode_entities(&words));
                words.clear();
                if !text.is_empty() {
                    captions.cues.push(Cue { span: None, speaker: speaker.clone(), text });
                    starts.push(start_ms.take());
                }
            }
            Piece::Tag { name: "br", .. } => words.push(' '),
            Piece::Tag { .. } => {}
        }
    }
    let text = fold(&decode_entities(&words));
    if !text.is_empty() {
        captions.cues.push(Cue { span: None, speaker, text });
        starts.push(start_ms);
    }
    if captions.cues.is_empty() {
        let remedy = "give `<cite>Name:</cite><time>0:00</time><p>words</p>`";
        return Err(CaptionError::new(1, "the HTML has no text", remedy));
    }
    super::plain::give_spans(&mut captions.cues, &starts);
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
}
