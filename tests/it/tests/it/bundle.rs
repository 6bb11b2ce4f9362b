//! The bundle on the emulator: the real template, the real binaries, every call held against its function's role.

mod a_poisoned_queue;
mod access;
mod adapters;
mod agreement;
mod alarms;
mod cancelling;
mod causes;
mod cost;
mod endings;
mod faults;
pub(crate) mod fit;
mod traces;

use std::collections::BTreeMap;
use std::time::Duration;

use engine::model::{Event, EventKind, RunId};
use lab::scripted::{Script, ScriptedServer};
use lab::stack::{Ended, Options, Stack};
use serde_json::{Value, json};

use crate::assay::sample;

/// A stack with a scripted model behind it.
struct Bundle {
    stack: Stack,
    model: ScriptedServer,
}

/// How long a run on the emulator may take that nothing disturbs.
const UNDISTURBED: Duration = Duration::from_secs(120);

impl Bundle {
    fn start(name: &str, script: Script) -> Self {
        Self::start_with(name, script, |options| options)
    }

    fn start_with(name: &str, script: Script, more: impl FnOnce(Options) -> Options) -> Self {
        let model = ScriptedServer::start(script).unwrap();
        let options = Options::new(name).authorised(true).model(&model.url(), "scripted", "0.15/0.60");
        let mut options = more(options);
        // The tests were built with all else; a build here would wait for itself.
        options.build = false;
        let stack = Stack::start_saying(&options, &mut |line| println!("{line}")).unwrap();
        Self { stack, model }
    }

    fn post(&self, depth: &str) -> RunId {
        self.stack.post_run(&request(depth)).unwrap()
    }

    fn wait(&self, run: &RunId) -> Ended {
        self.wait_for(run, UNDISTURBED)
    }

    fn wait_for(&self, run: &RunId, within: Duration) -> Ended {
        let ended =
            self.stack.wait(run, within).unwrap_or_else(|error| panic!("{error}: {:#?}", self.events(run)));
        self.check_whole(run, &ended);
        ended
    }

    fn events(&self, run: &RunId) -> Vec<Event> {
        self.stack.block_on(engine::events_after(self.stack.ports(), &self.stack.run_key(run), 0)).unwrap()
    }

    /// What must hold of every run that has ended, however it went.
    fn check_whole(&self, run: &RunId, ended: &Ended) {
        let events = self.events(run);
        let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "a gap in the events");
        let mut finished: BTreeMap<String, u32> = BTreeMap::new();
        for event in &events {
            match &event.kind {
                EventKind::StepStarted { agent, item, .. } => {
                    let name = format!("{agent}/{item}");
                    assert_eq!(finished.get(&name), None, "{name} is begun again after its end");
                }
                EventKind::StepFinished { agent, item, .. } => {
                    *finished.entry(format!("{agent}/{item}")).or_default() += 1;
                }
                _ => {}
            }
        }
        assert!(finished.values().all(|times| *times == 1), "{finished:?}");
        assert_eq!(finished.len(), ended.steps.len(), "each step with a result has its event");
        let ends = events.iter().filter(|event| matches!(event.kind, EventKind::Finished { .. })).count();
        assert_eq!(ends, 1, "a run ends once");
        // The ledger and the run say the same, to the nano-dollar; a step that was ended for its worker knows no cost.
        let ports = self.stack.ports();
        let charges = self.stack.block_on(engine::charges(ports, &self.stack.run_key(run))).unwrap();
        let ledger: i64 = charges.iter().map(|charge| charge.cost.0).sum();
        assert_eq!(ledger, ended.run.cost.0, "the run's cost and its ledger");
        let steps: i64 = ended.steps.iter().map(|(_, result)| result.meta.cost.0).sum();
        assert!(steps <= ended.run.cost.0, "steps cost {steps}, the run {}", ended.run.cost.0);
    }
}

/// What `health` says of what is well. Redis has a quarter of a second for each answer, which it misses for some time on a busy
/// machine.
fn healthy(stack: &Stack) -> Value {
    let mut health = Value::Null;
    for _ in 0..30 {
        health = stack.invoke("health", &json!({})).unwrap();
        if health["status"] == "pass" {
            return health;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("{health:#}");
}

fn transcript() -> String {
    std::fs::read_to_string(sample("flood-budget.vtt")).unwrap()
}

fn request(depth: &str) -> Value {
    json!({ "text": transcript(), "name": "flood-budget.vtt", "depth": depth, "fresh": true })
}

fn script() -> Script {
    Script::new(Vec::new())
}

fn until(what: &str, is_so: impl FnMut() -> bool) {
    until_within(what, Duration::from_secs(60), is_so);
}

fn until_within(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    const LOOK_EACH: Duration = Duration::from_millis(50);
    for _ in 0..within.as_millis() / LOOK_EACH.as_millis() {
        if is_so() {
            return;
        }
        std::thread::sleep(LOOK_EACH);
    }
    panic!("not within {within:?}: {what}");
}
