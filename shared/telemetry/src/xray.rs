//! Spans as X-Ray's segment documents, sent to its daemon in datagrams: no connection, no signature and no wait, so it is the
//! least a function can do. The daemon stands beside the function where its tracing is switched on.

use std::net::SocketAddr;

use engine::error::{Error, ErrorKind, Result};
use engine::trace::{Fact, Span, SpanKind};
use serde_json::{Map, Value, json};
use tokio::net::UdpSocket;

const HEADER: &str = "{\"format\": \"json\", \"version\": 1}\n";
/// The daemon takes no larger document.
const LARGEST_BYTES: usize = 64 * 1024;
const LONGEST_NAME: usize = 200;

/// Sends each span as a document of its own. Errors: `Network`, before the first is sent.
pub(crate) async fn send(daemon: SocketAddr, service: &str, spans: &[Span]) -> Result<()> {
    let local: SocketAddr = if daemon.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let unreachable = |error| Error::new(ErrorKind::Network, "the daemon of X-Ray").because(error);
    let socket = UdpSocket::bind(local).await.map_err(unreachable)?;
    for span in spans {
        let text = format!("{HEADER}{}", document(service, span));
        if text.len() <= LARGEST_BYTES {
            // One that is lost on this machine's own network is lost; sent again, others would be told twice.
            let _ = socket.send_to(text.as_bytes(), daemon).await;
        }
    }
    Ok(())
}

/// A span as a segment, or as a subsegment of the span it was done in.
pub fn document(service: &str, span: &Span) -> Value {
    let trace = span.trace.to_string();
    let (first, rest) = trace.split_at(8);
    let seconds = |milliseconds: u64| milliseconds as f64 / 1_000.0;
    let mut facts = Map::new();
    for (name, fact) in &span.attributes {
        let value = match fact {
            Fact::Text(text) => json!(text),
            Fact::Number(number) => json!(number),
            Fact::Fraction(number) => json!(number),
            Fact::Flag(flag) => json!(flag),
            Fact::Texts(texts) => json!(texts.join(",")),
        };
        facts.insert(name.replace('.', "_"), value);
    }
    let mut fields = json!({
        "name": name(if span.parent.is_none() { service } else { &span.name }),
        "id": span.id.to_string(),
        "trace_id": format!("1-{first}-{rest}"),
        "start_time": seconds(span.start_ms),
        "end_time": seconds(span.end_ms.max(span.start_ms)),
        "annotations": facts,
    });
    if let Some(parent) = span.parent {
        fields["parent_id"] = json!(parent.to_string());
        fields["type"] = json!("subsegment");
    }
    if span.kind == SpanKind::Client {
        fields["namespace"] = json!("remote");
    }
    if span.error.is_some() {
        fields["fault"] = json!(true);
    }
    fields
}

/// Only the characters that X-Ray takes in a name.
fn name(name: &str) -> String {
    let takes = |character: char| character.is_alphanumeric() || "_.:/%&#=+\\-@ ".contains(character);
    name.chars().take(LONGEST_NAME).map(|character| if takes(character) { character } else { '_' }).collect()
}
