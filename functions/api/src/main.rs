//! The HTTP API.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::http(lambda::WITHOUT_STEPS)
}
