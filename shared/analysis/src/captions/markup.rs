//! Taking markup out of caption text: tags, voices, entities, override codes.

/// A piece of a cue said by one voice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Voice {
    /// The name in `<v Name>`.
    pub(super) speaker: Option<String>,
    /// Clean text, white space folded.
    pub(super) text: String,
}

/// Cleans the text of a cue and splits it where a new `<v Name>` begins. Empty pieces are left out.
pub(super) fn voices(raw: &str) -> Vec<Voice> {
    if !raw.contains(['<', '&', '{']) {
        return voice(None, raw).into_iter().collect();
    }
    let mut found = Vec::new();
    let mut speaker: Option<String> = None;
    let mut plain = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['<', '{']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(length) = tag_length(rest) else {
            plain.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        let tag = &rest[1..length - 1];
        if let Some(name) = voice_name(tag) {
            found.extend(voice(speaker.take(), &plain));
            plain.clear();
            speaker = name;
        } else if tag.starts_with("br") {
            plain.push(' ');
        }
        rest = &rest[length..];
    }
    plain.push_str(rest);
    found.extend(voice(speaker, &plain));
    found
}

/// Cleans text that has no voices: tags out, entities decoded, white space folded.
pub(super) fn clean(raw: &str) -> String {
    let mut text = String::new();
    for voice in voices(raw) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&voice.text);
    }
    text
}

/// Folds white space and drops control characters.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        if word.contains(|letter: char| letter.is_control() || letter == '\u{feff}' || letter == '\u{200b}') {
            folded
                .extend(word.chars().filter(|&letter| {
                    !(letter.is_control() || letter == '\u{feff}' || letter == '\u{200b}')
                }));
        } else {
            folded.push_str(word);
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Decodes the entities that occur in captions; anything else stays as it is.
pub(super) fn decode_entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest) {
            Some((letter, length)) => {
                decoded.push(letter);
                rest = &rest[length..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn voice(speaker: Option<String>, raw: &str) -> Option<Voice> {
    let text = fold(&decode_entities(raw));
    (!text.is_empty()).then_some(Voice { speaker, text })
}

/// The length of the tag or override code at the start of `text`, or nothing when it is plain text.
fn tag_length(text: &str) -> Option<usize> {
    const LONGEST_TAG: usize = 400;
    let bytes = text.as_bytes();
    let close = if bytes[0] == b'{' {
        if bytes.get(1) != Some(&b'\\') {
            return None;
        }
        b'}'
    } else {
        let second = *bytes.get(1)?;
        if !(second.is_ascii_alphanumeric() || second == b'/' || second == b'!') {
            return None;
        }
        b'>'
    };
    // A tag holds no other, so a run of opening signs costs one look each.
    let open = bytes[0];
    let rest = bytes.iter().take(LONGEST_TAG).skip(1);
    let (at, end) = rest.enumerate().find(|(_, byte)| **byte == close || **byte == open)?;
    (*end == close).then_some(at + 2)
}

/// `v Bob`, `v.loud Bob Smith` -> the name; other tags are not voices.
fn voice_name(tag: &str) -> Option<Option<String>> {
    let after = tag.strip_prefix('v')?;
    let name = match after.chars().next() {
        Some(' ' | '\t' | '\n') => after,
        Some('.') => after.split_once(' ').map_or("", |(_, name)| name),
        _ => return None,
    };
    let name = fold(&decode_entities(name));
    Some((!name.is_empty()).then_some(name))
}

fn entity(text: &str) -> Option<(char, usize)> {
    const LONGEST_ENTITY: usize = 12;
    let end = text.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        "hellip" => '…',
        "mdash" => '—',
        "ndash" => '–',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((letter, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_entities() {
        for (raw, expected) in [
            ("a<00:00:00.480><c> b</c>", "a b"),
            ("<i>x</i> &amp; y", "x & y"),
            ("{\\an8}top", "top"),
            ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
            ("it&#39;s &#x27;ok&#x27; &unknown;", "it's 'ok' &unknown;"),
            ("one<br/>two", "one two"),
            ("&", "&"),
            ("<", "<"),
        ] {
            assert_eq!(clean(raw), expected, "{raw}");
        }
    }

    #[test]
    fn every_voice_is_its_own_piece() {
        let found = voices("<v Ann>Yes.</v> <v.loud Bob Lee>No.</v>");
        assert_eq!(found[0], Voice { speaker: Some("Ann".into()), text: "Yes.".into() });
        assert_eq!(found[1], Voice { speaker: Some("Bob Lee".into()), text: "No.".into() });
    }
}
