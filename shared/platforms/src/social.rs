//! Platforms that show their content to people in a browser, but give programs without their owners' keys at most its
//! title. What could be had without leave is not taken; the run says on which rung it stands and what can be done.

use std::sync::Arc;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;
use engine::ports::{Acquired, Platform};
use serde::Deserialize;
use url::Url;

use crate::facts::Facts;
use crate::fetch::{Fetch, Request, clean, decode};
use crate::urls::{self, Recognised};
use crate::web;

/// What one platform gives.
struct Terms {
    /// As [`urls::recognise`] names it.
    platform: &'static str,
    /// Its name for people.
    name: &'static str,
    /// Where it describes its content to programs without a key (<https://oembed.com>).
    oembed: Option<&'static str>,
    /// True if the description holds the words of a post.
    words: bool,
    /// Why the rest is not to be had.
    reason: &'static str,
    /// What can be done instead.
    instead: &'static str,
}

const CAPTIONS: &str =
    "open it in a browser, save its transcript or captions, and hand in the file with --link and this link";
const TEXT: &str = "copy its text into a file and hand that in with --link and this link";

const TERMS: [Terms; 8] = [
    Terms {
        platform: "youtube",
        name: "YouTube",
        oembed: Some("https://www.youtube.com/oembed?format=json"),
        words: false,
        reason: "YouTube gives captions to nobody but the channel's owner",
        instead: "under the video choose \"Show transcript\", copy it into a file (or save its captions), and hand in the \
                  file with --link and this link",
    },
    Terms {
        platform: "twitch",
        name: "Twitch",
        oembed: None,
        words: false,
        reason: "Twitch has no captions, and gives recordings to its own players only",
        instead: CAPTIONS,
    },
    Terms {
        platform: "tiktok",
        name: "TikTok",
        oembed: Some("https://www.tiktok.com/oembed"),
        words: false,
        reason: "TikTok gives its videos and their captions to its own players only",
        instead: CAPTIONS,
    },
    Terms {
        platform: "instagram",
        name: "Instagram",
        oembed: None,
        words: false,
        reason: "Instagram's terms forbid analysing what its interfaces give",
        instead: TEXT,
    },
    Terms {
        platform: "x",
        name: "X",
        oembed: Some("https://publish.twitter.com/oembed?omit_script=1"),
        words: true,
        reason: "X gives programs the text of single public posts only",
        instead: TEXT,
    },
    Terms {
        platform: "reddit",
        name: "Reddit",
        oembed: None,
        words: false,
        reason: "Reddit answers programs with an approved key only",
        instead: TEXT,
    },
    Terms {
        platform: "kick",
        name: "Kick",
        oembed: None,
        words: false,
        reason: "Kick has no interface to recordings, and no captions",
        instead: CAPTIONS,
    },
    Terms {
        platform: "discord",
        name: "Discord",
        oembed: None,
        words: false,
        reason: "Discord shows messages to members of their server only",
        instead: "save an attachment as a file, or copy the messages into one, and hand that in with --link and this link",
    },
];

/// The platforms in the table.
pub struct Social {
    fetch: Arc<dyn Fetch>,
}

impl Social {
    /// The platforms, described by what `fetch` brings.
    pub fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch }
    }
}

fn terms_of(recognised: &Recognised) -> Option<&'static Terms> {
    // Files in messages are files like any other.
    let file = recognised.kind == "attachment";
    TERMS.iter().find(|terms| terms.platform == recognised.platform && !file)
}

#[async_trait]
impl Platform for Social {
    fn name(&self) -> &'static str {
        "social"
    }

    fn recognises(&self, source: &Source) -> bool {
        source.to_fetch().is_some_and(|link| {
            let recognised = urls::recognise(link);
            terms_of(&recognised).is_some() || urls::needs_resolving(&recognised)
        })
    }

    async fn acquire(&self, source: &Source, _: &[u8]) -> Result<Acquired> {
        let link = source.to_fetch().unwrap_or_default();
        let mut recognised = urls::recognise(link);
        let mut place = link.to_owned();
        if urls::needs_resolving(&recognised) {
            let fetched = self.fetch.fetch(&Request::file(link)).await;
            match fetched {
                Ok(fetched) => {
                    recognised = urls::recognise(fetched.url.as_str());
                    place = fetched.url.to_string();
                    if terms_of(&recognised).is_none() {
                        let asked = fetched.url.clone();
                        return web::acquired(self.fetch.as_ref(), link, &asked, fetched).await;
                    }
                }
                Err(error) if error.is_retryable() => return Err(error),
                Err(_) => {}
            }
        }
        let Some(terms) = terms_of(&recognised) else {
            let what = format!(
                "{link} does not say where it leads; open it in a browser and give the link you see there"
            );
            return Err(Error::new(ErrorKind::InvalidInput, what));
        };
        let place = urls::canonical(&recognised).unwrap_or(place);
        let description = match terms.oembed {
            Some(endpoint) => self.describe(endpoint, &place).await,
            None => Description::None,
        };
        Ok(acquired(terms, link, place, &recognised, description))
    }
}

