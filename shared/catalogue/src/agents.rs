//! Rows, prompts and schemas put together into the engine's agents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::agent::{AgentSpec, CachePolicy, Effect, Fact, FanOut, Profile, StepLimits, Tier};
use engine::model::{AgentId, Depth, NanoUsd};
use serde_json::Value;

use crate::rows::{AgentRow, AgentsFile};
use crate::texts::digest;
use crate::{CatalogueError, Registered, Texts, order, prompts, schemas};

const FILE: &str = "agents.toml";
const WITHOUT_MODEL: [&str; 7] = ["full", "partial", "extractive", "evidence", "cues", "template", "skipped"];
const LEVELS: [&str; 3] = ["l1", "l2", "l3"];

/// All agents of the texts, by number.
pub(crate) fn read(
    texts: &Texts,
    registered: Option<&Registered<'_>>,
) -> Result<Vec<Arc<AgentSpec>>, CatalogueError> {
    let file: AgentsFile = toml::from_str(&texts.agents)
        .map_err(|error| CatalogueError::Unreadable { file: FILE.to_owned(), problem: error.to_string() })?;
    let mut rows = file.agent;
    rows.sort_by_key(|row| row.number);
    check_unique(&rows)?;
    check_pairs(&rows, texts)?;
    order::check(&rows)?;
    let agents = rows.iter().map(|row| agent(row, texts, registered)).collect::<Result<Vec<_>, _>>()?;
    check_fan_outs(&rows, &agents)?;
    prompts::check_shown(&agents)?;
    Ok(agents.into_iter().map(Arc::new).collect())
}

/// The depth a row names.
pub(crate) fn depth_of(row: &AgentRow) -> Result<Depth, CatalogueError> {
    Depth::from_name(&row.depth)
        .ok_or_else(|| bad_value(row, "depth", &row.depth, &Depth::ALL.map(Depth::name)))
}

