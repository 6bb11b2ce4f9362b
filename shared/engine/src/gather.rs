//! What a step is given: results of the agents its row names, the facts its row names, its item. Nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::agent::{AgentSpec, Fact, FanOut};
use crate::claim_check;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger_view::run_report;
use crate::model::{AgentId, ContentRef, ItemId, Run, Status, Step, StepResult};
use crate::ports::{Acquired, Key, Ports, Row};
use crate::step_input::{Input, RequestView, StepInput};
use crate::transact::{again, read};

/// Ids are short, such as `c12`.
const LONGEST_ID_BYTES: usize = 64;

/// How many earlier runs an agent's analyser is given.
const HISTORY: usize = 50;

/// A step's input, or the agents it needs that have no result to build on.
pub(crate) enum Gathered {
    Ready { input: Box<StepInput>, gaps: Vec<AgentId> },
    Missing(Vec<AgentId>),
}

pub(crate) async fn gather(ports: &Ports, run: &Run, spec: &AgentSpec, item: &ItemId) -> Result<Gathered> {
    let planned = planned_agents(ports, run).await?;
    let mut inputs = BTreeMap::new();
    let mut missing = Vec::new();
    let mut gaps = Vec::new();
    let wanted: Vec<&AgentId> = spec.inputs().filter(|agent| planned.contains(agent)).collect();
    let results = results_of(ports, run, &wanted).await?;
    for (agent, input) in wanted.into_iter().zip(results) {
        let usable = matches!(input.status, Status::Ok | Status::Uncertain) && input.data.is_some();
        if !usable && spec.needs.contains(agent) {
            missing.push(agent.clone());
        }
        if input.status != Status::Ok && spec.uses.contains(agent) {
            gaps.push(agent.clone());
        }
        inputs.insert(agent.clone(), input);
    }
    missing.extend(spec.needs.iter().filter(|need| !planned.contains(need)).cloned());
    if !missing.is_empty() {
        return Ok(Gathered::Missing(missing));
    }
    let item = match &spec.fan_out {
        Some(fan_out) => Some(find_item(&inputs, fan_out, item)?),
        None => None,
    };
    let mut facts = BTreeMap::new();
    for fact in &spec.facts {
        facts.insert(fact.name().to_owned(), fact_value(ports, run, &inputs, *fact).await?);
    }
    let request = RequestView {
        source_name: run.source.name.clone(),
        media_type: run.source.media_type.clone(),
        bytes: run.source.bytes,
        depth: run.depth,
        requested_ms: run.created_ms,
    };
    Ok(Gathered::Ready { input: Box::new(StepInput { request, item, inputs, facts }), gaps })
}

/// The agents this run is to have: those of its depth, without what the planner left out.
pub(crate) async fn planned_agents(ports: &Ports, run: &Run) -> Result<Vec<AgentId>> {
    let catalogue = &ports.catalogue;
    let in_depth =
        catalogue.agents.iter().filter(|agent| agent.is_in(run.depth)).map(|agent| agent.id.clone());
    let Some(planner) = catalogue.planner() else {
        return Ok(in_depth.collect());
    };
    let plan = load_step(ports, run, &planner.id, &ItemId::none()).await?;
    let left_out = plan.as_ref().and_then(|step| step.result.as_ref()).map(left_out).unwrap_or_default();
    let indispensable = |id: &AgentId| catalogue.agent(id).is_some_and(|agent| !agent.dispensable);
    Ok(in_depth.filter(|id| indispensable(id) || !left_out.contains(id)).collect())
}

/// The agents a plan leaves out.
pub(crate) fn left_out(plan: &StepResult) -> Vec<AgentId> {
    let data = plan.data();
    let listed = |field: &str| data.and_then(|data| data[field].as_array()).cloned().unwrap_or_default();
    let not_run = listed("agents").into_iter().filter(|row| row["run"] == json!(false));
    let skipped = listed("skip").into_iter();
    not_run.chain(skipped).filter_map(|row| row["agent"].as_str().map(AgentId::new)).collect()
}

