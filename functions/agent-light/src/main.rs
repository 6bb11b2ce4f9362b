//! Steps of agents that need a language model only: one step a message of the queue `agent-light`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::steps(lambda::WITH_STEPS)
}
