//! `assay agents`.

use std::fmt::Write as _;
use std::process::ExitCode;

use engine::error::Result;
use engine::model::{AgentId, Depth};

use crate::cli::AgentsArguments;

/// Prints the catalogue's rows.
pub(super) fn agents(arguments: &AgentsArguments) -> Result<ExitCode> {
    let catalogue = boot::load_catalogue()?;
    let depth = arguments.depth.map(Depth::from);
    let mut text = String::new();
    for agent in catalogue.agents.iter().filter(|agent| depth.is_none_or(|depth| agent.is_in(depth))) {
        let names = |ids: &[AgentId]| match ids {
            [] => "-".to_owned(),
            ids => ids.iter().map(AgentId::as_str).collect::<Vec<_>>().join(" "),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>2} {} ({}, from {}, {} model)\n   {}\n   needs {}\n   uses {}\n   without a model: {}\n",
            agent.number,
            agent.id,
            agent.profile.name(),
            agent.depth.name(),
            agent.tier.name(),
            agent.goal,
            names(&agent.needs),
            names(&agent.uses),
            agent.without_model,
        );
    }
    let _ = writeln!(text, "catalogue {}", catalogue.version);
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
