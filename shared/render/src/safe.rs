//! The one gate between content and a person's screen.

/// Text on one line that cannot move a cursor, send an escape sequence or change the order in which others are read.
///
/// White space of any kind becomes single spaces. Control characters become `U+FFFD`, so that they are seen. Marks that
/// override or embed a direction, invisible tags and characters that only serve to hide others are dropped; joiners and
/// plain direction marks stay, since scripts and emoji need them. The order of the rest is untouched.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for letter in text.chars() {
        if letter.is_whitespace() {
            gap = !out.is_empty();
            continue;
        }
        if is_hidden(letter) {
            continue;
        }
        if gap {
            out.push(' ');
            gap = false;
        }
        out.push(if letter.is_control() { '\u{fffd}' } else { letter });
    }
    out
}

/// [`safe`], for a name, a label or a title: at most 120 letters, an ellipsis for the rest.
pub(super) fn short(text: &str) -> String {
    cut(text, 120)
}

/// [`safe`], at most `most` letters, an ellipsis for the rest.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = safe(text);
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text,
    }
}

/// Bidirectional embeddings, overrides and isolates, zero-width space, byte-order mark, annotation marks, tags.
pub(super) fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}' | '\u{2060}'..='\u{2064}'
        | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{safe, short};

    #[test]
    fn endless_words_end() {
        assert_eq!(short(&"é".repeat(2_000)), format!("{}…", "é".repeat(119)));
        assert_eq!(short("a  title"), "a title");
    }

    #[test]
    fn neutralises_what_drives_a_terminal_or_hides_text() {
        for (content, shown) in [
            ("a\x1b[2Jb", "a\u{fffd}[2Jb"),
            ("bell\x07 del\x7f", "bell\u{fffd} del\u{fffd}"),
            ("\u{9b}31mred", "\u{fffd}31mred"),
            ("\x1b]8;;http://x\x07link", "\u{fffd}]8;;http://x\u{fffd}link"),
            ("abc\u{202e}fed\u{202c}", "abcfed"),
            ("\u{2066}x\u{2069}\u{feff}\u{200b}", "x"),
            (" two\r\nlines\t\u{2028}and more ", "two lines and more"),
            ("tag\u{e0041}\u{e0042}", "tag"),
        ] {
            assert_eq!(safe(content), shown, "{content:?}");
        }
    }

    #[test]
    fn leaves_scripts_and_emoji_alone() {
        for text in ["مرحبا بكم في برنامج", "‏שלום", "👩‍👩‍👧 ok", "می‌خواهم", "e\u{301}", "日本語"]
        {
            assert_eq!(safe(text), text);
        }
    }
}
