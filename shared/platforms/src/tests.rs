use std::pin::pin;
use std::task::{Context, Poll, Waker};

use engine::error::{ErrorKind, Result};
use engine::model::{ContentRef, Source};
use engine::ports::Acquired;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// No network.
struct Offline;

#[async_trait::async_trait]
impl fetch::Fetch for Offline {
    async fn fetch(&self, _: &fetch::Request) -> Result<fetch::Fetched> {
        Err(engine::error::Error::new(ErrorKind::Network, "there is no network"))
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

fn acquire(name: &str, content: &[u8]) -> Result<Acquired> {
    let source = Source {
        name: name.to_owned(),
        media_type: "application/octet-stream".to_owned(),
        bytes: content.len() as u64,
        content: ContentRef::new("d".repeat(64)),
        link: None,
    };
    let platforms = platforms(&(Arc::new(Offline) as Arc<dyn fetch::Fetch>));
    let platform = platforms.iter().find(|platform| platform.recognises(&source)).unwrap();
    block_on(platform.acquire(&source, content))
}

#[test]
fn facts_are_complete() {
    let text = "\u{feff}WEBVTT - The council\n\n00:01.000 --> 00:02.000\nHi";
    let acquired = acquire("talk.vtt", text.as_bytes()).unwrap();
    assert_eq!(
        acquired.facts,
        json!({
            "kind": "upload", "rung": "captions", "name": "talk.vtt", "media_type": "text/vtt", "format": "vtt",
            "bytes": text.len(), "digest": "d".repeat(64), "title": "The council", "author": null, "published": null,
            "description": null, "link": null, "time_link": null, "reason": null, "instead": null,
            "warnings": [], "fetch_policy": null,
        })
    );
    assert_eq!(acquired.content, None, "what was handed in is the content");
}

fn acquire_link(network: Arc<dyn fetch::Fetch>, link: &str) -> Result<Acquired> {
    let source = Source {
        name: link.to_owned(),
        media_type: Source::LINK.to_owned(),
        bytes: link.len() as u64,
        content: ContentRef::new("d".repeat(64)),
        link: Some(link.to_owned()),
    };
    let platforms = platforms(&network);
    let platform = platforms.iter().find(|platform| platform.recognises(&source)).unwrap();
    block_on(platform.acquire(&source, link.as_bytes()))
}

/// Sites that answer with these bodies, by link.
struct Sites(Vec<(&'static str, &'static str, String)>);

#[async_trait::async_trait]
impl fetch::Fetch for Sites {
    async fn fetch(&self, request: &fetch::Request) -> Result<fetch::Fetched> {
        let found = self.0.iter().find(|(link, ..)| *link == request.link);
        let missing = || engine::error::Error::new(ErrorKind::NotFound, "no such page");
        let (link, media_type, body) = found.ok_or_else(missing)?;
        Ok(fetch::Fetched {
            url: url::Url::parse(link).unwrap(),
            media_type: (*media_type).to_owned(),
            charset: None,
            body: body.clone().into_bytes(),
            hops: vec![(*link).to_owned()],
            robots: request.robots,
            fetched_ms: 7,
        })
    }
}

#[test]
fn feeds_of_every_kind_and_pages_that_stand_for_one() {
    const CAPTIONS: &str = "WEBVTT\n\n00:01.000 --> 00:02.000\nThe wall holds.";
    let rss = "<rss version='2.0' xmlns:podcast='https://podcastindex.org/namespace/1.0'><channel><title>Show</title>\
        <item><title>The wall</title><enclosure url='https://a.example/1.mp3' type='audio/mpeg' length='1'/>\
        <podcast:transcript url='/1.vtt' type='text/vtt'/></item></channel></rss>";
    let atom = "<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom' \
        xmlns:podcast='https://podcastindex.org/namespace/1.0'><title>Show</title><id>a</id>\
        <updated>2026-03-02T10:00:00Z</updated><entry><title>The wall</title><id>b</id>\
        <updated>2026-03-02T10:00:00Z</updated><link href='/wall'/>\
        <link rel='enclosure' href='https://a.example/1.mp3'/>\
        <podcast:transcript url='/1.vtt' type='text/vtt'/></entry></feed>";
    let blog = atom
        .replace("<podcast:transcript url='/1.vtt' type='text/vtt'/>", "")
        .replace("rel='enclosure'", "rel='self'");
    let json = r#"{"version": "https://jsonfeed.org/version/1.1", "title": "Show", "items": [{"id": "1",
        "title": "The wall", "attachments": [{"url": "/1.mp3", "mime_type": "audio/mpeg"},
        {"url": "/1.vtt", "mime_type": "text/vtt"}]}]}"#;
    let page = "<html><head><link rel='alternate' type='application/rss+xml' href='/rss'></head>\
        <body><p>Listen wherever you are.</p></body></html>";
    let article = format!(
        "<html><title>The wall</title><p>{}</p></html>",
        "The wall holds the water back. ".repeat(30)
    );
    let commented = format!("<?xml version='1.0'?><!-- {} -->{rss}", "x".repeat(3_000));
    let sites = Arc::new(Sites(vec![
        ("https://a.example/rss", "application/rss+xml", rss.to_owned()),
        ("https://a.example/commented", "text/xml", commented),
        ("https://a.example/atom", "application/atom+xml", atom.to_owned()),
        ("https://a.example/blog", "application/atom+xml", blog),
        ("https://a.example/json", "application/feed+json", json.to_owned()),
        ("https://a.example/show", "text/html", page.to_owned()),
        ("https://a.example/1.vtt", "text/vtt", CAPTIONS.to_owned()),
        ("https://a.example/wall", "text/html", article),
        (
            "https://a.example/map",
            "application/xml",
            "<?xml version='1.0'?><urlset><url/></urlset>".to_owned(),
        ),
    ]));
    for path in ["rss", "commented", "atom", "json", "show"] {
        let acquired = acquire_link(sites.clone(), &format!("https://a.example/{path}")).unwrap();
        let facts = &acquired.facts;
        assert_eq!(
            (facts["kind"].as_str(), facts["rung"].as_str()),
            (Some("podcast"), Some("captions")),
            "{path}"
        );
        assert_eq!(
            (facts["title"].as_str(), facts["author"].as_str()),
            (Some("The wall"), Some("Show")),
            "{path}"
        );
        assert_eq!(acquired.content.as_deref(), Some(CAPTIONS.as_bytes()), "{path}");
    }
    let blog = acquire_link(sites.clone(), "https://a.example/blog").unwrap();
    assert_eq!(
        (blog.facts["rung"].as_str(), blog.facts["title"].as_str()),
        (Some("full_text"), Some("The wall"))
    );
    let digest = blake3::hash(sites.0[7].2.as_bytes()).to_hex().to_string();
    let policy = json!({"robots": "allowed", "hops": ["https://a.example/wall"], "fetched_ms": 7,
        "bytes": sites.0[7].2.len(), "digest": digest});
    assert_eq!(blog.facts["fetch_policy"], policy);
    let error = acquire_link(sites, "https://a.example/map").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedMedia);
    assert!(error.message().contains("<urlset>"), "{error}");
    for (name, text) in [("a.xml", atom), ("a.rss", rss), ("a.json", json), ("a.xml", "<x><y/></x>")] {
        assert_eq!(acquire(name, text.as_bytes()).unwrap_err().kind(), ErrorKind::UnsupportedMedia, "{text}");
    }
}

