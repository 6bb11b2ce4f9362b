//! Links as input, against a server on this machine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Output;
use std::sync::{Arc, Mutex};

use lab::process::{Watched, watch};
use serde_json::{Value, json as object};

use crate::assay::{assay, json, run, sample};
use crate::http::{Client, Server, key};

/// A web site: an article, a podcast, a closed page. It remembers what was asked for.
struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

const FEED: &str = r#"<?xml version="1.0"?><rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0">
<channel><title>Council radio</title><link>https://show.example</link><description>d</description>
<item><title>The flood budget</title><enclosure url="https://cdn.show.example/2.mp3" length="1" type="audio/mpeg"/>
<podcast:transcript url="/flood.vtt" type="text/vtt"/></item>
<item><title>Silence</title><enclosure url="https://cdn.show.example/1.mp3" length="1" type="audio/mpeg"/></item>
</channel></rss>"#;

impl Site {
    fn start() -> Self {
        let captions = std::fs::read_to_string(sample("flood-budget.vtt")).unwrap();
        let speech = std::fs::read_to_string(sample("speech.txt")).unwrap();
        let paragraphs: String = speech.lines().map(|line| format!("<p>{line}</p>")).collect();
        let article = format!(
            "<!doctype html><html lang=en><head><title>A speech</title><meta name=author content='Ann Lee'></head>\
             <body><nav><a href=/>Home</a></nav><article><h1>A speech</h1>{paragraphs}</article></body></html>"
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                let _rest = lines.take_while(|line| !line.is_empty()).count();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, kind, body) = match path.as_str() {
                    "/article" => ("200 OK", "text/html; charset=utf-8", article.as_str()),
                    "/feed.xml" => ("200 OK", "application/rss+xml", FEED),
                    "/flood.vtt" => ("200 OK", "text/vtt", captions.as_str()),
                    "/robots.txt" => ("200 OK", "text/plain", "User-agent: *\nDisallow: /closed"),
                    _ => ("404 Not Found", "text/plain", ""),
                };
                log.lock().unwrap().push(path);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            }
        });
        Self { address, asked }
    }

    fn link(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn times_asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// Runs these inputs with the site opened.
    fn run(&self, arguments: &[&str]) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let mut all = vec!["run", "--state", state.to_str().unwrap(), "--depth", "quick"];
        all.extend(arguments);
        run(assay(&all).env("ASSAY_FETCH_ALLOW", self.address.to_string()))
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn acquired(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    json(output)
}

#[test]
fn an_article_gives_a_briefing() {
    let site = Site::start();
    let link = site.link("/article");
    let report = acquired(&site.run(&[&link, "--json"]));
    assert_eq!((&report["status"], &report["source"]["link"]), (&"complete".into(), &link.as_str().into()));
    let source = &report["briefing"]["source"];
    assert_eq!((&source["kind"], &source["rung"]), (&"web".into(), &"full_text".into()));
    assert!(source["word_count"].as_u64().unwrap() > 100, "{source}");
    let speech = std::fs::read_to_string(sample("speech.txt")).unwrap();
    let spoken = speech.split_whitespace().collect::<Vec<_>>().join(" ");
    let first = report["briefing"]["summary"][0]["text"].as_str().unwrap();
    assert!(spoken.contains(first), "not of the article: {first}");
}

#[test]
fn a_link_handed_in_over_http_is_fetched_by_the_same_rules() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let server =
        Server::start(folder.path(), |command| command.env("ASSAY_FETCH_ALLOW", site.address.to_string()));
    let client = Client { server: &server, key: &key };
    let id = client.start(&object!({ "url": site.link("/article"), "depth": "quick" }));
    client.follow(&id, &mut Vec::new(), |_| false);
    let report = client.get(&format!("/runs/{id}/briefing")).json();
    assert_eq!(report["status"], "complete");
    assert_eq!(report["briefing"], json(&site.run(&[&site.link("/article"), "--json"]))["briefing"]);
    let closed = client.start(&object!({ "url": site.link("/closed"), "depth": "quick" }));
    client.follow(&closed, &mut Vec::new(), |_| false);
    assert_eq!(client.get(&format!("/runs/{closed}/briefing")).status, 404);
    assert_eq!(site.times_asked("/closed"), 0, "robots.txt closes it");
    let other = object!({ "url": "http://127.0.0.1:9/", "depth": "quick" }).to_string();
    let refused = client.ask("POST /runs", &[("content-type", "application/json")], other.as_bytes());
    assert_eq!((refused.status, &refused.json()["kind"]), (400, &object!("InvalidInput")));
}

