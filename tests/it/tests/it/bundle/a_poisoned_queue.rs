//! Messages that nobody can handle. It waits for minutes, and is named to begin early, so that nothing waits for it.

use std::time::Duration;

use engine::error::ErrorKind;
use engine::model::{Outcome, RunStatus, Status};
use lab::stack::{Kind, Rule, When};

use super::{Bundle, script};

#[test]
fn poison_ends_as_a_failed_step_and_the_run_goes_on() {
    let bundle = Bundle::start("it-poison", script());
    // Nobody can read this one; it ends where a person looks.
    bundle.stack.send("agent-light", "{\"kind\":\"step\"").unwrap();
    // A function that never reaches the table cannot handle any of its messages.
    let rule = Rule::new("dynamodb", "*", When::Always, Kind::Refuse).by("agent-semantic");
    bundle.stack.faults().add(rule);
    let run = bundle.post("standard");
    let ended = bundle.wait_for(&run, Duration::from_secs(300));
    assert_eq!(ended.run.status, RunStatus::Partial, "{:?}", ended.run.failure);
    let failed: Vec<&str> = ended
        .steps
        .iter()
        .filter(|(_, result)| matches!(&result.outcome, Outcome::Failed(error) if error.kind == ErrorKind::Internal))
        .map(|(key, _)| key.agent.as_str())
        .collect();
    assert!(
        failed.contains(&"verification_director") && failed.contains(&"knowledge_integrator"),
        "{failed:?}"
    );
    let briefing = ended.steps.iter().find(|(key, _)| key.agent.as_str() == "intelligence_briefing_curator");
    assert_eq!(briefing.unwrap().1.status(), Status::Ok, "the run went on");
    bundle.stack.faults().clear();
    super::until_within("the unreadable message is parked", Duration::from_secs(120), || {
        bundle.stack.queue_depth("parked").unwrap().visible == 1
    });
    super::alarms::causes_ring(&bundle);
}
