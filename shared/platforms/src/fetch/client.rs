//! The guarded fetcher over reqwest.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Clock;
use futures::future::{Either, select};
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::{Position, Url};

use super::body::Over;
use super::pace::{Pace, Standing};
use super::resolve::{Lookup, NotPublic, PublicOnly, System, Unknown};
use super::robots::Robots;
use super::{
    Fetch, Fetched, LARGEST_FILE_BYTES, LARGEST_PAGE_BYTES, Request, body, bytes_in_words, decode, guard,
};

const PROGRAM: &str = "Assay";
const MOST_HOPS: usize = 5;
/// What RFC 9309 says must be read at least; what comes after it is not.
const LARGEST_ROBOTS_BYTES: usize = 500 * 1024;
/// Before a name that is not known is looked up once more.
const LOOK_UP_AGAIN_MS: u64 = 500;
/// What is kept for a while: bytes in all, and how long.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
const KEPT_MS: u64 = 5 * 60_000;

/// How long things may take, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// To connect.
    pub connect_ms: u64,
    /// From a request to the head of its answer.
    pub head_ms: u64,
    /// One link in all, redirects included.
    pub total_ms: u64,
    /// A body that has taken this long must have come at `least_bytes_per_second`.
    pub slow_after_ms: u64,
    /// See `slow_after_ms`.
    pub least_bytes_per_second: u64,
    /// Between two requests to one host.
    pub spacing_ms: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect_ms: 3_000,
            head_ms: 10_000,
            total_ms: 25_000,
            slow_after_ms: 1_500,
            least_bytes_per_second: 256,
            spacing_ms: 250,
        }
    }
}

/// How to fetch.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// A page or address of whoever runs this, told to the servers.
    pub contact: Option<String>,
    /// Addresses that are not public, with their ports, that may be fetched from all the same.
    pub allow: Vec<SocketAddr>,
    /// How long things may take.
    pub times: Times,
}

/// Fetches from public servers, and from nowhere else.
pub struct GuardedFetcher {
    /// Made when they are first needed: reading the system's certificates takes a while. One for each port that has
    /// opened addresses, so that a name never leads to another port of theirs; `None` for all other ports.
    clients: Mutex<BTreeMap<Option<u16>, Client>>,
    lookup: Arc<dyn Lookup>,
    clock: Arc<dyn Clock>,
    config: Config,
    pace: Pace,
    robots: Mutex<BTreeMap<String, (u64, Robots)>>,
    /// By link, and whether `robots.txt` was asked: what came without its leave is not handed to who needs it.
    kept: Mutex<BTreeMap<(String, bool), (u64, Fetched)>>,
    /// One link is fetched at a time, so that several inputs from one place share what comes.
    turn: futures::lock::Mutex<()>,
}