#[test]
fn an_episode_of_a_feed_is_read_and_its_times_lead_into_the_recording() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("briefing.html");
    let feed = site.link("/feed.xml");
    let output = site.run(&[&feed, "--episode", "flood", "--out", page.to_str().unwrap(), "--json"]);
    let report = acquired(&output);
    let source = &report["briefing"]["source"];
    assert_eq!((&source["kind"], &source["rung"]), (&"podcast".into(), &"captions".into()));
    let start_ms = report["briefing"]["summary"][0]["start_ms"].as_u64().unwrap();
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains(&format!("https://cdn.show.example/2.mp3#t={}\"", start_ms / 1_000)));
}

#[test]
fn what_has_no_text_says_what_can_be_done() {
    let site = Site::start();
    for (path, episode, words) in [
        ("/feed.xml", "2", "the feed has no transcript of this episode; hand in its transcript"),
        (
            "/feed.xml",
            "unheard",
            "no episode is called \"unheard\"; there are \"The flood budget\", \"Silence\"",
        ),
        (
            "/closed",
            "",
            "asks programs not to read this page (robots.txt); open it in a browser, save its text",
        ),
        ("/none", "", "has no such page (404 Not Found)"),
    ] {
        let link = site.link(path);
        let mut arguments = vec![link.as_str()];
        if !episode.is_empty() {
            arguments.extend(["--episode", episode]);
        }
        let output = site.run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        assert!(errors(&output).contains(words), "{} lacks: {words}", errors(&output));
    }
    assert_eq!(site.times_asked("/closed"), 0);
}

#[test]
fn a_host_that_cannot_be_connected_to_is_given_up_soon_with_its_name() {
    // Bound and let go: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site { address, asked: Arc::default() };
    let link = site.link("/article");
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut command = assay(&["run", &link, "--state", state.to_str().unwrap(), "--depth", "quick"]);
    let Watched { output, took, .. } = watch(command.env("ASSAY_FETCH_ALLOW", address.to_string())).unwrap();
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let words = "127.0.0.1 cannot be connected to; check the link and the network";
    assert!(errors(&output).contains(words), "{} lacks: {words}", errors(&output));
}

#[test]
fn several_inputs_share_what_is_fetched() {
    let site = Site::start();
    let (feed, again) = (site.link("/feed.xml"), site.link("/feed.xml#episode=flood"));
    let output = site.run(&[&feed, &again, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!((site.times_asked("/feed.xml"), site.times_asked("/flood.vtt")), (1, 1));
}

#[test]
fn a_file_with_its_link_has_times_that_lead_there() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("briefing.html");
    let path = sample("flood-budget.vtt");
    let output = site.run(&[
        path.to_str().unwrap(),
        "--link",
        "https://youtu.be/abcDEF12_-3",
        "--out",
        page.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("https://www.youtube.com/watch?v=abcDEF12_-3&amp;t="));
    assert!(site.asked.lock().unwrap().is_empty(), "nothing is fetched for a file");
}

#[test]
fn links_that_are_refused_leave_nothing_behind() {
    let site = Site::start();
    for (arguments, words) in [
        (&["http://169.254.169.254/latest/"][..], "169.254.169.254 is not on the public internet"),
        (&["https://user:word@news.example/"], "holds a user name or a password"),
        (&["ftp://news.example/a"], "links with ftp: are not fetched"),
        (&["https://news.example:8443/"], "ports 80 and 443 only"),
        (&["https://news.example/", "--link", "https://other.example/"], "this is a link itself"),
        (&["no-such-file.vtt", "--episode", "1"], "--episode goes with the link of a feed"),
    ] {
        let output = site.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains(words), "{} lacks: {words}", errors(&output));
    }
}
