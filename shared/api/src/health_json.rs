//! A report of the components in `application/health+json` (draft-inadarei-api-health-check-06).
//!
//! Each component is told under `name:responseTime`, and under a name of its own what it measured beside that. Beyond the
//! draft: the status `unknown` of a component that is not there, whether a component is critical, and its trend.

use engine::calendar::timestamp;
use engine::health::{Entry, Report, Status};
use serde_json::{Map, Value, json};

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/health+json";

/// The report as a document. Whoever serves it answers 503 if its status is `fail`, else 200.
pub fn health_json(report: &Report) -> Value {
    let mut checks = Map::new();
    for entry in &report.entries {
        let reading = &entry.reading;
        let took = json!({ "observedValue": reading.took_ms, "observedUnit": "ms" });
        checks.insert(format!("{}:responseTime", reading.component), json!([measured(entry, took)]));
        if let Some(observed) = &reading.observed {
            let value = json!({ "observedValue": observed.value, "observedUnit": observed.unit });
            checks
                .insert(format!("{}:{}", reading.component, observed.unit), json!([measured(entry, value)]));
        }
    }
    json!({
        "status": report.status().name(),
        "version": "1",
        "releaseId": env!("CARGO_PKG_VERSION"),
        "description": "Components of Assay, each tried as the real work uses it.",
        "checks": checks,
    })
}

fn measured(entry: &Entry, mut document: Value) -> Value {
    let reading = &entry.reading;
    let fields = [
        ("componentId", json!(reading.component)),
        ("componentType", json!("component")),
        ("status", json!(reading.status)),
        ("time", json!(timestamp(reading.at_ms))),
        ("critical", json!(entry.critical)),
    ];
    for (name, value) in fields {
        document[name] = value;
    }
    // The draft leaves `output` to what did not pass.
    let words = if reading.status == Status::Pass { "evidence" } else { "output" };
    document[words] = json!(reading.output);
    if let Some(trend) = &entry.trend {
        document["trend"] = json!({
            "since": timestamp(trend.since_ms), "last_hour": trend.last_hour, "last_day": trend.last_day,
        });
    }
    document
}

/// The schema of the document.
pub(crate) fn schema() -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    let share = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["passed", "readings"],
        "properties": {
            "passed": { "type": "integer" },
            "readings": { "type": "integer", "description": "All but the unknown ones." },
        },
    });
    let check = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["componentId", "componentType", "observedValue", "observedUnit", "status", "time", "critical"],
        "properties": {
            "componentId": text,
            "componentType": { "const": "component" },
            "observedValue": { "type": "number" },
            "observedUnit": text,
            "status": { "type": "string", "enum": ["pass", "warn", "fail", "unknown"] },
            "time": time,
            "critical": { "type": "boolean" },
            "output": text,
            "evidence": text,
            "trend": {
                "type": "object",
                "additionalProperties": false,
                "required": ["since", "last_hour", "last_day"],
                "properties": { "since": time, "last_hour": share, "last_day": share },
            },
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["status", "version", "releaseId", "description", "checks"],
        "properties": {
            "status": { "type": "string", "enum": ["pass", "warn", "fail"] },
            "version": text,
            "releaseId": text,
            "description": text,
            "checks": {
                "type": "object",
                "propertyNames": { "pattern": "^[a-z_]+:[A-Za-z]+$" },
                "additionalProperties": { "type": "array", "minItems": 1, "items": check },
            },
        },
    })
}
