//! What content is, as far as its name and its first bytes tell. Content decides where it is plain; the name breaks
//! ties. Nothing here reads a transcript.

use std::sync::LazyLock;

use regex::Regex;

use crate::fetch::clean;
use crate::podcast;
use crate::root::root;

/// How much of a text is looked at, in bytes.
const LOOK_AT: usize = 16 * 1024;
const LONGEST_TITLE: usize = 200;

/// What was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Words with times, in a format for captions or transcripts.
    Captions { format: &'static str, title: Option<String> },
    /// Words.
    Words { format: &'static str, title: Option<String> },
    /// Sound or moving pictures.
    Recording,
    /// Bytes that are neither.
    Other,
}

/// What these bytes are. Never fails: text that looks like nothing else is plain text.
pub(crate) fn content(name: &str, bytes: &[u8]) -> Content {
    if let Some(media_type) = signature(bytes) {
        return if is_of_recording(media_type) { Content::Recording } else { Content::Other };
    }
    let Some(text) = beginning(bytes) else { return Content::Other };
    let format = format(name, text);
    match format {
        "markdown" => Content::Words { format, title: markdown_title(text) },
        "text" => Content::Words { format, title: None },
        "html" if !text.contains("<time") && !text.contains("<cite") => {
            Content::Words { format, title: None }
        }
        "vtt" => Content::Captions { format, title: vtt_title(text) },
        _ => Content::Captions { format, title: None },
    }
}

/// Whether this is the media type of sound or moving pictures.
pub fn is_of_recording(media_type: &str) -> bool {
    media_type.starts_with("audio/") || media_type.starts_with("video/")
}

/// What a document is, if it is made for programs and holds no words of a talk or an article.
pub(crate) fn not_for_reading(name: &str, text: &str) -> Option<String> {
    if podcast::is_feed(text) {
        return Some("a feed".to_owned());
    }
    let is_markup = text.trim_start_matches('\u{feff}').trim_start().starts_with("<?xml")
        || ends_as(name, &["xml", "rss", "atom", "opml"]);
    let root = root(text).filter(|_| is_markup)?;
    let known = ["html", "body", "tt", "transcript", "timedtext"];
    if known.iter().any(|known| root.eq_ignore_ascii_case(known)) {
        return None;
    }
    Some(format!("XML of a kind that is not read (<{root}>)"))
}

fn ends_as(name: &str, extensions: &[&str]) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The media type of content of that name.
pub fn media_type(name: &str, bytes: &[u8]) -> &'static str {
    if let Some(media_type) = signature(bytes) {
        return media_type;
    }
    match beginning(bytes).map(|text| format(name, text)) {
        None => "application/octet-stream",
        Some("vtt") => "text/vtt",
        Some("srt") => "application/x-subrip",
        Some("podcast-json" | "json3") => "application/json",
        Some("srv1") => "application/xml",
        Some("ttml") => "application/ttml+xml",
        Some("html") => "text/html",
        Some("markdown") => "text/markdown",
        Some(_) => "text/plain",
    }
}

/// The name of the format, as analysis knows it.
fn format(name: &str, text: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("WEBVTT") {
        return "vtt";
    }
    if matches!(extension, "json" | "json3") || starts_json(text) {
        return json_format(extension, text);
    }
    if let Some(format) = markup_format(extension, text) {
        return format;
    }
    if text.lines().any(is_timing) {
        return if extension == "vtt" { "vtt" } else { "srt" };
    }
    match extension {
        "vtt" => "vtt",
        "srt" => "srt",
        "ttml" | "dfxp" => "ttml",
        "srv1" | "srv3" => "srv1",
        "html" | "htm" => "html",
        "md" | "markdown" => "markdown",
        "txt" | "text" => "text",
        _ if text.lines().any(is_heading) => "markdown",
        _ => "text",
    }
}

/// An object, or a list of objects or lists: a text that starts with "[Music]" is none.
fn starts_json(text: &str) -> bool {
    let after = |opening: char| text.strip_prefix(opening).map(|rest| rest.trim_start().chars().next());
    let object = matches!(after('{'), Some(None | Some('"' | '}')));
    object || matches!(after('['), Some(None | Some('{' | '[' | ']')))
}

fn json_format(extension: &str, text: &str) -> &'static str {
    let events = text.find("\"events\"");
    let segments = text.find("\"segments\"");
    let events_first = events.is_some_and(|at| segments.is_none_or(|other| at < other));
    if extension == "json3" || events_first { "json3" } else { "podcast-json" }
}

