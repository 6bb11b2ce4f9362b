//! The fetcher against servers that mean harm. Every server here listens on loopback; a canary that listens too must never
//! be connected to.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::error::{ErrorKind, Result};
use engine::ports::Clock;
use futures::future::BoxFuture;

use super::*;

/// The real clock.
struct RealClock;

#[async_trait]
impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "sockets know no other time")]
    fn now_ms(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
    }

    #[expect(clippy::disallowed_methods, reason = "sockets know no other time")]
    async fn sleep(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// A server on loopback that answers each connection with `answer`, given the path asked for; it counts connections.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    /// A server on every address of this machine, of both kinds where it has both: nothing that connects to one of them on
    /// its port goes unseen.
    fn everywhere(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let both = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
        Self::listen(both.unwrap(), answer)
    }

    fn listen(listener: TcpListener, answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (connections.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                std::thread::spawn(move || {
                    if let Some(path) = asked(&mut stream) {
                        answer(&path, &mut stream);
                    }
                });
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn link(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The path of a request.
fn asked(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()?.split(' ').nth(1).map(str::to_owned)
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn fetcher(allow: &[&Server]) -> GuardedFetcher {
    let times = Times { spacing_ms: 0, ..Times::default() };
    let allow = allow.iter().map(|server| server.address).collect();
    GuardedFetcher::new(Config { contact: None, allow, times }, Arc::new(RealClock))
}

/// Fetches within two seconds.
fn fetch(fetcher: &GuardedFetcher, request: &Request) -> Result<Fetched> {
    #[expect(clippy::disallowed_methods, reason = "sockets know no other time")]
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fetched = runtime.block_on(fetcher.fetch(request));
    assert!(began.elapsed() < Duration::from_secs(2), "{request:?} took {:?}", began.elapsed());
    fetched
}

fn refusal(fetcher: &GuardedFetcher, request: &Request) -> ErrorKind {
    fetch(fetcher, request).expect_err("an error").kind()
}

/// Zeros, as many megabytes of them, packed.
fn gzip_bomb(megabytes: usize) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..megabytes {
        packer.write_all(&[0; 1024 * 1024]).unwrap();
    }
    packer.finish().unwrap()
}

fn brotli_bomb(megabytes: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    {
        let mut packer = brotli::CompressorWriter::new(&mut packed, 64 * 1024, 1, 22);
        for _ in 0..megabytes {
            packer.write_all(&[0; 1024 * 1024]).unwrap();
        }
    }
    packed
}

#[test]
fn pages_come_and_are_shared() {
    let server = Server::start(|path, stream| match path {
        "/robots.txt" => reply(stream, "200 OK", "", b"User-agent: *\nDisallow: /closed\n"),
        "/page" => reply(stream, "200 OK", "content-type: text/html; charset=utf-8\r\n", b"<html><p>Hello"),
        "/moved" => reply(stream, "302 Found", "location: /page\r\n", b""),
        "/music" => reply(stream, "200 OK", "content-type: audio/mpeg\r\n", &[0; 4_096]),
        "/picture" => reply(stream, "200 OK", "content-type: image/png\r\n", b"\x89PNG"),
        "/mine" => reply(stream, "403 Forbidden", "", b""),
        "/broken" => reply(stream, "500 Internal Server Error", "", b""),
        "/liar" => {
            reply(stream, "200 OK", "content-type: text/html\r\ncontent-encoding: gzip\r\n", b"not gzip")
        }
        _ => reply(stream, "404 Not Found", "", b""),
    });
    let fetcher = fetcher(&[&server]);
    let fetched = fetch(&fetcher, &Request::page(&server.link("/moved#part"))).unwrap();
    assert_eq!(fetched.url.path(), "/page");
    assert_eq!((fetched.media_type.as_str(), fetched.charset.as_deref()), ("text/html", Some("utf-8")));
    assert_eq!(fetched.body, b"<html><p>Hello");
    assert_eq!(
        (fetched.hops.clone(), fetched.robots),
        (vec![server.link("/moved"), server.link("/page")], true)
    );
    let before = server.connections();
    assert_eq!(fetch(&fetcher, &Request::page(&server.link("/moved"))).unwrap(), fetched);
    assert_eq!(server.connections(), before, "what came a moment ago is not fetched again");
    assert_eq!(fetch(&fetcher, &Request::file(&server.link("/music"))).unwrap().body, b"");
    for (path, kind) in [
        ("/closed/a", ErrorKind::Forbidden),
        ("/picture", ErrorKind::UnsupportedMedia),
        ("/mine", ErrorKind::Forbidden),
        ("/broken", ErrorKind::Network),
        ("/liar", ErrorKind::Parsing),
        ("/none", ErrorKind::NotFound),
    ] {
        assert_eq!(refusal(&fetcher, &Request::page(&server.link(path))), kind, "{path}");
    }
}

#[test]
fn what_came_without_leave_is_kept_from_who_needs_it() {
    let server = Server::start(|path, stream| match path {
        "/robots.txt" => {
            let rules = format!("User-agent: *\nDisallow: /closed\n#{}\nAllow: /", "x".repeat(600 * 1024));
            reply(stream, "200 OK", "", rules.as_bytes());
        }
        _ => reply(stream, "200 OK", "content-type: text/plain\r\n", b"ok"),
    });
    let fetcher = fetcher(&[&server]);
    assert_eq!(fetch(&fetcher, &Request::file(&server.link("/closed/b"))).unwrap().body, b"ok");
    assert_eq!(refusal(&fetcher, &Request::page(&server.link("/closed/b"))), ErrorKind::Forbidden);
    assert_eq!(fetch(&fetcher, &Request::page(&server.link("/open"))).unwrap().body, b"ok");
}

#[test]
fn a_host_that_says_later_is_left_alone_and_then_given_up() {
    let server = Server::start(|path, stream| match path {
        "/soon" => reply(stream, "429 Too Many Requests", "retry-after: 0\r\n", b""),
        _ => reply(stream, "429 Too Many Requests", "retry-after: 7\r\n", b""),
    });
    let host = fetcher(&[&server]);
    let later = fetch(&host, &Request::page(&server.link("/later"))).unwrap_err();
    assert_eq!((later.kind(), later.retry_after_ms()), (ErrorKind::RateLimited, Some(7_000)));
    let other = fetch(&host, &Request::file(&server.link("/other"))).unwrap_err();
    assert!(other.retry_after_ms().is_some_and(|wait_ms| (5_000..=7_000).contains(&wait_ms)), "{other}");
    assert_eq!(server.connections(), 1, "a host that said later is not asked for anything meanwhile");
    let host = fetcher(&[&server]);
    for _ in 0..3 {
        assert_eq!(refusal(&host, &Request::file(&server.link("/soon"))), ErrorKind::RateLimited);
    }
    for _ in 0..2 {
        assert_eq!(refusal(&host, &Request::file(&server.link("/soon"))), ErrorKind::Forbidden);
    }
    assert_eq!(server.connections(), 5);
}

/// Knows no name.
struct Nameless(AtomicUsize);

impl Lookup for Nameless {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(std::io::Error::other("no such name")) })
    }
}

#[test]
fn a_name_that_is_not_known_is_looked_up_once_more() {
    let lookup = Arc::new(Nameless(AtomicUsize::new(0)));
    let fetcher = GuardedFetcher::with_lookup(Config::default(), Arc::new(RealClock), lookup.clone());
    let error = fetch(&fetcher, &Request::file("http://gone.example/")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("could not be reached"), "{error}");
    assert_eq!(lookup.0.load(Ordering::SeqCst), 2);
}

#[test]
fn bombs_and_slow_bodies_are_given_up() {
    let (gzip, brotli) = (gzip_bomb(64), brotli_bomb(64));
    assert!(gzip.len() < 1024 * 1024 && brotli.len() < 64 * 1024);
    let server = Server::start(move |path, stream| match path {
        "/gzip" => reply(stream, "200 OK", "content-type: text/plain\r\ncontent-encoding: gzip\r\n", &gzip),
        "/brotli" => reply(stream, "200 OK", "content-type: text/plain\r\ncontent-encoding: br\r\n", &brotli),
        "/endless" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n");
            while stream.write_all(&[b'a'; 65_536]).is_ok() {}
        }
        "/page" => {
            let page = "<html>".to_owned() + &"<p>a".repeat(1024 * 1024);
            reply(stream, "200 OK", "content-type: text/plain\r\n", page.as_bytes());
        }
        _ => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 100000\r\n\r\n");
            while stream.write_all(b"a").and_then(|()| stream.flush()).is_ok() {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    });
    let fetcher = fetcher(&[&server]);
    for (path, kind) in [
        ("/gzip", ErrorKind::TooLarge),
        ("/brotli", ErrorKind::TooLarge),
        ("/endless", ErrorKind::TooLarge),
        ("/page", ErrorKind::TooLarge),
        ("/slow", ErrorKind::Timeout),
    ] {
        assert_eq!(refusal(&fetcher, &Request::file(&server.link(path))), kind, "{path}");
    }
}

#[test]
fn redirects_lead_nowhere_else() {
    let canary = Server::start(|_, stream| reply(stream, "200 OK", "", b"secret"));
    let inside = canary.address;
    let server = Server::start(move |path, stream| {
        let to = match path {
            "/loop" => "/loop".to_owned(),
            "/inside" => format!("http://{inside}/"),
            "/mapped" => format!("http://[::ffff:127.0.0.1]:{}/", inside.port()),
            "/name" => format!("http://localhost:{}/", inside.port()),
            "/metadata" => "http://169.254.169.254/latest/meta-data/".to_owned(),
            "/file" => "file:///etc/hosts".to_owned(),
            "/user" => format!("http://a:b@{inside}/"),
            "/nowhere" => "http://".to_owned(),
            _ => return reply(stream, "302 Found", "", b""),
        };
        reply(stream, "302 Found", &format!("location: {to}\r\n"), b"");
    });
    let fetcher = fetcher(&[&server]);
    for path in
        ["/loop", "/inside", "/mapped", "/name", "/metadata", "/file", "/user", "/nowhere", "/without"]
    {
        assert_eq!(refusal(&fetcher, &Request::file(&server.link(path))), ErrorKind::InvalidInput, "{path}");
    }
    assert_eq!(canary.connections(), 0);
}

/// Answers each lookup with the next addresses; the last ones stay.
struct Rebinding(Mutex<VecDeque<Vec<IpAddr>>>);

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

#[test]
fn a_name_that_turns_inward_is_not_followed() {
    let canary = Server::start(|_, stream| reply(stream, "200 OK", "", b"secret"));
    // TEST-NET answers nobody; should it be connected to, the test would time out.
    let inward: Vec<Vec<IpAddr>> =
        ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "192.0.2.1"]
            .into_iter()
            .map(|address| vec![address.parse().unwrap()])
            .collect();
    for first in inward {
        let lookup = Arc::new(Rebinding(Mutex::new(VecDeque::from([first]))));
        let fetcher = GuardedFetcher::with_lookup(Config::default(), Arc::new(RealClock), lookup);
        let link = "http://rebind.example/".to_owned();
        assert_eq!(refusal(&fetcher, &Request::file(&link)), ErrorKind::InvalidInput);
    }
    assert_eq!(canary.connections(), 0);
}