/// The ids of the items an agent's data holds for another to fan out over, cut to what the depth allows.
pub(crate) fn items_of(run: &Run, data: Option<&Value>, fan_out: &FanOut) -> Vec<ItemId> {
    let rows = data.and_then(|data| data[fan_out.field.as_str()].as_array());
    rows.into_iter()
        .flatten()
        .filter_map(|row| row[fan_out.id.as_str()].as_str())
        // An id names rows and travels in messages; one that is a text is none.
        .filter(|id| id.len() <= LONGEST_ID_BYTES)
        .take(run.depth.max_claims())
        .map(ItemId::new)
        .collect()
}

pub(crate) async fn load_step(
    ports: &Ports,
    run: &Run,
    agent: &AgentId,
    item: &ItemId,
) -> Result<Option<Arc<Step>>> {
    let mut rows = read(ports, &[Key::Step(run.key.step(agent, item))]).await?;
    Ok(match rows.pop().flatten() {
        Some(Row::Step(step)) => Some(step),
        _ => None,
    })
}

/// The inputs from these agents, in their order.
async fn results_of(ports: &Ports, run: &Run, agents: &[&AgentId]) -> Result<Vec<Input>> {
    let mut inputs = Vec::with_capacity(agents.len());
    let single: Vec<Key> =
        agents.iter().map(|agent| Key::Step(run.key.step(agent, &ItemId::none()))).collect();
    let rows = if single.is_empty() { Vec::new() } else { read(ports, &single).await? };
    for (agent, row) in agents.iter().zip(rows) {
        let fan_out = ports.catalogue.agent(agent).and_then(|spec| spec.fan_out.clone());
        inputs.push(match (fan_out, row) {
            (Some(fan_out), _) => fanned_out_input(ports, run, agent, &fan_out).await?,
            (None, Some(Row::Step(step))) => input_of(ports, &step).await?,
            (None, _) => no_result(),
        });
    }
    Ok(inputs)
}

/// All items of a fanned-out agent as one input. It stands only if every item stands.
async fn fanned_out_input(ports: &Ports, run: &Run, agent: &AgentId, fan_out: &FanOut) -> Result<Input> {
    let over = load_step(ports, run, &fan_out.over, &ItemId::none()).await?;
    let over = match &over {
        Some(step) => claim_check::data(ports, step).await?,
        None => None,
    };
    let items = items_of(run, over.as_deref(), fan_out);
    let keys: Vec<Key> = items.iter().map(|item| Key::Step(run.key.step(agent, item))).collect();
    let rows = if keys.is_empty() { Vec::new() } else { read(ports, &keys).await? };
    let mut list = Vec::with_capacity(items.len());
    let mut worst: Option<(Status, String)> = None;
    for (item, row) in items.iter().zip(rows) {
        let input = match row {
            Some(Row::Step(step)) => input_of(ports, &step).await?,
            _ => no_result(),
        };
        if input.status != Status::Ok && worst.as_ref().is_none_or(|(status, _)| *status < input.status) {
            let reason = input.reason.clone().unwrap_or_default();
            worst = Some((input.status, format!("{item}: {reason}")));
        }
        list.push(json!({"item": item, "status": input.status, "data": input.data, "reason": input.reason}));
    }
    let (status, reason) = worst.map_or((Status::Ok, None), |(_, reason)| (Status::Uncertain, Some(reason)));
    Ok(Input { status, data: Some(Value::from(list).into()), reason })
}

async fn input_of(ports: &Ports, step: &Arc<Step>) -> Result<Input> {
    let Some(result) = &step.result else {
        return Ok(no_result());
    };
    let data = claim_check::data(ports, step).await?;
    Ok(Input { status: result.status(), data, reason: result.reason() })
}

fn no_result() -> Input {
    Input { status: Status::Failed, data: None, reason: Some("no result".to_owned()) }
}