/// The format of a document by its first telling element.
fn markup_format(extension: &str, text: &str) -> Option<&'static str> {
    if !text.starts_with('<') {
        return None;
    }
    let elements = text.split('<').skip(1).filter_map(|part| {
        let name =
            part.split(|character: char| character.is_whitespace() || "/>".contains(character)).next()?;
        Some(name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase())
    });
    let is_markdown = matches!(extension, "md" | "markdown");
    for element in elements {
        match element.as_str() {
            "tt" => return Some("ttml"),
            "transcript" | "timedtext" => return Some("srv1"),
            "html" | "body" | "cite" | "time" | "p" | "div" if !is_markdown => return Some("html"),
            _ => {}
        }
    }
    None
}

/// `00:00:01,000 --> 00:00:02,000`, with or without hours or fractions.
fn is_timing(line: &str) -> bool {
    let Some((start, end)) = line.split_once("->") else { return false };
    let start = start.trim_end_matches('-').trim();
    let clock = |text: &str| {
        text.contains(':')
            && text.chars().all(|character| character.is_ascii_digit() || ":.,".contains(character))
    };
    clock(start) && end.trim_start().starts_with(|character: char| character.is_ascii_digit())
}

fn is_heading(line: &str) -> bool {
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    (1..=6).contains(&hashes) && line[hashes..].starts_with(' ') && !line[hashes..].trim().is_empty()
}

/// The first heading, outside of front matter and code; or the front matter's own `title`.
fn markdown_title(text: &str) -> Option<String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().peekable();
    if lines.peek().is_some_and(|line| line.trim_end() == "---") {
        lines.next();
        for line in lines.by_ref().take_while(|line| line.trim_end() != "---") {
            if let Some(title) = line.strip_prefix("title:") {
                return title_of(title.trim().trim_matches(['"', '\'']));
            }
        }
    }
    let mut in_code = false;
    for line in lines {
        in_code ^= line.starts_with("```");
        if !in_code && is_heading(line) {
            return title_of(line.trim_start_matches('#').trim().trim_end_matches('#'));
        }
    }
    None
}

/// What follows `WEBVTT` on its line, or a `Title:` line of the header.
fn vtt_title(text: &str) -> Option<String> {
    let mut header =
        text.trim_start_matches('\u{feff}').trim_start().lines().take_while(|line| !line.trim().is_empty());
    let first = header.next()?.strip_prefix("WEBVTT").unwrap_or_default();
    let titled = header.find_map(|line| line.strip_prefix("Title:"));
    let after_dash = first.trim_start().strip_prefix('-').unwrap_or(first);
    title_of(titled.unwrap_or(after_dash))
}

/// A title in plain words: without tags, marks of emphasis, and the places links lead to.
fn title_of(text: &str) -> Option<String> {
    let text = TAG.replace_all(text, "");
    let text = LINK.replace_all(&text, "$1");
    let text = EMPHASIS.replace_all(&text, "$1$2$3$4");
    let title: String =
        clean(&text).trim().chars().filter(|character| !character.is_control()).take(LONGEST_TITLE).collect();
    (!title.is_empty()).then_some(title)
}

static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"</?[A-Za-z][^<>]*>"));
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"!?\[([^\[\]]*)\]\([^()]*\)"));
static EMPHASIS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\*{1,3}([^*\s][^*]*)\*{1,3}|\b_{1,3}([^_]+)_{1,3}\b|`+([^`]+)`+|~~([^~]+)~~"));

fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests build every one")]
    Regex::new(text).expect("a constant pattern")
}

/// The beginning of a text; `None` if the bytes are none.
fn beginning(bytes: &[u8]) -> Option<&str> {
    let part = &bytes[..bytes.len().min(LOOK_AT)];
    let text = match std::str::from_utf8(part) {
        Ok(text) => text,
        // Cut inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&part[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// True if these bytes are no text in any character set.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    let wide = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let head = bytes.get(..LOOK_AT).unwrap_or(bytes);
    signature(bytes).is_some_and(|media_type| !(wide && media_type.starts_with("audio/")))
        || (!wide && head.contains(&0))
}

/// True if these bytes begin as sound or moving pictures do.
pub(crate) fn is_recording(bytes: &[u8]) -> bool {
    matches!(content("", bytes), Content::Recording)
}

/// The media type that the first bytes of a file of some other kind than text say. A text may begin with the letters of
/// such a mark, so what follows them counts too.
pub fn signature(bytes: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 14] = [
        (b"\xff\xfb", "audio/mpeg"),
        (b"\xff\xf3", "audio/mpeg"),
        (b"\xff\xf1", "audio/aac"),
        (b"OggS\0", "audio/ogg"),
        (b"fLaC\0", "audio/flac"),
        (b"fLaC\x80", "audio/flac"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"%PDF-", "application/pdf"),
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
    ];
    match bytes {
        [b'I', b'D', b'3', 2..=4, ..] => Some("audio/mpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("audio/wav"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("video/x-msvideo"),
        [0, _, _, _, b'f', b't', b'y', b'p', b'M', b'4', b'A', ..] => Some("audio/mp4"),
        [0, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        _ => SIGNATURES.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, media_type)| *media_type),
    }
}
