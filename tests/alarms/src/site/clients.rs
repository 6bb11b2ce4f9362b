//! Who uses the site.

use std::ops::Range;

use engine::RunRequest;
use engine::memory::SeededRandom;
use engine::model::{ContentRef, Depth, RunKey, Source, TenantId};
use engine::ports::{Clock as _, Key, Queue, Queues as _, Random as _, Row};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::GARBAGE;
use super::cause::Cause;
use super::world::Site;

/// A client repeats a request so often, so long after each, and asks so often whether its run has ended.
const TRIES: u64 = 4;
const AGAIN_MS: u64 = 15_000;
const QUESTIONS: u64 = 40;
const MINUTE_MS: u64 = 60_000;

/// A run that somebody asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// When, from the beginning, in milliseconds.
    pub after_ms: u64,
    /// How deep.
    pub depth: Depth,
    /// Whether its content can be used.
    pub usable: bool,
}

/// All runs that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Traffic(pub Vec<Request>);

impl Traffic {
    /// One run in each of these minutes, of these depths in turn.
    pub fn steady(minutes: Range<u64>, depths: &[Depth]) -> Self {
        let request = |(minute, depth): (u64, &Depth)| Request {
            after_ms: minute * MINUTE_MS + 7_000,
            depth: *depth,
            usable: true,
        };
        Self(minutes.zip(depths.iter().cycle()).map(request).collect())
    }

    /// A day: busy hours, few runs in the evening, none for most of the night; one content in forty is of no use.
    pub fn day(seed: u64) -> Self {
        let random = SeededRandom::new(seed ^ 0xDA1);
        let mut requests = Vec::new();
        for minute in 0..23 * 60 + 30 {
            let per_thousand = match minute / 60 {
                0..=5 => 1,
                6..=8 => 6,
                9..=17 => 20,
                _ => 6,
            };
            if random.next_u64() % 1_000 < per_thousand {
                let depth = match random.next_u64() % 20 {
                    0..=11 => Depth::Quick,
                    12..=17 => Depth::Standard,
                    18 => Depth::Deep,
                    _ => Depth::Comprehensive,
                };
                requests.push(Request {
                    after_ms: minute * MINUTE_MS + random.next_u64() % MINUTE_MS,
                    depth,
                    usable: !random.next_u64().is_multiple_of(40),
                });
            }
        }
        Self(requests)
    }
}

impl Site {
    /// All clients, for ever.
    pub(super) async fn serve_clients(&self, traffic: &Traffic) {
        let clients = traffic.0.iter().enumerate().map(|(number, request)| self.client(number, request));
        let mut clients: FuturesUnordered<_> = clients.collect();
        while clients.next().await.is_some() {}
        std::future::pending::<()>().await;
    }

    async fn client(&self, number: usize, request: &Request) {
        self.time.sleep(request.after_ms).await;
        let usable = request.usable && !self.causes.are(Cause::ContentBad);
        let text = if usable {
            // Each says something of its own: what is only written beside the words is the same talk to all who read them.
            let own = format!("00:59:00.000 --> 00:59:09.000\nThis was talk {number} of our series.\n");
            format!("{}\n\n{own}", super::world::TRANSCRIPT)
        } else {
            " \n".repeat(number + 1)
        };
        let tenant = TenantId::new(format!("tenant-{}", number % 3));
        let digest = blake3::hash(text.as_bytes()).to_hex();
        let asked = RunRequest {
            tenant: tenant.clone(),
            workspace: "default".to_owned(),
            source: Source {
                name: "talk.vtt".to_owned(),
                media_type: "text/vtt".to_owned(),
                bytes: text.len() as u64,
                content: ContentRef::new(digest.as_str()),
                // Of another place each, so that no talk is taken for another one edited.
                link: Some(format!("https://talks.example/{number}")),
            },
            depth: request.depth,
            use_cache: true,
            idempotency_key: Some(format!("{number}")),
            trace: None,
        };
        for _ in 0..TRIES {
            let accepted = self.request(async |ports| {
                ports.content.put(&tenant, text.as_bytes()).await?;
                engine::start_run(ports, &asked).await
            });
            match accepted.await {
                Ok((run, _)) => return self.follow(&run).await,
                Err(status) if status >= 500 || status == 409 => self.time.sleep(AGAIN_MS).await,
                Err(_) => return,
            }
        }
    }

    async fn follow(&self, run: &RunKey) {
        for _ in 0..QUESTIONS {
            self.time.sleep(AGAIN_MS).await;
            let keys = [Key::Run(run.clone())];
            let answer = self.request(async |ports| ports.store.read(&keys).await).await;
            if let Ok(rows) = answer
                && let Some(Some(Row::Run(run))) = rows.first().map(|row| row.as_ref().map(|row| &row.row))
                && run.status.is_final()
            {
                return;
            }
        }
    }

    /// Whoever sends to the runs queue what does not belong there, once a minute while that is so.
    pub(super) async fn strangers(&self) {
        loop {
            self.time.sleep(60_000).await;
            let tenant = TenantId::new("stranger");
            let run = |id: &str| RunKey { tenant: tenant.clone(), run: engine::model::RunId::new(id) };
            let message = if self.causes.are(Cause::Poison) {
                engine::ports::Message::Deliver(run("none"))
            } else if self.causes.are(Cause::Garbage) {
                engine::ports::Message::Deliver(run(GARBAGE))
            } else {
                continue;
            };
            // A queue in memory takes every message.
            let _ = self.queues.send(Queue::Runs, &message, 0).await;
        }
    }
}
