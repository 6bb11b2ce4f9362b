//! Which agents a run will use, in the order and the groups in which they are shown.

use std::collections::BTreeSet;

use super::{AgentId, Catalogue, Depth};

/// Where an agent stands in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What everything rests on: plan, source, transcript, map.
    Foundation,
    /// What the briefing takes up if it is there.
    Analysis,
    /// The briefing.
    Briefing,
    /// What follows from the briefing.
    Afterwards,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Group; 4] = [Group::Foundation, Group::Analysis, Group::Briefing, Group::Afterwards];

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Group::Foundation => "Foundation",
            Group::Analysis => "Analysis",
            Group::Briefing => "Briefing",
            Group::Afterwards => "Afterwards",
        }
    }
}

/// An agent that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its id.
    pub agent: AgentId,
    /// Its name for people.
    pub role: String,
    /// Where it stands.
    pub group: Group,
    /// What its items are called, if it runs once per item, such as `claims`.
    pub items: Option<String>,
}

impl Planned {
    /// An agent that events tell of although nobody planned it.
    pub(super) fn unknown(agent: &AgentId) -> Planned {
        Planned {
            agent: agent.clone(),
            role: render::role(agent.as_str()),
            group: Group::Analysis,
            items: None,
        }
    }
}

/// The agents of the catalogue that `depth` includes, grouped by what needs what.
pub fn plan(catalogue: &Catalogue, depth: Depth) -> Vec<Planned> {
    let curator = catalogue.curator();
    let mut foundation = BTreeSet::new();
    let mut open: Vec<AgentId> = curator.map(|spec| spec.needs.clone()).unwrap_or_default();
    while let Some(agent) = open.pop() {
        open.extend(catalogue.agent(&agent).map(|spec| spec.needs.clone()).unwrap_or_default());
        foundation.insert(agent);
    }
    let mut afterwards: BTreeSet<AgentId> = curator.map(|spec| spec.id.clone()).into_iter().collect();
    loop {
        let before = afterwards.len();
        for spec in &catalogue.agents {
            if spec.needs.iter().chain(&spec.uses).any(|input| afterwards.contains(input)) {
                afterwards.insert(spec.id.clone());
            }
        }
        if afterwards.len() == before {
            break;
        }
    }
    let group = |agent: &AgentId| match agent {
        agent if foundation.contains(agent) => Group::Foundation,
        agent if curator.is_some_and(|spec| spec.id == *agent) => Group::Briefing,
        agent if afterwards.contains(agent) => Group::Afterwards,
        _ => Group::Analysis,
    };
    let planned = catalogue.agents.iter().filter(|spec| spec.is_in(depth)).map(|spec| Planned {
        agent: spec.id.clone(),
        role: spec.role.clone(),
        group: group(&spec.id),
        items: spec.fan_out.as_ref().map(|fan_out| fan_out.field.clone()),
    });
    let mut planned: Vec<Planned> = planned.collect();
    planned.sort_by_key(|agent| agent.group);
    planned
}
