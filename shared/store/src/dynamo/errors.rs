//! What DynamoDB's refusals mean to the platform.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use engine::error::{Error, ErrorKind};

const THROTTLED_RETRY_AFTER_MS: u64 = 200;

/// The platform's error for a failed call.
pub(super) fn failed<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let translated = match &error {
        SdkError::ServiceError(refusal) => {
            let code = refusal.err().code().unwrap_or_default();
            let message = refusal.err().message().unwrap_or_default();
            of_code(code, message, refusal.raw().status().is_server_error())
        }
        SdkError::TimeoutError(_) => storage("the table did not answer in time"),
        SdkError::DispatchFailure(_) => storage("the table cannot be reached"),
        SdkError::ResponseError(_) => storage("the table's answer cannot be read"),
        _ => Error::new(ErrorKind::Internal, "a request to the table cannot be built"),
    };
    translated.because(error)
}

/// The platform's error for a cancelled or failed transaction.
pub(super) fn transaction_failed(error: SdkError<TransactWriteItemsError, HttpResponse>) -> Error {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return failed(error);
    };
    let mut worst: Option<Error> = None;
    for reason in cancelled.cancellation_reasons() {
        let code = reason.code().unwrap_or("None");
        if code == "None" {
            continue;
        }
        let found = of_code(code, reason.message().unwrap_or_default(), false);
        if found.kind() == ErrorKind::Conflict {
            return found.because(error);
        }
        worst.get_or_insert(found);
    }
    worst.unwrap_or_else(|| storage("a transaction was cancelled without a reason")).because(error)
}

fn of_code(code: &str, message: &str, is_server_error: bool) -> Error {
    match code {
        "ConditionalCheckFailedException" | "ConditionalCheckFailed" | "DuplicateItem" => {
            Error::new(ErrorKind::Conflict, "a row is not as it was read")
        }
        "TransactionConflictException" | "TransactionConflict" | "TransactionInProgressException" => {
            Error::new(ErrorKind::Conflict, "another transaction is under way on the same row")
        }
        "ProvisionedThroughputExceededException"
        | "ProvisionedThroughputExceeded"
        | "RequestLimitExceeded"
        | "ThrottlingException"
        | "ThrottlingError" => storage("the table is throttled").retry_after(THROTTLED_RETRY_AFTER_MS),
        "ResourceNotFoundException" => {
            Error::new(ErrorKind::Configuration, "the table or one of its indexes does not exist")
        }
        "AccessDeniedException" | "UnrecognizedClientException" | "MissingAuthenticationTokenException" => {
            Error::new(ErrorKind::Configuration, "this function may not use the table")
        }
        "ValidationException" | "ValidationError" if message.contains("size has exceeded") => {
            Error::new(ErrorKind::TooLarge, "a row is larger than the table takes")
        }
        "ItemCollectionSizeLimitExceededException" | "ItemCollectionSizeLimitExceeded" => {
            Error::new(ErrorKind::TooLarge, "the rows under one key are larger than the table takes")
        }
        "ExpiredTokenException" | "InternalServerError" | "ServiceUnavailable" => {
            storage("the table failed").with("code", code)
        }
        "" if !is_server_error => storage("the table's answer cannot be read"),
        _ if is_server_error => storage("the table failed").with("code", code),
        _ => Error::new(ErrorKind::Internal, format!("the table refused the request: {message}"))
            .with("code", code),
    }
}

fn storage(message: &str) -> Error {
    Error::new(ErrorKind::Storage, message)
}