fn find_item(inputs: &BTreeMap<AgentId, Input>, fan_out: &FanOut, item: &ItemId) -> Result<Value> {
    let data = inputs.get(&fan_out.over).and_then(|input| input.data.as_deref());
    let rows = data.and_then(|data| data[fan_out.field.as_str()].as_array());
    rows.into_iter()
        .flatten()
        .find(|row| row[fan_out.id.as_str()] == json!(item))
        .cloned()
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("{} has no item {item}", fan_out.over)))
}

async fn fact_value(
    ports: &Ports,
    run: &Run,
    inputs: &BTreeMap<AgentId, Input>,
    fact: Fact,
) -> Result<Value> {
    match fact {
        Fact::Plan => Ok(plan_facts(ports, run)),
        Fact::Source => source_facts(ports, run).await,
        Fact::Content => content_facts(ports, run, inputs).await,
        Fact::History => history(ports, run).await,
        Fact::RunReport => run_report(ports, run).await,
    }
}

pub(crate) fn plan_facts(ports: &Ports, run: &Run) -> Value {
    let agents: Vec<Value> = ports
        .catalogue
        .agents
        .iter()
        .map(|agent| {
            json!({
                "agent": agent.id,
                "role": agent.role,
                "from_depth": agent.depth,
                "in_depth": agent.is_in(run.depth),
                "needs_model": agent.analyser.is_none(),
                "dispensable": agent.dispensable,
                "weight": agent.limits.cost.0,
            })
        })
        .collect();
    json!({
        "depth": run.depth,
        "cap_nano_usd": run.cap(),
        "max_claims": run.depth.max_claims(),
        "agents": agents,
    })
}

async fn source_facts(ports: &Ports, run: &Run) -> Result<Value> {
    let content = again(ports, || ports.content.get(&run.key.tenant, &run.source.content)).await?;
    let platform =
        ports.platforms.iter().find(|platform| platform.recognises(&run.source)).ok_or_else(|| {
            Error::new(
                ErrorKind::UnsupportedMedia,
                format!("no platform knows what to do with {}", run.source.name),
            )
        })?;
    let Acquired { mut facts, content } = platform.acquire(&run.source, &content).await?;
    if let Some(content) = content {
        let digest = json!(again(ports, || ports.content.put(&run.key.tenant, &content)).await?);
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("digest".to_owned(), digest);
            facts.insert("bytes".to_owned(), json!(content.len()));
        }
    }
    Ok(facts)
}

async fn content_facts(ports: &Ports, run: &Run, inputs: &BTreeMap<AgentId, Input>) -> Result<Value> {
    let acquired =
        inputs.values().filter_map(|input| input.data.as_deref()).find(|data| data["digest"].is_string());
    let content = acquired
        .and_then(|data| data["digest"].as_str())
        .map_or_else(|| run.source.content.clone(), ContentRef::new);
    let format = match acquired {
        Some(data) => data["format"].clone(),
        None => source_facts(ports, run).await?["format"].clone(),
    };
    if content.as_str().is_empty() {
        // The source gave none.
        return Ok(json!({"format": format, "text": ""}));
    }
    let bytes = again(ports, || ports.content.get(&run.key.tenant, &content)).await?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("{} is not UTF-8", run.source.name)).because(error)
    })?;
    Ok(json!({"format": format, "text": text}))
}