impl GuardedFetcher {
    /// A fetcher.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self::with_lookup(config, clock, Arc::new(System))
    }

    /// A fetcher that finds addresses in its own way. They pass the second gate all the same.
    pub fn with_lookup(config: Config, clock: Arc<dyn Clock>, lookup: Arc<dyn Lookup>) -> Self {
        Self {
            clients: Mutex::default(),
            lookup,
            clock,
            config,
            pace: Pace::default(),
            robots: Mutex::default(),
            kept: Mutex::default(),
            turn: futures::lock::Mutex::new(()),
        }
    }

    /// What connects to that port. Kind `Configuration` if TLS cannot be set up.
    fn client(&self, port: Option<u16>) -> Result<Client> {
        let opened = self.config.allow.iter().filter(|address| Some(address.port()) == port);
        let allow: Vec<IpAddr> = opened.map(SocketAddr::ip).collect();
        let key = port.filter(|_| !allow.is_empty());
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let version = env!("CARGO_PKG_VERSION");
        let name = match &self.config.contact {
            Some(contact) => format!("{PROGRAM}/{version} (+{contact})"),
            None => format!("{PROGRAM}/{version}"),
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .dns_resolver(Arc::new(PublicOnly { lookup: self.lookup.clone(), allow }))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(name)
            .connect_timeout(Duration::from_millis(self.config.times.connect_ms))
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "the fetcher could not be set up").because(error)
            })?;
        Ok(clients.entry(key).or_insert(client).clone())
    }

    /// The link, if it passes the first gate.
    pub fn check(&self, link: &str) -> Result<Url> {
        guard::check_allowing(link, &self.config.allow)
            .map_err(|refusal| Error::new(ErrorKind::InvalidInput, format!("{link}: {refusal}")))
    }

    /// Follows a link to where it ends.
    async fn follow(&self, request: &Request) -> Result<Fetched> {
        let end_ms = self.clock.now_ms() + self.config.times.total_ms;
        let mut url = self.check(&request.link)?;
        let mut hops = Vec::new();
        for _ in 0..=MOST_HOPS {
            hops.push(url[..Position::AfterQuery].to_owned());
            if request.robots && !self.may_read(&url, end_ms).await? {
                let what = format!("{} asks programs not to read this page (robots.txt)", host_of(&url));
                return Err(Error::new(ErrorKind::Forbidden, what));
            }
            let response = self.ask(&url, end_ms).await?;
            let Some(next) = redirect(&url, &response)? else {
                let fetched = self.receive(url, response, end_ms).await?;
                return Ok(Fetched { hops, robots: request.robots, ..fetched });
            };
            url = self.check(&next)?;
        }
        let what = format!("{}: redirected more than {MOST_HOPS} times", request.link);
        Err(Error::new(ErrorKind::InvalidInput, what))
    }

    /// Asks once, and once more if the name was not known; a host that asked to come back later is left alone till then.
    async fn ask(&self, url: &Url, end_ms: u64) -> Result<Response> {
        let host = host_of(url);
        let standing = self.pace.standing(&host, self.clock.now_ms());
        if standing != Standing::Open {
            return Err(sent_away(&host, standing));
        }
        let answer = match self.send(url, &host, end_ms).await {
            Err(error) if has_cause::<Unknown>(&error) => {
                self.clock.sleep(LOOK_UP_AGAIN_MS).await;
                self.send(url, &host, end_ms).await
            }
            answer => answer,
        };
        answer.map_err(|error| match error {
            Unanswered::Refused(error) => error,
            Unanswered::Late => {
                Error::new(ErrorKind::Timeout, format!("{host} did not answer in time; {BY_HAND}"))
            }
            Unanswered::Unreached(error) => unreached(&host, error),
        })
    }

    /// Sends one request and waits for the head of its answer.
    async fn send(&self, url: &Url, host: &str, end_ms: u64) -> Result<Response, Unanswered> {
        let wait_ms = self.pace.turn(host, self.clock.now_ms(), self.config.times.spacing_ms);
        if wait_ms > 0 {
            self.clock.sleep(wait_ms).await;
        }
        let left_ms = end_ms.saturating_sub(self.clock.now_ms()).min(self.config.times.head_ms);
        let answer = pin!(
            self.client(url.port_or_known_default())
                .map_err(Unanswered::Refused)?
                .get(url.clone())
                .header(
                    ACCEPT,
                    "text/html,application/xhtml+xml,application/rss+xml,application/xml,text/*,*/*;q=0.5"
                )
                .header(ACCEPT_LANGUAGE, "en,*;q=0.5")
                .send()
        );
        let timeout = pin!(self.clock.sleep(left_ms));
        match select(answer, timeout).await {
            Either::Left((Ok(response), _)) => Ok(response),
            Either::Left((Err(error), _)) => Err(Unanswered::Unreached(error)),
            Either::Right(_) => Err(Unanswered::Late),
        }
    }

    /// The error an answer's status stands for. A host that asks to come back later is remembered.
    fn refused(&self, host: &str, response: &Response) -> Result<()> {
        let status = response.status();
        let error = |kind, what: String| Err(Error::new(kind, what));
        match status.as_u16() {
            200..=299 => {
                self.pace.welcome(host);
                Ok(())
            }
            404 | 410 => error(ErrorKind::NotFound, format!("{host} has no such page ({status})")),
            429 | 503 => {
                let now_ms = self.clock.now_ms();
                let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let wait_ms = after.and_then(|after| retry_after_ms(after, now_ms)).unwrap_or(10_000);
                Err(sent_away(host, self.pace.send_away(host, now_ms, wait_ms)))
            }
            500..=599 => error(ErrorKind::Network, format!("{host} has a fault ({status}); {BY_HAND}")),
            _ => error(ErrorKind::Forbidden, format!("{host} does not let programs read this ({status})")),
        }
    }

    /// Reads what came, if it is something that can be worked on.
    async fn receive(&self, url: Url, response: Response, end_ms: u64) -> Result<Fetched> {
        let host = host_of(&url);
        self.refused(&host, &response)?;
        let stated = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (media_type, charset) = media_type(stated.unwrap_or_default());
        let fetched = |url, media_type, body| Fetched {
            url,
            media_type,
            charset,
            body,
            hops: Vec::new(),
            robots: false,
            fetched_ms: self.clock.now_ms(),
        };
        let most = match reading(&media_type) {
            Reading::Up(most) => most,
            Reading::NotAtAll => return Ok(fetched(url, media_type, Vec::new())),
            Reading::Refused => {
                let what = format!(
                    "{url} is {media_type}, which cannot be analysed; give an article or a transcript"
                );
                return Err(Error::new(ErrorKind::UnsupportedMedia, what));
            }
        };
        let body =
            body::read(self.clock.as_ref(), &self.config.times, response, (most, Over::Refuse), end_ms).await;
        let body = body.map_err(|error| Error::new(error.kind(), format!("{url}: {}", error.message())))?;
        if looks_like_a_page(&body) && body.len() > LARGEST_PAGE_BYTES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("{url}: the page is larger than {}", bytes_in_words(LARGEST_PAGE_BYTES)),
            ));
        }
        Ok(fetched(url, media_type, body))
    }

    /// Whether the site lets programs read that page.
    async fn may_read(&self, url: &Url, end_ms: u64) -> Result<bool> {
        let origin = url[..Position::BeforePath].to_owned();
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let now_ms = self.clock.now_ms();
        let known = lock(&self.robots).get(&origin).filter(|(until_ms, _)| *until_ms > now_ms).cloned();
        if let Some((_, robots)) = known {
            return Ok(robots.allow(path));
        }
        let robots = self.robots_of(&origin, end_ms).await?;
        let allows = robots.allow(path);
        let mut all = lock(&self.robots);
        all.retain(|_, (until_ms, _)| *until_ms > now_ms);
        all.insert(origin, (now_ms + KEPT_MS, robots));
        Ok(allows)
    }

    async fn robots_of(&self, origin: &str, end_ms: u64) -> Result<Robots> {
        let mut url = self.check(&format!("{origin}/robots.txt"))?;
        for _ in 0..=MOST_HOPS {
            let response = self.ask(&url, end_ms).await?;
            if let Some(next) = redirect(&url, &response)? {
                url = self.check(&next)?;
                continue;
            }
            let status = response.status();
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                self.refused(&host_of(&url), &response)?;
            }
            if !status.is_success() {
                return Ok(Robots::default());
            }
            let times = &self.config.times;
            let most = (LARGEST_ROBOTS_BYTES, Over::Cut);
            let body = body::read(self.clock.as_ref(), times, response, most, end_ms).await;
            return Ok(Robots::parse(&decode(&body?, None), PROGRAM));
        }
        Ok(Robots::default())
    }
}

