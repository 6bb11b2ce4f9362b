//! A collector of OTLP over HTTP on this machine, and what must hold of a run's spans.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Takes spans until the process ends.
pub(crate) struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    pub(crate) fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let spans: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = spans.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = kept.clone();
                std::thread::spawn(move || take(stream.unwrap(), &kept));
            }
        });
        Collector { address, spans }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of a trace, each as OTLP has it.
    pub(crate) fn spans_of(&self, trace: &str) -> Vec<Value> {
        let spans = self.spans.lock().unwrap();
        spans.iter().filter(|span| span["traceId"] == trace).cloned().collect()
    }

    /// The traces that spans came of.
    pub(crate) fn traces(&self) -> BTreeSet<String> {
        let spans = self.spans.lock().unwrap();
        spans.iter().map(|span| span["traceId"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.spans.lock().unwrap().len()
    }
}

/// One request, which is answered once its spans are kept.
fn take(mut stream: TcpStream, kept: &Mutex<Vec<Value>>) {
    let mut bytes = Vec::new();
    let body: Value = loop {
        let mut chunk = [0; 65_536];
        match stream.read(&mut chunk) {
            Ok(length) if length > 0 => bytes.extend_from_slice(&chunk[..length]),
            _ => return,
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            assert!(head.starts_with("POST /v1/traces "), "{head}");
            break body;
        }
    };
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    kept.lock().unwrap().extend(spans);
    let _ =
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
}

/// An attribute of a span, whatever its type.
pub(crate) fn attribute(span: &Value, name: &str) -> Option<String> {
    let attributes = span["attributes"].as_array().unwrap();
    let value = &attributes.iter().find(|attribute| attribute["key"] == name)?["value"];
    let (_, value) = value.as_object().unwrap().iter().next().unwrap();
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// How many spans there are of each operation. No two are one, unless one of them says so; the root is there, and every other
/// one has its parent in the trace and lies within the run's time.
pub(crate) fn check(spans: &[Value]) -> BTreeMap<String, usize> {
    let (mut ids, mut counts) = (BTreeSet::new(), BTreeMap::new());
    for span in spans {
        let repeated = attribute(span, "assay.repeated").is_some();
        assert!(ids.insert(span["spanId"].as_str().unwrap()) || repeated, "twice: {span:#}");
        *counts.entry(attribute(span, "gen_ai.operation.name").unwrap()).or_default() +=
            usize::from(!repeated);
        let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span:#}");
    }
    for span in
        spans.iter().filter(|span| attribute(span, "gen_ai.operation.name").unwrap() != "invoke_workflow")
    {
        assert!(ids.contains(span["parentSpanId"].as_str().unwrap()), "nobody's: {span:#}");
    }
    counts
}
