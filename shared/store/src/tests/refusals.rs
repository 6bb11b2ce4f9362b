//! What the adapter makes of the real service's refusals, played by a connector that always answers the same.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use engine::error::ErrorKind;
use engine::model::TenantId;
use engine::ports::{Expect, Key, Range, Store};

use serde_json::json;

use super::{block_on, counters, put};
use crate::Dynamo;

#[derive(Clone, Debug)]
enum Answer {
    Says(u16, String),
    Breaks,
    Silence,
}

impl HttpClient for Answer {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Answer {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(match self {
            Answer::Says(status, body) => {
                Ok(HttpResponse::new((*status).try_into().unwrap(), SdkBody::from(body.as_str())))
            }
            Answer::Breaks => Err(ConnectorError::io("connection reset".into())),
            Answer::Silence => Err(ConnectorError::timeout("no answer".into())),
        })
    }
}

fn service(answer: Answer) -> Dynamo {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .endpoint_url("http://localhost")
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(answer)
        .build();
    Dynamo::new(Client::from_conf(config), "rows")
}

fn error(name: &str, message: &str) -> Answer {
    let name = format!("com.amazonaws.dynamodb.v20120810#{name}");
    Answer::Says(400, json!({"__type": name, "message": message}).to_string())
}

fn cancelled(codes: &[&str]) -> Answer {
    let reasons: Vec<_> = codes.iter().map(|code| json!({"Code": code, "Message": "why"})).collect();
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let body = json!({"__type": name, "Message": "cancelled", "CancellationReasons": reasons});
    Answer::Says(400, body.to_string())
}

fn key(number: u32) -> Key {
    Key::Counters(TenantId::new("owner"), number)
}

#[test]
fn refusals_of_one_write() {
    for (answer, kind, waits) in [
        (error("ConditionalCheckFailedException", "no"), ErrorKind::Conflict, false),
        (error("TransactionConflictException", "no"), ErrorKind::Conflict, false),
        (error("TransactionInProgressException", "no"), ErrorKind::Conflict, false),
        (error("ProvisionedThroughputExceededException", "slow down"), ErrorKind::Storage, true),
        (error("ThrottlingException", "slow down"), ErrorKind::Storage, true),
        (error("RequestLimitExceeded", "slow down"), ErrorKind::Storage, true),
        (error("ResourceNotFoundException", "no table"), ErrorKind::Configuration, false),
        (error("AccessDeniedException", "no"), ErrorKind::Configuration, false),
        (error("ExpiredTokenException", "old"), ErrorKind::Storage, false),
        (error("ValidationException", "a word is wrong"), ErrorKind::Internal, false),
        (error("ValidationException", "Item size has exceeded the maximum"), ErrorKind::TooLarge, false),
        (error("SomethingNew", "?"), ErrorKind::Internal, false),
        (Answer::Says(500, json!({"__type": "InternalServerError"}).to_string()), ErrorKind::Storage, false),
        (Answer::Says(503, "<html>".to_owned()), ErrorKind::Storage, false),
        (Answer::Breaks, ErrorKind::Storage, false),
        (Answer::Silence, ErrorKind::Storage, false),
    ] {
        let store = service(answer.clone());
        for expect in [Expect::Absent, Expect::Version(1), Expect::Anything] {
            let refused = block_on(store.write(&[put(&key(0), expect, counters(1))])).unwrap_err();
            assert_eq!(refused.kind(), kind, "{answer:?}: {refused}");
            assert_eq!(refused.retry_after_ms().is_some(), waits, "{answer:?}");
        }
    }
}

#[test]
fn refusals_say_what_the_service_said() {
    let store = service(error("ValidationException", "a word is wrong"));
    let refused = block_on(store.write(&[put(&key(0), Expect::Absent, counters(1))])).unwrap_err();
    assert!(refused.message().contains("a word is wrong"), "{refused}");
}

#[test]
fn refusals_of_a_transaction() {
    let changes = [put(&key(0), Expect::Absent, counters(1)), put(&key(1), Expect::Anything, counters(1))];
    for (codes, kind, waits) in [
        (vec!["None", "ConditionalCheckFailed"], ErrorKind::Conflict, false),
        (vec!["TransactionConflict", "None"], ErrorKind::Conflict, false),
        (vec!["ThrottlingError", "TransactionConflict"], ErrorKind::Conflict, false),
        (vec!["None", "ThrottlingError"], ErrorKind::Storage, true),
        (vec!["ProvisionedThroughputExceeded", "None"], ErrorKind::Storage, true),
        (vec!["ValidationError", "None"], ErrorKind::Internal, false),
        (vec!["ItemCollectionSizeLimitExceeded", "None"], ErrorKind::TooLarge, false),
        (vec![], ErrorKind::Storage, false),
    ] {
        let refused = block_on(service(cancelled(&codes)).write(&changes)).unwrap_err();
        assert_eq!(refused.kind(), kind, "{codes:?}: {refused}");
        assert_eq!(refused.retry_after_ms().is_some(), waits, "{codes:?}");
    }
    let refused = block_on(service(error("TransactionInProgressException", "")).write(&changes)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

#[test]
fn failed_reads_are_storage_errors() {
    for answer in [Answer::Breaks, Answer::Silence, Answer::Says(200, "not JSON".to_owned())] {
        let store = service(answer);
        let one = block_on(store.read(&[key(0)])).unwrap_err();
        let many = block_on(store.read(&[key(0), key(1)])).unwrap_err();
        let listed = block_on(store.list(&Range::Due(1), None, 1)).unwrap_err();
        assert_eq!([one.kind(), many.kind(), listed.kind()], [ErrorKind::Storage; 3]);
    }
}

#[test]
fn damaged_items_are_storage_errors() {
    for item in [
        json!({}),
        json!({"body": {"S": "{}"}, "version": {"N": "1"}}),
        json!({"body": {"N": "1"}, "version": {"N": "1"}}),
        json!({"body": {"S": serde_json::to_string(&counters(1)).unwrap()}}),
    ] {
        let store = service(Answer::Says(200, json!({ "Item": item }).to_string()));
        assert_eq!(block_on(store.read(&[key(0)])).unwrap_err().kind(), ErrorKind::Storage, "{item}");
    }
}

#[test]
fn reads_left_unprocessed_for_ever_end() {
    let wanted = json!({"rows": {"Keys": [
        {"pk": {"S": "T#owner#N#0"}, "sk": {"S": "COUNTERS"}},
        {"pk": {"S": "T#owner#N#1"}, "sk": {"S": "COUNTERS"}},
    ]}});
    let store = service(Answer::Says(200, json!({"Responses": {}, "UnprocessedKeys": wanted}).to_string()));
    let refused = block_on(store.read(&[key(0), key(1)])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Storage);
    assert!(refused.retry_after_ms().is_some());
}

#[test]
fn a_row_too_large_is_not_sent() {
    let store = service(Answer::Says(200, "{}".to_owned()));
    let row = engine::ports::Row::Expiring { value: json!("x".repeat(400 * 1024)), expires_ms: 1 };
    let key = Key::Cache(TenantId::new("owner"), "large".to_owned());
    let refused = block_on(store.write(&[put(&key, Expect::Anything, row)])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
}
