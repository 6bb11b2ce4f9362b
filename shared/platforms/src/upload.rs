//! Content somebody handed in. It recognises any source, and says on which rung it stands by a look at its beginning.

use async_trait::async_trait;
use engine::error::Result;
use engine::model::Source;
use engine::ports::{Acquired, Platform};
use serde_json::{Value, json};

/// Files and standard input.
pub(crate) struct Upload;

#[async_trait]
impl Platform for Upload {
    fn name(&self) -> &'static str {
        "upload"
    }

    fn recognises(&self, _source: &Source) -> bool {
        true
    }

    async fn acquire(&self, source: &Source, content: &[u8]) -> Result<Acquired> {
        let text = String::from_utf8_lossy(content);
        let format = format_of(&source.name, &text);
        let facts = json!({
            "kind": "upload",
            "rung": if matches!(format, "text" | "markdown") { "full_text" } else { "captions" },
            "name": source.name,
            "media_type": source.media_type,
            "format": format,
            "bytes": source.bytes,
            "digest": source.content,
            "title": title_of(format, &text),
            "author": Value::Null,
            "published": Value::Null,
            "description": Value::Null,
        });
        Ok(Acquired { facts, content: Some(source.content.clone()) })
    }
}

/// The format by the beginning of the content, and by the name where that says nothing.
fn format_of(name: &str, text: &str) -> &'static str {
    const BEGINNING: usize = 4_096;
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let end = start.char_indices().nth(BEGINNING).map_or(start.len(), |(at, _)| at);
    let beginning = &start[..end];
    let name = name.to_ascii_lowercase();
    if beginning.starts_with("WEBVTT") {
        return "vtt";
    }
    if beginning.starts_with('{') {
        // The keys may stand behind a long list of other things.
        return if text.contains("\"events\"") && text.contains("\"segs\"") { "json3" } else { "podcast-json" };
    }
    if beginning.starts_with('<') {
        for (mark, format) in [("<tt", "ttml"), ("<transcript", "srv1"), ("<timedtext", "srv1")] {
            let found = beginning.split('<').any(|tag| format!("<{tag}").starts_with(mark));
            if found {
                return format;
            }
        }
    }
    if beginning.lines().take(12).any(is_cue_line) {
        return if name.ends_with(".vtt") { "vtt" } else { "srt" };
    }
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("vtt") => "vtt",
        Some("srt") => "srt",
        Some("md" | "markdown") => "markdown",
        _ => "text",
    }
}

/// A line such as `00:00:01,000 --> 00:00:02,000`.
fn is_cue_line(line: &str) -> bool {
    line.split_once("-->").is_some_and(|(before, after)| {
        let stamp = |text: &str| text.trim_start().starts_with(|letter: char| letter.is_ascii_digit());
        stamp(before) && stamp(after)
    })
}

/// A title the content itself gives: the header of a caption file, or a first heading.
fn title_of(format: &str, text: &str) -> Option<String> {
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty())?;
    let title = match format {
        "vtt" => first.strip_prefix("WEBVTT")?.trim_start_matches([' ', '\t', '-']).trim(),
        "markdown" => first.strip_prefix("# ")?.trim(),
        _ => return None,
    };
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        let check = |name: &str, text: &str, expected: &str| assert_eq!(format_of(name, text), expected, "{name}: {text}");
        check("a.txt", "\u{feff}WEBVTT - A talk\n", "vtt");
        check("a.txt", "1\n00:00:01,000 --> 00:00:02,000\nHello", "srt");
        check("a.vtt", "00:01.000 --> 00:02.000\nHello", "vtt");
        check("a.txt", "look --> here", "text");
        check("a", "{\"version\": \"1.0.0\", \"segments\": []}", "podcast-json");
        check("a", "{\"wireMagic\": \"pb3\", \"events\": [{\"segs\": []}]}", "json3");
        check("a", "<?xml version=\"1.0\"?>\n<transcript><text start=\"0\">", "srv1");
        check("a", "<?xml version=\"1.0\"?><tt xmlns=\"x\">", "ttml");
        check("a.md", "# Minutes\nWe met.", "markdown");
        check("speech.txt", "שלום עולם", "text");
    }

    #[test]
    fn a_title_is_taken_where_one_is_given() {
        assert_eq!(title_of("vtt", "WEBVTT - The flood\n\n").as_deref(), Some("The flood"));
        assert_eq!(title_of("vtt", "WEBVTT\n"), None);
        assert_eq!(title_of("markdown", "\n# Minutes of May\n").as_deref(), Some("Minutes of May"));
        assert_eq!(title_of("text", "Once upon a time"), None);
    }
}
