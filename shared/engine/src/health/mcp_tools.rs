//! Every tool that an agent may call is there, its arguments' schema compiles, and its example comes out as it must.

use std::collections::BTreeSet;

use futures::FutureExt as _;

use super::probe::{Probe, ensure, wrong};
use super::{Check, Finding};
use crate::error::Result;
use crate::memory::MemoryMemories;
use crate::model::{About, ContentRef};
use crate::ports::{Memory as _, Tool, ToolAnswer, ToolScope};
use crate::schema::Schema;

const NAME: &str = "mcp_tools";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: false,
    about: "every tool that an agent may call is registered, its schema compiles, and its example gives the known answer",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let granted: BTreeSet<&str> =
        probe.ports.catalogue.agents.iter().flat_map(|agent| &agent.tools).map(String::as_str).collect();
    if probe.ports.tools.is_empty() {
        return Ok(Finding::unknown("this process runs no steps and has no tools"));
    }
    let mut untried = Vec::new();
    for name in &granted {
        let tool =
            probe.ports.tools.get(name).ok_or_else(|| wrong(format!("the tool {name} is not registered")))?;
        if !comes_out_right(probe, name, tool.as_ref()).await? {
            untried.push(*name);
        }
    }
    Ok(match untried.as_slice() {
        [] => Finding::pass(format!("{} tools registered, called and right", granted.len())),
        untried => Finding::warn(format!("no example to call: {}", untried.join(", "))),
    })
}

/// False if the tool has no example to try.
async fn comes_out_right(probe: &Probe<'_>, name: &str, tool: &dyn Tool) -> Result<bool> {
    let spec = tool.spec();
    ensure(spec.name == name, || format!("the tool {name} says it is {}", spec.name))?;
    let schema = Schema::new(&spec.parameters)
        .map_err(|error| wrong(format!("the schema of {name} does not compile: {error}")))?;
    let Some(example) = tool.example() else { return Ok(false) };
    ensure(schema.faults(&example.arguments).is_empty(), || {
        format!("the example of {name} does not fit its schema")
    })?;
    let (step, memory) = (probe.step(NAME, name), MemoryMemories::default());
    for record in &example.records {
        memory.remember(&step.run.tenant, record).await?;
    }
    let content = ContentRef::new("");
    let about = About { content: &content, sketch: None, versions: &[] };
    let scope = ToolScope { step: &step, about, input: &example.input, memory: &memory };
    let answer = tool.call(scope, &example.arguments).await?;
    ensure(answer == ToolAnswer::Answer(example.answer), || {
        format!("the example of {name} has another answer")
    })?;
    Ok(true)
}
