//! What a content store must keep.

use super::{Verdict, done, ensure, refused, same, samples};
use crate::error::ErrorKind;
use crate::model::ContentRef;
use crate::ports::ContentStore;

/// Tries everything the engine relies on. The store must be empty.
pub async fn content_contract(content: &dyn ContentStore) -> Verdict {
    let (owner, stranger) = (samples::tenant("owner/../#1"), samples::tenant("stranger"));
    let large: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    for bytes in [&b""[..], b"words", b"\xff\x00\xfe", &large] {
        let stored = done(content.put(&owner, bytes).await, "storing")?;
        let again = done(content.put(&owner, bytes).await, "storing the same again")?;
        same(&again, &stored, "the reference of the same bytes")?;
        let read = done(content.get(&owner, &stored).await, "reading")?;
        ensure(read == bytes, || format!("{} bytes read back differently", bytes.len()))?;
        refused(content.get(&stranger, &stored).await, ErrorKind::NotFound, "another tenant's content")?;
    }
    let words = done(content.put(&owner, b"words").await, "storing")?;
    let others = done(content.put(&owner, b"other words").await, "storing")?;
    ensure(words != others, || format!("different bytes share the reference {words}"))?;
    let unknown = "0".repeat(64);
    for wrong in ["", ".", "..", "../../etc/passwd", "/etc/passwd", "a\u{0}b", "C:\\x", &unknown] {
        let read = content.get(&owner, &ContentRef::new(wrong)).await;
        refused(read, ErrorKind::NotFound, &format!("content under the reference {wrong:?}"))?;
    }
    Ok(())
}
