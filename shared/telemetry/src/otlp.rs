//! Spans as OTLP 1.x in JSON (`ExportTraceServiceRequest`): ids in hexadecimal, 64-bit numbers as text.

use engine::trace::{CONVENTIONS, Fact, Span, SpanKind};
use serde_json::{Map, Value, json};

const NANO_A_MS: u128 = 1_000_000;
/// The status of a span that failed.
const ERROR: u8 = 2;
/// The flag of a span that is recorded.
const SAMPLED: u8 = 1;

/// One request with all `spans` of `service`.
pub fn request(service: &str, spans: &[Span]) -> Value {
    let named = |name: &str, value: &str| json!({ "key": name, "value": { "stringValue": value } });
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "resourceSpans": [{
            "resource": { "attributes": [named("service.name", service), named("service.version", version)] },
            "scopeSpans": [{
                "scope": { "name": "assay", "version": version },
                "schemaUrl": format!("https://opentelemetry.io/schemas/{CONVENTIONS}"),
                "spans": spans.iter().map(written).collect::<Vec<_>>(),
            }],
        }],
    })
}

fn written(span: &Span) -> Value {
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Client => 3,
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("traceId", json!(span.trace.to_string()));
    put("spanId", json!(span.id.to_string()));
    if let Some(parent) = span.parent {
        put("parentSpanId", json!(parent.to_string()));
    }
    put("flags", json!(SAMPLED));
    put("name", json!(span.name));
    put("kind", json!(kind));
    put("startTimeUnixNano", json!((u128::from(span.start_ms) * NANO_A_MS).to_string()));
    put("endTimeUnixNano", json!((u128::from(span.end_ms.max(span.start_ms)) * NANO_A_MS).to_string()));
    let facts = span.attributes.iter();
    put("attributes", facts.map(|(name, fact)| json!({ "key": name, "value": value(name, fact) })).collect());
    if let Some(kind) = span.error {
        put("status", json!({ "code": ERROR, "message": kind.name() }));
    }
    Value::Object(fields)
}

fn value(name: &str, fact: &Fact) -> Value {
    match fact {
        Fact::Text(text) if name == "gen_ai.provider.name" => json!({ "stringValue": provider(text) }),
        Fact::Text(text) => json!({ "stringValue": text }),
        Fact::Number(number) => json!({ "intValue": number.to_string() }),
        Fact::Fraction(number) => json!({ "doubleValue": number }),
        Fact::Flag(flag) => json!({ "boolValue": flag }),
        Fact::Texts(texts) => {
            let texts: Vec<Value> = texts.iter().map(|text| json!({ "stringValue": text })).collect();
            json!({ "arrayValue": { "values": texts } })
        }
    }
}

/// The conventions' name of a provider of the catalogue.
fn provider(name: &str) -> &str {
    match name {
        "googleapis" => "gcp.gemini",
        "mistral" => "mistral_ai",
        other => other,
    }
}
