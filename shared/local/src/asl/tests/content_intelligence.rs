//! The platform's workflow file itself: what it costs in transitions, and how long it takes.

use std::sync::LazyLock;

use engine::model::{AgentId, RunId, RunKey, TenantId};
use engine::ports::{Message, StepMessage};

use super::super::{StepAnswer, Walked, walk_steps};
use super::*;
use crate::workflow::{CONTENT_INTELLIGENCE, machine};

/// The agents by number, with those they need or use.
static AGENTS: LazyLock<Vec<(String, Vec<AgentId>)>> = LazyLock::new(|| {
    let agents = boot::load_catalogue().unwrap().agents;
    agents.iter().map(|agent| (agent.id.to_string(), agent.inputs().cloned().collect())).collect()
});

fn inputs() -> BTreeMap<AgentId, Vec<AgentId>> {
    AGENTS.iter().map(|(agent, inputs)| (AgentId::new(agent), inputs.clone())).collect()
}

/// What an agent of a happy run reports, with every agent planned and that many claims.
fn report(agent: &str, claims: usize) -> Value {
    match agent {
        "mission_orchestrator" => {
            let flags: BTreeMap<&str, bool> =
                AGENTS.iter().map(|(agent, _)| (agent.as_str(), true)).collect();
            json!({"status": "ok", "flags": flags})
        }
        "analysis_cartographer" => {
            json!({"status": "ok", "claims": (1..=claims).map(|number| format!("c{number}")).collect::<Vec<_>>()})
        }
        _ => json!({"status": "ok"}),
    }
}

type Answer<'a> = &'a (dyn Fn(&StepMessage) -> StepAnswer + Send + Sync);

fn walk_file(machine: &Machine, depth: &str, answer: Answer<'_>) -> Walked {
    let time = VirtualTime::new(START_MS);
    let random = SeededRandom::new(1);
    let input = json!({"run": "r1", "tenant": "t1", "depth": depth, "timeout_seconds": 3600});
    let execution = Execution { name: "r1".to_owned(), input };
    let (clock, random, execution) = (&*time, &random, &execution);
    let mut executor = Executor::new(time.clone(), 1);
    executor
        .block_on(async move { walk_steps(machine, execution, clock, random, answer).await })
        .expect("the walk is stuck")
}

fn happy(step: &StepMessage, claims: usize) -> StepAnswer {
    StepAnswer { after_ms: 1_000, result: Ok(report(step.agent.as_str(), claims)) }
}

fn finish() -> Message {
    Message::Finish { run: RunKey { tenant: TenantId::new("t1"), run: RunId::new("r1") }, cause: None }
}

fn agents(walked: &Walked) -> std::collections::BTreeSet<&str> {
    walked.steps.iter().map(|step| step.agent.as_str()).collect()
}

#[test]
fn a_comprehensive_run_stays_within_its_transitions() {
    let machine = machine(CONTENT_INTELLIGENCE).unwrap();
    for claims in [0, 1, 25, 40] {
        let walked = walk_file(&machine, "comprehensive", &|step| happy(step, claims));
        assert_eq!(walked.ended.status, Status::Succeeded, "{:?}", walked.ended);
        assert_eq!(walked.messages, [finish()]);
        assert_eq!(walked.steps.len(), 25 + claims);
        let most = 70 + u64::try_from(claims).unwrap();
        println!("{claims} claims: {} transitions, {} ms", walked.ended.transitions, walked.makespan_ms);
        assert!(
            walked.ended.transitions <= most,
            "{claims} claims: {} transitions",
            walked.ended.transitions
        );
    }
}

#[test]
fn every_input_of_a_step_is_there_before_it_starts() {
    let machine = machine(CONTENT_INTELLIGENCE).unwrap();
    // Steps that all take different times.
    let slow = |step: &StepMessage| {
        let number = AGENTS.iter().position(|(agent, _)| agent == step.agent.as_str()).unwrap();
        StepAnswer { after_ms: 1_000 + 977 * ((number as u64 * 7) % 26), result: happy(step, 3).result }
    };
    let walked = walk_file(&machine, "comprehensive", &slow);
    assert_eq!(agents(&walked), AGENTS.iter().map(|(agent, _)| agent.as_str()).collect());
    for (agent, inputs) in inputs() {
        let sent_ms = walked.steps.iter().filter(|step| step.agent == agent).map(|step| step.sent_ms).min();
        for input in inputs {
            let done_ms =
                walked.steps.iter().filter(|step| step.agent == input).map(|step| step.done_ms).max();
            assert!(done_ms <= sent_ms, "{agent} starts before {input} is done");
        }
    }
}

#[test]
fn a_quick_run_has_five_steps() {
    let machine = machine(CONTENT_INTELLIGENCE).unwrap();
    let quick = [
        "mission_orchestrator",
        "acquisition_specialist",
        "transcription_engineer",
        "analysis_cartographer",
        "intelligence_briefing_curator",
    ];
    let answer = |step: &StepMessage| {
        let mut answer = happy(step, 3);
        if let Ok(report) = &mut answer.result
            && let Some(flags) = report.get_mut("flags").and_then(Value::as_object_mut)
        {
            for (agent, flag) in flags {
                *flag = json!(quick.contains(&agent.as_str()));
            }
        }
        answer
    };
    let walked = walk_file(&machine, "quick", &answer);
    assert_eq!((walked.ended.status, walked.makespan_ms), (Status::Succeeded, 5_000));
    assert_eq!(agents(&walked), quick.into_iter().collect());
    assert_eq!(walked.messages, [finish()]);
    println!("quick: {} transitions", walked.ended.transitions);
}