#[async_trait]
impl Fetch for GuardedFetcher {
    async fn fetch(&self, request: &Request) -> Result<Fetched> {
        let mut key = self.check(&request.link)?;
        key.set_fragment(None);
        let key = (String::from(key), request.robots);
        let _turn = self.turn.lock().await;
        let now_ms = self.clock.now_ms();
        let kept = lock(&self.kept).get(&key).filter(|(until_ms, _)| *until_ms > now_ms).cloned();
        if let Some((_, fetched)) = kept {
            return Ok(fetched);
        }
        let fetched = self.follow(request).await?;
        let mut kept = lock(&self.kept);
        kept.retain(|_, (until_ms, _)| *until_ms > now_ms);
        let bytes: usize = kept.values().map(|(_, fetched)| fetched.body.len()).sum();
        if bytes + fetched.body.len() > KEPT_BYTES {
            kept.clear();
        }
        kept.insert(key, (now_ms + KEPT_MS, fetched.clone()));
        Ok(fetched)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tls() -> Result<ClientConfig> {
    let unusable = |error| Error::new(ErrorKind::Configuration, "TLS could not be set up").because(error);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    Ok(builder.with_platform_verifier().map_err(unusable)?.with_no_client_auth())
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Where an answer sends us, if it does.
fn redirect(from: &Url, response: &Response) -> Result<Option<String>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let unclear =
        || Error::new(ErrorKind::InvalidInput, format!("{from}: redirects, but does not say where to"));
    let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(unclear)?;
    from.join(to).map(|url| Some(url.into())).map_err(|_| unclear())
}

/// What people can do where programs are not served.
const BY_HAND: &str = "try again later, or open it in a browser, save its text and hand in the file";

/// Why no answer came.
enum Unanswered {
    /// Nothing was sent.
    Refused(Error),
    Late,
    Unreached(reqwest::Error),
}

/// The error of a host that asked to come back later.
fn sent_away(host: &str, standing: Standing) -> Error {
    match standing {
        Standing::GivenUp(times) => {
            let what = format!("{host} has asked {times} times to come back later");
            Error::new(ErrorKind::Forbidden, what)
        }
        Standing::Open => {
            Error::new(ErrorKind::RateLimited, format!("{host} asks to come back later; {BY_HAND}"))
        }
        Standing::Wait(wait_ms) => {
            let seconds = wait_ms.div_ceil(1_000);
            let what = format!("{host} asks to come back in {seconds} s; {BY_HAND}");
            Error::new(ErrorKind::RateLimited, what).retry_after(wait_ms)
        }
    }
}

fn has_cause<T: std::error::Error + 'static>(error: &Unanswered) -> bool {
    let Unanswered::Unreached(error) = error else { return false };
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.downcast_ref::<T>().is_some() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Seconds or a date, in milliseconds from now, at most an hour.
fn retry_after_ms(text: &str, now_ms: u64) -> Option<u64> {
    const LONGEST_MS: u64 = 3_600_000;
    let seconds = text.trim().parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1_000));
    let date = || {
        let at = httpdate::parse_http_date(text.trim()).ok()?;
        let at_ms = at.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
        Some(u64::try_from(at_ms).ok()?.saturating_sub(now_ms))
    };
    seconds.or_else(date).map(|wait_ms| wait_ms.min(LONGEST_MS))
}

