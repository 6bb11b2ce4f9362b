//! Spans as they are sent, to a collector on this machine.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};

use engine::error::ErrorKind;
use engine::model::{SpanId, TraceId};
use engine::trace::{Fact, SpanKind};
use serde_json::{Value, json};

use super::*;

fn span(id: u64) -> Span {
    Span {
        trace: TraceId(0x0193_4e8b_0000_0000_0000_0000_0000_0007),
        id: SpanId(id),
        parent: Some(SpanId(1)),
        name: "chat gpt \"x\"".to_owned(),
        kind: SpanKind::Client,
        start_ms: 1_795_305_600_123,
        end_ms: 1_795_305_600_500,
        attributes: vec![
            ("gen_ai.provider.name", Fact::Text("googleapis".to_owned())),
            ("gen_ai.usage.input_tokens", Fact::Number(i64::MAX)),
            ("gen_ai.request.temperature", Fact::Fraction(0.5)),
            ("gen_ai.response.finish_reasons", Fact::Texts(vec!["stop"])),
            ("assay.took_over", Fact::Flag(true)),
        ],
        error: Some(ErrorKind::Timeout),
    }
}

#[test]
fn a_request_is_otlp_in_json() {
    let request = otlp::request("assay", &[span(0xab)]);
    let scope = &request["resourceSpans"][0]["scopeSpans"][0];
    assert_eq!(scope["schemaUrl"], opentelemetry_semantic_conventions::SCHEMA_URL);
    let attribute = |name: &str, value: Value| json!({ "key": name, "value": value });
    assert_eq!(
        scope["spans"][0],
        json!({
            "traceId": "01934e8b000000000000000000000007",
            "spanId": "00000000000000ab",
            "parentSpanId": "0000000000000001",
            "flags": 1,
            "name": "chat gpt \"x\"",
            "kind": 3,
            "startTimeUnixNano": "1795305600123000000",
            "endTimeUnixNano": "1795305600500000000",
            "attributes": [
                attribute("gen_ai.provider.name", json!({ "stringValue": "gcp.gemini" })),
                attribute("gen_ai.usage.input_tokens", json!({ "intValue": i64::MAX.to_string() })),
                attribute("gen_ai.request.temperature", json!({ "doubleValue": 0.5 })),
                attribute("gen_ai.response.finish_reasons", json!({ "arrayValue": { "values": [{ "stringValue": "stop" }] } })),
                attribute("assay.took_over", json!({ "boolValue": true })),
            ],
            "status": { "code": 2, "message": "Timeout" },
        })
    );
}

#[test]
fn a_document_is_a_segment_of_x_ray() {
    let document = xray::document("assay", &span(0xab));
    assert_eq!(document["trace_id"], "1-01934e8b-000000000000000000000007");
    assert_eq!(document["name"], "chat gpt _x_");
    assert_eq!(
        (&document["type"], &document["namespace"], &document["fault"]),
        (&json!("subsegment"), &json!("remote"), &json!(true))
    );
    let root = xray::document("assay", &Span { parent: None, ..span(1) });
    assert_eq!((&root["name"], &root["type"]), (&json!("assay"), &Value::Null));
}

/// A collector that gives these statuses one after the other, 0 for no answer, and tells the ids it was sent with a 200.
fn collector(statuses: &'static [u16]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/otlp/", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let mut taken = Vec::new();
        let mut held = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let body = loop {
                let mut chunk = [0; 4_096];
                let length = stream.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..length]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert!(length > 0, "{text}");
                if let Some((head, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str::<Value>(body)
                {
                    assert!(head.starts_with("POST /otlp/v1/traces "), "{head}");
                    assert!(head.to_lowercase().contains("api-key: hidden"), "{head}");
                    break body;
                }
            };
            if *status == 200 {
                let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
                taken.extend(spans.iter().map(|span| span["spanId"].as_str().unwrap().to_owned()));
            }
            if *status == 0 {
                held.push(stream);
            } else {
                write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
            }
        }
        taken
    });
    (address, taken)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn what_is_not_taken_stays_and_what_is_refused_goes() {
    let (endpoint, taken) = collector(&[503, 0, 200, 400, 200]);
    let headers = vec![("Api-Key".to_owned(), "hidden".to_owned())];
    let destination = Destination::Otlp { endpoint, headers };
    assert!(!format!("{destination:?}").contains("hidden"));
    let traces = Traces::new("assay", &destination).unwrap();
    run(async {
        for id in 1..=5 {
            traces.record(span(id));
            // 1 meets 503, 1 and 2 no answer, 1 to 3 are taken, 4 is refused, 5 is taken.
            traces.send(if id == 2 { 100 } else { 5_000 }).await;
        }
        traces.send(100).await;
    });
    let hex = |id: u64| SpanId(id).to_string();
    assert_eq!(taken.join().unwrap(), [hex(1), hex(2), hex(3), hex(5)]);
}

#[test]
fn nobody_there_costs_no_more_than_the_time_given() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let traces = Traces::new("assay", &Destination::Otlp { endpoint, headers: Vec::new() }).unwrap();
    (0..MOST_PENDING as u64 + 9).for_each(|id| traces.record(span(id + 1)));
    run(async {
        let began = tokio::time::Instant::now();
        traces.send(200).await;
        let took = began.elapsed();
        assert!(took.as_millis() < 1_000, "{took:?}");
    });
    assert_eq!(traces.lock().spans.len(), MOST_PENDING);
}

#[test]
fn the_daemon_gets_a_datagram_a_span() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let traces = Traces::new("assay", &Destination::XRay(daemon.local_addr().unwrap())).unwrap();
    (1..=3).for_each(|id| traces.record(span(id)));
    run(traces.send(200));
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let mut bytes = [0; 65_536];
        let length = daemon.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        let (header, document) = text.split_once('\n').unwrap();
        assert_eq!(serde_json::from_str::<Value>(header).unwrap(), json!({ "format": "json", "version": 1 }));
        let document: Value = serde_json::from_str(document).unwrap();
        ids.insert(document["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 3);
}

#[test]
fn an_address_that_is_none_is_said() {
    for endpoint in ["", "collector", "ftp://collector", "http://"] {
        let destination = Destination::Otlp { endpoint: endpoint.to_owned(), headers: Vec::new() };
        let error = Traces::new("assay", &destination).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{endpoint}");
    }
}
