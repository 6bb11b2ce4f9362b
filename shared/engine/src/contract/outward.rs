//! What the workflow service and a delivery channel must bear.

use serde_json::json;

use super::{Verdict, done, ensure, refused, same, samples};
use crate::error::ErrorKind;
use crate::model::Token;
use crate::ports::{Delivery, Post, Workflow};

/// Tries what the engine relies on whatever the state machine is: whatever comes late, twice or from nowhere is harmless.
pub async fn workflow_contract(workflow: &dyn Workflow, input: serde_json::Value) -> Verdict {
    let (run, unknown) = (samples::run_key("workflow", 0), samples::run_key("workflow", 1));
    for what in ["a first start", "a second start of the same run"] {
        done(workflow.start(&run, input.clone()).await, what)?;
    }
    for token in ["never given out", ""] {
        let token = Token::new(token);
        for _ in 0..2 {
            done(workflow.succeed(&token, json!({"status": "ok"})).await, "success under an unknown token")?;
            done(workflow.fail(&token, "Internal", "a cause").await, "failure under an unknown token")?;
        }
    }
    let large = json!("x".repeat(300_000));
    refused(
        workflow.succeed(&Token::new("any"), large).await,
        ErrorKind::TooLarge,
        "an answer over the limit",
    )?;
    for (run, what) in
        [(&unknown, "stopping what never started"), (&run, "stopping"), (&run, "stopping again")]
    {
        done(workflow.stop(run, "a cause").await, what)?;
    }
    done(workflow.start(&run, input).await, "starting what has ended")
}

/// Tries what the engine relies on: one post per key. `posts` counts what the channel shows.
pub async fn delivery_contract(delivery: &dyn Delivery, posts: impl Fn() -> usize) -> Verdict {
    ensure(!delivery.channel().is_empty(), || "the channel has no name".to_owned())?;
    let post = |number: u64, text: &str| {
        let run = samples::run_key("delivery", number);
        Post { key: format!("{}/briefing", run.run), run, text: text.to_owned() }
    };
    let first = done(delivery.post(&post(0, "A \u{1f980} briefing.")).await, "posting")?;
    let again = done(delivery.post(&post(0, "A \u{1f980} briefing.")).await, "posting again")?;
    same(&again, &first, "the message's id of a repeated post")?;
    same(&posts(), &1, "posts after a repeated one")?;
    let other = done(delivery.post(&post(1, "")).await, "posting for another run")?;
    ensure(other != first, || format!("two runs' posts share the id {first}"))?;
    same(&posts(), &2, "posts for two runs")
}
