//! Server-sent events.

/// Bytes to the `data` of events. Comments and other fields are dropped; lines may end in LF, CRLF or CR.
#[derive(Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    after_cr: bool,
}

impl Events {
    /// Hands every event that ends in these bytes to `take`.
    pub(crate) fn push<E>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, end) = match piece {
                [line @ .., end @ (b'\n' | b'\r')] => (line, Some(*end)),
                line => (line, None),
            };
            self.line.extend_from_slice(line);
            let is_of_crlf = self.after_cr && piece == b"\n";
            if end.is_some() && !is_of_crlf {
                self.end_of_line(&mut take)?;
            }
            self.after_cr = end == Some(b'\r');
        }
        Ok(())
    }

    /// Hands over an event that the stream's end ends.
    pub(crate) fn finish<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if !self.line.is_empty() {
            self.end_of_line(&mut take)?;
        }
        self.end_of_line(&mut take)
    }

    fn end_of_line<E>(&mut self, take: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.line.is_empty() {
            let taken = if self.data.is_empty() { Ok(()) } else { take(&self.data) };
            self.data.clear();
            return taken;
        }
        if let Some(data) = self.line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        }
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &str, expected: &[&str]) {
        for piece in 1..=stream.len() {
            let (mut events, mut found) = (Events::default(), Vec::new());
            let mut take = |event: &[u8]| -> Result<(), ()> {
                found.push(String::from_utf8_lossy(event).into_owned());
                Ok(())
            };
            for bytes in stream.as_bytes().chunks(piece) {
                events.push(bytes, &mut take).unwrap();
            }
            events.finish(&mut take).unwrap();
            assert_eq!(found, expected, "{stream:?} in pieces of {piece}");
        }
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        check("data: {\"a\":1}\n\ndata: [DONE]\n\n", &["{\"a\":1}", "[DONE]"]);
        check(": comment\r\n\r\ndata:x\r\n\r\nevent: y\ndata: é\n\n", &["x", "é"]);
        check("data: one\ndata: two\r\rdata: last", &["one\ntwo", "last"]);
        check("data: a\rdata: b\n\n", &["a\nb"]);
        check("\n\n\n", &[]);
        check("", &[]);
    }
}
