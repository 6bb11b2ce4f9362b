//! The one way content comes from the network: a fetcher that reaches public servers only.
//!
//! - [`guard`] is the first gate, on the link's text; [`address`] says what is public; the second gate filters what a
//!   name resolves to, and connections go to exactly those addresses.
//! - Redirects are followed hop by hop, each through both gates. No cookies, no credentials, no proxy.
//! - Bodies are counted as they come out of decompression and cut off at their limit; slow ones are given up.
//! - `robots.txt` is honoured for pages, hosts are asked at a polite pace, and what was fetched a moment ago is not
//!   fetched again.

pub mod address;
mod body;
mod client;
pub mod guard;
mod pace;
mod resolve;
mod robots;
mod text;

use async_trait::async_trait;
use engine::error::Result;
use url::Url;

#[cfg(test)]
mod tests;

pub use client::{Config, GuardedFetcher, Times};
pub use resolve::Lookup;
pub(crate) use text::has_unseen;
pub use text::{clean, decode};

/// The most bytes of a page.
pub const LARGEST_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// The most bytes of captions, feeds and plain files.
pub const LARGEST_FILE_BYTES: usize = 8 * 1024 * 1024;

/// A size for people: `3 MB`, `500 KB`.
pub(crate) fn bytes_in_words(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KB", bytes / 1_024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The link; its fragment is not sent.
    pub link: String,
    /// Whether the site's `robots.txt` is asked first; interfaces made for programs need no leave.
    pub robots: bool,
}

impl Request {
    /// A request for something people read.
    pub fn page(link: &str) -> Self {
        Self { link: link.to_owned(), robots: true }
    }

    /// A request for something made for programs: a feed, captions, an interface.
    pub fn file(link: &str) -> Self {
        Self { link: link.to_owned(), robots: false }
    }
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it came from in the end.
    pub url: Url,
    /// The media type it was sent as, in lower case without parameters; empty if none was stated.
    pub media_type: String,
    /// The character set it was sent as, if one was stated.
    pub charset: Option<String>,
    /// The body, decompressed; empty for sound and pictures, which are not read.
    pub body: Vec<u8>,
    /// The links that led to it, as they were asked for; the last one is `url`.
    pub hops: Vec<String>,
    /// Whether `robots.txt` was asked; it has then allowed every hop.
    pub robots: bool,
    /// When it came.
    pub fetched_ms: u64,
}

/// A fetcher. On a laptop it is [`GuardedFetcher`]; elsewhere it may be a process of its own that holds no secrets.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Fetches a link.
    ///
    /// Errors: `InvalidInput` (refused by a gate, too many redirects), `NotFound`, `Forbidden` (the site lets nobody, or no
    /// programs, read it), `TooLarge`, `UnsupportedMedia`; retryable `RateLimited` with its time, `Network`, `Timeout`.
    async fn fetch(&self, request: &Request) -> Result<Fetched>;
}
