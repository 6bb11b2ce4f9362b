//! The article in a web page: its words without what stands around them.
//!
//! Parsers of HTML can be brought to overflow the stack, which ends the process, or to take for ever. So a page is
//! measured first and refused when it is nested deeper than any page for people; it is read on a thread with a stack of
//! its own; and nobody waits for that thread longer than a page for people takes.

mod depth;
mod extract;
mod shape;
mod tidy;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use futures::channel::oneshot;

const STACK_BYTES: usize = 32 * 1024 * 1024;
/// Pages for people take a hundredth of it.
const LONGEST: Duration = Duration::from_secs(3);

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
/// Errors: `TooLarge` (too many bytes, or takes longer than three seconds), `InvalidInput` (nested too deep, too many
/// elements), `Parsing` (no article in it).
pub fn extract(html: &str, url: &str) -> Result<Article> {
    depth::check_size(html)?;
    let given_up = Arc::new(AtomicBool::new(false));
    let (done, waiting) = mpsc::sync_channel(1);
    let (html, url, stop) = (html.to_owned(), url.to_owned(), given_up.clone());
    spawn(STACK_BYTES, move || {
        let article = depth::check(&html, &stop).and_then(|()| extract::article(&html, &url));
        let _ = done.send(article);
    })?;
    match waiting.recv_timeout(LONGEST) {
        Ok(article) => article,
        Err(RecvTimeoutError::Disconnected) => Err(failed()),
        Err(RecvTimeoutError::Timeout) => {
            // The thread ends at its next look, or with its work; nobody waits for it.
            given_up.store(true, Ordering::Relaxed);
            let what = "the page takes too long to read; save its text and hand in the file";
            Err(Error::new(ErrorKind::TooLarge, what))
        }
    }
}

/// The same, without keeping the thread that asks.
pub(crate) async fn extract_aside(html: String, url: String) -> Result<Article> {
    const WAITING_STACK_BYTES: usize = 256 * 1024;
    let (done, waiting) = oneshot::channel();
    spawn(WAITING_STACK_BYTES, move || {
        let _ = done.send(extract(&html, &url));
    })?;
    waiting.await.unwrap_or_else(|_| Err(failed()))
}

fn spawn(stack_bytes: usize, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let named = thread::Builder::new().name("page".to_owned()).stack_size(stack_bytes);
    named
        .spawn(work)
        .map(|_| ())
        .map_err(|error| Error::new(ErrorKind::Internal, "no thread for reading a page").because(error))
}

fn failed() -> Error {
    Error::new(ErrorKind::Parsing, "the page could not be read")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn an_article_with_what_it_says_of_itself() {
        let paragraph =
            "The council voted for the wall on Tuesday, with nine votes to four, after a long debate. ";
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><title>The wall</title><meta property=\"og:site_name\" \
             content=\"Harbour news\"><meta name=\"author\" content=\"Ann Lee\"></head><body><nav><a href=\"/\">Home</a> \
             <a href=\"/a\">News</a></nav><article><h1>The wall</h1><p>{0}</p><p>{1}\u{202e}</p><figure><img \
             src=\"a.png\"><figcaption>A wall</figcaption></figure><p>{0}</p></article><footer>Copyright</footer>\
             </body></html>",
            paragraph.repeat(4),
            paragraph.replace("Tuesday", "Friday").repeat(4),
        );
        let article = extract(&html, "https://news.example/wall").unwrap();
        assert_eq!(article.title.as_deref(), Some("The wall"));
        assert_eq!(article.author.as_deref(), Some("Ann Lee"));
        assert_eq!(article.site.as_deref(), Some("Harbour news"));
        assert_eq!(article.language.as_deref(), Some("en"));
        let paragraphs: Vec<&str> = article.text.split("\n\n").collect();
        // The third repeats the first.
        assert_eq!(
            paragraphs,
            [paragraph.repeat(4).trim(), paragraph.replace("Tuesday", "Friday").repeat(4).trim()]
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let aside = runtime.block_on(extract_aside(html, "https://news.example/wall".to_owned()));
        assert_eq!(aside.unwrap(), article);
    }

    /// Done or refused soon, and the process lives.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test of time")]
    fn pages_that_mean_harm() {
        let words = "some words of an article that nobody wrote, ";
        for (name, html) in [
            ("nested", "<div>".repeat(20_000)),
            ("nested, mixed", "<b><i><a>".repeat(20_000)),
            ("nested tables", "<table><tr><td>".repeat(20_000)),
            ("as deep as allowed", format!("{}{}", "<b><i><a>".repeat(85), words.repeat(100))),
            ("tables as deep as allowed", format!("{}{}", "<table><tr><td>".repeat(85), words.repeat(100))),
            ("divs as deep as allowed", format!("{}{}", "<div>".repeat(250), words.repeat(100))),
            (
                "attributes",
                format!("<p {}>{words}", (0..20_000).map(|n| format!("a{n}=b ")).collect::<String>()),
            ),
            ("paragraphs", format!("<p>{words}").repeat(20_000)),
            ("unclosed", format!("<b>{words}</i><p>").repeat(20_000)),
            ("tables", format!("<table><tr><td>{words}</table>").repeat(5_000)),
            ("entities", "&amp;&lt;&#x1f600;&notanentity;".repeat(50_000)),
            ("comments", "<!--".repeat(100_000)),
            ("quotes", "<a b='".repeat(100_000)),
            ("nested, closed in vain", "<div><table><tr><td></div>".repeat(3_000)),
            ("nested where scripts are off", format!("<noscript>{}", "<div>".repeat(600_000))),
            ("nested pictures", format!("<svg>{}", "<td>".repeat(190_000))),
            ("many elements", "<i></i>".repeat(190_000)),
            ("many deep elements", format!("{}{}", "<div>".repeat(240), "<i>a</i>".repeat(190_000))),
            ("many paragraphs", "<p>a, b".repeat(190_000)),
            (
                "many attributes",
                format!("<p {}>", (0..400_000).map(|n| format!("a{n} ")).collect::<String>()),
            ),
            ("nothing", String::new()),
            ("zeros", "\0".repeat(100_000)),
        ] {
            let began = Instant::now();
            let outcome = extract(&html, "https://news.example/");
            assert!(began.elapsed() < LONGEST + Duration::from_secs(1), "{name} took {:?}", began.elapsed());
            if name.starts_with("nested") {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
            }
        }
    }
}