fn agent(
    row: &AgentRow,
    texts: &Texts,
    registered: Option<&Registered<'_>>,
) -> Result<AgentSpec, CatalogueError> {
    if let Some(registered) = registered {
        check_registered(row, registered)?;
    }
    check_ranges(row)?;
    let (prompt_text, schema_text) = (text_of(&texts.prompts, &row.id), text_of(&texts.schemas, &row.id));
    let schema = schemas::read(row, schema_text)?;
    let facts = row
        .facts
        .iter()
        .map(|name| {
            Fact::from_name(name).ok_or_else(|| bad_value(row, "facts", name, &Fact::ALL.map(Fact::name)))
        })
        .collect::<Result<BTreeSet<_>, _>>()?;
    let effects = row
        .effects
        .iter()
        .map(|name| {
            Effect::from_name(name)
                .ok_or_else(|| bad_value(row, "effects", name, &Effect::ALL.map(Effect::name)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(AgentSpec {
        id: AgentId::new(&row.id),
        number: row.number,
        role: row.role.clone(),
        goal: row.goal.clone(),
        profile: Profile::from_name(&row.profile)
            .ok_or_else(|| bad_value(row, "profile", &row.profile, &Profile::ALL.map(Profile::name)))?,
        depth: depth_of(row)?,
        needs: row.needs.iter().map(AgentId::new).collect(),
        uses: row.uses.iter().map(AgentId::new).collect(),
        facts,
        answer: row.answer.clone(),
        tools: row.tools.clone(),
        analyser: row.analyser.clone(),
        tier: Tier::from_name(&row.tier)
            .ok_or_else(|| bad_value(row, "tier", &row.tier, &Tier::ALL.map(Tier::name)))?,
        without_model: row.without_model.clone(),
        dispensable: row.dispensable,
        fan_out: row.fan_out.as_ref().map(|fan_out| FanOut {
            over: AgentId::new(&fan_out.over),
            field: fan_out.field.clone(),
            id: fan_out.id.clone(),
        }),
        effects,
        same_answer: row.same_answer.clone(),
        limits: StepLimits {
            turns: row.limits.turns,
            output_tokens: row.limits.output_tokens,
            cost: NanoUsd(row.limits.nano_usd),
        },
        cache: cache(row)?,
        shortens: row.shortened.then(Default::default),
        temperature: row.temperature,
        prompt: prompts::read(row, prompt_text)?,
        schema,
        prompt_version: digest([prompt_text, schema_text].into_iter()),
        answer_schema: Default::default(),
        compiled: Default::default(),
    })
}

fn cache(row: &AgentRow) -> Result<CachePolicy, CatalogueError> {
    if let Some(level) = row.cache.levels.iter().find(|level| !LEVELS.contains(&level.as_str())) {
        return Err(bad_value(row, "cache.levels", level, &LEVELS));
    }
    let has = |level: &str| row.cache.levels.iter().any(|named| named == level);
    let unsafe_recall = |missing| CatalogueError::UnsafeRecall { agent: row.id.clone(), missing };
    if has("l3") && row.same_answer.is_empty() {
        return Err(unsafe_recall("same_answer"));
    }
    if has("l3") && row.cache.semantic_text.is_none() {
        return Err(unsafe_recall("cache.semantic_text"));
    }
    let semantic_text = row.cache.semantic_text.clone().filter(|_| has("l3"));
    let passages = row.cache.passages.clone().filter(|_| has("l3"));
    let compressed = has("l2").then(Default::default);
    let ttl_seconds = row.cache.ttl_seconds;
    let threshold = Default::default();
    Ok(CachePolicy { exact: has("l1"), compressed, ttl_seconds, semantic_text, passages, threshold })
}

fn check_unique(rows: &[AgentRow]) -> Result<(), CatalogueError> {
    let (mut ids, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let duplicate = |what, value: String| CatalogueError::Duplicate { file: FILE.to_owned(), what, value };
    for row in rows {
        if !ids.insert(&row.id) {
            return Err(duplicate("id", row.id.clone()));
        }
        if !numbers.insert(row.number) {
            return Err(duplicate("number", row.number.to_string()));
        }
    }
    Ok(())
}

/// Every row has a prompt and a schema, and every prompt and schema has a row.
fn check_pairs(rows: &[AgentRow], texts: &Texts) -> Result<(), CatalogueError> {
    let folders =
        [(&texts.prompts, "prompts", "md", "no prompt"), (&texts.schemas, "schemas", "json", "no schema")];
    for (texts, folder, ending, missing) in folders {
        let unpaired = |agent: &str, problem| CatalogueError::Unpaired {
            file: format!("{folder}/{agent}.{ending}"),
            agent: agent.to_owned(),
            problem,
        };
        if let Some(row) = rows.iter().find(|row| !texts.contains_key(&row.id)) {
            return Err(unpaired(&row.id, missing));
        }
        if let Some(agent) = texts.keys().find(|agent| rows.iter().all(|row| row.id != **agent)) {
            return Err(unpaired(agent, "no row in agents.toml"));
        }
    }
    Ok(())
}

fn check_registered(row: &AgentRow, registered: &Registered<'_>) -> Result<(), CatalogueError> {
    if let Some(named) = row.tools.iter().find(|named| !registered.tools.contains(&named.as_str())) {
        let (agent, named, known) = (row.id.clone(), named.clone(), registered.tools.join(", "));
        return Err(CatalogueError::UnknownTool { agent, named, known });
    }
    if let Some(named) = row.analyser.iter().find(|named| !registered.analysers.contains(&named.as_str())) {
        let (agent, named, known) = (row.id.clone(), named.clone(), registered.analysers.join(", "));
        return Err(CatalogueError::UnknownAnalyser { agent, named, known });
    }
    Ok(())
}

fn check_ranges(row: &AgentRow) -> Result<(), CatalogueError> {
    if !WITHOUT_MODEL.contains(&row.without_model.as_str()) {
        return Err(bad_value(row, "without_model", &row.without_model, &WITHOUT_MODEL));
    }
    if !(0.0..=2.0).contains(&row.temperature) {
        return Err(bad_value(row, "temperature", &row.temperature.to_string(), &["0.0 to 2.0"]));
    }
    let limits = &row.limits;
    let lists =
        [("role", row.role.trim().len()), ("goal", row.goal.trim().len()), ("answer", row.answer.len())];
    if let Some((field, _)) = lists.into_iter().find(|(_, length)| *length == 0) {
        return Err(bad_value(row, field, "", &["at least one entry"]));
    }
    if limits.turns < 2 || limits.output_tokens == 0 || limits.nano_usd <= 0 {
        return Err(bad_value(
            row,
            "limits",
            &format!("{limits:?}"),
            &["numbers above 0, and at least 2 turns so that an answer can be repaired"],
        ));
    }
    Ok(())
}

/// A fan-out goes over a list of objects with that id, in the result of an agent that must have succeeded.
fn check_fan_outs(rows: &[AgentRow], agents: &[AgentSpec]) -> Result<(), CatalogueError> {
    for row in rows {
        let Some(fan_out) = &row.fan_out else { continue };
        if !row.needs.contains(&fan_out.over) {
            return Err(bad_value(row, "fan_out.over", &fan_out.over, &["one of its needs"]));
        }
        let schema = agents.iter().find(|agent| agent.id.as_str() == fan_out.over).map(|agent| &agent.schema);
        let properties = schema.and_then(|schema: &Value| schemas::item_properties(schema, &fan_out.field));
        if !properties.is_some_and(|known| known.contains_key(&fan_out.id)) {
            let (agent, field) = (row.id.clone(), format!("{}[].{}", fan_out.field, fan_out.id));
            let file = format!("schemas/{}.json", fan_out.over);
            return Err(CatalogueError::UnknownField { agent, list: "fan_out", field, file });
        }
    }
    Ok(())
}

/// The text of an agent; its presence is checked before.
fn text_of<'a>(texts: &'a BTreeMap<String, String>, agent: &str) -> &'a str {
    texts.get(agent).map_or("", String::as_str)
}

fn bad_value(row: &AgentRow, field: &'static str, value: &str, allowed: &[&str]) -> CatalogueError {
    CatalogueError::BadValue {
        file: FILE.to_owned(),
        name: row.id.clone(),
        field,
        value: value.to_owned(),
        allowed: allowed.join(", "),
    }
}
