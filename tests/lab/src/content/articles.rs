//! Articles against what people took for the article of each page.

use std::collections::BTreeMap;
use std::path::Path;

use platforms::article;
use platforms::fetch::{clean, decode};
use serde::Deserialize;

use super::{Figure, Trouble, rows};
use crate::score::{article_f1, shingles};

/// Pages worse than this are listed.
const LISTED_BELOW: f64 = 0.95;

#[derive(Deserialize)]
struct Truth {
    #[serde(rename = "articleBody", default)]
    body: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

/// F1 of runs of four words, as evaluate.py of scrapinghub/article-extraction-benchmark has it. A page in which no article
/// is found counts as one of which nothing was found.
pub(super) fn f1(folder: &Path) -> Result<Figure, Trouble> {
    let folder = folder.join("articles");
    let truths: BTreeMap<String, Truth> = match rows::json(&folder, "ground-truth.json") {
        Err(Trouble::NotRun(_)) => {
            return Err(Trouble::NotRun("articles/ground-truth.json is not there".to_owned()));
        }
        truths => truths?,
    };
    let (mut pages, mut poor, mut without) = (Vec::new(), Vec::new(), 0);
    for (id, truth) in &truths {
        let page = match rows::page(&folder, id) {
            Err(Trouble::NotRun(_)) => {
                without += 1;
                continue;
            }
            page => page?,
        };
        let url = truth.url.as_deref().unwrap_or_default();
        let (text, trouble) = match article::extract(&clean(&decode(&page, None)), url) {
            Ok(article) => (article.text, String::new()),
            Err(error) => (String::new(), format!(", {error}")),
        };
        let found = shingles(truth.body.as_deref().unwrap_or_default(), &text);
        pages.push(found);
        // Where nothing is shared there is no F1.
        let alone = if found[0] > 0.0 { article_f1(&[found]) } else { 0.0 };
        if alone < LISTED_BELOW {
            poor.push((alone, found, format!("{id} {url}{trouble}")));
        }
    }
    if pages.is_empty() {
        return Err(Trouble::NotRun("articles/ has no pages".to_owned()));
    }
    poor.sort_by(|one, other| one.0.total_cmp(&other.0));
    let listed = poor.into_iter().map(|(f1, [hits, alarms, misses], page)| {
        format!("{f1:.3} (shared {hits:.3}, not of it {alarms:.3}, missed {misses:.3}): {page}")
    });
    let draw = |rows: &[usize]| article_f1(&rows.iter().map(|row| pages[*row]).collect::<Vec<_>>());
    let figure = Figure::drawn(pages.len(), draw).failing(listed);
    Ok(figure.also("without_page", without))
}
