//! How large a terminal is.

use std::os::fd::AsFd;

/// Columns and lines of the terminal that `stream` writes to; `None` if that is no terminal, or it does not say.
pub fn size(stream: impl AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use rustix::termios::{Winsize, tcsetwinsize};

    use super::*;

    #[test]
    fn a_terminal_says_how_large_it_is() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(size(&file), None);
        let terminal: File = OpenOptions::new().read(true).write(true).open("/dev/ptmx").unwrap();
        assert_eq!(size(&terminal), None, "it does not know");
        let set = Winsize { ws_row: 17, ws_col: 63, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, set).unwrap();
        assert_eq!(size(&terminal), Some((63, 17)));
    }
}
