//! Text in which Markdown finds nothing to act on.

/// `text`, which is on one line, such that CommonMark and its usual extensions show it as it is.
///
/// Punctuation that can start something is escaped; addresses are kept from becoming links by escaping their `:` or
/// first dot; after `@` comes an invisible word joiner (`U+2060`), since a chat or forum looks for mentions after it
/// has removed the escapes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = String::new();
    for (index, letter) in text.char_indices() {
        let rest = &text[index + letter.len_utf8()..];
        let act = match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' | '&' | '$' | '^' => true,
            '-' | '+' | '=' => index == 0,
            '.' | ')' => {
                before.bytes().all(|byte| byte.is_ascii_digit()) && !before.is_empty()
                    || ends_with_www(&before)
            }
            ':' => rest.starts_with("//") || before.to_ascii_lowercase().ends_with("mailto"),
            _ => false,
        };
        if act {
            out.push('\\');
        }
        out.push(letter);
        if letter == '@' {
            out.push('\u{2060}');
        }
        before.push(letter);
    }
    out
}

fn ends_with_www(before: &str) -> bool {
    before.len() >= 3
        && before.is_char_boundary(before.len() - 3)
        && before[before.len() - 3..].eq_ignore_ascii_case("www")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn content_cannot_bring_markup() {
        for (content, shown) in [
            ("[x](http://evil.example)", "\\[x\\](http\\://evil.example)"),
            ("![x](y)", "\\!\\[x\\](y)"),
            ("<img src=x>", "\\<img src=x\\>"),
            ("a *b* _c_ `d` ~~e~~ | f", "a \\*b\\* \\_c\\_ \\`d\\` \\~\\~e\\~\\~ \\| f"),
            ("# h", "\\# h"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("12) item", "12\\) item"),
            ("3.8 metres (more)", "3\\.8 metres (more)"),
            ("rose 3.8 metres, well-known", "rose 3.8 metres, well-known"),
            ("see www.evil.example", "see www\\.evil.example"),
            ("&lt; back\\slash", "\\&lt; back\\\\slash"),
            ("@everyone", "@\u{2060}everyone"),
            ("at 10:30", "at 10:30"),
        ] {
            assert_eq!(escape(content), shown);
        }
    }
}
