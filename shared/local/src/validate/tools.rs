//! What agents do their work with.

use std::collections::BTreeMap;

use engine::error::{Error, ErrorKind, Result};
use engine::health::PROBES;
use engine::model::{AgentId, ContentRef, Depth, MemoryRecord, RunId, Source, Status, TenantId};
use engine::ports::{Acquired, Ports};
use engine::step_input::{Analysis, Input, RequestView, StepInput};
use serde_json::{Value, json};

use super::Found;
use super::site::{CAPTIONS, Site};

const CLAIM: &str = "The flood wall costs 42 million pounds.";
const BESIDE: &str = "The engineers say the wall will cost more than that.";

/// Evidence on a claim is found where it stands.
pub(super) async fn fact_check(ports: &Ports) -> Result<Found> {
    let claim = json!({
        "id": "c1", "text": CLAIM, "quote": CLAIM, "segment": "s1", "context": [{ "segment": "s2", "text": BESIDE }],
    });
    let map = json!({ "language": "en", "claims": [claim] });
    let analysis = analyse(ports, "verification_director", given(map, Some(claim)))?;
    let Analysis::Evidence(data) = analysis else {
        return Ok(wrong("fact_check", "the claim's evidence"));
    };
    let found = data["evidence"].as_array().into_iter().flatten();
    if !found.clone().any(|row| row["segment"] == "s2" && row["quote"] == BESIDE) {
        return Ok(wrong("fact_check", "the passage beside the claim"));
    }
    let judge = match ports.model {
        Some(_) => "a model judges it",
        None => "without a model there is no verdict",
    };
    Ok(Found::pass(format!(
        "evidence on a claim was found where it stands; {judge}; published fact checks are not asked"
    )))
}

/// A brief quotes what was said about a name, and the question that was asked.
pub(super) async fn research(ports: &Ports) -> Result<Found> {
    let said = ["Eastgate was flooded twice in one winter.", "Who pays for the basin at Eastgate?"];
    let map = json!({
        "language": "en",
        "entities": [{ "name": "Eastgate", "kind": "place", "mentions": 2, "segments": ["s1", "s2"] }],
        "summary": [{ "segment": "s1", "text": said[0] }, { "segment": "s2", "text": said[1] }],
    });
    let analysis = analyse(ports, "research_synthesist", given(map, None))?;
    let (Analysis::Partial { data, .. } | Analysis::Complete(data)) = analysis else {
        return Ok(wrong("research", "a brief"));
    };
    let brief = &data["background"][0];
    let quoted = brief["term"] == "Eastgate" && brief["passages"][0]["text"] == said[0];
    if !quoted || data["open_questions"][0]["question"] != said[1] {
        return Ok(wrong("research", "the passage and the question it was given"));
    }
    Ok(Found::pass(
        "a brief quoted the passage about a name and the question that was asked, with their places",
    ))
}

/// A link is fetched through the guarded fetcher, and one to the inside is refused.
pub(super) async fn download(ports: &Ports, site: &Site) -> Result<Found> {
    let acquired = acquire(ports, &site.link()).await?;
    if acquired.content.as_deref() != Some(CAPTIONS.as_bytes()) {
        return Ok(wrong("download", "the captions that the site offers"));
    }
    // Captions are there too, so that only the guard stands before them; it alone answers with this kind.
    let refused = acquire(ports, &site.inside_link()).await;
    let by_guard = refused.is_err_and(|error| error.kind() == ErrorKind::InvalidInput);
    if !by_guard || site.is_inside_reached() {
        return Ok(wrong("download", "a refusal of an address on the inside"));
    }
    let platforms: Vec<&str> = ports.platforms.iter().map(|platform| platform.name()).collect();
    Ok(Found::pass(format!(
        "captions were fetched from a site on this machine and came whole; an address on the inside was refused ({})",
        platforms.join(", ")
    )))
}

async fn acquire(ports: &Ports, link: &str) -> Result<Acquired> {
    let source = Source {
        name: link.to_owned(),
        media_type: Source::LINK.to_owned(),
        bytes: link.len() as u64,
        content: ContentRef::new(""),
        link: Some(link.to_owned()),
    };
    let platform = ports.platforms.iter().find(|platform| platform.recognises(&source));
    let platform = platform
        .ok_or_else(|| Error::new(ErrorKind::Configuration, "no platform takes a link to captions"))?;
    platform.acquire(&source, link.as_bytes()).await
}

/// What one run leaves, the next one finds.
pub(super) async fn memory(ports: &Ports) -> Result<Found> {
    let tenant = TenantId::new(PROBES);
    let record = MemoryRecord {
        run_id: RunId::new("validate"),
        created_ms: ports.clock.now_ms(),
        content: ContentRef::new(""),
        sketch: None,
        record: json!({ "title": "validate", "nonce": ports.random.next_u64().to_string() }),
    };
    ports.memory.remember(&tenant, &record).await?;
    // The probes of health keep a few records beside this one.
    if !ports.memory.recent(&tenant, None, 32).await?.contains(&record) {
        return Ok(wrong("memory", "the record that was just kept"));
    }
    Ok(Found::pass("a record was kept and found again"))
}

/// There is nothing to exercise yet.
pub(super) async fn discord() -> Result<Found> {
    Ok(Found::unknown(
        "posts to Discord are not built: briefings go to a folder here and to the bucket on AWS",
        "read briefings through the API or the command line",
    ))
}

fn analyse(ports: &Ports, name: &str, input: StepInput) -> Result<Analysis> {
    let analyser = ports.analysers.get(name).ok_or_else(|| {
        Error::new(ErrorKind::Configuration, format!("the analyser {name} is not registered"))
    })?;
    Ok(analyser.analyse(&input))
}

/// A step that was given a map of the content.
fn given(map: Value, item: Option<Value>) -> StepInput {
    let request = RequestView {
        source_name: "validate.vtt".to_owned(),
        media_type: "text/vtt".to_owned(),
        bytes: 1,
        depth: Depth::Deep,
        requested_ms: 1,
    };
    let map = Input { status: Status::Ok, data: Some(map.into()), reason: None };
    let inputs = [(AgentId::new("analysis_cartographer"), map)].into();
    StepInput { request, item, inputs, facts: BTreeMap::new() }
}

fn wrong(tool: &str, what: &str) -> Found {
    Found::fail(
        format!("{tool} did not give {what}"),
        "this is a fault of the program: report it with this line",
    )
}
