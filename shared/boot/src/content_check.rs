//! Whether bytes somebody hands in can be worked on, said before anything is stored.

use engine::error::{Error, ErrorKind, Result};

/// The largest input, in bytes. Two hours of speech are about 0.2 MB of captions.
pub const LARGEST_INPUT_BYTES: u64 = 8 * 1024 * 1024;

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
        let what = format!(
            "{} MB is more than the {} MB one input may have; split it",
            bytes.len() / (1024 * 1024),
            LARGEST_INPUT_BYTES / (1024 * 1024)
        );
        return refuse(ErrorKind::TooLarge, &what);
    }
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = bytes {
        return refuse(
            ErrorKind::UnsupportedMedia,
            "is UTF-16; save it as UTF-8 (for example: iconv -f UTF-16 -t UTF-8)",
        );
    }
    if bytes.contains(&0) {
        return refuse(
            ErrorKind::UnsupportedMedia,
            "is not text; hand in a transcript: .txt .md .vtt .srt .json .ttml",
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
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
    analysis::check_captions(name, text).or_else(|what| refuse(ErrorKind::InvalidInput, &what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<&str>) {
        match (check_content("a.txt", bytes), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.message().contains(expected) && error.message().contains("a.txt"), "{error}");
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
        check(&vec![b'a'; 9 * 1024 * 1024], Some("split it"));
    }
}
