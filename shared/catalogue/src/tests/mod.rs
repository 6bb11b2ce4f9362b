//! The embedded catalogue, and every fault that validation finds.

mod faults;
mod model_faults;
mod prompts;
mod rules;
mod workflow;

use crate::{Catalogue, Registered, Texts, from_texts};

const TOOLS: [&str; 2] = ["search_memory", "search_transcript"];
const WITHOUT_ANALYSER: [&str; 4] = [
    "argument_strategist",
    "personality_synthesis_manager",
    "content_generation_specialist",
    "insight_generation_specialist",
];

/// Runs `test` with every name the embedded rows use.
fn with_registered<T>(test: impl FnOnce(&Registered<'_>) -> T) -> T {
    let texts = Texts::embedded();
    let analysers: Vec<&str> =
        texts.prompts.keys().map(String::as_str).filter(|id| !WITHOUT_ANALYSER.contains(id)).collect();
    test(&Registered { tools: &TOOLS, analysers: &analysers })
}

fn embedded() -> Catalogue {
    with_registered(|registered| from_texts(&Texts::embedded(), Some(registered)).unwrap())
}

/// The message of the fault that a change brings; the change must bring one.
fn fault(change: impl FnOnce(&mut Texts)) -> String {
    let mut texts = Texts::embedded();
    change(&mut texts);
    let refused = with_registered(|registered| from_texts(&texts, Some(registered)));
    refused.expect_err("the change should be refused").to_string()
}

/// Replaces the first `from`, which must be there.
fn swap(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "`{from}` is gone from the file; adapt the test");
    *text = text.replacen(from, to, 1);
}

/// Replaces the first `from` after the line `id = "<agent>"`.
fn swap_in_row(texts: &mut Texts, agent: &str, from: &str, to: &str) {
    let start = texts.agents.find(&format!("id = \"{agent}\"")).expect("the agent has a row");
    let mut row = texts.agents.split_off(start);
    swap(&mut row, from, to);
    texts.agents.push_str(&row);
}

fn prompt<'a>(texts: &'a mut Texts, agent: &str) -> &'a mut String {
    texts.prompts.get_mut(agent).expect("the agent has a prompt")
}

fn schema<'a>(texts: &'a mut Texts, agent: &str) -> &'a mut String {
    texts.schemas.get_mut(agent).expect("the agent has a schema")
}

/// Every piece stands in the message.
#[track_caller]
fn says(message: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(message.contains(piece), "`{piece}` is not in: {message}");
    }
}
