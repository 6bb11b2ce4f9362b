//! `cargo lab bench orchestration`: what the platform adds to the time its models take.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::targets::Must;
use super::tell;
use crate::binary::build_assay;
use crate::process::{ask_script, peak_while};
use crate::scripted::{Script, ScriptedServer};
use crate::sim::model;

const LATENCY_MS: u64 = 50;

/// How to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How many runs; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// What each call to the model takes
    #[arg(long, default_value_t = LATENCY_MS)]
    latency_ms: u64,
    /// Also print when each step of the last run ended, and how long it took
    #[arg(long)]
    steps: bool,
    /// Measure the optimised build
    #[arg(long)]
    release: bool,
}

struct Measured {
    makespan_ms: f64,
    cpu_ms: f64,
    memory_mb: f64,
    first_line_ms: f64,
    steps: usize,
    agents: usize,
    /// Milliseconds from acceptance to the step's end, its duration, its name.
    timeline: Vec<(u64, u64, String)>,
}

/// What is asked for where a call takes 50 ms.
const TARGETS: [(&str, Must); 5] = [
    ("/makespan_ms", Must::BeAtMost(575.0)),
    ("/cpu_ms", Must::BeAtMost(250.0)),
    ("/memory_mb", Must::BeAtMost(100.0)),
    ("/first_line_ms", Must::BeAtMost(60.0)),
    // All but the one that is asked only where something is to mend.
    ("/agents", Must::Be(25.0)),
];

pub(super) fn orchestration(arguments: &Arguments) -> ExitCode {
    let targets = if arguments.latency_ms == LATENCY_MS { &TARGETS[..] } else { &[] };
    tell(measure(arguments), targets, arguments.json, 18)
}

fn measure(arguments: &Arguments) -> crate::stack::Result<Value> {
    let binary = build_assay(arguments.release)?;

    let script = Script::new(vec![model()]).with_latency_ms(arguments.latency_ms).without_tools();
    let server = ScriptedServer::start(script)?;
    let mut measured = Vec::new();
    // One run that does not count, so that files are in the page cache.
    for counted in std::iter::once(false).chain(std::iter::repeat_n(true, arguments.runs.max(1))) {
        let one = one_run(&binary, &server.url())?;
        if counted {
            measured.push(one);
        }
    }
    let median = |of: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = measured.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let critical_path_ms = (critical_path() * arguments.latency_ms) as f64;
    let makespan_ms = median(|one| one.makespan_ms);
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    Ok(json!({
        "makespan_ms": rounded(makespan_ms),
        "critical_path_ms": critical_path_ms,
        "ratio": (makespan_ms / critical_path_ms * 1_000.0).round() / 1_000.0,
        "cpu_ms": rounded(median(|one| one.cpu_ms)),
        "memory_mb": rounded(median(|one| one.memory_mb)),
        "first_line_ms": rounded(median(|one| one.first_line_ms)),
        "agents": measured.iter().map(|one| one.agents).min(),
        "steps": measured.iter().map(|one| one.steps).min(),
        "runs": measured.len(),
        "profile": if arguments.release { "release" } else { "dev" },
        "timeline": if arguments.steps { measured.last().map(|one| &one.timeline) } else { None },
        "peers": peers(arguments.latency_ms, critical_path_ms, arguments.runs),
    }))
}

/// The same graph on peers where Python has them; whatever keeps the script from running is `not run`.
fn peers(latency_ms: u64, critical_path_ms: f64, runs: usize) -> Value {
    let run = || -> crate::stack::Result<Value> {
        let catalogue = boot::load_catalogue()?;
        let names = |agent: &engine::agent::AgentSpec| {
            agent.inputs().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
        };
        let agents: std::collections::BTreeMap<&str, Vec<String>> =
            catalogue.agents.iter().map(|agent| (agent.id.as_str(), names(agent))).collect();
        let request = json!({"agents": agents, "latency_ms": latency_ms, "critical_path_ms": critical_path_ms, "runs": runs});
        ask_script(Path::new("python3"), "peers.py", &request)
    };
    run().unwrap_or_else(|_| json!({"langgraph": "not run", "crewai": "not run"}))
}