/// Earlier runs, without runs on the same content or another version of it: they would confirm themselves. A run that repeats
/// another is shown what was there before that one.
pub(crate) async fn history(ports: &Ports, run: &Run) -> Result<Value> {
    let before = run.repeats.as_ref().unwrap_or(&run.key.run);
    let recent = || ports.memory.recent(&run.key.tenant, Some(before), HISTORY);
    let records = again(ports, recent).await?;
    let others = records.into_iter().filter(|record| !run.about().is_of(record));
    Ok(others
        .map(|record| {
            let mut row = record.record;
            row["run_id"] = json!(record.run_id);
            row["created_ms"] = json!(record.created_ms);
            row
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContentRef, Depth, MemoryRecord, Reason, ReasonCode, RunId};
    use crate::scenarios::house::{House, baseline, request};
    use crate::start_run::load_run;
    use crate::step_input::Analysis;

    #[test]
    fn a_step_is_given_what_its_row_names_and_nothing_else() {
        let check = |uses: &[&str], facts: &[Fact], given: &[&str], told: &[&str]| {
            let mut house = House::new(Some(Analysis::Complete(baseline())), None);
            house.with_row("reader", |row| {
                row.uses = uses.iter().map(AgentId::new).collect();
                row.facts = facts.iter().copied().collect();
            });
            house.step("planner", 0).unwrap();
            house.step("worker", 0).unwrap();
            let Gathered::Ready { input, gaps } = gathered(&house) else { panic!("an input is missing") };
            assert_eq!(input.inputs.keys().map(AgentId::as_str).collect::<Vec<_>>(), given);
            assert!(input.inputs.values().all(|input| input.status == Status::Ok && input.data.is_some()));
            assert_eq!(input.facts.keys().map(String::as_str).collect::<Vec<_>>(), told);
            assert_eq!((input.item, gaps), (None, Vec::new()));
        };
        check(&[], &[], &["worker"], &[]);
        check(&["planner"], &[Fact::Plan], &["planner", "worker"], &["plan"]);
        check(&[], &[Fact::History, Fact::Plan], &["worker"], &["history", "plan"]);
    }

    /// What the third agent is given.
    fn gathered(house: &House) -> Gathered {
        let (ports, key) = (house.ports.clone(), house.run.clone());
        house.block_on(async move {
            let mut run = load_run(&ports, &key).await.unwrap().unwrap();
            // Deep enough for items.
            run.depth = Depth::Standard;
            let spec = ports.catalogue.agent(&AgentId::new("reader")).cloned().unwrap();
            gather(&ports, &run, &spec, &ItemId::none()).await.unwrap()
        })
    }

    #[test]
    fn what_is_needed_must_be_there_and_what_is_only_used_is_a_gap_unless_it_is_ok() {
        let ok = Analysis::Complete(baseline());
        let uncertain = Analysis::Evidence(baseline());
        let skipped = Analysis::Skip(Reason::new(ReasonCode::NotApplicable, "nothing to do"));
        let failed = Analysis::Fail(Error::new(ErrorKind::InvalidInput, "nothing to read"));
        for (analysis, status, has_data) in [
            (ok, Status::Ok, true),
            (uncertain, Status::Uncertain, true),
            (skipped, Status::Skipped, false),
            (failed, Status::Failed, false),
        ] {
            let mut house = House::new(Some(analysis), None);
            house.step("planner", 0).unwrap();
            house.step("worker", 0).unwrap();
            let worker = AgentId::new("worker");
            match gathered(&house) {
                Gathered::Ready { input, gaps } => {
                    assert!(has_data, "{status:?}");
                    assert_eq!((input.inputs[&worker].status, gaps), (status, Vec::new()));
                }
                Gathered::Missing(agents) => {
                    assert!(!has_data, "{status:?}");
                    assert_eq!(agents, std::slice::from_ref(&worker));
                }
            }
            house.with_row("reader", |row| row.uses = std::mem::take(&mut row.needs));
            let Gathered::Ready { input, gaps } = gathered(&house) else { panic!("{status:?}: only used") };
            let given = &input.inputs[&worker];
            assert_eq!((given.status, given.data.is_some()), (status, has_data));
            let gap = if status == Status::Ok { Vec::new() } else { vec![worker] };
            assert_eq!(gaps, gap, "{status:?}");
        }
    }

    #[test]
    fn a_list_of_items_stands_only_if_each_of_them_does() {
        let uncertain = || Some(Analysis::Evidence(baseline()));
        let complete = || Some(Analysis::Complete(baseline()));
        let failed = || Some(Analysis::Fail(Error::new(ErrorKind::InvalidInput, "nothing to read")));
        let check = |items: [Option<Analysis>; 2], status: Status, reason: Option<&str>| {
            let mut house = House::new(complete(), None);
            let mut listed = baseline();
            listed["claims"] = json!([{"id": "c1"}, {"id": "c2"}]);
            house.analyse("whole", Some(Analysis::Complete(listed)));
            house.with_row("planner", |row| row.schema["properties"]["claims"] = json!({}));
            house.with_row("worker", |row| {
                let (over, field, id) = (AgentId::new("planner"), "claims".to_owned(), "id".to_owned());
                row.needs = vec![over.clone()];
                row.fan_out = Some(FanOut { over, field, id });
            });
            house.step("planner", 0).unwrap();
            for (id, analysis) in ["c1", "c2"].into_iter().zip(items) {
                let Some(analysis) = analysis else { continue };
                house.analyse("fixed", Some(analysis));
                let mut message = house.message("worker", 0);
                message.item = ItemId::new(id);
                let ports = house.ports.clone();
                house.block_on(async move { crate::run_step(&ports, &message).await }).unwrap();
            }
            let Gathered::Ready { input, .. } = gathered(&house) else { panic!("the list is missing") };
            let given = &input.inputs[&AgentId::new("worker")];
            assert_eq!((given.status, given.reason.as_deref()), (status, reason));
            let ids: Vec<&Value> =
                given.data.as_deref().unwrap().as_array().unwrap().iter().map(|row| &row["item"]).collect();
            assert_eq!(ids, ["c1", "c2"]);
        };
        check([complete(), complete()], Status::Ok, None);
        check([complete(), uncertain()], Status::Uncertain, Some("c2: no_model"));
        check([complete(), None], Status::Uncertain, Some("c2: no result"));
        check([uncertain(), failed()], Status::Uncertain, Some("c2: InvalidInput: nothing to read"));
    }

    /// Which runs a new run is shown, so many hours after those before it, and remembered then.
    fn shown(house: &House, after_hours: u64, use_cache: bool, other_content: bool) -> (RunId, Vec<String>) {
        let ports = house.ports.clone();
        house.block_on(async move {
            ports.clock.sleep(after_hours * 3_600_000).await;
            let mut request = request(&ports, None).await;
            request.use_cache = use_cache;
            let content =
                if other_content { format!("{}", ports.random.next_u64()) } else { "the same".into() };
            request.source.content = ContentRef::new(content);
            let key = crate::start_run(&ports, &request).await.unwrap().0;
            let run = load_run(&ports, &key).await.unwrap().unwrap();
            let history = history(&ports, &run).await.unwrap();
            let record = MemoryRecord {
                run_id: key.run.clone(),
                created_ms: run.created_ms,
                content: run.source.content,
                sketch: None,
                record: json!({}),
            };
            ports.memory.remember(&key.tenant, &record).await.unwrap();
            let runs = history.as_array().unwrap().iter();
            (key.run, runs.map(|row| row["run_id"].as_str().unwrap().to_owned()).collect())
        })
    }

    #[test]
    fn a_repeated_run_is_shown_the_memory_of_the_first_one_for_a_day() {
        let house = House::new(None, Some(Vec::new()));
        let names = |runs: &[&RunId]| runs.iter().map(|run| run.as_str().to_owned()).collect::<Vec<_>>();
        let (older, nothing) = shown(&house, 1, true, true);
        assert_eq!(nothing, names(&[]));
        let (_, first) = shown(&house, 1, true, false);
        assert_eq!(first, names(&[&older]));
        let (newer, _) = shown(&house, 1, true, true);
        assert_eq!(shown(&house, 1, true, false).1, names(&[&older]), "as the first run was");
        assert_eq!(shown(&house, 1, false, false).1, names(&[&newer, &older]), "whoever asks anew sees all");
        // That run is the first one now.
        assert_eq!(shown(&house, 23, true, false).1, names(&[&newer, &older]));
        let (newest, _) = shown(&house, 0, true, true);
        assert_eq!(shown(&house, 0, true, false).1, names(&[&newer, &older]));
        assert_eq!(shown(&house, 1, true, false).1, names(&[&newest, &newer, &older]), "a day is over");
    }
}
