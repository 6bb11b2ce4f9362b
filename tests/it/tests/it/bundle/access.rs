//! The API as the world meets it: through API Gateway, with real requests.

use std::collections::{BTreeMap, BTreeSet};

use engine::model::{KeyId, Scope, TenantId};
use lab::stack::{Call, Kind, Rule, When};
use serde_json::{Value, json};

use super::{Bundle, request, script, transcript, until};
use crate::assay::{assay, json as report_of, run};

const JSON: (&str, &str) = ("content-type", "application/json");
/// An id that nothing has.
const UNKNOWN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

#[test]
fn the_same_idempotency_key_is_one_run_and_no_door_opens_without_its_key() {
    let bundle = Bundle::start("it-access", script());
    one_run_for_two_hundred_requests(&bundle);
    no_door_opens_without_its_key(&bundle);
    an_upload_goes_to_the_bucket_and_becomes_a_run(&bundle);
    operators_are_told_what_is_wrong(&bundle);
    a_validation_from_outside_tells_what_health_found(&bundle);
}

fn one_run_for_two_hundred_requests(bundle: &Bundle) {
    let body = request("quick").to_string();
    let headers = [JSON, ("idempotency-key", "the-same")];
    let ids: BTreeSet<String> = std::thread::scope(|scope| {
        let ask = || {
            let answer = bundle.stack.ask("POST", "/runs", &headers, body.as_bytes()).unwrap();
            assert!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.text());
            answer.json()["run_id"].as_str().unwrap().to_owned()
        };
        let threads: Vec<_> = (0..200).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1, "{ids:?}");
    let runs = bundle.stack.ask("GET", "/runs", &[], b"").unwrap().json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    let other = request("standard").to_string();
    assert_eq!(bundle.stack.ask("POST", "/runs", &headers, other.as_bytes()).unwrap().status, 422);
}

/// Every operation of the document with a scope, as method and path.
fn guarded(bundle: &Bundle) -> Vec<(String, String)> {
    let document = bundle.stack.ask_plainly("GET", "/openapi.json", &[], b"").unwrap().json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"].as_array().is_some_and(|security| !security.is_empty()) {
                operations.push((method.to_uppercase(), path.replace("{id}", UNKNOWN)));
            }
        }
    }
    assert!(operations.len() >= 8, "{operations:?}");
    operations
}

