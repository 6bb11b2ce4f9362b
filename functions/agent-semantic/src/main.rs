//! Steps of agents that recall by meaning and remember: one step a message of the queue `agent-semantic`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::steps(lambda::WITH_STEPS.with_embedder(embed::open))
}
