//! Drawing in place on a terminal.

use super::LiveView;

/// At most one frame per this many milliseconds.
const FRAME_MS: u64 = 100;

/// Remembers what stands on the terminal, so that the next frame can replace it.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    lines: usize,
    last_ms: Option<u64>,
}

impl Screen {
    /// What to print so that the terminal shows `view` at `now_ms`, or `None` if the last frame is too young. Lines are
    /// overwritten one by one and never blanked first, so that nothing flickers.
    pub fn frame(&mut self, view: &LiveView, now_ms: u64, width: usize, height: usize) -> Option<String> {
        if self.last_ms.is_some_and(|last_ms| now_ms.saturating_sub(last_ms) < FRAME_MS) {
            return None;
        }
        self.last_ms = Some(now_ms);
        Some(self.update(view, now_ms, width, height))
    }

    /// The same without regard to the last frame: for the end of a run.
    pub fn last_frame(&mut self, view: &LiveView, now_ms: u64, width: usize, height: usize) -> String {
        self.update(view, now_ms, width, height)
    }

    /// What to print to take the view off the terminal again.
    pub fn clear(&mut self) -> String {
        let lines = std::mem::take(&mut self.lines);
        if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r\x1b[J") }
    }

    fn update(&mut self, view: &LiveView, now_ms: u64, width: usize, height: usize) -> String {
        // One column and one line stay free: a full line would wrap, a full screen would scroll.
        let drawn = view.draw_within(now_ms, width.saturating_sub(1).max(1), height.saturating_sub(1).max(1));
        let mut out = String::new();
        if self.lines > 0 {
            out.push_str(&format!("\x1b[{}A\r", self.lines));
        }
        let lines = drawn.lines().count();
        for line in drawn.lines() {
            out.push_str(line);
            out.push_str("\x1b[K\n");
        }
        if lines < self.lines {
            out.push_str("\x1b[J");
        }
        self.lines = lines;
        out
    }
}
