//! The process: one thread, one runtime, the log.

use std::future::Future;
use std::process::ExitCode;

/// Runs the runtime's loop to its end, which is the process's.
pub(crate) fn run<F>(serve: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = Result<(), lambda_runtime::Error>>,
{
    boot::start_json_log(&boot::log_filter());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ended");
            ExitCode::FAILURE
        }
    }
}