/// The longest chain of needs and uses, in agents.
fn critical_path() -> u64 {
    let Ok(catalogue) = boot::load_catalogue() else { return 0 };
    let mut length: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    // As many passes as there are agents settle any order.
    for _ in 0..catalogue.agents.len() {
        for agent in &catalogue.agents {
            let before =
                agent.inputs().filter_map(|input| length.get(input.as_str())).max().copied().unwrap_or(0);
            length.insert(agent.id.as_str(), before + 1);
        }
    }
    length.values().max().copied().unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the real clock")]
fn one_run(binary: &Path, url: &str) -> Result<Measured, crate::stack::Error> {
    let state = tempfile::tempdir()?;
    let input = state.path().join("short.vtt");
    std::fs::write(&input, include_str!("../../data/short.vtt"))?;
    let cpu_before = children_cpu()?;
    let started = Instant::now();
    let mut child = Command::new(binary)
        .args(["run", "--depth", "comprehensive", "--json", "--state"])
        .arg(state.path().join("state"))
        .arg(&input)
        .env_clear()
        .env("LLM_BASE_URL", url)
        .env("LLM_MODEL", "scripted")
        .env("LLM_PRICE", "0.15/0.60")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let process = child.id();
    let (read, memory_kb) = peak_while(process, || read_output(&mut child, started));
    let (output, first_line_ms, rest) = read?;
    if !child.wait()?.success() {
        return Err(format!("the run failed: {rest}").into());
    }
    let cpu_ms = (children_cpu()? - cpu_before).as_secs_f64() * 1_000.0;
    let report: Value = serde_json::from_str(&output)?;
    let steps = report["steps"].as_array().cloned().unwrap_or_default();
    let agents: std::collections::BTreeSet<&str> = steps
        .iter()
        .filter(|step| step["status"] == "ok" && step["basis"] == "model")
        .filter_map(|step| step["agent"].as_str())
        .collect();
    let at = |name: &str| report[name].as_f64().ok_or(format!("the report has no {name}"));
    let created_ms = report["created_ms"].as_u64().unwrap_or(0);
    let mut timeline: Vec<(u64, u64, String)> = steps
        .iter()
        .map(|step| {
            let number = |name: &str| step[name].as_u64().unwrap_or(0);
            let name =
                format!("{} {}", step["agent"].as_str().unwrap_or("-"), step["item"].as_str().unwrap_or(""));
            (number("finished_ms").saturating_sub(created_ms), number("duration_ms"), name)
        })
        .collect();
    timeline.sort();
    Ok(Measured {
        timeline,
        makespan_ms: at("finished_ms")? - at("created_ms")?,
        cpu_ms,
        memory_mb: memory_kb as f64 / 1_024.0,
        first_line_ms,
        agents: agents.len(),
        steps: steps.len(),
    })
}

/// Everything the child prints, and when its first line came.
fn read_output(child: &mut Child, started: Instant) -> Result<(String, f64, String), crate::stack::Error> {
    let mut errors = BufReader::new(child.stderr.take().ok_or("no standard error")?);
    let mut rest = String::new();
    errors.read_line(&mut rest)?;
    let first_line_ms = started.elapsed().as_secs_f64() * 1_000.0;
    errors.read_to_string(&mut rest)?;
    let mut output = String::new();
    child.stdout.take().ok_or("no standard output")?.read_to_string(&mut output)?;
    Ok((output, first_line_ms, rest))
}

/// The processor time of all children that ended, to the kernel's tick of 10 ms.
fn children_cpu() -> Result<Duration, crate::stack::Error> {
    const TICK_MS: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The command's name stands in brackets and may hold anything; the fields after it are counted from 3.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|ticks| ticks.parse::<u64>().ok());
    let (user, system) = (ticks(16).ok_or("no cutime")?, ticks(17).ok_or("no cstime")?);
    Ok(Duration::from_millis((user + system) * TICK_MS))
}
