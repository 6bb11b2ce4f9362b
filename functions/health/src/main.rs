//! Tries every component of the deployment, records how it did, and says which do not work.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::schedule(lambda::WITH_STEPS.with_embedder(embed::open), lambda::check_health)
}