#[test]
fn what_cannot_be_seen_in_a_file_is_taken_out() {
    let text = "WEBVTT - \u{1b}[31mThe council\u{1b}[0m\n\n00:01.000 --> 00:02.000\nHi\u{202e} the\u{200b}re";
    let acquired = acquire("ta\u{202e}lk.vtt", text.as_bytes()).unwrap();
    let expected = "WEBVTT - The council\n\n00:01.000 --> 00:02.000\nHi there";
    assert_eq!(acquired.content.as_deref(), Some(expected.as_bytes()));
    assert_eq!(
        (acquired.facts["title"].as_str(), acquired.facts["name"].as_str()),
        (Some("The council"), Some("talk.vtt"))
    );
}

#[test]
fn a_page_in_a_file_is_read_as_one_behind_a_link_is() {
    let words =
        "The council voted for the wall on Tuesday, with nine votes to four, after a debate. ".repeat(5);
    let html = format!(
        "<html><head><title>The wall</title></head><body><nav><a href='/'>Home</a></nav><article><p>{words}</p>\
         </article></body></html>"
    );
    let acquired = acquire("wall.htm", html.as_bytes()).unwrap();
    assert_eq!(acquired.content.as_deref(), Some(words.trim().as_bytes()));
    let facts = acquired.facts;
    assert_eq!(
        (facts["title"].as_str(), facts["format"].as_str(), facts["rung"].as_str()),
        (Some("The wall"), Some("text"), Some("full_text"))
    );
    let deep = "<div><table><tr><td></div>".repeat(3_000);
    let error = acquire("deep.html", deep.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().starts_with("deep.html: the page has more than"), "{error}");
}

