//! The form for programs. Stable: fields are added, never renamed, removed or given another meaning; the keys come in
//! the order written here. Times are milliseconds since 1970, durations milliseconds, money integer nano-dollars
//! (1e-9 USD). Texts are exact; control characters and direction overrides are written as `\u` escapes, so that the
//! output is safe to look at in a terminal.
//!
//! | field | what |
//! |---|---|
//! | `run_id` | the run's id |
//! | `status` | `complete`, `partial`, `failed` or `cancelled`; `running` if it has not ended |
//! | `depth` | `quick`, `standard`, `deep`, `comprehensive` or `experimental` |
//! | `source` | `{name, media_type, bytes, digest, link}` of what was handed in; `link` is where it is published, or `null` |
//! | `created_ms`, `finished_ms`, `duration_ms` | when it was accepted, when it ended, the time between; the last two `null` while it runs |
//! | `failure` | `null`, or `{agent, kind, message}`: why there is no briefing; `agent` may be `null` |
//! | `cost` | `{total_nano_usd, saved_nano_usd, unsettled_nano_usd, cap_nano_usd}`; the total is the sum over the ledger and includes the unsettled part at its worst case |
//! | `usage` | the sum of the steps' `usage` |
//! | `steps` | by agent, then item in natural order; see below |
//! | `gaps` | `[{agent, item, status, reason}]`: the steps that are not `ok` |
//! | `briefing` | the briefing agent's data (title, source, summary, key_points, topics, claims, argument, risks, people, context, gaps), or `null` if there is none |
//! | `briefing_status` | the status of that step, `null` if there is none; the briefing is to be relied on only if it is `ok` |
//! | `style` | tone and wording: `{sentiment, readability, repetition, certainty, sourcing}`, each as its agent found it with places, or `null` |
//! | `checks` | `[{item, status, data}]`: the full result for each claim, evidence included; `data` may be `null` |
//! | `workspace`, `catalogue_version`, `use_cache` | as the run was accepted |
//! | `format` | 1 |
//!
//! One step:
//!
//! | field | what |
//! |---|---|
//! | `agent`, `item` | which; `item` is `null` for an agent that runs once |
//! | `status` | `ok`, `skipped`, `uncertain` or `failed` |
//! | `reason` | `null` if ok; else `code` or `code: detail` |
//! | `basis` | `model`, `deterministic` or `cache` |
//! | `model` | the model as its provider names it, or `null` |
//! | `usage` | `{input_tokens, output_tokens, cached_tokens, reasoning_tokens, cache_write_tokens}`, each token counted once: `input_tokens` is fresh input without `cached_tokens` and `cache_write_tokens`, `output_tokens` is without `reasoning_tokens`; all prompt tokens are the sum of the three kinds of input |
//! | `cost_nano_usd` | what the ledger billed this step |
//! | `saved_nano_usd` | what a stored answer saved |
//! | `duration_ms` | from claim to result |
//! | `cache` | `null`, or `{level, similarity}` with level `l1`, `l2` or `l3` |
//! | `attempt` | from 1 |
//! | `warnings` | what a reader should know about a result that stands |
//! | `gaps` | ids of dispensable inputs that were missing |
//! | `finished_ms` | when the result was stored |

use std::fmt::Write as _;

use engine::model::{Basis, NanoUsd, RunFailure, Status, StepKey, StepResult, Usage};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::report::{Report, agents, shown};
use super::safe::is_hidden;

/// The report as indented JSON with a newline at its end.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    // Serialising this document cannot fail: every key is text and nothing in it does I/O.
    let exact = serde_json::to_string_pretty(&document(report)).unwrap_or_default();
    for letter in exact.chars() {
        // Such characters occur inside JSON strings only, where an escape means the same.
        if (letter.is_control() && letter != '\n') || is_hidden(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(letter);
        }
    }
    out.push('\n');
    out
}

#[derive(Serialize)]
struct Document<'a> {
    run_id: &'a str,
    status: &'static str,
    depth: &'static str,
    source: Source<'a>,
    created_ms: u64,
    finished_ms: Option<u64>,
    duration_ms: Option<u64>,
    failure: Option<&'a RunFailure>,
    cost: Cost,
    usage: Tokens,
    steps: Vec<Step<'a>>,
    gaps: Vec<Gap<'a>>,
    briefing: Option<Ordered<'a>>,
    briefing_status: Option<Status>,
    style: Wording<'a>,
    checks: Vec<Check<'a>>,
    workspace: &'a str,
    catalogue_version: &'a str,
    use_cache: bool,
    format: u32,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    media_type: &'a str,
    bytes: u64,
    digest: &'a str,
    link: Option<&'a str>,
}

#[derive(Serialize)]
struct Cost {
    total_nano_usd: NanoUsd,
    saved_nano_usd: NanoUsd,
    unsettled_nano_usd: NanoUsd,
    cap_nano_usd: NanoUsd,
}

#[derive(Serialize)]
struct Tokens {
    input_tokens: u64,
    output_tokens: u64,
    cached_tokens: u64,
    reasoning_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct Step<'a> {
    agent: &'a str,
    item: Option<&'a str>,
    status: Status,
    reason: Option<String>,
    basis: &'static str,
    model: Option<&'a str>,
    usage: Tokens,
    cost_nano_usd: NanoUsd,
    saved_nano_usd: NanoUsd,
    duration_ms: u64,
    cache: Option<Cache>,
    attempt: u32,
    warnings: &'a [String],
    gaps: Vec<&'a str>,
    finished_ms: u64,
}

