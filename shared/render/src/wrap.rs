//! Lines of a given width in terminal columns: wide letters, combining marks and emoji counted as they are shown, the
//! logical order kept.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many columns `text` takes.
pub fn width_of(text: &str) -> usize {
    text.width()
}

/// `text` cut to `width` columns, with an ellipsis if something was cut.
pub fn truncate(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for cluster in text.graphemes(true) {
        used += cluster.width();
        if used + 1 > width {
            break;
        }
        out.push_str(cluster);
    }
    if width > 0 {
        out.truncate(out.trim_end().len());
        out.push('…');
    }
    out
}

/// `text`, which is on one line, broken into lines of at most `width` columns. A word longer than a line is cut
/// between what a reader sees as letters. Never empty.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for (spaced, piece) in pieces(text) {
        let wide = piece.width();
        let gap = usize::from(spaced && !line.is_empty());
        if used + gap + wide <= width {
            line.push_str(if gap == 1 { " " } else { "" });
            line.push_str(&piece);
            used += gap + wide;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        used = 0;
        for cluster in piece.graphemes(true) {
            if used + cluster.width() > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(cluster);
            used += cluster.width();
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The pieces between which a line may break, each with whether a space stands before it: words, and single letters of
/// scripts that are written without spaces, which keep the punctuation that follows.
fn pieces(text: &str) -> Vec<(bool, String)> {
    let mut pieces = Vec::new();
    for word in text.split_whitespace() {
        let mut spaced = true;
        let mut piece = String::new();
        let mut after_ideograph = false;
        for cluster in word.graphemes(true) {
            let ideograph = is_ideograph(cluster);
            let closes = cluster.chars().all(|letter| !letter.is_alphanumeric());
            if !piece.is_empty() && !closes && (ideograph || after_ideograph) {
                pieces.push((spaced, std::mem::take(&mut piece)));
                spaced = false;
            }
            piece.push_str(cluster);
            after_ideograph = ideograph || (after_ideograph && closes);
        }
        pieces.push((spaced, piece));
    }
    pieces
}

/// Han, kana, and hangul, between which a line may break.
fn is_ideograph(cluster: &str) -> bool {
    cluster.chars().next().is_some_and(|letter| {
        matches!(letter, '\u{2e80}'..='\u{2fdf}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_nothing_is_lost() {
        for text in [
            "The council itself spent another 3.1 million on pumping, temporary housing and repairs.",
            "نتحدث اليوم عن محطة تحلية المياه الجديدة في مدينة الواحة.",
            "今日は、水について話します。とても大切です。",
            "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧 emoji",
            "averyveryveryveryverylongwordwithoutanybreak",
        ] {
            for width in [8, 13, 40] {
                let lines = wrap(text, width);
                assert!(lines.iter().all(|line| width_of(line) <= width), "{width}: {lines:?}");
                let bare = |text: &str| text.replace(' ', "");
                assert_eq!(bare(&lines.concat()), bare(text));
            }
        }
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 10), [""]);
        assert!(wrap("今日は、水について話します。", 8).iter().all(|line| !line.starts_with(['、', '。'])));
    }

    #[test]
    fn cuts_show_that_something_is_missing() {
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("abc", 4), "abc");
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("abc", 0), "");
    }
}
