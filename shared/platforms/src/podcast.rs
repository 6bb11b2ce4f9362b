//! Feeds: RSS and Atom, with the `podcast` namespace, and JSON Feed.

mod entries;

use engine::error::{Error, ErrorKind, Result};
use url::Url;

use crate::fetch::clean;
use crate::root::root;

/// Deeper than any feed.
const DEEPEST: usize = 64;
/// How many titles an error lists.
const LISTED: usize = 5;
const CHOICE: &str = "episode=";

/// The link of one episode: the feed's, with the choice in its fragment. The fragment is never sent.
pub fn link_of_episode(feed: &str, episode: &str) -> Option<String> {
    let mut link = Url::parse(feed).ok()?;
    link.set_fragment(Some(&format!("{CHOICE}{}", episode.trim())));
    Some(link.into())
}

/// The episode a link asks for: a position from 1, the newest, or words of a title.
pub(crate) fn choice(link: &Url) -> Option<String> {
    let fragment = link.fragment()?;
    let choice = fragment.strip_prefix(CHOICE)?;
    let plain = percent_decoded(choice);
    Some(plain.trim().to_owned()).filter(|choice| !choice.is_empty())
}

fn percent_decoded(text: &str) -> String {
    // The parser of forms decodes percent signs; a plus sign stays one.
    let pair = format!("a={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .map(|(_, value)| value.into_owned())
        .next()
        .unwrap_or_default()
}

/// How a feed is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Rss,
    Atom,
    Json,
}

fn format(text: &str) -> Option<Format> {
    match root(text) {
        Some("rss" | "RDF") => Some(Format::Rss),
        Some("feed") => Some(Format::Atom),
        Some(_) => None,
        None => entries::is_json_feed(text).then_some(Format::Json),
    }
}

/// True if a document is a feed.
pub(crate) fn is_feed(text: &str) -> bool {
    format(text).is_some()
}

/// One episode as its feed describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Episode {
    pub(crate) title: Option<String>,
    /// The show, or the episode's own author.
    pub(crate) author: Option<String>,
    pub(crate) published: Option<String>,
    pub(crate) description: Option<String>,
    /// Its page.
    pub(crate) link: Option<String>,
    /// Its recording.
    pub(crate) recording: Option<String>,
    /// Its transcripts, best first.
    pub(crate) transcripts: Vec<Transcript>,
}

/// A transcript a feed points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) url: String,
    pub(crate) media_type: String,
}

/// Reads a feed and finds the episode asked for, the newest if none is.
///
/// Errors: `Parsing` (not a feed that can be read, or one made to do harm), `NotFound` (no such episode; names others).
pub(crate) fn episode(feed: &str, link: &Url) -> Result<Episode> {
    let unreadable = || Error::new(ErrorKind::Parsing, format!("{link}: the feed cannot be read"));
    let format = format(feed).ok_or_else(unreadable)?;
    if format != Format::Json {
        check(feed)?;
    }
    let mut episodes = match format {
        Format::Rss => entries::rss(feed, link).map_err(|error| unreadable().because(error))?,
        Format::Atom => entries::atom(feed, link).map_err(|error| unreadable().because(error))?,
        Format::Json => entries::json(feed, link).map_err(|error| unreadable().because(error))?,
    };
    let chosen = choose(&episodes, choice(link).as_deref(), link)?;
    Ok(episodes.swap_remove(chosen))
}

/// Refuses feeds that are nested too deep or bring entities of their own.
fn check(feed: &str) -> Result<()> {
    let harm = |what: &str| Err(Error::new(ErrorKind::Parsing, format!("the feed {what}")));
    if feed.contains("<!ENTITY") {
        return harm("defines entities of its own, which are not read");
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = feed;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(data) = rest.strip_prefix("![CDATA[") {
            rest = data.find("]]>").and_then(|end| data.get(end..)).unwrap_or_default();
        } else if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").and_then(|end| comment.get(end..)).unwrap_or_default();
        } else if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if rest.starts_with(|letter: char| letter.is_alphabetic()) {
            let end = rest.find('>').unwrap_or(rest.len());
            if !rest.get(..end).is_some_and(|tag| tag.ends_with('/')) {
                depth += 1;
                deepest = deepest.max(depth);
            }
        }
    }
    if deepest > DEEPEST { harm("is nested deeper than any feed") } else { Ok(()) }
}

