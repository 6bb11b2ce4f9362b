//! The HTTP API over a real socket: runs followed to their briefings, cancelled, asked for at once, killed and resumed.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use boot::SystemClock;
use engine::ports::Clock as _;
use lab::scripted::{Script, ScriptedServer};
use serde_json::{Value, json};

use crate::assay::{assay, run, sample};
use crate::http::{Client, Server, key};

fn flood() -> Value {
    let text = fs::read_to_string(sample("flood-budget.vtt")).unwrap();
    json!({ "text": text, "name": "flood-budget.vtt", "depth": "deep" })
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

fn with_model<'a>(command: &'a mut std::process::Command, url: &str) -> &'a mut std::process::Command {
    command.env("LLM_BASE_URL", url).env("LLM_MODEL", "scripted").env("LLM_PRICE", "0.15/0.60")
}

#[test]
fn a_run_is_followed_from_its_start_to_its_briefing() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let server = Server::start(folder.path(), |command| command);
    let client = Client { server: &server, key: &key };
    let id = client.start(&flood());
    let mut events = Vec::new();
    client.follow(&id, &mut events, |_| false);
    let kinds = kinds(&events);
    assert_eq!((kinds.first(), kinds.last()), (Some(&"accepted"), Some(&"delivered")));
    assert!(kinds.contains(&"finished"));
    assert_eq!(client.get(&format!("/runs/{id}")).json()["status"], "complete");

    let path = format!("/runs/{id}/briefing");
    let briefing = client.get(&path);
    for (request, accept, media_type, begins) in [
        ("", "text/html;q=0.8, text/markdown", "text/markdown", "# "),
        ("", "text/html", "text/html", "<!doctype html>"),
        ("?format=md", "text/html", "text/markdown", "# "),
        ("", "*/*", "application/json", "{"),
    ] {
        let answer = client.ask(&format!("GET {path}{request}"), &[("accept", accept)], b"");
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains(&format!("content-type: {media_type}")), "{}", answer.head);
        assert!(answer.body.trim_start().starts_with(begins), "{accept}: {:.80}", answer.body);
    }
    server.end();
    let shown = run(&mut assay(&["show", &id, "--json", "--state", folder.path().to_str().unwrap()]));
    assert_eq!(briefing.json(), crate::assay::json(&shown), "the command line shows the same");
}

#[test]
fn many_at_once_with_one_idempotency_key_are_one_run() {
    const REQUESTS: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let server = Server::start(folder.path(), |command| command);
    let client = Client { server: &server, key: &key };
    let body = flood().to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "the-one")];
    let asked = AtomicUsize::new(0);
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = Vec::new();
                    while asked.fetch_add(1, Ordering::Relaxed) < REQUESTS {
                        let answer = client.ask("POST /runs", &headers, body.as_bytes());
                        answers.push((answer.status, answer.json()["run_id"].to_string()));
                    }
                    answers
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.len(), REQUESTS);
    assert_eq!(answers.iter().filter(|(status, _)| *status == 202).count(), 1);
    assert!(answers.iter().all(|(status, id)| matches!(status, 200 | 202) && *id == answers[0].1));
    assert_eq!(client.get("/runs").json()["runs"].as_array().unwrap().len(), 1);
}

/// The server is killed in the middle of a run, again and again. What a client has seen stays true, and the run ends.
#[test]
fn a_killed_server_goes_on_and_takes_back_nothing_it_has_said() {
    const KILLS: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let model = ScriptedServer::start(Script::new(Vec::new()).with_latency_ms(40)).unwrap();
    let mut events = Vec::new();
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    let id = Client { server: &server, key: &key }.start(&flood());
    // Whoever has the answer finds the run, although the server dies at once.
    server.kill();
    for _ in 0..KILLS {
        let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
        let client = Client { server: &server, key: &key };
        let target = events.len() + 4;
        client.follow(&id, &mut events, |seen| seen.len() >= target);
        server.kill();
    }
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    let client = Client { server: &server, key: &key };
    client.follow(&id, &mut events, |_| false);
    assert_eq!(kinds(&events).last(), Some(&"delivered"));
    let all = client.get(&format!("/runs/{id}/events?limit=1000")).json();
    assert_eq!(all["events"], Value::from(events.clone()), "what was said before the kills is still so");
    let finished = |event: &&Value| event["event"] == "step_finished";
    let mut steps: Vec<String> =
        events.iter().filter(finished).map(|event| format!("{}/{}", event["agent"], event["item"])).collect();
    let count = steps.len();
    steps.sort();
    steps.dedup();
    assert_eq!(steps.len(), count, "no step finished twice");
    assert_eq!(client.get(&format!("/runs/{id}")).json()["status"], "complete");
    server.end();
}

