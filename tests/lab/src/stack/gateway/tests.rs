use std::sync::Mutex;

use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use engine::error::ErrorKind;
use engine::model::{TenantId, TenantSettings};
use engine::ports::{Becomes, Change, Expect, Key, Row, Store as _};
use serde_json::json;

use super::*;
use crate::stack::client::Aws;
use crate::stack::faults::{Rule, When};
use crate::stack::table;

/// What came through: the host's name as it was written, and the body.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A service that answers `{}` and keeps what it is asked, behind a gateway.
struct House {
    gateway: Gateway,
    seen: Seen,
    aws: Aws,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

async fn keep(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> &'static str {
    seen.lock().unwrap().push((headers["host"].to_str().unwrap().to_owned(), body.to_vec()));
    "{}"
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("calls.jsonl")).unwrap();
    let (seen, listener) = (Seen::default(), listen().unwrap());
    gateway.leads_to(listener.local_addr().unwrap(), 0);
    let router = Router::new().fallback(keep).layer(DefaultBodyLimit::disable()).with_state(seen.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    let aws = Aws { http: Http::new(), endpoint: gateway.url() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    House { gateway, seen, aws, runtime, _folder: folder }
}

fn change(tenant: &str) -> Change {
    Change {
        key: Key::Settings(TenantId::new(tenant)),
        expect: Expect::Anything,
        to: Becomes::Row(Row::Settings(TenantSettings::default())),
        due_ms: None,
    }
}

/// What the platform's own adapter makes of each fault, how often the service was asked, and what is on record.
#[test]
fn the_table_fails_as_the_real_one_does() {
    let check = |kind: Kind, changes: &[Change], expected: Option<ErrorKind>, asked: usize, status: u16| {
        let house = house();
        house.gateway.faults().add(Rule::new("dynamodb", "*", When::Next(1), kind.clone()));
        let rows =
            store::Dynamo::connect(table::connection(&house.aws.endpoint).unwrap().sdk_config(), "assay");
        let outcome = house.runtime.block_on(rows.write(changes));
        assert_eq!(outcome.as_ref().err().map(|error| error.kind()), expected, "{kind:?}: {outcome:?}");
        assert_eq!(house.seen.lock().unwrap().len(), asked, "{kind:?}");
        let calls = house.gateway.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].fault.as_deref(), calls[0].status), (Some(kind.name()), status));
        assert_eq!(calls[0].items, changes.len());
        let after = house.runtime.block_on(rows.write(changes));
        assert!(after.is_ok() && house.gateway.calls()[1].fault.is_none(), "{kind:?}: {after:?}");
    };
    let (one, two) = ([change("a")], [change("a"), change("b")]);
    for changes in [&one[..], &two] {
        check(Kind::TransactionConflict, changes, Some(ErrorKind::Conflict), 0, 400);
        check(Kind::Throttle, changes, Some(ErrorKind::Storage), 0, 400);
        check(Kind::Refuse, changes, Some(ErrorKind::Storage), 0, 500);
        check(Kind::FailAfter, changes, Some(ErrorKind::Storage), 1, 500);
        check(Kind::Duplicate, changes, None, 2, 200);
        check(Kind::Delay(1), changes, None, 1, 200);
    }
    check(Kind::Error("ResourceNotFoundException".to_owned()), &one, Some(ErrorKind::Configuration), 0, 400);
}

#[test]
fn other_services_are_refused_in_their_own_words() {
    let check = |kind: Kind, service: &str, target: &str, code: &str| {
        let house = house();
        house.gateway.faults().add(Rule::new(service, "*", When::Always, kind));
        let refused =
            house.runtime.block_on(house.aws.json(service, target, &json!({}))).unwrap_err().to_string();
        assert!(refused.contains(code), "{refused}");
        assert_eq!(house.seen.lock().unwrap().len(), 0);
    };
    for code in ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"] {
        check(Kind::Error(code.to_owned()), "states", "AWSStepFunctions.SendTaskSuccess", code);
    }
    check(Kind::Throttle, "sqs", "AmazonSQS.SendMessage", "com.amazonaws.sqs#RequestThrottled");
    check(Kind::Refuse, "secretsmanager", "secretsmanager.GetSecretValue", "InternalServiceError");
}

#[test]
fn what_passes_is_unchanged_and_the_api_gets_its_name() {
    let house = house();
    let large = vec![b'x'; 10 << 20];
    let headers = [("content-type", "application/octet-stream")];
    let sent = house.aws.send("s3", "PUT", "/bucket/a%20b", &headers, large.clone().into());
    assert_eq!(house.runtime.block_on(sent).unwrap().status(), 200);
    let host = house.gateway.url().trim_start_matches("http://").to_owned();
    assert_eq!(house.seen.lock().unwrap().pop(), Some((host, large)));
    let call = house.gateway.calls().pop().unwrap();
    assert_eq!((call.action.as_str(), call.resource.as_str()), ("PutObject", "bucket/a%20b"));
    assert_eq!((call.request_bytes, call.response_bytes, call.function), (10 << 20, 2, None));

    let get = || {
        let request = axum::http::Request::get(house.gateway.api_url() + "/runs").body(Bytes::new()).unwrap();
        house.runtime.block_on(house.aws.http.send(request)).unwrap().status()
    };
    assert_eq!(get(), 502, "no API yet");
    house.gateway.api_is("0a1b2c3d.execute-api.localhost:1").unwrap();
    assert_eq!(get(), 200);
    assert_eq!(house.seen.lock().unwrap().pop().unwrap().0, "0a1b2c3d.execute-api.localhost:1");
    assert_eq!(house.gateway.calls().len(), 1, "the API's own callers are not the functions'");
}

#[test]
fn a_delayed_call_takes_its_time() {
    let house = house();
    house.gateway.faults().add(Rule::new("sqs", "*", When::Next(1), Kind::Delay(60)));
    house.runtime.block_on(house.aws.json("sqs", "AmazonSQS.SendMessage", &json!({}))).unwrap();
    assert!(house.gateway.calls()[0].took_ms >= 60, "{:?}", house.gateway.calls());
}
