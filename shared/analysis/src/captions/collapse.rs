//! Rolling captions: live captions show the last line again above the new one.

use super::{Cue, Span};

/// A cue before rolling lines are taken out.
pub(super) struct RawCue {
    /// When it is shown.
    pub(super) span: Span,
    /// Who speaks.
    pub(super) speaker: Option<String>,
    /// Clean, non-empty lines.
    pub(super) lines: Vec<String>,
}

/// Cues shorter than this only repaint the screen.
const REPAINT_MS: u64 = 50;
/// Cues further apart than this do not roll: the words were said again.
const ROLL_GAP_MS: u64 = 100;

/// Leaves out cues that only repeat the tail of the one before, and repeated first lines.
pub(super) fn collapse(raw: Vec<RawCue>) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::with_capacity(raw.len());
    let mut shown: Option<(Span, Option<String>, Vec<String>)> = None;
    for cue in raw {
        let mut fresh: &[String] = &cue.lines;
        if let Some((span, speaker, lines)) = &shown {
            let close = cue.span.start_ms <= span.end_ms + ROLL_GAP_MS && *speaker == cue.speaker;
            let repaint = cue.span.end_ms - cue.span.start_ms < REPAINT_MS;
            if close && ends_with(lines, &cue.lines) || repaint && contains(lines, &cue.lines) {
                shown = Some((cue.span, cue.speaker, cue.lines));
                continue;
            }
            if close {
                fresh = without_repeated_head(lines, &cue.lines);
            }
        }
        cues.push(Cue { span: Some(cue.span), speaker: cue.speaker.clone(), text: fresh.join(" ") });
        shown = Some((cue.span, cue.speaker, cue.lines));
    }
    cues
}

/// The new text is the last lines, or the end, of what was shown before.
fn ends_with(before: &[String], now: &[String]) -> bool {
    if before.ends_with(now) {
        return true;
    }
    let (Some(last_before), Some(last_now)) = (before.last(), now.last()) else { return false };
    if !last_before.ends_with(last_now.as_str()) && !last_now.ends_with(last_before.as_str()) {
        return false;
    }
    // Line breaks may move when a caption is painted again.
    const LONGEST_TAIL: usize = 2000;
    let length: usize = now.iter().map(|line| line.len() + 1).sum();
    if length > LONGEST_TAIL {
        return false;
    }
    let now = now.join(" ");
    let before = before.join(" ");
    before.strip_suffix(now.as_str()).is_some_and(|head| head.is_empty() || head.ends_with(' '))
}

fn contains(before: &[String], now: &[String]) -> bool {
    before.join(" ").contains(&now.join(" "))
}

/// `now` without the leading lines that end `before`; never empty.
fn without_repeated_head<'a>(before: &[String], now: &'a [String]) -> &'a [String] {
    for count in (1..now.len()).rev() {
        if before.ends_with(&now[..count]) {
            return &now[count..];
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(start_ms: u64, end_ms: u64, lines: &[&str]) -> RawCue {
        RawCue {
            span: Span { start_ms, end_ms },
            speaker: None,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    fn texts(raw: Vec<RawCue>) -> Vec<String> {
        collapse(raw).into_iter().map(|cue| cue.text).collect()
    }

    #[test]
    fn rolling_lines_appear_once() {
        let rolling = vec![
            cue(0, 1000, &["one"]),
            cue(1000, 1010, &["one"]),
            cue(1010, 2000, &["one", "two"]),
            cue(2000, 2010, &["two"]),
            cue(2010, 3000, &["two", "three"]),
        ];
        assert_eq!(texts(rolling), ["one", "two", "three"]);
    }

    #[test]
    fn words_said_again_stay() {
        assert_eq!(texts(vec![cue(0, 500, &["No."]), cue(1500, 2000, &["No."])]), ["No.", "No."]);
    }
}
