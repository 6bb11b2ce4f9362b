use std::pin::pin;
use std::task::{Context, Poll, Waker};

use engine::error::{ErrorKind, Result};
use engine::memory::MemoryMemories;
use engine::model::{
    About, AgentId, ContentRef, Depth, ItemId, MemoryRecord, RunId, RunKey, Status, StepKey, TenantId,
};
use engine::ports::{Memory, ToolAnswer, ToolScope};
use engine::step_input::{Input, RequestView, StepInput};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::answer::LARGEST_ANSWER_BYTES;

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

fn step() -> StepKey {
    let run = RunKey { tenant: TenantId::new("owner"), run: RunId::new("own") };
    run.step(&AgentId::new("verification_director"), &ItemId::new("c1"))
}

fn input(agent: &str, data: Value) -> StepInput {
    let request = RequestView {
        source_name: "talk.vtt".to_owned(),
        media_type: "text/vtt".to_owned(),
        bytes: 1,
        depth: Depth::Deep,
        requested_ms: 1,
    };
    let given = Input { status: Status::Ok, data: Some(data.into()), reason: None };
    StepInput { request, item: None, inputs: [(AgentId::new(agent), given)].into(), facts: BTreeMap::new() }
}

fn transcript(texts: &[&str]) -> StepInput {
    let segments: Vec<Value> = (1..)
        .zip(texts)
        .map(|(number, text)| {
            json!({"id": format!("s{number}"), "start_ms": number * 1000, "end_ms": null, "speaker": "Ann", "text": text})
        })
        .collect();
    input("transcription_engineer", json!({ "segments": segments }))
}

fn remember(memory: &MemoryMemories, tenant: &str, run: &str, created_ms: u64, record: Value) {
    let record = MemoryRecord {
        run_id: RunId::new(run),
        created_ms,
        content: ContentRef::new("0".repeat(64)),
        sketch: None,
        record,
    };
    block_on(memory.remember(&TenantId::new(tenant), &record)).unwrap();
}

fn call(tool: &str, memory: &MemoryMemories, input: &StepInput, arguments: &Value) -> Result<Value> {
    call_after(&[], tool, memory, input, arguments)
}

/// The same in a run after others on other versions of its content.
fn call_after(
    versions: &[RunId],
    tool: &str,
    memory: &MemoryMemories,
    input: &StepInput,
    arguments: &Value,
) -> Result<Value> {
    let step = step();
    let content = ContentRef::new("the content of this run");
    let scope =
        ToolScope { step: &step, about: About { content: &content, sketch: None, versions }, input, memory };
    match block_on(tools()[tool].call(scope, arguments))? {
        ToolAnswer::Answer(answer) => Ok(answer),
        ToolAnswer::Later(_) => panic!("searching takes no time"),
    }
}

fn filled() -> MemoryMemories {
    let memory = MemoryMemories::default();
    remember(
        &memory,
        "owner",
        "a",
        1,
        json!({
            "title": "City council", "source_name": "a.vtt", "summary": ["The flood budget doubled in 2024."],
            "topics": [{"label": "flood defence", "keywords": ["dam", "levee"]}],
            "entities": [{"name": "Ann Lee", "kind": "person", "mentions": 3}], "speakers": ["Ann Lee"],
            "claims": [{"text": "The flood budget doubled.", "verdict": "supported"}, {"text": "Trains are late.", "verdict": null}],
        }),
    );
    remember(&memory, "owner", "b", 2, json!({"title": "Budget talk", "summary": ["A budget is a plan."]}));
    remember(
        &memory,
        "owner",
        "c",
        3,
        json!({"title": 7, "summary": "no list", "claims": [null, {"text": 1}]}),
    );
    remember(&memory, "owner", "own", 4, json!({"title": "flood budget flood budget"}));
    remember(&memory, "stranger", "d", 5, json!({"title": "flood budget"}));
    memory
}

#[test]
fn memory_answers_with_the_best_runs_of_the_tenant() {
    let found = call(
        "search_memory",
        &filled(),
        &transcript(&[]),
        &json!({"query": "the flood budget", "limit": null}),
    );
    let found = found.unwrap();
    let runs: Vec<&str> =
        found["found"].as_array().unwrap().iter().map(|row| row["run_id"].as_str().unwrap()).collect();
    assert_eq!(runs, ["a", "b"]);
    assert_eq!(found["searched"], 3);
    let best = &found["found"][0];
    assert_eq!((best["title"].as_str(), best["created_ms"].as_u64()), (Some("City council"), Some(1)));
    let matches = best["matches"].as_array().unwrap();
    assert!(
        matches
            .contains(&json!({"kind": "claim", "text": "The flood budget doubled.", "verdict": "supported"}))
    );
    assert!(!best.to_string().contains("Trains"));
}

#[test]
fn memory_keeps_to_the_limit() {
    let found =
        call("search_memory", &filled(), &transcript(&[]), &json!({"query": "budget", "limit": 1})).unwrap();
    assert_eq!(found["found"].as_array().unwrap().len(), 1);
    let none = call("search_memory", &filled(), &transcript(&[]), &json!({"query": "volcano"})).unwrap();
    assert_eq!(none["found"], json!([]));
}

