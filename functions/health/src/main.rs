//! Asks every part of the deployment whether it answers, and says which do not.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::schedule(lambda::WITHOUT_STEPS, lambda::check_health)
}