/// The server is killed while many start runs. Whoever was answered finds the run, and it ends.
#[test]
fn every_run_that_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let server = Server::start(folder.path(), |command| command);
    let (number, answered) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = number.fetch_add(1, Ordering::Relaxed);
                    let body = json!({ "text": format!("The wall held in 20{number}."), "depth": "quick" });
                    // Once it is killed, nobody answers.
                    let Ok(answer) = server.try_ask("POST /runs", &headers, body.to_string().as_bytes())
                    else {
                        break;
                    };
                    assert_eq!(answer.status, 202, "{}", answer.body);
                    answered.lock().unwrap().push(answer.json()["run_id"].as_str().unwrap().to_owned());
                }
            });
        }
        std::thread::sleep(Duration::from_millis(400));
        server.kill_only();
    });
    server.kill();
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() >= 10, "{}", answered.len());
    let server = Server::start(folder.path(), |command| command);
    let client = Client { server: &server, key: &key };
    for id in &answered {
        client.follow(id, &mut Vec::new(), |_| false);
        assert_ne!(client.get(&format!("/runs/{id}")).json()["status"], "running", "{id}");
    }
}

#[test]
fn a_server_that_is_asked_to_end_leaves_its_run_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let model = ScriptedServer::start(Script::new(Vec::new()).with_latency_ms(100)).unwrap();
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    let client = Client { server: &server, key: &key };
    let id = client.start(&flood());
    let mut events = Vec::new();
    client.follow(&id, &mut events, |seen| seen.len() >= 6);
    let asked_ms = SystemClock.now_ms();
    server.end();
    let took_ms = SystemClock.now_ms() - asked_ms;
    assert!(took_ms < 5_000, "{took_ms} ms");
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    Client { server: &server, key: &key }.follow(&id, &mut events, |_| false);
    assert_eq!(kinds(&events).last(), Some(&"delivered"));
}

#[test]
fn a_cancelled_run_makes_no_paid_call_after_two_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), &["--scopes", "run,read"]);
    let model = ScriptedServer::start(Script::new(Vec::new()).with_latency_ms(300)).unwrap();
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    let client = Client { server: &server, key: &key };
    let id = client.start(&flood());
    let mut events = Vec::new();
    client.follow(&id, &mut events, |_| !model.bill().lines().is_empty());
    let cancel = || client.ask(&format!("DELETE /runs/{id}"), &[], b"");
    assert_eq!(cancel().status, 202);
    assert!(matches!(cancel().status, 200 | 202), "again is the same as once");
    std::thread::sleep(Duration::from_secs(2));
    let paid = model.bill().lines().len();
    client.follow(&id, &mut events, |_| false);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(model.bill().lines().len(), paid, "no call after two seconds");
    assert!(kinds(&events).contains(&"cancel_requested"));
    let ended = cancel();
    assert_eq!((ended.status, &ended.json()["status"]), (200, &json!("cancelled")));
    server.end();
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    let still = Client { server: &server, key: &key }.get(&format!("/runs/{id}")).json();
    assert_eq!(still["status"], "cancelled");
}

