//! Finds what earlier runs of the tenant left about something, by words.

use async_trait::async_trait;
use engine::error::Result;
use engine::model::{ContentRef, MemoryRecord, RunId};
use engine::ports::{Tool, ToolAnswer, ToolExample, ToolScope, ToolSpec};
use serde_json::{Value, json};

use crate::answer::{beginning, fitting};
use crate::arguments::{search, search_schema};
use crate::{example, lexical};

const USUAL: usize = 5;
const MOST: usize = 10;

/// How far back it looks, in records.
const RECORDS: usize = 100;
const TEXTS_PER_RECORD: usize = 5;

/// Searches earlier runs of the tenant. Never answers with the run that asks, nor with one on the same content or a version of it.
pub struct SearchMemory;

impl SearchMemory {
    /// Its name in the catalogue.
    pub const NAME: &'static str = "search_memory";
}

#[async_trait]
impl Tool for SearchMemory {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: Self::NAME.to_owned(),
            description:
                "Searches earlier analyses of this workspace by words. Answers with run_id, title and the \
                          texts that match; texts are verbatim."
                    .to_owned(),
            parameters: search_schema(
                "The words to look for, such as names and the matter of a claim.",
                MOST,
            ),
        }
    }

    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer> {
        let search = search(arguments, USUAL, MOST)?;
        let mut records = scope.memory.recent(&scope.step.run.tenant, None, RECORDS).await?;
        records.retain(|record| record.run_id != scope.step.run.run && !scope.about.is_of(record));
        let found = fitting(best(&records, search.query, search.limit));
        Ok(ToolAnswer::Answer(json!({ "searched": records.len(), "found": found })))
    }

    fn example(&self) -> Option<ToolExample> {
        let claim = "The flood wall costs 42 million pounds.";
        let record = |run: &str, created_ms: u64, record: Value| MemoryRecord {
            run_id: RunId::new(run),
            created_ms,
            content: ContentRef::new(run),
            sketch: None,
            record,
        };
        let claims = json!([{ "text": claim, "verdict": "supported" }]);
        let found = json!({ "kind": "claim", "text": claim, "verdict": "supported" });
        Some(ToolExample {
            input: example::input("analysis_cartographer", json!({})),
            records: vec![
                record("earlier", 7, json!({ "title": "Water and money", "claims": claims })),
                record("another", 5, json!({ "title": "A recipe" })),
            ],
            arguments: json!({ "query": "cost of the flood wall", "limit": 1 }),
            answer: json!({
                "searched": 2,
                "found": [{ "run_id": "earlier", "title": "Water and money", "created_ms": 7, "matches": [found] }],
            }),
        })
    }
}

/// Something a record says, and what the record says it is.
struct Passage<'a> {
    record: usize,
    kind: &'static str,
    text: &'a str,
    verdict: Option<&'a str>,
}

fn best(records: &[MemoryRecord], query: &str, limit: usize) -> Vec<Value> {
    let query = lexical::query_words(query);
    let passages: Vec<Passage<'_>> =
        records.iter().enumerate().flat_map(|(at, record)| passages(at, &record.record)).collect();
    let texts: Vec<&str> = passages.iter().map(|passage| passage.text).collect();
    let mut ranked: Vec<(f64, &Passage<'_>)> = lexical::scores(&query, &texts)
        .into_iter()
        .zip(&passages)
        .filter(|(score, _)| *score > 0.0)
        .collect();
    // A stable sort: of equally good passages the newer record comes first.
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut order: Vec<usize> = Vec::new();
    for (_, passage) in &ranked {
        if !order.contains(&passage.record) && order.len() < limit {
            order.push(passage.record);
        }
    }
    let row = |at: usize| {
        let record = &records[at];
        let own = ranked.iter().filter(|(_, passage)| passage.record == at).take(TEXTS_PER_RECORD);
        let matches: Vec<Value> = own
            .map(|(_, passage)| {
                json!({"kind": passage.kind, "text": beginning(passage.text), "verdict": passage.verdict})
            })
            .collect();
        json!({
            "run_id": record.run_id,
            "title": beginning(record.record["title"].as_str().unwrap_or_default()),
            "created_ms": record.created_ms,
            "matches": matches,
        })
    };
    order.into_iter().map(row).collect()
}

fn passages(record: usize, value: &Value) -> Vec<Passage<'_>> {
    let named = |kind, text| Some(Passage { record, kind, text, verdict: None });
    let text = |value| Value::as_str(value).filter(|text| !text.is_empty());
    let texts = |kind, field: &str| {
        list(&value[field]).iter().filter_map(text).filter_map(move |text| named(kind, text))
    };
    let topics = list(&value["topics"]).iter();
    let keywords = topics.clone().flat_map(|topic| list(&topic["keywords"])).filter_map(text);
    let claims = list(&value["claims"]).iter().filter_map(|claim| {
        let verdict = claim["verdict"].as_str();
        Some(Passage { record, kind: "claim", text: text(&claim["text"])?, verdict })
    });
    let mut passages: Vec<Passage<'_>> =
        text(&value["title"]).and_then(|text| named("title", text)).into_iter().collect();
    passages.extend(claims);
    passages.extend(texts("summary", "summary"));
    passages.extend(topics.filter_map(|topic| named("topic", text(&topic["label"])?)));
    passages.extend(keywords.filter_map(|text| named("keyword", text)));
    passages
        .extend(list(&value["entities"]).iter().filter_map(|entity| named("entity", text(&entity["name"])?)));
    passages.extend(texts("speaker", "speakers"));
    passages
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
