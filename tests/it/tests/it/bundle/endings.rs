//! Whatever ends a run from outside, it ends explained and its money goes back.

use std::sync::Arc;
use std::time::Duration;

use engine::model::{AgentId, CallId, ItemId, Lease, NanoUsd, Outcome, RunId, RunStatus, Step};
use engine::money::{Ask, Decided};
use engine::ports::{Becomes, Change, Clock as _, Expect, Key, Row};
use lab::stack::Ended;
use serde_json::json;

use super::{Bundle, script};

/// A sweep comes each minute, and what it finds is closed at once.
const SWEPT: Duration = Duration::from_secs(100);

/// The run failed, says at which step and why, and nothing of the day's budget is held for it any more.
fn check(bundle: &Bundle, run: &RunId, ended: &Ended, why: &str) {
    assert_eq!(ended.run.status, RunStatus::Failed, "{:?}", ended.run.failure);
    let failure = ended.run.failure.as_ref().unwrap();
    assert!(failure.agent.is_some(), "{failure:?}");
    let explained = ended.steps.iter().any(|(_, result)| match &result.outcome {
        Outcome::Failed(error) => error.message.contains(why),
        _ => false,
    });
    assert!(explained, "no step says {why:?}: {failure:?}");
    assert_eq!(allotted(bundle, run), 0, "money that no run holds any more");
}

/// What runs hold of the day's budget.
fn allotted(bundle: &Bundle, run: &RunId) -> i64 {
    let key =
        Key::Budget(bundle.stack.run_key(run).tenant, engine::calendar::day(boot::SystemClock.now_ms()));
    let row = bundle.stack.block_on(bundle.stack.ports().store.read(&[key])).unwrap().pop().flatten();
    let row = row.unwrap();
    let Row::Budget(budget) = row.row else { panic!("{row:?}") };
    budget.allotted.0
}

/// A worker takes the run's first step, sets money aside for a call, and is never heard of again.
fn die_in_a_call(bundle: &Bundle, run: &RunId) {
    let mut ports = bundle.stack.ports().clone();
    // As functions have it; the test itself may spend nothing.
    ports.settings.daily_budget = NanoUsd::from_usd(20);
    let ports = &ports;
    let key = bundle.stack.run_key(run);
    let step = key.step(&AgentId::new("mission_orchestrator"), &ItemId::none());
    let leased = Step {
        key: step.clone(),
        attempt: 1,
        refusals: 0,
        hop: 0,
        epoch: 1,
        lease: Some(Lease { epoch: 1, owner: 1, until_ms: u64::MAX }),
        token: None,
        result: None,
        data_ref: None,
        first_claimed_ms: boot::SystemClock.now_ms(),
    };
    let change = Change {
        key: Key::Step(step.clone()),
        expect: Expect::Anything,
        to: Becomes::Row(Row::Step(Arc::new(leased))),
        due_ms: None,
    };
    bundle.stack.block_on(async {
        ports.store.write(&[change]).await.unwrap();
        let run = engine::load_run(ports, &key).await.unwrap().unwrap();
        let ask = Ask {
            call: &CallId { step, epoch: 1, call: 1 },
            model: &ports.catalogue.models[0],
            input_tokens: 1_000,
            output_tokens: 1_000,
            step_left: NanoUsd::from_usd(1),
            step_spent: NanoUsd::ZERO,
            whole: true,
            is_cheapest: true,
            has_alternative: false,
            may_give_way: false,
        };
        let decided = engine::money::reserve(ports, &run, &ask).await.unwrap();
        assert!(matches!(decided, Decided::Granted(_)), "{decided:?}");
    });
    assert!(allotted(bundle, run) > 0, "nothing was set aside");
}

#[test]
fn without_agents_without_its_execution_and_out_of_time() {
    let bundle = Bundle::start("it-endings", script());
    let stack = &bundle.stack;
    assert_eq!(stack.enable_mapping("agent-light", false).unwrap(), 1);

    // Its execution is aborted while nobody takes its first step.
    let run = bundle.post("quick");
    super::until("its first step waits", || stack.queue_depth("agent-light").unwrap().visible == 1);
    die_in_a_call(&bundle, &run);
    stack.stop_execution(&run).unwrap();
    let ended = bundle.wait(&run);
    check(&bundle, &run, &ended, "ABORTED");

    // Its execution runs out of time. The emulator ends none for that, so what EventBridge says of one is put on the queue.
    let run = bundle.post("quick");
    super::until("its first step waits", || stack.queue_depth("agent-light").unwrap().all() >= 1);
    die_in_a_call(&bundle, &run);
    let input =
        json!({ "run": run, "tenant": stack.run_key(&run).tenant, "depth": "quick", "timeout_seconds": 180 });
    let event = json!({
        "version": "0", "source": "aws.states", "detail-type": "Step Functions Execution Status Change",
        "detail": { "status": "TIMED_OUT", "name": run, "input": input.to_string() },
    });
    stack.send("deliveries", &event.to_string()).unwrap();
    let ended = bundle.wait(&run);
    check(&bundle, &run, &ended, "TIMED_OUT");

    // Nobody tells anything: the sweep finds it past its deadline, which is brought near.
    assert!(stack.delete_mapping("agent-light").unwrap() == 1);
    let run = bundle.post("quick");
    super::until("its first step waits", || stack.queue_depth("agent-light").unwrap().all() >= 1);
    die_in_a_call(&bundle, &run);
    hurry(&bundle, &run);
    let ended = bundle.wait_for(&run, SWEPT);
    check(&bundle, &run, &ended, "deadline");
    super::until("the run past its deadline rings", || {
        super::alarms::ringing(&bundle).contains("runs-overdue")
    });
}

/// The run's deadline is now.
fn hurry(bundle: &Bundle, run: &RunId) {
    let ports = bundle.stack.ports();
    let key = Key::Run(bundle.stack.run_key(run));
    bundle.stack.block_on(async {
        let read = ports.store.read(std::slice::from_ref(&key)).await.unwrap().pop().flatten().unwrap();
        let Row::Run(row) = read.row else { panic!() };
        let now = boot::SystemClock.now_ms();
        let row = engine::model::Run { deadline_ms: now, ..row };
        let change = Change {
            key,
            expect: Expect::Version(read.version),
            to: Becomes::Row(Row::Run(row)),
            due_ms: Some(now),
        };
        ports.store.write(&[change]).await.unwrap();
    });
}
