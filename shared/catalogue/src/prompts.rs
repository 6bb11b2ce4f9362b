//! Prompts: two parts, and variables that must match the agent's row.

use std::collections::BTreeSet;

use engine::agent::Prompt;

use crate::CatalogueError;
use crate::rows::AgentRow;

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

/// The names between double braces, in order.
pub(crate) fn variables(text: &str) -> Vec<&str> {
    text.split("{{").skip(1).filter_map(|after| Some(after.split_once("}}")?.0.trim())).collect()
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
    for variable in variables(system).into_iter().chain(variables(user)) {
        if !supplied.contains(variable) {
            let supplied = supplied.into_iter().collect::<Vec<_>>().join(", ");
            return Err(CatalogueError::UnknownVariable {
                file,
                agent,
                variable: variable.to_owned(),
                supplied,
            });
        }
        if !named.insert(variable.to_owned()) || variables(system).contains(&variable) {
            return Err(CatalogueError::RepeatedVariable { file, agent, variable: variable.to_owned() });
        }
    }
    match required.difference(&named).next() {
        Some(variable) => Err(CatalogueError::MissingVariable { file, agent, variable: variable.clone() }),
        None => Ok(()),
    }
}

/// The variables of a row's needs, uses and facts.
fn declared(row: &AgentRow) -> BTreeSet<String> {
    let agents = row.needs.iter().chain(&row.uses).cloned();
    agents.chain(row.facts.iter().map(|fact| format!("fact.{fact}"))).collect()
}
