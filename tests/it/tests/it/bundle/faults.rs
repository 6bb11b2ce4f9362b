//! Never lost, never twice: processes die, messages come twice, stores refuse, handlers take too long.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::model::{EventKind, RunId, RunStatus, Token};
use engine::ports::{Message, Range, Row, StepMessage};
use lab::stack::{Kind, Rule, When};
use serde_json::json;

use super::{Bundle, script};

const AGENTS: [&str; 3] = ["agent-light", "agent-tools", "agent-semantic"];
/// The message of a killed worker is given out again after this time.
const HIDDEN_S: u32 = 60;
/// A killed worker's step is taken over within this time, in milliseconds.
const RECOVERY_MS: u64 = 75_000;

#[test]
fn killed_processes_lose_nothing() {
    let bundle = Bundle::start("it-kills", script().with_latency_ms(150));
    // Between receiving a message and its first act a handler is covered by the queue's own time, half an hour. The test does
    // not wait for that.
    for queue in AGENTS {
        bundle.stack.set_visibility(queue, HIDDEN_S).unwrap();
    }
    let runs: Vec<RunId> = (0..4).map(|_| bundle.post("standard")).collect();
    // On a machine that is busy with something else it takes longer until there are processes at work.
    let (mut killed, mut turn) = (0, 0);
    while turn < 40 || (killed < 10 && turn < 400) {
        turn += 1;
        std::thread::sleep(Duration::from_millis(100 + 37 * (turn % 5)));
        killed += usize::from(bundle.stack.kill_agent(AGENTS[turn as usize % 3]).unwrap().is_some());
    }
    let last_kill_ms = bundle.stack.ports().clock.now_ms();
    assert!(killed >= 10, "{killed} killed");
    let mut longest_ms = 0;
    for run in &runs {
        let ended = bundle.wait_for(run, Duration::from_secs(300));
        assert_eq!(ended.run.status, RunStatus::Complete, "{:?}", ended.run.failure);
        longest_ms = longest_ms.max(longest_recovery_ms(&bundle, run, last_kill_ms));
    }
    println!("{killed} processes killed; the longest recovery took {longest_ms} ms");
    assert!(longest_ms > 0, "no kill met a step at work");
    assert!(longest_ms <= RECOVERY_MS, "{longest_ms} ms");
}

/// From a step's begin by a worker that was lost to its begin by the next one. Where kills went on until the message came again,
/// one of them may have met the next one before it said so; then it is from the last kill.
fn longest_recovery_ms(bundle: &Bundle, run: &RunId, last_kill_ms: u64) -> u64 {
    let mut begun: BTreeMap<String, u64> = BTreeMap::new();
    let mut longest_ms = 0;
    for event in bundle.events(run) {
        match event.kind {
            EventKind::StepStarted { agent, item, .. } => {
                if let Some(before_ms) = begun.insert(format!("{agent}/{item}"), event.at_ms) {
                    let comes_again_ms = before_ms + u64::from(HIDDEN_S) * 1_000;
                    let from_ms = if comes_again_ms < last_kill_ms { last_kill_ms } else { before_ms };
                    longest_ms = longest_ms.max(event.at_ms.saturating_sub(from_ms));
                }
            }
            EventKind::StepDeferred { agent, item, .. } => {
                begun.remove(&format!("{agent}/{item}"));
            }
            _ => {}
        }
    }
    longest_ms
}