impl Social {
    /// What the platform says of it; whatever keeps it from saying is no reason for the run to fail.
    async fn describe(&self, endpoint: &str, place: &str) -> Description {
        let Ok(mut url) = Url::parse(endpoint) else { return Description::None };
        url.query_pairs_mut().append_pair("url", place);
        let fetched = match self.fetch.fetch(&Request::file(url.as_str())).await {
            Ok(fetched) => fetched,
            Err(error) => {
                tracing::info!(%error, "no description");
                // The site's own answers are of other kinds.
                let reached = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden);
                return if reached {
                    Description::None
                } else {
                    Description::Unreached(error.message().to_owned())
                };
            }
        };
        let text = decode(&fetched.body, fetched.charset.as_deref());
        serde_json::from_str(&text).map_or(Description::None, Description::Found)
    }
}

/// What a platform says of its content.
enum Description {
    Found(Oembed),
    /// Nothing, and that is its answer.
    None,
    /// It was not asked, for this reason.
    Unreached(String),
}

/// A description by the oEmbed format, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Oembed {
    title: Option<String>,
    author_name: Option<String>,
    html: Option<String>,
}

fn acquired(
    terms: &Terms,
    link: &str,
    place: String,
    recognised: &Recognised,
    description: Description,
) -> Acquired {
    let stated = |text: Option<String>| {
        text.map(|text| clean(&text).split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|text| !text.is_empty())
    };
    let (described, description, reason) = match description {
        Description::Found(description) => (true, description, terms.reason.to_owned()),
        Description::None => (false, Oembed::default(), terms.reason.to_owned()),
        Description::Unreached(why) => {
            let reason = format!("{} could not be reached ({why}); besides, {}", terms.name, terms.reason);
            (false, Oembed::default(), reason)
        }
    };
    let words = description.html.filter(|_| terms.words).as_deref().and_then(words_of_post);
    let facts = Facts {
        kind: terms.platform,
        rung: match (&words, described) {
            (Some(_), _) => "full_text",
            (None, true) => "metadata_only",
            (None, false) => "blocked",
        },
        name: link.to_owned(),
        media_type: if words.is_some() { "text/plain" } else { "" }.to_owned(),
        format: if words.is_some() { "text" } else { "binary" },
        title: stated(description.title),
        author: stated(description.author_name).or_else(|| Some(terms.name.to_owned()).filter(|_| described)),
        link: Some(place),
        time_link: urls::time_link(recognised),
        reason: Some(reason).filter(|_| words.is_none()),
        instead: Some(terms.instead.to_owned()).filter(|_| words.is_none()),
        ..Facts::default()
    };
    Acquired { facts: facts.into_value(), content: words.map(String::into_bytes) }
}

/// The words of a post in the first paragraph of its markup.
fn words_of_post(html: &str) -> Option<String> {
    let start = html.find("<p")?;
    let inside = html.get(start..)?.split_once('>')?.1;
    let paragraph = inside.split_once("</p>").map_or(inside, |(paragraph, _)| paragraph);
    let broken = paragraph.replace("<br>", "\n").replace("<br/>", "\n").replace("<br />", "\n");
    // A document of one paragraph: its parser knows every entity.
    let text = clean(&dom_query::Document::fragment(broken).text());
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_post() {
        let html = "<blockquote class=\"twitter-tweet\"><p lang=\"en\" dir=\"ltr\">A wall &amp; a sea<br>for <a \
                    href=\"https://t.co/x\">all</a></p>&mdash; Ann (@ann) <a href=\"#\">March 2</a></blockquote>";
        assert_eq!(words_of_post(html).as_deref(), Some("A wall & a sea\nfor all"));
        assert_eq!(words_of_post("<blockquote></blockquote>"), None);
    }

    #[test]
    fn a_platform_without_a_description_is_blocked_and_says_what_to_do() {
        for terms in &TERMS {
            let recognised = Recognised { platform: terms.platform, kind: "video", id: None };
            let Acquired { facts, content } =
                acquired(terms, "l", "p".to_owned(), &recognised, Description::None);
            assert_eq!((facts["rung"].as_str(), content), (Some("blocked"), None));
            assert!(facts["instead"].as_str().unwrap().contains("--link"));
            let described = Oembed { title: Some("T\u{202e}".to_owned()), ..Oembed::default() };
            let facts =
                acquired(terms, "l", "p".to_owned(), &recognised, Description::Found(described)).facts;
            assert_eq!((facts["rung"].as_str(), facts["title"].as_str()), (Some("metadata_only"), Some("T")));
        }
    }
}
