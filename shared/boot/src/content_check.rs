//! Whether bytes somebody hands in can be worked on, said before anything is stored.

use engine::error::{Error, ErrorKind, Result};

/// The largest input, in bytes. Two hours of speech are about 0.2 MB of captions.
pub const LARGEST_INPUT_BYTES: u64 = 8 * 1024 * 1024;

const HAND_IN: &str = "hand in a transcript: .txt .md .vtt .srt .json .ttml";

/// The media type that goes with a file's name.
pub fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("vtt") => "text/vtt",
        Some("srt") => "application/x-subrip",
        Some("json" | "json3") => "application/json",
        Some("md" | "markdown") => "text/markdown",
        Some("ttml" | "dfxp") => "application/ttml+xml",
        Some("srv1" | "xml") => "application/xml",
        _ => "text/plain",
    }
}

/// Refuses what cannot be worked on: `InvalidInput`, `TooLarge` or `UnsupportedMedia`, naming `name` and what would do.
pub fn check_content(name: &str, bytes: &[u8]) -> Result<()> {
    let refuse = |kind: ErrorKind, what: &str| Err(Error::new(kind, format!("{name}: {what}")));
    if bytes.len() as u64 > LARGEST_INPUT_BYTES {
        return Err(too_large(name));
    }
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = bytes {
        return refuse(
            ErrorKind::UnsupportedMedia,
            "is UTF-16; save it as UTF-8 (for example: iconv -f UTF-16 -t UTF-8)",
        );
    }
    if let Some(media_type) = platforms::signature(bytes) {
        let what = if platforms::is_of_recording(media_type) { "a recording" } else { "not text" };
        return refuse(ErrorKind::UnsupportedMedia, &format!("is {what} ({media_type}); {HAND_IN}"));
    }
    if let Some(encoding) = wide(bytes) {
        let what = format!("is UTF-16; save it as UTF-8 (for example: iconv -f {encoding} -t UTF-8)");
        return refuse(ErrorKind::UnsupportedMedia, &what);
    }
    if bytes.contains(&0) {
        return refuse(ErrorKind::UnsupportedMedia, &format!("is not text; {HAND_IN}"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) if bytes.iter().any(is_for_machines) => {
            return refuse(ErrorKind::UnsupportedMedia, &format!("is not text; {HAND_IN}"));
        }
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            let what =
                format!("line {line} is not UTF-8; convert it (for example: iconv -f WINDOWS-1252 -t UTF-8)");
            return refuse(ErrorKind::UnsupportedMedia, &what);
        }
    };
    if text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}').is_empty() {
        return refuse(ErrorKind::InvalidInput, "is empty; hand in a transcript with words in it");
    }
    let (format, text) = platforms::as_read(name, text)
        .map_err(|what| Error::new(ErrorKind::UnsupportedMedia, format!("{name}: {what}")))?;
    analysis::check_captions(format, &text).or_else(|what| refuse(ErrorKind::InvalidInput, &what))
}

/// The encoding of a text of two bytes a letter that does not say so: every other byte of most languages is zero.
fn wide(bytes: &[u8]) -> Option<&'static str> {
    const LOOK_AT: usize = 4096;
    let head = bytes.get(..LOOK_AT).unwrap_or(bytes);
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, low) if low * 4 > head.len() => Some("UTF-16LE"),
        (high, 0) if high * 4 > head.len() => Some("UTF-16BE"),
        _ => None,
    }
}

/// Whether no text has this byte in any encoding of one byte a letter.
fn is_for_machines(byte: &u8) -> bool {
    *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0x1a | 0x1b)
}

/// The refusal of an input of more than [`LARGEST_INPUT_BYTES`].
pub fn too_large(name: &str) -> Error {
    let most = LARGEST_INPUT_BYTES / (1024 * 1024);
    Error::new(
        ErrorKind::TooLarge,
        format!("{name}: is more than {most} MB, the most one input may have; split it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<&str>) {
        check_named("a.txt", bytes, expected);
    }

    fn check_named(name: &str, bytes: &[u8], expected: Option<&str>) {
        match (check_content(name, bytes), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.message().contains(expected) && error.message().contains(name), "{error}");
            }
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn bad_input_is_named_with_what_would_do() {
        check("Es war einmal. שלום 🌊".as_bytes(), None);
        check(b" \n\t", Some("empty"));
        check("\u{feff}\n".as_bytes(), Some("empty"));
        check(b"\xFF\xFEh\0i\0", Some("UTF-16"));
        check(b"\x7fELF\0\0", Some("not text"));
        check(b"one\ntwo \xE9\n", Some("line 2 is not UTF-8"));
        check(&vec![b'a'; LARGEST_INPUT_BYTES as usize + 1], Some("is more than 8 MB"));
    }

    #[test]
    fn what_no_run_can_read_is_refused() {
        check(b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\n", Some("not text (application/pdf)"));
        check(b"\x1f\x8b\x08\x08", Some("not text (application/gzip)"));
        check(b"ID3\x03 ", Some("a recording (audio/mpeg)"));
        check(b"ID3 tags name the artist. WAVE files have none.", None);
        check(b"h\0e\0l\0l\0o\0", Some("iconv -f UTF-16LE"));
        check(b"\0h\0e\0l\0l\0o", Some("iconv -f UTF-16BE"));
        check(b"\x01\x02\xE9\x03", Some("not text"));
        check(b"caf\xE9\x0c\n", Some("line 1 is not UTF-8"));
        check_named(
            "a.xml",
            b"<rss version=\"2.0\"><channel><title>t</title></channel></rss>",
            Some("a feed"),
        );
        check_named("a.xml", b"<?xml version=\"1.0\"?><project>words</project>", Some("<project>"));
        check_named("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\n[Music]\n", Some("no words"));
        check_named("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\n[Music] Hello.\n", None);
        check("[Music]\u{200b}\n".as_bytes(), Some("no words"));
    }
}
