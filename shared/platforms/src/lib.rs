//! Where content comes from: one file per platform, and this list.
//!
//! A platform says what a source is and how far it got with it: its rung. Deliberately not here: reading transcripts,
//! which is analysis, and storing content, which the engine asks for.

mod sniff;
mod upload;

use std::sync::Arc;

use engine::ports::Platform;

pub use sniff::media_type;
pub use upload::Upload;

/// Every platform, in the order they are asked; the last one recognises everything.
pub fn platforms() -> Vec<Arc<dyn Platform>> {
    vec![Arc::new(Upload)]
}

#[cfg(test)]
mod tests;