#[test]
fn of_several_addresses_only_public_ones_are_used() {
    let server = Server::start(|_, stream| reply(stream, "200 OK", "content-type: text/plain\r\n", b"ok"));
    // An address an operator has opened stands for the public one.
    let addresses: Vec<IpAddr> =
        ["10.0.0.1", "169.254.169.254", "127.0.0.1"].map(|text| text.parse().unwrap()).to_vec();
    let config = Config { allow: vec![server.address], ..Config::default() };
    let lookup = Arc::new(Rebinding(Mutex::new(VecDeque::from([addresses]))));
    let fetcher = GuardedFetcher::with_lookup(config, Arc::new(RealClock), lookup);
    let link = format!("http://mixed.example:{}/", server.address.port());
    assert_eq!(fetch(&fetcher, &Request::file(&link)).unwrap().body, b"ok");
}

#[test]
fn a_name_that_is_public_first_and_turns_inward_later_is_not_followed() {
    // An address an operator has opened stands for the public one; the other is on the same machine, with the same port.
    let server = Server::start(|path, stream| match path {
        "/robots.txt" => reply(stream, "404 Not Found", "", b""),
        _ => reply(stream, "200 OK", "content-type: text/plain\r\n", b"ok"),
    });
    let port = server.address.port();
    let canary = Server::listen(TcpListener::bind(("127.0.0.2", port)).unwrap(), |_, stream| {
        reply(stream, "200 OK", "", b"secret");
    });
    let public: Vec<IpAddr> = vec![server.address.ip()];
    let inward: Vec<IpAddr> = vec![canary.address.ip()];
    let fetcher = |answers: &[&Vec<IpAddr>]| {
        let times = Times { spacing_ms: 0, ..Times::default() };
        let config = Config { allow: vec![server.address], times, ..Config::default() };
        let lookup = Rebinding(Mutex::new(answers.iter().map(|answer| (*answer).clone()).collect()));
        GuardedFetcher::with_lookup(config, Arc::new(RealClock), Arc::new(lookup))
    };
    let link = |path: &str| format!("http://rebind.example:{port}{path}");
    // Between two links, and between the question to `robots.txt` and the page.
    let between = fetcher(&[&public, &inward]);
    assert_eq!(fetch(&between, &Request::file(&link("/a"))).unwrap().body, b"ok");
    assert_eq!(refusal(&between, &Request::file(&link("/b"))), ErrorKind::InvalidInput);
    assert_eq!(refusal(&fetcher(&[&public, &inward]), &Request::page(&link("/c"))), ErrorKind::InvalidInput);
    // Both at once: the public one is used.
    let both: Vec<IpAddr> = inward.iter().chain(&public).copied().collect();
    assert_eq!(fetch(&fetcher(&[&both]), &Request::file(&link("/d"))).unwrap().body, b"ok");
    // An opened address is opened for its own port alone.
    let elsewhere = format!("http://rebind.example:80/{}", "e");
    assert_eq!(refusal(&fetcher(&[&public]), &Request::file(&elsewhere)), ErrorKind::InvalidInput);
    assert_eq!(canary.connections(), 0);
}

