//! Runs from the outside: started once, listed, followed, cancelled; and whatever a request can have wrong.

use engine::model::{RunId, RunKey, Scope, TenantId};
use futures::future::{join, join_all};
use serde_json::{Value, json};

use super::house::{Ask, House, send};

const WORDS: &str = "The river rose by 3 metres in 2024. The wall held. 600 homes were flooded all the same.";

struct Tenant {
    house: House,
    key: String,
}

impl Tenant {
    fn new() -> Tenant {
        let house = House::new();
        let key = house.key("acme", &[Scope::Run, Scope::Read], None).text;
        Tenant { house, key }
    }

    fn ask(&self, method: &'static str, path: impl Into<String>) -> Ask {
        Ask::new(method, path).key(&self.key)
    }

    fn start(&self, body: &Value) -> String {
        let started = self.house.check(&self.ask("POST", "/runs").json(body), (202, "-"));
        started.body["run_id"].as_str().unwrap().to_owned()
    }

    fn check(&self, method: &'static str, path: impl Into<String>, expected: (u16, &str)) -> Value {
        self.house.check(&self.ask(method, path), expected).body
    }
}

#[test]
fn a_run_is_started_once_by_its_idempotency_key() {
    let tenant = Tenant::new();
    let house = &tenant.house;
    let ask = |body: Value| tenant.ask("POST", "/runs").json(&body).header("idempotency-key", "one");
    let first = house.check(&ask(json!({ "text": WORDS })), (202, "-"));
    let id = first.body["run_id"].as_str().unwrap();
    assert_eq!(first.headers["location"], format!("/runs/{id}"));
    let again = house.check(&ask(json!({ "text": WORDS })), (200, "-"));
    assert_eq!(again.body, first.body);
    for other in [
        json!({ "text": format!("{WORDS} ") }),
        json!({ "text": WORDS, "depth": "quick" }),
        json!({ "text": WORDS, "name": "b.txt" }),
        json!({ "text": WORDS, "workspace": "b" }),
        json!({ "text": WORDS, "fresh": true }),
        json!({ "text": WORDS, "link": "https://example.org/" }),
        json!({ "url": "https://example.org/" }),
    ] {
        house.check(&ask(other), (422, "IdempotencyMismatch"));
    }
    let foreign = house.key("other", &[Scope::Admin], None).text;
    let theirs = Ask::new("POST", "/runs").json(&json!({ "text": WORDS })).header("idempotency-key", "one");
    let theirs = house.check(&theirs.key(&foreign), (202, "-"));
    assert_ne!(theirs.body["run_id"], first.body["run_id"], "a key is its tenant's own");
    let listed = tenant.check("GET", "/runs", (200, "-"));
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn ten_thousand_at_once_are_one_run() {
    const REQUESTS: usize = 10_000;
    let tenant = Tenant::new();
    let ask = tenant.ask("POST", "/runs").json(&json!({ "text": WORDS })).header("idempotency-key", "storm");
    let router = tenant.house.router.clone();
    let answers = tenant
        .house
        .block_on(async move { join_all((0..REQUESTS).map(|_| send(router.clone(), ask.request()))).await });
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    let repeated = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((accepted, repeated), (1, REQUESTS - 1));
    assert!(answers.iter().all(|answer| answer.body["run_id"] == answers[0].body["run_id"]));
    let listed = tenant.check("GET", "/runs", (200, "-"));
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_malformed_is_refused_by_kind_and_leaves_nothing() {
    let tenant = Tenant::new();
    let rows = tenant.house.store.rows.all_rows().len();
    let check = |ask: Ask, status: u16, kind: &str, says: &str| {
        let detail = tenant.house.check(&ask, (status, kind)).body["detail"].to_string();
        assert!(detail.contains(says), "no `{says}` in {detail}");
    };
    let post = || tenant.ask("POST", "/runs");
    let (invalid, upload) = ("InvalidInput", "01KBAZ5S0R0000000000000001");
    for (body, says) in [
        (json!({}), "exactly one of: url, text, upload"),
        (json!({ "url": "https://example.org", "text": WORDS }), "exactly one of"),
        (json!({ "text": WORDS, "upload": upload }), "exactly one of"),
        (json!({ "text": "" }), "/text"),
        (json!({ "text": " \n " }), "empty"),
        (json!({ "text": "WEBVTT\n\n00:00:0x.000 --> 1\nHello\n", "name": "a.vtt" }), "line 3"),
        (json!({ "text": 5 }), "/text"),
        (json!({ "text": WORDS, "depth": "abyss" }), "/depth"),
        (json!({ "text": WORDS, "depth": null }), "/depth"),
        (json!({ "text": WORDS, "tenant": "other" }), "tenant"),
        (json!({ "text": WORDS, "workspace": "a b" }), "/workspace"),
        (json!({ "text": WORDS, "name": "a/b.txt" }), "/name"),
        (json!({ "text": WORDS, "name": "x".repeat(201) }), "/name"),
        (json!({ "text": WORDS, "link": "javascript:alert(1)" }), "javascript"),
        (json!({ "text": WORDS, "episode": "1" }), "/episode"),
        (json!({ "url": "https://example.org", "name": "a.txt" }), "/name"),
        (json!({ "url": "http://127.0.0.1/" }), "127.0.0.1"),
        (json!({ "url": "http://169.254.169.254/latest/meta-data" }), "169.254.169.254"),
        (json!({ "url": "file:///etc/passwd" }), "file"),
        (json!({ "url": "x".repeat(2_001) }), "/url"),
        (json!({ "upload": "../../other" }), "/upload"),
        (json!([]), "object"),
        (json!("text"), "object"),
        (Value::Null, "object"),
    ] {
        check(post().json(&body), 400, invalid, says);
    }
    check(post().json(&json!({ "upload": upload })), 404, "NotFound", upload);
    let json_bytes = |bytes: &[u8]| post().bytes(bytes).header("content-type", "application/json");
    check(json_bytes(b""), 400, invalid, "not JSON");
    check(json_bytes(b"{\"text\": "), 400, invalid, "line 1");
    check(json_bytes(b"{\"text\": \"caf\xE9\"}"), 400, invalid, "UTF-8");
    check(json_bytes("[".repeat(100_000).as_bytes()), 400, invalid, "not JSON");
    check(json_bytes(&vec![b' '; 6 * 1024 * 1024 + 1]), 413, "TooLarge", "6291456");
    check(json_bytes(&vec![b' '; 60 * 1024 * 1024]), 413, "TooLarge", "6291456");
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let ask = post().bytes("{}").header("content-type", media_type);
        check(ask, 415, "UnsupportedMedia", "application/json");
    }
    check(post().bytes("{}"), 415, "UnsupportedMedia", "application/json");
    let keyed = |key: &str| post().json(&json!({ "text": WORDS })).header("idempotency-key", key);
    check(keyed(""), 400, invalid, "Idempotency-Key");
    check(keyed("a b"), 400, invalid, "Idempotency-Key");
    check(keyed(&"k".repeat(201)), 400, invalid, "200");
    check(keyed("a").header("idempotency-key", "b"), 400, invalid, "more than once");
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1&limit=2",
        "cursor=zz",
        "cursor=a",
        "page=2",
    ] {
        check(tenant.ask("GET", format!("/runs?{query}")), 400, invalid, query.split('=').next().unwrap());
    }
    assert_eq!(tenant.house.store.rows.all_rows().len(), rows, "nothing was written");
}