#[test]
fn lost_answers_conflicts_and_repeats_change_nothing() {
    let bundle = Bundle::start("it-faults-calls", script());
    let faults = bundle.stack.faults();
    let rules = [
        Rule::new("dynamodb", "TransactWriteItems", When::Chance(0.05), Kind::TransactionConflict),
        Rule::new("dynamodb", "TransactWriteItems", When::Chance(0.03), Kind::FailAfter),
        Rule::new("dynamodb", "*", When::Chance(0.02), Kind::Throttle),
        Rule::new("dynamodb", "*", When::Chance(0.02), Kind::Refuse),
        Rule::new("sqs", "SendMessage", When::Chance(0.3), Kind::Duplicate),
        Rule::new("states", "SendTaskSuccess", When::Chance(0.1), Kind::FailAfter),
        Rule::new("states", "SendTaskSuccess", When::Chance(0.2), Kind::Duplicate),
        Rule::new("states", "StartExecution", When::Chance(0.3), Kind::Duplicate),
        Rule::new("s3", "PutObject", When::Chance(0.1), Kind::Refuse),
        Rule::new("secretsmanager", "*", When::Next(2), Kind::Error("ThrottlingException".to_owned())),
    ];
    let rules: Vec<usize> = rules.into_iter().map(|rule| faults.add(rule)).collect();
    let runs: Vec<RunId> = (0..5).map(|_| bundle.post("deep")).collect();
    // Every step's message once more, and out of order, while they run.
    let mut repeated = 0;
    for run in runs.iter().rev() {
        std::thread::sleep(Duration::from_millis(300));
        repeated += repeat_steps(&bundle, run, None);
    }
    for run in &runs {
        let ended = bundle.wait_for(run, Duration::from_secs(240));
        let not_ok: Vec<_> = ended.steps.iter().filter(|(_, result)| result.ok().is_none()).collect();
        assert_eq!(ended.run.status, RunStatus::Complete, "{:?}: {not_ok:#?}", ended.run.failure);
    }
    let hits: Vec<u64> = rules.iter().map(|rule| faults.hits(*rule)).collect();
    println!("faults by rule {hits:?}; {repeated} messages repeated");
    assert!(hits.iter().filter(|hits| **hits > 0).count() >= 8, "{hits:?}");
    faults.clear();

    // And after the end: nothing is done again.
    let run = &runs[0];
    let (events, paid) = (bundle.events(run).len(), bundle.model.bill().lines().len());
    assert!(repeat_steps(&bundle, run, None) > 10);
    // Nor under tokens that nobody waits for.
    assert!(repeat_steps(&bundle, run, Some("expired")) > 10);
    for queue in AGENTS {
        super::until("the repeats are handled", || bundle.stack.queue_depth(queue).unwrap().all() == 0);
    }
    let later: Vec<_> = bundle.events(run).split_off(events);
    assert!(later.iter().all(|event| matches!(event.kind, EventKind::Delivered { .. })), "{later:?}");
    assert_eq!(bundle.model.bill().lines().len(), paid);
}

/// Sends the message of each step that has begun once more, under its token or another one. Returns how many.
fn repeat_steps(bundle: &Bundle, run: &RunId, token: Option<&str>) -> usize {
    let ports = bundle.stack.ports();
    let key = bundle.stack.run_key(run);
    let page = bundle.stack.block_on(ports.store.list(&Range::Steps(key.clone()), None, 200)).unwrap();
    let mut sent = 0;
    for (_, versioned) in page.rows {
        let Row::Step(step) = versioned.row else { continue };
        let Some(own) = step.token.clone() else { continue };
        let profile = ports.catalogue.agent(&step.key.agent).unwrap().profile;
        let message = Message::Step(StepMessage {
            run: key.clone(),
            agent: step.key.agent.clone(),
            item: step.key.item.clone(),
            hop: step.hop,
            task_token: token.map_or(own, Token::new),
        });
        let queue = format!("agent-{}", profile.name());
        bundle.stack.send(&queue, &json!(message).to_string()).unwrap();
        sent += 1;
    }
    sent
}

#[test]
fn a_handler_that_takes_too_long_is_given_up_and_its_step_done_again() {
    // The fifth call, and only that one, outlasts the function's time.
    let script = script().with_latency(|call| if call.number == 5 { 20_000 } else { 0 });
    let bundle = Bundle::start("it-late", script);
    for function in AGENTS {
        bundle.stack.set_timeout(function, 6).unwrap();
    }
    let run = bundle.post("quick");
    let ended = bundle.wait_for(&run, Duration::from_secs(120));
    assert_eq!(ended.run.status, RunStatus::Complete, "{:?}", ended.run.failure);
    let recovery_ms = longest_recovery_ms(&bundle, &run, 0);
    println!("given up and done again after {recovery_ms} ms");
    assert!((1_000..=RECOVERY_MS).contains(&recovery_ms), "{recovery_ms} ms");
    // The call nobody heard the end of is on the ledger, at its worst case.
    let charges =
        bundle.stack.block_on(engine::charges(bundle.stack.ports(), &bundle.stack.run_key(&run))).unwrap();
    let unsettled = charges.iter().filter(|charge| json!(charge.state) == "unsettled").count();
    assert_eq!(unsettled, 1);
}
