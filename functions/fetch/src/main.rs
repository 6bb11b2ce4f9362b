//! Links, fetched for the other functions by one that holds no secrets and may use nothing.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::fetching()
}
