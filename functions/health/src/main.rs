//! Tries every component of the deployment, records how it did, and says which do not work; and makes stored answers void for the
//! API, which is not in the network where Redis is.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::calls(lambda::WITH_STEPS.with_embedder(embed::open), lambda::check_health_or_purge)
}