/// A network on which every site says no.
struct Closed;

#[async_trait::async_trait]
impl fetch::Fetch for Closed {
    async fn fetch(&self, _: &fetch::Request) -> Result<fetch::Fetched> {
        Err(engine::error::Error::new(ErrorKind::Forbidden, "does not let programs read this"))
    }
}

#[test]
fn every_platform_states_its_rung_and_what_to_do_instead() {
    for (link, kind) in [
        ("https://www.youtube.com/watch?v=abcDEF12_-3", "youtube"),
        ("https://www.twitch.tv/videos/123456", "twitch"),
        ("https://www.tiktok.com/@a/video/1234567890123456789", "tiktok"),
        ("https://www.instagram.com/p/Cabc_1/", "instagram"),
        ("https://x.com/a/status/12", "x"),
        ("https://www.reddit.com/r/rust/comments/1abc/t/", "reddit"),
        ("https://kick.com/somebody", "kick"),
        ("https://discord.com/channels/1/2/3", "discord"),
        ("https://discord.gg/abc", "discord"),
        ("https://cdn.discordapp.com/attachments/1/2/a.txt", "web"),
        ("https://show.example/feed.xml", "web"),
        ("https://news.example/article", "web"),
    ] {
        let facts = acquire_link(Arc::new(Closed), link).unwrap().facts;
        assert_eq!((facts["kind"].as_str(), facts["rung"].as_str()), (Some(kind), Some("blocked")), "{link}");
        assert!(!facts["reason"].as_str().unwrap().is_empty(), "{link}");
        assert!(facts["instead"].as_str().unwrap().contains("file"), "{link}: {}", facts["instead"]);
    }
}

#[test]
fn a_platform_that_was_not_reached_is_said_to_be_so() {
    let link = "https://www.youtube.com/watch?v=abcDEF12_-3";
    let facts = acquire_link(Arc::new(Offline), link).unwrap().facts;
    assert_eq!(facts["rung"], "blocked");
    let reason = facts["reason"].as_str().unwrap();
    assert!(reason.starts_with("YouTube could not be reached (there is no network)"), "{reason}");
}