#[test]
fn every_agent_may_fail_and_the_run_still_finishes() {
    let machine = machine(CONTENT_INTELLIGENCE).unwrap();
    for failing in AGENTS.iter().map(|(agent, _)| agent.as_str()) {
        for after_ms in [500, 5_000_000] {
            let answer = |step: &StepMessage| match step.agent.as_str() == failing {
                true => StepAnswer { after_ms, result: Err(Failure::new("ModelOutput", "scripted")) },
                false => happy(step, 2),
            };
            let walked = walk_file(&machine, "comprehensive", &answer);
            if walked.ended.status == Status::Succeeded {
                assert_eq!(walked.messages, [finish()], "{failing}");
            } else {
                // Only several waits for a silent agent, one after the other, pass the machine's own time.
                assert_eq!((walked.ended.status, after_ms), (Status::TimedOut, 5_000_000), "{failing}");
            }
            let expected = match failing {
                "mission_orchestrator" => 1,
                "acquisition_specialist" => 2,
                _ => 3,
            };
            assert!(agents(&walked).len() >= expected, "{failing}");
        }
    }
}

#[test]
fn an_unusable_beginning_goes_to_the_finish() {
    let machine = machine(CONTENT_INTELLIGENCE).unwrap();
    for (stopping, steps) in [("acquisition_specialist", 2), ("transcription_engineer", 4)] {
        let answer = |step: &StepMessage| match step.agent.as_str() == stopping {
            true => StepAnswer { after_ms: 1_000, result: Err(Failure::new("InvalidInput", "no words")) },
            false => happy(step, 2),
        };
        let walked = walk_file(&machine, "comprehensive", &answer);
        assert_eq!((walked.ended.status, &walked.messages[..]), (Status::Succeeded, &[finish()][..]));
        assert!(walked.steps.len() <= steps, "{stopping}: {:?}", walked.steps);
    }
}

/// A step's time: lognormal with sigma 1 and a median of ten seconds, by Box and Muller.
fn lognormal_ms(random: &SeededRandom) -> u64 {
    use engine::ports::Random;
    let unit = || ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let normal = (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
    (10_000.0 * normal.exp()) as u64
}

/// The ratio of makespan to critical path over so many draws: mean and 95th percentile.
fn ratios(draws: u64, claims: usize) -> (f64, f64) {
    let mut file: Value = serde_json::from_str(CONTENT_INTELLIGENCE).unwrap();
    // Times have no upper bound here, and no deadline may cut them.
    file["TimeoutSeconds"] = json!(99_999_999);
    let machine = machine(&file.to_string()).unwrap();
    let inputs = inputs();
    let random = SeededRandom::new(42);
    let mut ratios: Vec<f64> = (0..draws)
        .map(|_| {
            let mut times: BTreeMap<(String, String), u64> = BTreeMap::new();
            for (agent, _) in AGENTS.iter() {
                let items = if agent == "verification_director" { 1..=claims } else { 0..=0 };
                for item in items {
                    let item = if item == 0 { "-".to_owned() } else { format!("c{item}") };
                    times.insert((agent.clone(), item), lognormal_ms(&random).min(3_599_000));
                }
            }
            let answer = |step: &StepMessage| {
                let key = (step.agent.to_string(), step.item.to_string());
                StepAnswer { after_ms: times[&key], result: happy(step, claims).result }
            };
            let walked = walk_file(&machine, "comprehensive", &answer);
            assert_eq!(walked.ended.status, Status::Succeeded);
            let mut durations: BTreeMap<AgentId, u64> = BTreeMap::new();
            for ((agent, _), ms) in &times {
                let longest = durations.entry(AgentId::new(agent)).or_default();
                *longest = (*longest).max(*ms);
            }
            walked.makespan_ms as f64 / engine::critical_path(&inputs, &durations) as f64
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    (mean, ratios[ratios.len() * 95 / 100])
}

#[test]
fn the_makespan_is_near_the_critical_path() {
    // The bounds are for 10,000 draws, which the ignored test makes; these are enough to notice a change.
    let (mean, p95) = ratios(2_000, 1);
    assert!((1.0..=1.03).contains(&mean) && (1.0..=1.10).contains(&p95), "mean {mean}, p95 {p95}");
}

#[test]
#[ignore = "takes a minute; run it after a change to the workflow file"]
fn the_makespan_over_ten_thousand_draws() {
    for claims in [1, 25] {
        let (mean, p95) = ratios(10_000, claims);
        println!("{claims} claims: makespan / critical path: mean {mean:.4}, p95 {p95:.4}");
        assert!((1.0..=1.03).contains(&mean) && (1.0..=1.10).contains(&p95), "mean {mean}, p95 {p95}");
    }
}