fn no_door_opens_without_its_key(bundle: &Bundle) {
    let (stack, ports) = (&bundle.stack, bundle.stack.ports());
    let make = |scopes: &[Scope], expires_ms: Option<u64>| {
        let tenant = TenantId::new("other");
        let made = engine::create_key(ports, &tenant, scopes, expires_ms, boot::secret_bytes().unwrap());
        stack.block_on(made).unwrap()
    };
    let reading = make(&[Scope::Read], None);
    let expired = make(&[Scope::Run, Scope::Read, Scope::Admin], Some(1));
    let revoked = make(&[Scope::Run, Scope::Read, Scope::Admin], None);
    stack.block_on(engine::revoke_key(ports, &TenantId::new("other"), &revoked.key.id)).unwrap();
    let (id, _) = stack.key().split_once('.').unwrap();
    let wrong_secret = format!("{id}.{}", "0".repeat(52));
    let unknown = format!("{}.{}", KeyId::new("ak_01ARZ3NDEKTSV4RRFFQ69G5FAV"), "0".repeat(52));
    // What is presented, and how many rows may be read for it.
    let presented = [
        (None, 0),
        (Some("nonsense".to_owned()), 0),
        (Some(unknown), 1),
        (Some(wrong_secret), 1),
        (Some(expired.text.clone()), 1),
        (Some(revoked.text.clone()), 1),
    ];
    for (method, path) in guarded(bundle) {
        for (key, reads) in &presented {
            let bearer = key.as_ref().map(|key| format!("Bearer {key}"));
            let mut headers = vec![JSON];
            headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
            let before = stack.calls().len();
            let answer = stack.ask_plainly(&method, &path, &headers, b"{}").unwrap();
            let calls: Vec<Call> = stack
                .calls()
                .split_off(before)
                .into_iter()
                .filter(|call| call.function.as_deref() == Some("api"))
                .collect();
            let why = format!("{method} {path} with {key:?}: {} {}", answer.status, answer.text());
            assert_eq!(answer.status, 401, "{why}");
            let problem: Value = answer.json();
            assert_eq!(problem["kind"], "Unauthorized", "{why}");
            assert!(!answer.text().contains(".rs") && !answer.text().contains("panicked"), "{why}");
            let data: Vec<&Call> = calls.iter().filter(|call| call.service != "secretsmanager").collect();
            assert_eq!(data.len(), *reads, "{why}: {data:?}");
            assert!(data.iter().all(|call| call.action == "GetItem"), "{why}: {data:?}");
        }
    }
    // A key that may only read changes nothing, and one of another tenant sees nothing of this one.
    let whole = make(&[Scope::Run, Scope::Read, Scope::Admin], None);
    let bearers = [&reading, &whole].map(|issued| format!("Bearer {}", issued.text));
    let [reading, whole] = [0, 1].map(|of| vec![JSON, ("authorization", bearers[of].as_str())]);
    let runs = stack.ask("GET", "/runs", &[], b"").unwrap().json();
    let run = runs["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let opened = stack.ask("POST", "/uploads", &[JSON], b"{\"name\":\"a.txt\"}").unwrap().json();
    let upload = opened["upload"].as_str().unwrap().to_owned();
    for (method, path) in guarded(bundle) {
        let id = if path.starts_with("/uploads") { &upload } else { &run };
        let path = path.replace(UNKNOWN, id);
        if method != "GET" {
            assert_eq!(
                stack.ask_plainly(&method, &path, &reading, b"{}").unwrap().status,
                403,
                "{method} {path}"
            );
        }
        if path.contains(id.as_str()) {
            assert_eq!(
                stack.ask_plainly(&method, &path, &whole, b"a text").unwrap().status,
                404,
                "{method} {path}"
            );
        }
    }
    let others = stack.ask_plainly("GET", "/runs", &whole, b"").unwrap().json();
    assert_eq!(others["runs"], json!([]));
    let foreign = json!({ "upload": upload, "depth": "quick" }).to_string();
    assert_eq!(stack.ask_plainly("POST", "/runs", &whole, foreign.as_bytes()).unwrap().status, 404);
}

fn an_upload_goes_to_the_bucket_and_becomes_a_run(bundle: &Bundle) {
    let stack = &bundle.stack;
    let opened = stack.ask("POST", "/uploads", &[JSON], b"{\"name\":\"flood-budget.vtt\"}").unwrap();
    assert_eq!(opened.status, 201, "{}", opened.text());
    let opened = opened.json();
    let url = opened["put"]["url"].as_str().unwrap();
    assert!(url.starts_with("http") && url.contains("X-Amz-Signature"), "a presigned address");
    let early = json!({ "upload": opened["upload"], "depth": "quick" });
    let refused = stack.ask("POST", "/runs", &[JSON], early.to_string().as_bytes()).unwrap();
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(stack.put(url, transcript().as_bytes()).unwrap(), 200);
    let run = stack.post_run(&early).unwrap();
    let ended = bundle.wait(&run);
    assert!(ended.run.failure.is_none(), "{:?}", ended.run.failure);
    let briefing = stack.ask("GET", &format!("/runs/{run}/briefing?format=md"), &[], b"").unwrap();
    assert!(briefing.text().contains("flood-budget.vtt"), "{}", briefing.text());
}

fn operators_are_told_what_is_wrong(bundle: &Bundle) {
    let wish = json!({ "operator": "create_key", "tenant": "new", "scopes": ["run", "read"] });
    let made = bundle.stack.invoke("api", &wish).unwrap();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let answer = bundle.stack.ask_plainly("GET", "/runs", &[("authorization", &bearer)], b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let limits = json!({ "operator": "set_limits", "tenant": "new", "daily_budget": "1.50" });
    assert_eq!(bundle.stack.invoke("api", &limits).unwrap()["tenant"], "new");
    let error = bundle.stack.invoke("api", &json!({ "operator": "destroy" })).unwrap_err().to_string();
    assert!(error.contains("create_key"), "{error}");
    let unknown = components(bundle, &bearer);
    assert!(unknown.values().all(|status| status == "unknown"), "nobody has looked yet: {unknown:?}");
    let health = bundle.stack.invoke("health", &json!({})).unwrap();
    assert_eq!(health["status"], "pass", "{health:#}");
    assert_eq!(health["parts"]["secret"]["status"], "pass", "{health:#}");
    // A report is given out again for ten seconds.
    until("the API tells what was found", || components(bundle, &bearer)["step_result"] == "pass");
    let found = components(bundle, &bearer);
    assert_eq!(found.len(), 10);
    for (component, status) in found {
        assert_eq!(status, "pass", "{component}: {health:#}");
    }
}

/// How the API says each component stands.
fn components(bundle: &Bundle, bearer: &str) -> BTreeMap<String, Value> {
    let headers = [("authorization", bearer)];
    let answer = bundle.stack.ask_plainly("GET", "/health/components", &headers, b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let checks = answer.json()["checks"].as_object().unwrap().clone();
    let entries = checks.values().map(|entries| &entries[0]);
    entries
        .map(|entry| (entry["componentId"].as_str().unwrap().to_owned(), entry["status"].clone()))
        .collect()
}

/// First while the bucket refuses `health`, then when it does not any more.
fn a_validation_from_outside_tells_what_health_found(bundle: &Bundle) {
    let stack = &bundle.stack;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, stack.key()).unwrap();
    let url = stack.api_url();
    let validate = || {
        let arguments = ["validate", "--json", "--url", &url, "--key-from", key.to_str().unwrap()];
        let report = report_of(&run(&mut assay(&arguments)));
        let rows = report["components"].as_array().unwrap().clone();
        let name = |row: &Value| row["component"].as_str().unwrap().to_owned();
        let of = |verdict: &str| -> BTreeSet<String> {
            rows.iter().filter(|row| row["verdict"] == verdict).map(name).collect()
        };
        (of("fail"), of("unknown"))
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    // Nothing outside a run uses the first five; the last needs some tens of runs.
    let unknown =
        names(&["fact_check", "research", "download", "discord", "cost_optimisation", "performance"]);
    // A process of the API reads what was found at most every ten seconds.
    let mut told = (BTreeSet::new(), BTreeSet::new());
    let mut tells = |what: &str, failing: BTreeSet<String>| {
        stack.invoke("health", &json!({})).unwrap();
        until(what, || {
            told = validate();
            told.0 == failing
        });
        assert_eq!(told.1, unknown);
    };
    let rule = stack.faults().add(Rule::new("s3", "*", When::Always, Kind::Refuse).by("health"));
    tells("the bucket is told", names(&["step_result"]));
    stack.faults().end(rule);
    tells("all is well", BTreeSet::new());
}
