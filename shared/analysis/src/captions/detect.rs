//! Which format a file is: its content decides, its name breaks ties.

use std::sync::LazyLock;

use regex::Regex;

use crate::pattern;

use super::Format;

/// Guesses the format of `text`. Never fails: what looks like nothing else is plain text.
pub fn detect(file_name: &str, text: &str) -> Format {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lowercase_name = file_name.to_ascii_lowercase();
    let extension = lowercase_name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if text.starts_with("WEBVTT") {
        return Format::Vtt;
    }
    if extension == "json" || extension == "json3" || JSON_START.is_match(text) {
        let events = text.find("\"events\"");
        let segments = text.find("\"segments\"");
        let json3 = extension == "json3" || events.is_some_and(|at| segments.is_none_or(|other| at < other));
        return if json3 { Format::Json3 } else { Format::PodcastJson };
    }
    if text.starts_with('<')
        && let Some(format) = markup_format(text, extension)
    {
        return format;
    }
    if TIMING.is_match(text) {
        return if extension == "vtt" { Format::Vtt } else { Format::Srt };
    }
    match extension {
        "vtt" => Format::Vtt,
        "srt" => Format::Srt,
        "ttml" | "dfxp" => Format::Ttml,
        "srv1" | "srv3" => Format::Srv1,
        "html" | "htm" => Format::Html,
        "md" | "markdown" => Format::Markdown,
        "txt" | "text" => Format::Text,
        _ if MARKDOWN.is_match(text) => Format::Markdown,
        _ => Format::Text,
    }
}

/// `{"` or `[{`: a plain text that starts with "[Music]" is not JSON.
static JSON_START: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\A(?:\{\s*(?:"|\}|\z)|\[\s*(?:[\[{\]]|\z)|(?:\{"[^"]{1,40}":\s*)+)"#));
static TIMING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*(?:\d+:)?\d+:\d+(?:[.,]\d+)?\s*--?>\s*\d"));
static ROOT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<(?:\w+:)?(tt|transcript|timedtext|html|body|cite|time|p|div)[\s>/]"));
static MARKDOWN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^#{1,6} \S|^```|!\[[^\]\n]*\]\("));

fn markup_format(text: &str, extension: &str) -> Option<Format> {
    const LOOK_AT: usize = 4000;
    let mut end = text.len().min(LOOK_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match ROOT.captures(&text[..end])?.get(1)?.as_str() {
        "tt" => Some(Format::Ttml),
        "transcript" | "timedtext" => Some(Format::Srv1),
        _ if extension == "md" || extension == "markdown" => None,
        _ => Some(Format::Html),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        for (name, text, expected) in [
            ("a.txt", "\u{feff}WEBVTT\n\n", Format::Vtt),
            ("a.vtt", "1\n00:00:01,000 --> 00:00:02,000\nHi", Format::Vtt),
            ("a", "1\r\n00:00:01,000 --> 00:00:02,000\r\nHi", Format::Srt),
            ("a", r#"{"events": []}"#, Format::Json3),
            ("a", r#"{"version": "1.0.0", "segments": []}"#, Format::PodcastJson),
            ("a", "<?xml version=\"1.0\"?><transcript><text start=\"1\">x</text></transcript>", Format::Srv1),
            ("a.xml", "<tt xmlns=\"http://www.w3.org/ns/ttml\"><body/></tt>", Format::Ttml),
            ("a", "<tt:tt><tt:body/></tt:tt>", Format::Ttml),
            ("a", "<cite>Ann:</cite><time>0:00</time><p>Hi</p>", Format::Html),
            ("a.txt", "[Music] Hello there", Format::Text),
            ("a.md", "# Title\n\nText", Format::Markdown),
            ("", "# Title\n\nText", Format::Markdown),
            ("a", "Just words --> here.", Format::Text),
            ("", "", Format::Text),
        ] {
            assert_eq!(detect(name, text), expected, "{name}: {text}");
        }
    }

    #[test]
    fn deep_json_is_json() {
        assert_eq!(detect("", &"[".repeat(1000)), Format::PodcastJson);
    }
}
