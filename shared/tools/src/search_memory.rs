//! Looks into what earlier runs left.

use async_trait::async_trait;
use engine::error::Result;
use engine::ports::{Tool, ToolAnswer, ToolScope, ToolSpec};
use serde_json::{Value, json};

use crate::search;

/// How many earlier runs are looked at.
const RUNS: usize = 100;

pub(crate) struct SearchMemory;

#[async_trait]
impl Tool for SearchMemory {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "search_memory".to_owned(),
            description: "Searches summaries, topics and claims of earlier runs; gives their run ids and what was said."
                .to_owned(),
            parameters: search::parameters(),
        }
    }

    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer> {
        let query = search::query(arguments)?;
        let records = scope.memory.recent(&scope.step.run.tenant, RUNS).await?;
        let mut scored = Vec::new();
        for record in records.iter().filter(|record| record.run_id != scope.step.run.run) {
            let title = &record.record["title"];
            for (text, verdict) in texts(&record.record) {
                let found = json!({"run_id": record.run_id, "title": title, "text": text, "verdict": verdict});
                scored.push((search::score(&query, text), found));
            }
        }
        Ok(ToolAnswer::Answer(json!({"matches": search::best(scored)})))
    }
}

/// The sentences of a record, with the verdict of those that are claims.
fn texts(record: &Value) -> Vec<(&str, &Value)> {
    let list = |field: &str| record[field].as_array().into_iter().flatten();
    let summary = list("summary").filter_map(|text| Some((text.as_str()?, &Value::Null)));
    let claims = list("claims").filter_map(|claim| Some((claim["text"].as_str()?, &claim["verdict"])));
    let topics = list("topics").filter_map(|topic| Some((topic["label"].as_str()?, &Value::Null)));
    summary.chain(claims).chain(topics).collect()
}

#[cfg(test)]
mod tests {
    use engine::memory::MemoryMemories;
    use engine::model::{AgentId, ContentRef, Depth, ItemId, MemoryRecord, RunId, RunKey, TenantId};
    use engine::ports::Memory as _;
    use engine::step_input::{RequestView, StepInput};
    use futures::FutureExt as _;

    use super::*;

    fn check(arguments: Value, expected: std::result::Result<usize, &str>) {
        let memory = MemoryMemories::default();
        let run = |run: &str| RunKey { tenant: TenantId::new("t"), run: RunId::new(run) };
        for id in ["R1", "R2"] {
            let record = json!({"title": id, "claims": [{"text": "The dam cost 40 million euros.", "verdict": "refuted"}]});
            let record = MemoryRecord { run_id: RunId::new(id), created_ms: 1, content: ContentRef::new("c"), record };
            memory.remember(&TenantId::new("t"), &record).now_or_never().unwrap().unwrap();
        }
        let request = RequestView {
            source_name: "a".into(),
            media_type: "text/plain".into(),
            bytes: 1,
            depth: Depth::Quick,
            requested_ms: 0,
        };
        let input = StepInput { request, item: None, inputs: Default::default(), facts: Default::default() };
        let step = run("R2").step(&AgentId::new("a"), &ItemId::none());
        let scope = ToolScope { step: &step, input: &input, memory: &memory };
        match (SearchMemory.call(scope, &arguments).now_or_never().unwrap(), expected) {
            (Ok(ToolAnswer::Answer(answer)), Ok(count)) => {
                assert_eq!(answer["matches"].as_array().unwrap().len(), count, "{answer}");
            }
            (Err(error), Err(expected)) => assert!(error.message().contains(expected), "{error}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn earlier_runs_are_found_and_this_one_is_not() {
        check(json!({"query": "dam 40 million"}), Ok(1));
        check(json!({"query": "weather in spring"}), Ok(0));
        check(json!({"query": "the \u{202e} DAM"}), Ok(1));
        check(json!({"query": 7}), Err("give"));
        check(json!([]), Err("give"));
        check(json!({"query": "  ?! "}), Err("no words"));
        check(json!({"query": "a".repeat(100_000)}), Err("too long"));
    }
}