#[derive(Serialize)]
struct Cache {
    level: &'static str,
    similarity: f64,
}

#[derive(Serialize)]
struct Gap<'a> {
    agent: &'a str,
    item: Option<&'a str>,
    status: Status,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Wording<'a> {
    sentiment: Option<Ordered<'a>>,
    readability: Option<Ordered<'a>>,
    repetition: Option<Ordered<'a>>,
    certainty: Option<Ordered<'a>>,
    sourcing: Option<Ordered<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    item: &'a str,
    status: Status,
    data: Option<Ordered<'a>>,
}

fn document(report: &Report) -> Document<'_> {
    let run = &report.run;
    let steps = report.steps_by_name();
    Document {
        run_id: run.key.run.as_str(),
        status: run.status.name(),
        depth: run.depth.name(),
        source: Source {
            name: &run.source.name,
            media_type: &run.source.media_type,
            bytes: run.source.bytes,
            digest: run.source.content.as_str(),
            link: run.source.link.as_deref(),
        },
        created_ms: run.created_ms,
        finished_ms: run.finished_ms,
        duration_ms: report.duration_ms(),
        failure: run.failure.as_ref(),
        cost: Cost {
            total_nano_usd: report.total(),
            saved_nano_usd: report.saved(),
            unsettled_nano_usd: report.unsettled(),
            cap_nano_usd: run.cap(),
        },
        usage: tokens(&report.usage()),
        steps: steps.iter().map(|(key, result, billed)| step(key, result, *billed)).collect(),
        gaps: steps
            .iter()
            .filter(|(_, result, _)| result.status() != Status::Ok)
            .map(|(key, result, _)| Gap {
                agent: key.agent.as_str(),
                item: item(key),
                status: result.status(),
                reason: result.reason(),
            })
            .collect(),
        briefing: report.briefing().map(Ordered),
        briefing_status: report.result(agents::BRIEFING).map(StepResult::status),
        style: wording(report),
        checks: steps
            .iter()
            .filter(|(key, ..)| key.agent.as_str() == agents::CHECKS && !key.item.is_none())
            .map(|(key, result, _)| Check {
                item: key.item.as_str(),
                status: result.status(),
                data: shown(result).map(Ordered),
            })
            .collect(),
        workspace: &run.workspace,
        catalogue_version: &run.catalogue_version,
        use_cache: run.use_cache,
        format: 1,
    }
}

fn wording(report: &Report) -> Wording<'_> {
    let part = |agent: &str, field: &str| {
        let found = report.data(agent).and_then(|data| data.get(field));
        found.filter(|value| !value.is_null()).map(Ordered)
    };
    Wording {
        sentiment: part(agents::MAP, "sentiment"),
        readability: part(agents::MAP, "readability"),
        repetition: part(agents::MAP, "repetition"),
        certainty: part(agents::RISK, "certainty"),
        sourcing: part(agents::RISK, "sourcing"),
    }
}

fn step<'a>(key: &'a StepKey, result: &'a StepResult, billed: NanoUsd) -> Step<'a> {
    let meta = &result.meta;
    Step {
        agent: key.agent.as_str(),
        item: item(key),
        status: result.status(),
        reason: result.reason(),
        basis: meta.basis.name(),
        model: meta.model.as_deref(),
        usage: tokens(&meta.usage),
        cost_nano_usd: billed,
        saved_nano_usd: meta.saved,
        duration_ms: meta.duration_ms,
        cache: match meta.basis {
            Basis::Cache { level, similarity } => Some(Cache { level: level.name(), similarity }),
            Basis::Model | Basis::Deterministic => None,
        },
        attempt: meta.attempt,
        warnings: &result.warnings,
        gaps: meta.gaps.iter().map(|agent| agent.as_str()).collect(),
        finished_ms: meta.finished_ms,
    }
}

fn item(key: &StepKey) -> Option<&str> {
    (!key.item.is_none()).then(|| key.item.as_str())
}

fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cached_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        cache_write_tokens: usage.cache_write_tokens,
    }
}

/// Which keys of an agent's data come first, at every level; all others follow by name.
const ORDER: [&str; 29] = [
    "id",
    "claim_id",
    "title",
    "name",
    "label",
    "claim",
    "text",
    "quote",
    "speaker",
    "start_ms",
    "end_ms",
    "segment",
    "score",
    "verdict",
    "confidence",
    "reasoning",
    "source",
    "summary",
    "key_points",
    "topics",
    "claims",
    "citations",
    "evidence",
    "argument",
    "risks",
    "people",
    "context",
    "gaps",
    "keywords",
];

/// An agent's data, its keys in a fixed order however they are stored.
struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
                fields.sort_by_key(|(name, _)| (place(name), name.as_str()));
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, &Ordered(value))?;
                }
                map.end()
            }
            Value::Array(values) => serializer.collect_seq(values.iter().map(Ordered)),
            plain => plain.serialize(serializer),
        }
    }
}