#[test]
fn memory_says_nothing_of_other_versions_of_the_content() {
    let search = json!({"query": "the flood budget", "limit": null});
    let found =
        call_after(&[RunId::new("a")], "search_memory", &filled(), &transcript(&[]), &search).unwrap();
    assert_eq!((&found["searched"], &found["found"][0]["run_id"]), (&json!(2), &json!("b")));
}

#[test]
fn transcript_answers_in_order_of_time_with_verbatim_text() {
    let input =
        transcript(&["We open.", "The flood  budget doubled.", "Trains are late.", "Budgets are plans."]);
    let found = call(
        "search_transcript",
        &MemoryMemories::default(),
        &input,
        &json!({"query": "flood budget", "limit": 5}),
    );
    assert_eq!(
        found.unwrap()["segments"],
        json!([
            {"segment": "s2", "start_ms": 2000, "speaker": "Ann", "text": "The flood  budget doubled."},
            {"segment": "s4", "start_ms": 4000, "speaker": "Ann", "text": "Budgets are plans."},
        ])
    );
}

#[test]
fn key_sentences_stand_in_for_a_transcript() {
    let sentence = |number: u32, text: &str| json!({"segment": format!("s{number}"), "start_ms": null, "speaker": null, "text": text});
    let map = json!({
        "summary": [sentence(10, "The dam holds.")],
        "topics": [{"key_sentences": [sentence(2, "A dam was built."), sentence(10, "The dam holds.")]}],
        "claims": [{"segment": "s3", "quote": "The dam is safe.", "text": "The dam of Ash is safe."}],
    });
    let input = input("analysis_cartographer", map);
    let found =
        call("search_transcript", &MemoryMemories::default(), &input, &json!({"query": "dam"})).unwrap();
    let segments: Vec<&str> =
        found["segments"].as_array().unwrap().iter().map(|row| row["segment"].as_str().unwrap()).collect();
    assert_eq!(segments, ["s2", "s3", "s10"]);
}

#[test]
fn a_step_without_words_finds_nothing() {
    let found = call(
        "search_transcript",
        &MemoryMemories::default(),
        &input("x", json!({})),
        &json!({"query": "dam"}),
    );
    assert_eq!(found.unwrap(), json!({"searched": 0, "segments": []}));
}

#[test]
fn hostile_arguments_are_refused() {
    let huge = "x ".repeat(1_000_000);
    for arguments in [
        json!(null),
        json!("query"),
        json!([]),
        json!({}),
        json!({"query": null}),
        json!({"query": 7}),
        json!({"query": ["a"]}),
        json!({"query": "  \n"}),
        json!({"query": huge}),
        json!({"query": "a", "limit": 0}),
        json!({"query": "a", "limit": -1}),
        json!({"query": "a", "limit": 1.5}),
        json!({"query": "a", "limit": "3"}),
        json!({"query": "a", "limit": u64::MAX}),
        json!({"query": "a", "tenant": "stranger"}),
    ] {
        for tool in tools().keys() {
            let refused = call(tool, &filled(), &transcript(&["a"]), &arguments).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{tool}: {arguments:.80}");
            assert!(refused.message().len() < 200);
        }
    }
}

#[test]
fn names_and_schemas_agree() {
    for (name, tool) in tools() {
        let spec = tool.spec();
        assert_eq!(spec.name, name);
        let required = spec.parameters["required"].as_array().unwrap();
        let properties = spec.parameters["properties"].as_object().unwrap();
        assert!(required.iter().all(|field| properties.contains_key(field.as_str().unwrap())));
        assert_eq!(required.len(), properties.len());
        assert_eq!(spec.parameters["additionalProperties"], json!(false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn answers_are_capped_whatever_is_stored(
        texts in proptest::collection::vec("(dam |\u{1f3a7}|\"|[a-z ]){0,900}", 1..60),
        query in "(dam|[a-z ]{1,40})",
        limit in 1..=20u64,
    ) {
        let memory = MemoryMemories::default();
        for (at, text) in (1..).zip(&texts) {
            let claims: Vec<Value> = (0..4).map(|_| json!({"text": text, "verdict": null})).collect();
            remember(&memory, "owner", &format!("r{at}"), at, json!({"title": text, "summary": texts, "claims": claims}));
        }
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        for tool in tools().keys() {
            let Ok(answer) = call(tool, &memory, &transcript(&borrowed), &json!({"query": query, "limit": limit})) else { continue };
            prop_assert!(answer.to_string().len() <= LARGEST_ANSWER_BYTES);
        }
    }
}

#[test]
fn every_example_comes_out_as_it_says() {
    for (name, tool) in tools() {
        let example = tool.example().unwrap_or_else(|| panic!("{name} has no example"));
        let memory = MemoryMemories::default();
        for record in &example.records {
            block_on(memory.remember(&step().run.tenant, record)).unwrap();
        }
        let (step, content) = (step(), ContentRef::new("own"));
        let scope = ToolScope {
            step: &step,
            about: About { content: &content, sketch: None, versions: &[] },
            input: &example.input,
            memory: &memory,
        };
        let answer = block_on(tool.call(scope, &example.arguments)).unwrap();
        assert_eq!(answer, ToolAnswer::Answer(example.answer), "{name}");
    }
}
