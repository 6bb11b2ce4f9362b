//! Steps of agents with tools that reach the outside world: one step a message of the queue `agent-tools`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::steps(lambda::WITH_PLATFORMS)
}
