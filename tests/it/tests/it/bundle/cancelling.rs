//! A run its owner stops spends no more.

use std::time::Duration;

use engine::model::RunStatus;

use super::{Bundle, script};

#[test]
fn a_cancelled_run_makes_no_paid_call_two_seconds_later() {
    let bundle = Bundle::start("it-cancel", script().with_latency_ms(700));
    let run = bundle.post("comprehensive");
    super::until("some calls are made", || bundle.model.bill().lines().len() >= 4);
    let answer = bundle.stack.ask("DELETE", &format!("/runs/{run}"), &[], b"").unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    std::thread::sleep(Duration::from_secs(2));
    // A call is billed when it is answered, so those under way at the two seconds are waited for.
    std::thread::sleep(Duration::from_millis(800));
    let paid = bundle.model.bill().lines().len();
    let ended = bundle.wait(&run);
    assert_eq!(ended.run.status, RunStatus::Cancelled);
    assert_eq!(bundle.model.bill().lines().len(), paid, "calls after the run was stopped");
    assert!(
        ended
            .steps
            .iter()
            .any(|(_, result)| result.reason().is_some_and(|reason| reason.to_string().contains("cancel")))
    );
    let again = bundle.stack.ask("DELETE", &format!("/runs/{run}"), &[], b"").unwrap();
    assert!(again.status < 500, "{}", again.text());
}
