//! The root of a document of XML or HTML.

/// The local name of the first element, if the document begins with one: what stands before it may be a byte order mark, a
/// declaration, instructions, comments and a document type of any length.
pub(crate) fn root(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let after = rest.strip_prefix('<')?;
        let end = if let Some(comment) = after.strip_prefix("!--") {
            comment.find("-->").and_then(|at| comment.get(at + 3..))
        } else if let Some(instruction) = after.strip_prefix('?') {
            instruction.find("?>").and_then(|at| instruction.get(at + 2..))
        } else if after.starts_with('!') {
            after_declaration(after)
        } else {
            let end = after.find(|letter: char| letter.is_whitespace() || "/>".contains(letter))?;
            let name = after.get(..end)?;
            let local = name.rsplit(':').next().unwrap_or(name);
            return Some(local).filter(|name| name.starts_with(char::is_alphabetic));
        };
        rest = end?.trim_start();
    }
}

/// What follows a document type, whose declarations of its own stand in brackets.
fn after_declaration(text: &str) -> Option<&str> {
    let mut inside = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => inside += 1,
            ']' => inside = inside.saturating_sub(1),
            '>' if inside == 0 => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::root;

    #[test]
    fn roots() {
        let long = format!("<?xml version='1.0'?>\n<!-- {} -->\n<rss version='2.0'>", "<feed> ".repeat(900));
        for (text, expected) in [
            ("<rss>", Some("rss")),
            ("\u{feff} <?xml version='1.0'?><atom:feed xmlns:atom='x'>", Some("feed")),
            (long.as_str(), Some("rss")),
            ("<!DOCTYPE html><html lang='en'>", Some("html")),
            ("<!DOCTYPE r [<!ENTITY a \"<x>\">]><r/>", Some("r")),
            ("words <rss>", None),
            ("<3 words", None),
            ("<!-- open", None),
            ("<rss", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(root(text), expected, "{text}");
        }
    }
}