const LINKS: u64 = 3_000;

/// The same numbers each time.
fn draws() -> impl FnMut(u64) -> u64 {
    let mut state = 42_u64;
    move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    }
}

/// A fetcher for which the canary's port is as good as 80, and every name leads inward: only addresses stand between a
/// link and the canary.
fn lured(canary: &Server, allow: &[SocketAddr]) -> GuardedFetcher {
    let nobody = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), canary.address.port());
    let allow = allow.iter().copied().chain([nobody]).collect();
    let config = Config { allow, times: Times { spacing_ms: 0, ..Times::default() }, ..Config::default() };
    let inward = ["127.0.0.1", "::1"].map(|text| text.parse().unwrap()).to_vec();
    let lookup = Arc::new(Rebinding(Mutex::new(VecDeque::from([inward]))));
    GuardedFetcher::with_lookup(config, Arc::new(RealClock), lookup)
}

/// Three thousand links to a canary on this machine and to other places that are not public, made by every trick known.
#[test]
fn no_trick_reaches_the_inside() {
    let canary = Server::everywhere(|_, stream| reply(stream, "200 OK", "", b"secret"));
    let port = canary.address.port();
    // The canary sees what reaches it.
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    while canary.connections() < 1 {
        std::thread::yield_now();
    }
    let fetcher = lured(&canary, &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut random = draws();
    let mut refused = 0;
    for _ in 0..LINKS {
        let link = hostile_link(&mut random, port);
        let error = runtime.block_on(fetcher.fetch(&Request::file(&link))).expect_err(&link);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{link}: {error}");
        refused += 1;
    }
    assert_eq!((refused, canary.connections()), (LINKS, 1));
}

/// The same links as places that a server sends us to.
#[test]
fn no_redirect_reaches_the_inside() {
    let canary = Server::everywhere(|_, stream| reply(stream, "200 OK", "", b"secret"));
    let port = canary.address.port();
    let mut random = draws();
    let links: Arc<Vec<String>> = Arc::new((0..LINKS).map(|_| hostile_link(&mut random, port)).collect());
    let targets = links.clone();
    let server = Server::start(move |path, stream| {
        match path.strip_prefix('/').and_then(|at| targets.get(at.parse::<usize>().ok()?)) {
            Some(target) => reply(stream, "302 Found", &format!("location: {target}\r\n"), b""),
            None => reply(stream, "404 Not Found", "", b""),
        }
    });
    let fetcher = lured(&canary, &[server.address]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (at, link) in links.iter().enumerate() {
        let from = server.link(&format!("/{at}"));
        let error = runtime.block_on(fetcher.fetch(&Request::file(&from))).expect_err(link);
        // Of one slash after the scheme we come from, what follows is a path of the same server.
        let back =
            Url::parse(&from).unwrap().join(link).is_ok_and(|url| url.port() == Some(server.address.port()));
        let expected =
            error.kind() == ErrorKind::InvalidInput || (back && error.kind() == ErrorKind::NotFound);
        assert!(expected, "{link}: {error}");
    }
    assert!(server.connections() >= links.len());
    assert_eq!(canary.connections(), 0);
}

fn hostile_link(random: &mut impl FnMut(u64) -> u64, port: u16) -> String {
    let inside = [
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(127, random(256) as u8, random(256) as u8, 1 + random(255) as u8),
        Ipv4Addr::new(10, random(256) as u8, random(256) as u8, random(256) as u8),
        Ipv4Addr::new(172, 16 + random(16) as u8, random(256) as u8, random(256) as u8),
        Ipv4Addr::new(192, 168, random(256) as u8, random(256) as u8),
        Ipv4Addr::new(169, 254, random(256) as u8, random(256) as u8),
        Ipv4Addr::new(100, 64 + random(64) as u8, random(256) as u8, random(256) as u8),
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::new(224 + random(32) as u8, random(256) as u8, random(256) as u8, random(256) as u8),
    ];
    let address = inside[random(inside.len() as u64) as usize];
    let ([a, b, c, d], bits) = (address.octets(), u32::from(address));
    let (high, low) = (bits >> 16, bits & 0xffff);
    let host = match random(26) {
        0 => address.to_string(),
        1 => bits.to_string(),
        2 => format!("0x{bits:x}"),
        3 => format!("0{bits:o}"),
        4 => format!("0x{a:x}.0{b:o}.{c}.0x{d:X}"),
        5 => format!("{a}.{}", bits & 0x00ff_ffff),
        6 => format!("{a}.{b}.{low}"),
        7 => format!("{address}."),
        8 => format!("[::ffff:{address}]"),
        9 => format!("[::ffff:{high:x}:{low:x}]"),
        10 => format!("[64:ff9b::{high:x}:{low:x}]"),
        11 => format!("[2002:{high:x}:{low:x}::1]"),
        12 => format!("[::{address}]"),
        13 => address.to_string().replace('.', "。"),
        14 => address.to_string().chars().map(full_width).collect(),
        15 => address.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
        16 => ["localhost", "LOCALHOST", "localhost.", "a.localhost", "ｌｏｃａｌｈｏｓｔ", "loc%61lhost"]
            [random(6) as usize]
            .to_owned(),
        17 => ["metadata.google.internal", "db.local", "router.lan", "metadata", "x.home.arpa."]
            [random(5) as usize]
            .to_owned(),
        18 => ["[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[ff02::1]", "[0:0:0:0:0:ffff:7f00:1]"]
            [random(6) as usize]
            .to_owned(),
        19 => format!("public.example@{address}"),
        20 => format!("public.example:80@{address}"),
        21 => format!("[fe80::{low:x}%25eth0]"),
        22 => format!("[::FFFF:{:04X}:{:04x}]", high, low),
        23 => format!("[0:0:0:0:0:ffff:{address}]"),
        24 => ["rebind.public.example", "a.b.c.public.example", "xn--mnchen-3ya.example"][random(3) as usize]
            .to_owned(),
        _ => "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ".to_owned(),
    };
    let scheme = ["http", "HTTP", "https", "hTTps", "ftp", "gopher", "file"][random(7) as usize];
    let port = match random(4) {
        0 => String::new(),
        1 => ":80".to_owned(),
        2 => ":443".to_owned(),
        _ => format!(":{port}"),
    };
    let slashes = ["//", "//", "//", "\\\\", "/", "///"][random(6) as usize];
    let path = ["", "/", "/latest/meta-data/", "/#@public.example/", "/?next=https://public.example"]
        [random(5) as usize];
    format!("{scheme}:{slashes}{host}{port}{path}")
}

fn full_width(letter: char) -> char {
    match letter {
        '0'..='9' => char::from_u32(letter as u32 - '0' as u32 + '０' as u32).unwrap_or(letter),
        '.' => '．',
        other => other,
    }
}
