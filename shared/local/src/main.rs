//! The command `assay`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A quarter of a run's CPU went into the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    local::commands::main()
}