/// Why no answer came.
fn unreached(host: &str, error: reqwest::Error) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.downcast_ref::<NotPublic>().is_some() {
            let what = format!("{host} is not on the public internet; save the page and hand in the file");
            return Error::new(ErrorKind::InvalidInput, what);
        }
        if inner.downcast_ref::<Unknown>().is_some() {
            let what =
                format!("{host} could not be reached: no such name is known; check the link and the network");
            return Error::new(ErrorKind::InvalidInput, what);
        }
        cause = inner.source();
    }
    let (kind, what) = match () {
        () if error.is_timeout() => (ErrorKind::Timeout, "could not be connected to in time"),
        () if error.is_connect() => (ErrorKind::Network, "cannot be connected to"),
        () => (ErrorKind::Network, "did not answer"),
    };
    let what = format!("{host} {what}; check the link and the network, or hand in what is there as a file");
    Error::new(kind, what).because(error.without_url())
}

/// Media type in lower case, and character set.
fn media_type(stated: &str) -> (String, Option<String>) {
    let mut parts = stated.split(';');
    let media_type = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    (media_type, charset)
}

/// How much of a media type is read.
enum Reading {
    /// Up to that many bytes.
    Up(usize),
    /// Nothing: it is sound or moving pictures, known by its type.
    NotAtAll,
    /// Nothing can be made of it.
    Refused,
}

fn reading(media_type: &str) -> Reading {
    match media_type {
        "text/html" | "application/xhtml+xml" => Reading::Up(LARGEST_PAGE_BYTES),
        ""
        | "application/octet-stream"
        | "application/json"
        | "application/x-subrip"
        | "application/srt"
        | "binary/octet-stream"
        | "application/xml" => Reading::Up(LARGEST_FILE_BYTES),
        media_type if media_type.starts_with("text/") => Reading::Up(LARGEST_FILE_BYTES),
        media_type if media_type.starts_with("application/") && media_type.ends_with("xml") => {
            Reading::Up(LARGEST_FILE_BYTES)
        }
        media_type if media_type.starts_with("application/") && media_type.ends_with("json") => {
            Reading::Up(LARGEST_FILE_BYTES)
        }
        media_type if media_type.starts_with("audio/") || media_type.starts_with("video/") => {
            Reading::NotAtAll
        }
        _ => Reading::Refused,
    }
}

/// True if the body begins as HTML does, whatever it was sent as.
pub(crate) fn looks_like_a_page(body: &[u8]) -> bool {
    let head = body.get(..1_024).unwrap_or(body).to_ascii_lowercase();
    let has = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
    has(b"<!doctype html") || has(b"<html") || has(b"<head")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        assert_eq!(media_type("Text/HTML; Charset=\"UTF-8\""), ("text/html".into(), Some("UTF-8".into())));
        assert_eq!(media_type(""), (String::new(), None));
        assert_eq!(retry_after_ms("3", 0), Some(3_000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:00:10 GMT", 4_000), Some(6_000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:00:10 GMT", 40_000), Some(0));
        assert_eq!(retry_after_ms("99999999999999999999", 0), None);
        assert_eq!(retry_after_ms("soon", 0), None);
    }
}