#[test]
fn runs_are_listed_by_cursor_newest_first() {
    let tenant = Tenant::new();
    let mut started: Vec<String> = (0..7)
        .map(|number| {
            let clock = tenant.house.ports.clock.clone();
            tenant.house.block_on(async move { clock.sleep(5).await });
            tenant.start(&json!({ "text": format!("{WORDS} {number}"), "workspace": "list" }))
        })
        .collect();
    started.reverse();
    let (mut listed, mut path) = (Vec::new(), "/runs?limit=3".to_owned());
    loop {
        let page = tenant.check("GET", path, (200, "-"));
        let runs = page["runs"].as_array().unwrap();
        assert!(runs.len() <= 3);
        listed.extend(runs.iter().map(|run| run["run_id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/runs?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed, started);
    assert_eq!(tenant.check("GET", format!("/runs/{}", listed[0]), (200, "-"))["workspace"], "list");
}

#[test]
fn another_tenant_sees_nothing() {
    let tenant = Tenant::new();
    let id = tenant.start(&json!({ "text": WORDS }));
    let stranger = tenant.house.key("stranger", &[Scope::Admin], None).text;
    for (method, path) in [
        ("GET", format!("/runs/{id}")),
        ("GET", format!("/runs/{id}/briefing")),
        ("GET", format!("/runs/{id}/events")),
        ("DELETE", format!("/runs/{id}")),
        ("GET", "/runs/01KBAZ5S0R0000000000000001".to_owned()),
        ("GET", "/runs/x".to_owned()),
        ("GET", "/runs/acme%23R%2301KBAZ5S0R0000000000/events".to_owned()),
        ("DELETE", "/runs/%ff".to_owned()),
    ] {
        tenant.house.check(&Ask::new(method, path).key(&stranger), (404, "NotFound"));
    }
    assert_eq!(tenant.check("GET", format!("/runs/{id}"), (200, "-"))["cancel_requested"], false);
    let listed = tenant.house.check(&Ask::new("GET", "/runs").key(&stranger), (200, "-"));
    assert_eq!(listed.body["runs"], json!([]));
}

#[test]
fn a_run_is_cancelled_once() {
    let tenant = Tenant::new();
    let id = tenant.start(&json!({ "text": WORDS }));
    let path = format!("/runs/{id}");
    let first = tenant.check("DELETE", &path, (202, "-"));
    assert_eq!(first["cancel_requested"], true);
    assert_eq!(tenant.check("DELETE", &path, (202, "-")), first, "again is the same as once");
    tenant.check("GET", format!("{path}/briefing"), (409, "NotReady"));
    let (ports, run) =
        (tenant.house.ports.clone(), RunKey { tenant: TenantId::new("acme"), run: RunId::new(&id) });
    tenant.house.block_on(async move { engine::finish_run(&ports, &run, None).await }).unwrap();
    let ended = tenant.check("DELETE", &path, (200, "-"));
    assert_eq!(ended["status"], "cancelled");
    tenant.check("GET", format!("{path}/briefing"), (404, "NotFound"));
    let events = tenant.check("GET", format!("{path}/events"), (200, "-"));
    let kinds: Vec<&str> =
        events["events"].as_array().unwrap().iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((&kinds[..2], kinds.last()), (&["accepted", "cancel_requested"][..], Some(&"finished")));
    assert!(!kinds.contains(&"step_started"), "{kinds:?}");
}

#[test]
fn whoever_waits_for_an_event_gets_it_within_a_second() {
    const HAPPENS_MS: u64 = 7_000;
    let tenant = Tenant::new();
    let id = tenant.start(&json!({ "text": WORDS }));
    let events = format!("/runs/{id}/events");
    let (ports, run) =
        (tenant.house.ports.clone(), RunKey { tenant: TenantId::new("acme"), run: RunId::new(&id) });
    let ask = tenant.ask("GET", format!("{events}?after=1&wait_ms=20000"));
    let router = tenant.house.router.clone();
    let (answer, waited_ms) = tenant.house.block_on(async move {
        let start_ms = ports.clock.now_ms();
        let waiting = async { (send(router, ask.request()).await, ports.clock.now_ms() - start_ms) };
        let happening = async {
            ports.clock.sleep(HAPPENS_MS).await;
            engine::cancel_run(&ports, &run).await.unwrap();
        };
        join(waiting, happening).await.0
    });
    assert_eq!((answer.status, answer.body["next"].as_u64()), (200, Some(2)));
    assert!((HAPPENS_MS..HAPPENS_MS + 1_000).contains(&waited_ms), "{waited_ms} ms");

    let before_ms = tenant.house.ports.clock.now_ms();
    let nothing = tenant.check("GET", format!("{events}?after=2&wait_ms=20000"), (200, "-"));
    assert_eq!((&nothing["events"], &nothing["next"]), (&json!([]), &json!(2)));
    assert_eq!(tenant.house.ports.clock.now_ms() - before_ms, 20_000);
    let one = tenant.check("GET", format!("{events}?limit=1"), (200, "-"));
    assert_eq!((one["next"].as_u64(), one["over"].as_bool()), (Some(1), Some(false)));
    for query in ["after=-1", "after=x", "wait_ms=20001", "limit=0", "since=1"] {
        tenant.check("GET", format!("{events}?{query}"), (400, "InvalidInput"));
    }
}

#[test]
fn content_is_handed_in_before_its_run() {
    let tenant = Tenant::new();
    let opened =
        tenant.house.check(&tenant.ask("POST", "/uploads").json(&json!({ "name": "talk.vtt" })), (201, "-"));
    let (id, put) = (opened.body["upload"].as_str().unwrap(), &opened.body["put"]);
    let run = json!({ "upload": id, "depth": "quick" });
    tenant.house.check(&tenant.ask("POST", "/runs").json(&run), (409, "NotReady"));
    let fill = |bytes: &[u8]| tenant.ask("PUT", put["url"].as_str().unwrap()).bytes(bytes);
    tenant.house.check(&fill(b""), (400, "InvalidInput"));
    tenant.house.check(&fill(b"\x7fELF\0"), (415, "UnsupportedMedia"));
    let most = usize::try_from(put["most_bytes"].as_u64().unwrap()).unwrap();
    tenant.house.check(&fill(&vec![b'a'; most + 1]), (413, "TooLarge"));
    let captions = b"WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nThe river rose by 3 metres.\n";
    let filled = tenant.house.check(&fill(captions), (200, "-"));
    assert_eq!(filled.body["bytes"], captions.len());
    let stranger = tenant.house.key("stranger", &[Scope::Admin], None).text;
    let theirs = Ask::new("POST", "/runs").json(&run).key(&stranger);
    tenant.house.check(&theirs, (404, "NotFound"));
    let started = tenant.house.check(&tenant.ask("POST", "/runs").json(&run), (202, "-"));
    let source = &started.body["source"];
    assert_eq!((&source["name"], &source["media_type"]), (&json!("talk.vtt"), &json!("text/vtt")));
    assert_eq!(source["content"], filled.body["content"]);
    for body in
        [json!({}), json!({ "name": "" }), json!({ "name": "a", "tenant": "b" }), json!({ "name": "../a" })]
    {
        tenant.house.check(&tenant.ask("POST", "/uploads").json(&body), (400, "InvalidInput"));
    }
}

#[test]
fn the_agents_of_a_depth_are_listed() {
    let tenant = Tenant::new();
    let count = |path: &str| tenant.check("GET", path, (200, "-"))["agents"].as_array().unwrap().len();
    assert_eq!(count("/agents"), 26);
    assert_eq!(count("/agents?depth=quick"), 5);
    tenant.check("GET", "/agents?depth=abyss", (400, "InvalidInput"));
}
