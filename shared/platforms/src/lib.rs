//! Where content comes from: one file per platform, and this list.
//!
//! A platform says what a source is and how far it got with it: its rung. Everything from the network comes through the
//! guarded fetcher in [`fetch`]. Deliberately not here: reading transcripts, which is analysis, and storing content,
//! which the engine does.

mod alternate;
pub mod article;
mod facts;
pub mod fetch;
mod look_alike;
pub mod podcast;
mod root;
mod sniff;
mod social;
mod upload;
pub mod urls;
mod web;

use std::sync::Arc;

use engine::ports::Platform;

pub use sniff::{is_of_recording, media_type, signature};
pub use social::Social;
pub use upload::{Upload, as_read};
pub use urls::{Recognised, recognise};
pub use web::Web;

/// Every platform, in the order they are asked; the last one recognises everything.
pub fn platforms(fetch: &Arc<dyn fetch::Fetch>) -> Vec<Arc<dyn Platform>> {
    vec![Arc::new(Social::new(fetch.clone())), Arc::new(Web::new(fetch.clone())), Arc::new(Upload)]
}

#[cfg(test)]
mod tests;