/// Every route the document names, asked without a key, with one that opens nothing, and with one of too few scopes.
#[test]
fn no_route_answers_without_a_key_that_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let (reader, runner) =
        (key(folder.path(), &["--scopes", "read"]), key(folder.path(), &["--scopes", "run"]));
    let revoked = key(folder.path(), &["--scopes", "admin"]);
    let id = revoked.split('.').next().unwrap();
    let foreign = run(&mut assay(&["keys", "revoke", id, "--tenant", "other", "--state", state]));
    assert_eq!(foreign.status.code(), Some(2), "another tenant's key is not there");
    assert!(run(&mut assay(&["keys", "revoke", id, "--state", state])).status.success());
    let old = key(folder.path(), &["--scopes", "admin"]);
    let id = old.split('.').next().unwrap();
    let rotated = run(&mut assay(&["keys", "rotate", id, "--state", state]));
    let new = String::from_utf8(rotated.stdout).unwrap().trim().to_owned();
    let listed = run(&mut assay(&["keys", "list", "--state", state]));
    let listed = String::from_utf8(listed.stdout).unwrap();
    for key in [&reader, &runner, &revoked, &old, &new] {
        let (id, secret) = key.split_once('.').unwrap();
        assert!(listed.contains(id) && !listed.contains(secret), "{listed}");
    }

    let server = Server::start(folder.path(), |command| command);
    let document = server.ask("GET /openapi.json", &[], b"").json();
    let mut routes = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(scope) = operation["x-scope"].as_str() else { continue };
            routes += 1;
            let request =
                format!("{} {}", method.to_uppercase(), path.replace("{id}", "01KBAZ5S0R0000000000000001"));
            let status = |key: &str| Client { server: &server, key }.ask(&request, &[], b"").status;
            assert_eq!(server.ask(&request, &[], b"").status, 401, "{request}");
            for nothing in ["", "nonsense", &revoked, &format!("{reader}x")] {
                assert_eq!(status(nothing), 401, "{request} with {nothing}");
            }
            // A key for everything opens every route.
            for (key, opens) in
                [(&reader, scope == "read"), (&runner, scope == "run"), (&old, true), (&new, true)]
            {
                let status = status(key);
                assert!(
                    if opens { !matches!(status, 401 | 403) } else { status == 403 },
                    "{request}: {status}"
                );
            }
        }
    }
    assert_eq!(routes, 15);
    assert_eq!(server.ask("GET /health", &[], b"").status, 200);
}

#[test]
fn a_tenants_limits_hold_for_its_requests() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let limits = |more: &[&str]| {
        let mut arguments = vec!["limits", "--state", state, "--tenant", "small"];
        arguments.extend(more);
        run(&mut assay(&arguments))
    };
    assert_eq!(limits(&["--daily-budget", "lots"]).status.code(), Some(2));
    assert!(limits(&["--daily-budget", "0", "--depth-limit", "quick"]).status.success());
    let told = String::from_utf8(limits(&["--run-cap", "0.25"]).stdout).unwrap();
    assert!(["$0.00", "$0.25", "quick"].iter().all(|part| told.contains(part)), "{told}");
    let (small, large) = (
        key(folder.path(), &["--scopes", "admin", "--tenant", "small"]),
        key(folder.path(), &["--scopes", "admin"]),
    );
    let model = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let server = Server::start(folder.path(), |command| with_model(command, &model.url()));
    let check = |key: &str, depth: &str, expected: u16| {
        let body = json!({ "text": "The wall held.", "depth": depth }).to_string();
        let client = Client { server: &server, key };
        let answer = client.ask("POST /runs", &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, expected, "{depth}: {}", answer.body);
    };
    check(&small, "standard", 403);
    check(&small, "quick", 402);
    check(&large, "standard", 202);
}

#[test]
fn a_port_that_is_taken_and_a_folder_in_use_are_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let state = folder.path().to_str().unwrap();
    let check = |arguments: &[&str], says: &str| {
        let output = run(&mut assay(arguments));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(says), "{errors}");
    };
    check(&["serve", "--port", &port, "--state", state], "--port");
    let _server = Server::start(folder.path(), |command| command);
    check(&["serve", "--port", "0", "--state", state], "in use");
    check(&["keys", "create", "--scopes", "read", "--state", state], "in use");
    check(&["keys", "create", "--scopes", "fly", "--state", state], "fly");
}
