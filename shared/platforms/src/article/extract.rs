//! Finding the article, with dom_smoothie, a port of Mozilla's Readability.

use dom_query::Document;
use dom_smoothie::{CandidateSelectMode, Config, Readability, TextMode};
use engine::error::{Error, ErrorKind, Result};

use super::{Article, tidy};
use crate::fetch::clean;

/// What stands beside an article or inside it without being of it.
const BESIDE: &str = "figcaption, aside, nav, [role=complementary], [role=navigation], [aria-hidden=true], \
    [class*=newsletter], [class*=related-], [class*=share-], [class*=social-], [id*=newsletter]";

/// The article in a page that was measured before.
pub(super) fn article(html: &str, url: &str) -> Result<Article> {
    let config = Config {
        text_mode: TextMode::Formatted,
        candidate_select_mode: CandidateSelectMode::DomSmoothie,
        ..Config::default()
    };
    let url = Some(url).filter(|url| !url.is_empty());
    let page = Document::from(html);
    page.select(BESIDE).remove();
    let found = Readability::with_document(page, url, Some(config)).and_then(|mut page| page.parse());
    let found = found.map_err(|error| {
        Error::new(ErrorKind::Parsing, "there is no article in the page; save its text and hand in the file")
            .because(error)
    })?;
    let stated = |text: Option<String>| text.map(|text| line(&text)).filter(|text| !text.is_empty());
    let title = stated(Some(found.title.clone()));
    let text = tidy::paragraphs(&clean(&found.text_content), title.as_deref(), found.byline.as_deref());
    Ok(Article {
        author: stated(found.byline),
        published: stated(found.published_time),
        site: stated(found.site_name),
        language: stated(found.lang),
        description: stated(found.excerpt),
        title,
        text,
    })
}

/// A text on one line, without what cannot be seen.
fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
