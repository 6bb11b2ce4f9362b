//! What waits for what: only agents that exist, never in a ring, and no need that its depth leaves out.

use std::collections::BTreeMap;

use engine::model::Depth;

use crate::CatalogueError;
use crate::agents::depth_of;
use crate::rows::AgentRow;

/// Checks needs, uses and depths of all rows.
pub(crate) fn check(rows: &[AgentRow]) -> Result<(), CatalogueError> {
    let by_id: BTreeMap<&str, &AgentRow> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    for row in rows {
        let over = row.fan_out.iter().map(|fan_out| ("fan_out", &fan_out.over));
        let needs = row.needs.iter().map(|id| ("needs", id));
        let uses = row.uses.iter().map(|id| ("uses", id));
        for (field, named) in needs.chain(uses).chain(over) {
            if !by_id.contains_key(named.as_str()) {
                return Err(CatalogueError::UnknownAgent {
                    agent: row.id.clone(),
                    field,
                    named: named.clone(),
                });
            }
        }
    }
    check_rings(rows, &by_id)?;
    check_depths(rows, &by_id)
}

fn check_rings(rows: &[AgentRow], by_id: &BTreeMap<&str, &AgentRow>) -> Result<(), CatalogueError> {
    let mut settled = Vec::new();
    for row in rows {
        visit(row, by_id, &mut Vec::new(), &mut settled)?;
    }
    Ok(())
}

fn visit<'a>(
    row: &'a AgentRow,
    by_id: &BTreeMap<&str, &'a AgentRow>,
    path: &mut Vec<&'a str>,
    settled: &mut Vec<&'a str>,
) -> Result<(), CatalogueError> {
    let id = row.id.as_str();
    if settled.contains(&id) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|earlier| *earlier == id) {
        let ring: Vec<&str> = path[start..].iter().copied().chain([id]).collect();
        return Err(CatalogueError::Cycle { path: ring.join(" -> ") });
    }
    path.push(id);
    for next in row.needs.iter().chain(&row.uses).filter_map(|named| by_id.get(named.as_str())) {
        visit(next, by_id, path, settled)?;
    }
    path.pop();
    settled.push(id);
    Ok(())
}

fn check_depths(rows: &[AgentRow], by_id: &BTreeMap<&str, &AgentRow>) -> Result<(), CatalogueError> {
    for row in rows {
        let depth = depth_of(row)?;
        for need in row.needs.iter().filter_map(|named| by_id.get(named.as_str())) {
            let need_depth: Depth = depth_of(need)?;
            if need_depth > depth {
                return Err(CatalogueError::DepthOrder {
                    agent: row.id.clone(),
                    depth: depth.name().to_owned(),
                    need: need.id.clone(),
                    need_depth: need_depth.name().to_owned(),
                });
            }
        }
    }
    Ok(())
}
