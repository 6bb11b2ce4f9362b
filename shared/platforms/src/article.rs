//! The article in a web page: its words without what stands around them.
//!
//! Parsers of HTML can be brought to overflow the stack, which ends the process. So a page is measured first, in one
//! pass, and refused when it is nested deeper than any page for people; and it is parsed on a thread with a stack of its
//! own.

mod depth;
mod extract;
mod tidy;

use std::thread;

use engine::error::{Error, ErrorKind, Result};
use futures::channel::oneshot;

const STACK_BYTES: usize = 32 * 1024 * 1024;

/// What a page says and what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article {
    /// Its title.
    pub title: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// When it was published, as it writes it.
    pub published: Option<String>,
    /// The name of its site.
    pub site: Option<String>,
    /// Its language, as it states it.
    pub language: Option<String>,
    /// What it is about, in its own words.
    pub description: Option<String>,
    /// The words: paragraphs with an empty line between them.
    pub text: String,
}

/// The article in a page that came from `url`.
///
/// Errors: `TooLarge`, `InvalidInput` (nested too deep), `Parsing` (no article in it).
pub fn extract(html: &str, url: &str) -> Result<Article> {
    begin(html, url)?.join().unwrap_or_else(|_| Err(failed()))
}

/// The same, without keeping the thread that asks.
pub(crate) async fn extract_aside(html: String, url: String) -> Result<Article> {
    let (done, waiting) = oneshot::channel();
    depth::check(&html)?;
    spawn(move || {
        let _ = done.send(extract::article(&html, &url));
    })?;
    waiting.await.unwrap_or_else(|_| Err(failed()))
}

fn begin(html: &str, url: &str) -> Result<thread::JoinHandle<Result<Article>>> {
    depth::check(html)?;
    let (html, url) = (html.to_owned(), url.to_owned());
    spawn(move || extract::article(&html, &url))
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<thread::JoinHandle<T>> {
    let named = thread::Builder::new().name("page".to_owned()).stack_size(STACK_BYTES);
    named
        .spawn(work)
        .map_err(|error| Error::new(ErrorKind::Internal, "no thread for reading a page").because(error))
}

fn failed() -> Error {
    Error::new(ErrorKind::Parsing, "the page could not be read")
}
