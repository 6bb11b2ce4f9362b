//! Podcast feeds: RSS with the `podcast` namespace.

use std::collections::BTreeMap;

use engine::error::{Error, ErrorKind, Result};
use rss::extension::Extension;
use rss::{Channel, Item};
use url::Url;

use crate::fetch::clean;

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

/// True if a document is a feed.
pub(crate) fn is_feed(text: &str) -> bool {
    let head = text.get(..text.floor_char_boundary(1_024)).unwrap_or(text);
    head.contains("<rss") || head.contains("<rdf:RDF")
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
    check(feed)?;
    let unreadable = |error: rss::Error| {
        Error::new(ErrorKind::Parsing, format!("{link}: the feed cannot be read")).because(error)
    };
    let channel = Channel::read_from(feed.as_bytes()).map_err(unreadable)?;
    let item = choose(&channel, choice(link).as_deref(), link)?;
    let extension =
        |name: &str| item.extensions().get("podcast").and_then(|podcast| podcast.get(name)).cloned();
    let mut transcripts: Vec<Transcript> =
        extension("transcript").unwrap_or_default().iter().filter_map(|tag| transcript(tag, link)).collect();
    transcripts.sort_by_key(|transcript| rank(&transcript.media_type));
    let stated = |text: Option<&str>| text.map(line).filter(|text| !text.is_empty());
    let own_author = item.itunes_ext().and_then(|itunes| itunes.author()).or(item.author());
    Ok(Episode {
        title: stated(item.title()),
        author: stated(own_author).or_else(|| stated(Some(channel.title()))),
        published: stated(item.pub_date()),
        description: stated(item.description().map(without_tags).as_deref()).map(|text| shorten(&text)),
        link: stated(item.link()).and_then(|page| joined(link, &page)),
        recording: item.enclosure().and_then(|enclosure| joined(link, enclosure.url())),
        transcripts,
    })
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

fn choose<'a>(channel: &'a Channel, choice: Option<&str>, link: &Url) -> Result<&'a Item> {
    let items = channel.items();
    let missing = |what: String| Err(Error::new(ErrorKind::NotFound, format!("{link}: {what}")));
    let Some(newest) = items.first() else { return missing("the feed has no episodes".to_owned()) };
    let Some(choice) = choice else { return Ok(newest) };
    if let Ok(position) = choice.parse::<usize>() {
        let item = position.checked_sub(1).and_then(|place| items.get(place));
        return match item {
            Some(item) => Ok(item),
            None => missing(format!("there is no episode {position}; the feed has {}", items.len())),
        };
    }
    let sought = words(choice);
    let title = |item: &Item| words(item.title().unwrap_or_default());
    if let Some(item) = items.iter().find(|item| title(item) == sought) {
        return Ok(item);
    }
    let fitting: Vec<&Item> = items
        .iter()
        .filter(|item| {
            let title = title(item);
            sought.iter().all(|word| title.contains(word))
        })
        .collect();
    match fitting.as_slice() {
        [item] => Ok(item),
        [] => missing(format!("no episode is called \"{choice}\"; there are {}", titles(items.iter()))),
        several => missing(format!(
            "{} episodes fit \"{choice}\": {}; give more of the title",
            several.len(),
            titles(several.iter().copied())
        )),
    }
}

fn titles<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    let titles = items.take(LISTED).map(|item| format!("\"{}\"", line(item.title().unwrap_or("untitled"))));
    titles.collect::<Vec<_>>().join(", ")
}

fn words(text: &str) -> Vec<String> {
    let text = clean(text).to_lowercase();
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn transcript(tag: &Extension, feed: &Url) -> Option<Transcript> {
    let attributes: &BTreeMap<String, String> = tag.attrs();
    let url = joined(feed, attributes.get("url")?)?;
    let media_type =
        attributes.get("type").map(|media_type| media_type.to_ascii_lowercase()).unwrap_or_default();
    Some(Transcript { url, media_type })
}

/// Captions before transcripts with times before words.
fn rank(media_type: &str) -> u8 {
    match media_type {
        "text/vtt" => 0,
        "application/x-subrip" | "application/srt" | "text/srt" => 1,
        "application/json" => 2,
        "text/html" => 3,
        "text/plain" => 4,
        _ => 5,
    }
}

fn joined(base: &Url, link: &str) -> Option<String> {
    let url = base.join(link.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a description, which may be HTML.
fn without_tags(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                words.push(' ');
            }
            _ if !inside => words.push(letter),
            _ => {}
        }
    }
    words
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 1_000;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
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
