//! A function that failed as a whole, under the engine's own name of the error, so that whoever called it can tell.

use engine::error::Error;
use lambda_runtime::Diagnostic;

/// What the caller is told: kind and message, never a cause.
#[derive(Debug)]
pub struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        tracing::error!(%error, causes = error.causes(), "the function failed");
        Self { error_type: error.kind().name().to_owned(), error_message: error.message().to_owned() }
    }
}
