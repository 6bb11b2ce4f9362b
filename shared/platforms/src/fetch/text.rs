//! From bytes of the network to clean text.

use std::sync::LazyLock;

use encoding_rs::{Encoding, UTF_8};
use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

/// How much of a document is searched for a statement of its character set.
const DECLARED_WITHIN: usize = 2_048;

/// The text of a document: by its byte order mark, else the character set it was sent as, else the one it states, else
/// UTF-8. What cannot be read is replaced.
pub fn decode(body: &[u8], charset: Option<&str>) -> String {
    let stated = charset.map(str::to_owned).or_else(|| declared(body));
    let encoding = stated.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
    // A byte order mark goes before the label.
    encoding.decode(body).0.into_owned()
}

/// The character set a document of HTML or XML states at its beginning.
fn declared(body: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(body.get(..DECLARED_WITHIN).unwrap_or(body)).to_ascii_lowercase();
    let after = ["charset=", "encoding="].iter().find_map(|mark| head.split_once(mark))?.1;
    let label: String = after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .collect();
    Some(label).filter(|label| !label.is_empty())
}

/// Text without what a reader cannot see and a renderer may obey: commands to terminals, control characters but line
/// breaks and tabs, overrides of the writing direction, characters without width but joiners; composed (NFC), line breaks
/// as `\n`.
pub fn clean(text: &str) -> String {
    let text = TERMINAL.replace_all(text, "");
    text.replace("\r\n", "\n").replace('\r', "\n").nfc().filter(|letter| !is_unseen(*letter)).collect()
}

/// True if a text holds what [`clean`] would take out; a byte order mark at its beginning and its kind of line breaks are
/// no harm.
pub(crate) fn has_unseen(text: &str) -> bool {
    text.strip_prefix('\u{feff}').unwrap_or(text).chars().any(|letter| letter != '\r' && is_unseen(letter))
}

/// Commands to terminals (ECMA-48): control sequences, strings, single ones.
static TERMINAL: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and the tests build it")]
    Regex::new(
        r"(?:\x1b\[|\u{9b})[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\u{9d}\u{90}])[^\x07\x1b\u{9c}\n]*(?:\x07|\x1b\\|\u{9c})|\x1b[ -/]*[0-~]",
    )
    .expect("a constant pattern")
});

fn is_unseen(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\t'))
        || matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{ad}')
        || matches!(letter, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_sets() {
        for (body, charset, expected) in [
            ("Grüße".as_bytes(), None, "Grüße"),
            (b"Gr\xfc\xdfe", Some("iso-8859-1"), "Grüße"),
            (b"<meta charset=\"windows-1251\">\xcc\xe8\xf0", None, "<meta charset=\"windows-1251\">Мир"),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?>\xe9",
                None,
                "<?xml version='1.0' encoding='ISO-8859-1'?>é",
            ),
            (b"\xff\xfeh\0i\0", Some("utf-8"), "hi"),
            (b"\xe9t\xe9", Some("no-such-set"), "\u{fffd}t\u{fffd}"),
        ] {
            assert_eq!(decode(body, charset), expected);
        }
    }

    #[test]
    fn what_cannot_be_seen_goes() {
        assert_eq!(clean("a\u{202e}b\u{200b}c\r\nd\u{7}\te\u{301}\u{feff}"), "abc\nd\té");
        assert_eq!(
            clean("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}and \u{9b}1mbold\u{1b}(B\u{1b}c"),
            "red and bold"
        );
        assert_eq!(clean("\u{1b}]0;open\nline [1m"), "0;open\nline [1m");
        for (text, expected) in [
            ("\u{feff}a\r\nb\t\u{200d}", false),
            ("a\u{1b}[0m", true),
            ("a\u{feff}", true),
            ("\u{202e}", true),
        ] {
            assert_eq!(has_unseen(text), expected, "{text:?}");
        }
        assert_eq!(clean("می\u{200c}خواهم 👩\u{200d}🔬"), "می\u{200c}خواهم 👩\u{200d}🔬");
    }
}