/// The place of the episode that is meant.
fn choose(episodes: &[Episode], choice: Option<&str>, link: &Url) -> Result<usize> {
    let missing = |what: String| Err(Error::new(ErrorKind::NotFound, format!("{link}: {what}")));
    if episodes.is_empty() {
        return missing("the feed has no episodes".to_owned());
    }
    let Some(choice) = choice else { return Ok(0) };
    if let Ok(position) = choice.parse::<usize>() {
        return match position.checked_sub(1).filter(|place| *place < episodes.len()) {
            Some(place) => Ok(place),
            None => missing(format!("there is no episode {position}; the feed has {}", episodes.len())),
        };
    }
    let sought = words(choice);
    let title = |episode: &Episode| words(episode.title.as_deref().unwrap_or_default());
    if let Some(place) = episodes.iter().position(|episode| title(episode) == sought) {
        return Ok(place);
    }
    let fits = |episode: &Episode| {
        let title = title(episode);
        sought.iter().all(|word| title.contains(word))
    };
    let fitting: Vec<(usize, &Episode)> =
        episodes.iter().enumerate().filter(|(_, episode)| fits(episode)).collect();
    match fitting.as_slice() {
        [(place, _)] => Ok(*place),
        [] => missing(format!("no episode is called \"{choice}\"; there are {}", titles(episodes.iter()))),
        several => missing(format!(
            "{} episodes fit \"{choice}\": {}; give more of the title",
            several.len(),
            titles(several.iter().map(|(_, episode)| *episode))
        )),
    }
}

fn titles<'a>(episodes: impl Iterator<Item = &'a Episode>) -> String {
    let titles = episodes
        .take(LISTED)
        .map(|episode| format!("\"{}\"", episode.title.as_deref().unwrap_or("untitled")));
    titles.collect::<Vec<_>>().join(", ")
}

fn words(text: &str) -> Vec<String> {
    let text = clean(text).to_lowercase();
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FEED: &str = r#"<?xml version="1.0"?>
<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"
  xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">
<channel><title>Harbour talk</title><link>https://show.example</link><description>d</description>
<item><title>The wall &amp; the sea</title><pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate>
  <description><![CDATA[<p>About the <b>wall</b>.</p>]]></description>
  <enclosure url="https://cdn.show.example/3.mp3" length="1" type="audio/mpeg"/>
  <podcast:person role="Chief Snack Officer">Ann</podcast:person>
  <podcast:transcript url="/3.html" type="text/html"/>
  <podcast:transcript url="/3.vtt" type="text/vtt" rel="captions"/></item>
<item><title>Budgets</title><itunes:duration>01:02:03</itunes:duration></item>
<item><title>Budgets again</title></item>
</channel></rss>"#;

    fn check(choice: &str, expected: std::result::Result<&str, &str>) {
        let link = link_of_episode("https://show.example/feed.xml", choice).unwrap();
        let found = episode(FEED, &Url::parse(&link).unwrap());
        match (found, expected) {
            (Ok(episode), Ok(title)) => assert_eq!(episode.title.as_deref(), Some(title)),
            (Err(error), Err(words)) => assert!(error.message().contains(words), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn an_episode_by_position_or_title() {
        check("", Ok("The wall & the sea"));
        check("1", Ok("The wall & the sea"));
        check("2", Ok("Budgets"));
        check("budgets", Ok("Budgets"));
        check("sea + wall", Ok("The wall & the sea"));
        check("AGAIN", Ok("Budgets again"));
        check("budget", Err("no episode is called"));
        check("4", Err("the feed has 3"));
        check("0", Err("the feed has 3"));
        check("the", Ok("The wall & the sea"));
    }

    #[test]
    fn what_a_feed_says_of_an_episode() {
        let link = Url::parse("https://show.example/feed.xml").unwrap();
        let found = episode(FEED, &link).unwrap();
        assert_eq!(found.author.as_deref(), Some("Harbour talk"));
        assert_eq!(found.description.as_deref(), Some("About the wall ."));
        assert_eq!(found.recording.as_deref(), Some("https://cdn.show.example/3.mp3"));
        let urls: Vec<&str> = found.transcripts.iter().map(|transcript| transcript.url.as_str()).collect();
        assert_eq!(urls, ["https://show.example/3.vtt", "https://show.example/3.html"]);
    }

    #[test]
    fn feeds_made_to_do_harm_are_refused() {
        let link = Url::parse("https://show.example/feed.xml").unwrap();
        let laughs =
            "<!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><rss><channel>&b;</channel></rss>";
        let deep = format!("<rss>{}", "<a>".repeat(20_000));
        for feed in [laughs, deep.as_str(), "<rss><channel>", "", "not a feed"] {
            assert_eq!(episode(feed, &link).unwrap_err().kind(), ErrorKind::Parsing);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s)[<>/a-z!\\[\\]&;\"= ]{0,300}") {
            let link = Url::parse("https://show.example/feed.xml#episode=2").unwrap();
            let _ = episode(&text, &link);
        }
    }
}
