//! The command `assay`.

use std::process::ExitCode;

fn main() -> ExitCode {
    local::commands::main()
}
