//! Prompts: two parts, and variables that must match the agent's row.

use std::collections::BTreeSet;

use engine::agent::{AgentSpec, FanOut, Prompt};
use engine::prompt::{Shown, variables};
use serde_json::Value;

use crate::CatalogueError;
use crate::rows::AgentRow;
use crate::schemas;

const USER_LINE: &str = "=== user ===";

/// The prompt of a row, its variables checked against what the row supplies.
pub(crate) fn read(row: &AgentRow, text: &str) -> Result<Prompt, CatalogueError> {
    let (file, agent) = (format!("prompts/{}.md", row.id), row.id.clone());
    let parts = || CatalogueError::PromptParts { file: file.clone(), agent: agent.clone() };
    if text.lines().filter(|line| line.trim() == USER_LINE).count() != 1 {
        return Err(parts());
    }
    let (system, user) = text.split_once(USER_LINE).ok_or_else(parts)?;
    if system.trim().is_empty() || user.trim().is_empty() {
        return Err(parts());
    }
    check_variables(row, &file, system, user)?;
    Ok(Prompt { system: system.trim().to_owned(), user: user.trim().to_owned() })
}

fn check_variables(row: &AgentRow, file: &str, system: &str, user: &str) -> Result<(), CatalogueError> {
    let declared = declared(row);
    if let Some(named) = row.not_in_prompt.iter().find(|named| !declared.contains(*named)) {
        return Err(CatalogueError::UselessExemption { agent: row.id.clone(), named: named.clone() });
    }
    let mut required: BTreeSet<String> =
        declared.iter().filter(|name| !row.not_in_prompt.contains(name)).cloned().collect();
    required.extend(row.analyser.iter().map(|_| "baseline".to_owned()));
    required.extend(row.fan_out.iter().map(|_| "item".to_owned()));
    let mut supplied = required.clone();
    supplied.insert("request".to_owned());

    let (file, agent) = (file.to_owned(), row.id.clone());
    let mut named = BTreeSet::new();
    let in_system = variables(system);
    for variable in in_system.iter().copied().chain(variables(user)).map(|variable| variable.name) {
        if !supplied.contains(variable) {
            let supplied = supplied.into_iter().collect::<Vec<_>>().join(", ");
            return Err(CatalogueError::UnknownVariable {
                file,
                agent,
                variable: variable.to_owned(),
                supplied,
            });
        }
        if !named.insert(variable.to_owned()) || in_system.iter().any(|other| other.name == variable) {
            return Err(CatalogueError::RepeatedVariable { file, agent, variable: variable.to_owned() });
        }
    }
    match required.difference(&named).next() {
        Some(variable) => Err(CatalogueError::MissingVariable { file, agent, variable: variable.clone() }),
        None => Ok(()),
    }
}

/// The fields a variable shows are fields of what it names.
pub(crate) fn check_shown(agents: &[AgentSpec]) -> Result<(), CatalogueError> {
    for agent in agents {
        for variable in variables(&agent.prompt.user).iter().filter(|variable| !variable.fields.is_empty()) {
            let schema_of =
                |id: &str| agents.iter().find(|other| other.id.as_str() == id).map(|of| (of, &of.schema));
            let has = |shown: Shown| match (variable.name, &agent.fan_out) {
                ("baseline", _) => has_fields(&agent.schema, &agent.schema, &shown),
                ("item", Some(FanOut { over, field, .. })) => schema_of(over.as_str())
                    .is_some_and(|(_, schema)| has_fields(schema, &schema["properties"][field], &shown)),
                (name, _) => schema_of(name).is_some_and(|(of, schema)| match &of.fan_out {
                    // The results of its items are listed.
                    Some(_) => shown.fields().all(|(name, shown)| match name {
                        "data" => has_fields(schema, schema, shown),
                        name => {
                            ["item", "status", "reason"].contains(&name) && shown.fields().next().is_none()
                        }
                    }),
                    None => has_fields(schema, schema, &shown),
                }),
            };
            if !Shown::read(variable.fields).is_some_and(has) {
                return Err(CatalogueError::UnknownShown {
                    file: format!("prompts/{}.md", agent.id),
                    agent: agent.id.to_string(),
                    variable: variable.name.to_owned(),
                    fields: variable.fields.to_owned(),
                });
            }
        }
    }
    Ok(())
}

fn has_fields(schema: &Value, part: &Value, shown: &Shown) -> bool {
    let known = schemas::fields(schema, part);
    shown.fields().all(|(name, shown)| {
        known.and_then(|known| known.get(name)).is_some_and(|part| has_fields(schema, part, shown))
    })
}

/// The variables of a row's needs, uses and facts.
fn declared(row: &AgentRow) -> BTreeSet<String> {
    let agents = row.needs.iter().chain(&row.uses).cloned();
    agents.chain(row.facts.iter().map(|fact| format!("fact.{fact}"))).collect()
}
