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
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => {}
                b'\n' | b'\r' => self.end_of_line(&mut take)?,
                byte => self.line.push(*byte),
            }
            self.after_cr = *byte == b'\r';
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
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return if data.is_empty() { Ok(()) } else { take(&data) };
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        }
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
        check("\n\n\n", &[]);
        check("", &[]);
    }
}
