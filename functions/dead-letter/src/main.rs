//! Messages nobody could handle: their steps fail, explained, so that nothing waits for ever.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::messages(lambda::WITHOUT_STEPS, lambda::bury)
}