#[test]
fn a_host_that_looks_like_another_is_marked() {
    let facts = acquire_link(Arc::new(Closed), "https://p\u{430}ypal.example/a").unwrap().facts;
    let warnings = facts["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].as_str().unwrap().contains("paypal"), "{warnings:?}");
}

#[test]
fn content_decides_and_names_break_ties() {
    for (name, text, rung, format) in [
        ("a.txt", "WEBVTT\n\n", "captions", "vtt"),
        ("a.vtt", "1\n00:00:01,000 --> 00:00:02,000\nHi", "captions", "vtt"),
        ("a.txt", "1\r\n00:00:01,000 --> 00:00:02,000\r\nHi", "captions", "srt"),
        ("", "0:01 --> 0:02\nHi", "captions", "srt"),
        ("a", "{\"version\": \"1.0.0\", \"segments\": []}", "captions", "podcast-json"),
        ("a", " {\n \"events\": [{\"segments\": 1}]}", "captions", "json3"),
        ("a.json3", "{}", "captions", "json3"),
        ("a.xml", "<?xml version=\"1.0\"?>\n<tt xmlns=\"x\"><body/></tt>", "captions", "ttml"),
        ("a.xml", "<tt:tt><tt:body/></tt:tt>", "captions", "ttml"),
        ("a.xml", "<transcript><text start=\"1\">Hi</text></transcript>", "captions", "srv1"),
        ("a.xml", "<timedtext format=\"3\"><body/></timedtext>", "captions", "srv1"),
        ("a", "<cite>Ann:</cite><time>0:00</time><p>Hi</p>", "captions", "html"),
        ("a.html", "<html><body><p>Words</p></body></html>", "full_text", "text"),
        ("a.md", "Words", "full_text", "markdown"),
        ("a.md", "<div>\n\n# Title", "full_text", "markdown"),
        ("-", "# Title\n\nWords", "full_text", "markdown"),
        ("a.txt", "# not a heading", "full_text", "text"),
        ("a", "[Music] Hello", "full_text", "text"),
        ("a", "a --> b, and 1 -> 2", "full_text", "text"),
        ("a", "#hashtag first", "full_text", "text"),
    ] {
        let facts = acquire(name, text.as_bytes()).unwrap().facts;
        assert_eq!(
            (facts["rung"].as_str(), facts["format"].as_str()),
            (Some(rung), Some(format)),
            "{name}: {text}"
        );
    }
}

#[test]
fn titles_are_found_where_they_are_evident() {
    for (name, text, title) in [
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nTitle: no", None),
        ("a.vtt", "WEBVTT\nKind: captions\nTitle: The council\n\n", Some("The council")),
        ("a.md", "# The council #\n\n# Other", Some("The council")),
        ("a.md", "Words\n```\n# code\n```\n## The council", Some("The council")),
        ("a.md", "---\ndate: 1\ntitle: \"The council\"\n---\n# Other", Some("The council")),
        ("a.md", "---\ndate: 1\n---\n# The council", Some("The council")),
        (
            "a.md",
            "# The **council** [meets](https://a.example) <b>_now_</b> `x_y` 2 < 3",
            Some("The council meets now x_y 2 < 3"),
        ),
        ("a.md", "# \u{1b}[31mThe council\u{202e}", Some("The council")),
        ("a.vtt", "WEBVTT - <i>The council</i>\n\n", Some("The council")),
        ("a.md", "Words", None),
        ("a.txt", "The council", None),
    ] {
        assert_eq!(acquire(name, text.as_bytes()).unwrap().facts["title"].as_str(), title, "{text}");
    }
    let long = format!("# {}", "\u{1f3a7}".repeat(5_000));
    let title = acquire("a.md", long.as_bytes()).unwrap().facts["title"].as_str().unwrap().to_owned();
    assert_eq!(title.chars().count(), 200);
}

#[test]
fn what_is_no_text_says_how_far_it_got() {
    for (bytes, rung, media_type) in [
        (&b"ID3\x03\0\0"[..], "audio_to_transcribe", "audio/mpeg"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio_to_transcribe", "audio/wav"),
        (b"\0\0\0\x20ftypisom", "audio_to_transcribe", "video/mp4"),
        (b"%PDF-1.7", "metadata_only", "application/pdf"),
        (b"\x89PNG\r\n", "metadata_only", "image/png"),
        (b"words\0words", "metadata_only", "application/octet-stream"),
        (b"caf\xe9 au lait", "metadata_only", "application/octet-stream"),
    ] {
        let acquired = acquire("a.txt", bytes).unwrap();
        assert_eq!(acquired.facts["rung"], rung);
        assert_eq!(acquired.facts["media_type"], media_type);
        assert_eq!(acquired.content, None);
    }
}

#[test]
fn a_text_may_begin_with_the_letters_of_a_mark() {
    for text in [
        "ID3 tags name the artist.",
        "Sea and WAVE power",
        "Sea and AVI files",
        "OggS opens a page.",
        "fLaC opens a file.",
        "the ftyp box",
        "GIF8 is cut off.",
    ] {
        assert_eq!(acquire("a.txt", text.as_bytes()).unwrap().facts["rung"], "full_text", "{text}");
    }
}

#[test]
fn nothing_is_refused() {
    for empty in ["", " \r\n\t"] {
        assert_eq!(acquire("a.vtt", empty.as_bytes()).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_character_cut_by_the_look_is_no_damage() {
    for before in 0..4 {
        let text = format!("{}{}", "x".repeat(before), "\u{1f3a7}".repeat(10_000));
        assert_eq!(media_type("a.txt", text.as_bytes()), "text/plain");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(name in ".{0,20}", content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = acquire(&name, &content);
    }

    #[test]
    fn any_text_gets_an_answer(name in "[a-z.]{0,8}", content in "(WEBVTT|-->|[<>{}\\[\\]#\"\n: a-z0-9]){1,80}") {
        if let Ok(acquired) = acquire(&name, content.as_bytes()) {
            prop_assert!(acquired.content.is_none());
        }
    }
}
