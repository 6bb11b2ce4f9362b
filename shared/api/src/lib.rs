//! The HTTP API: a router over the ports. The same router answers on this machine and behind API Gateway.
//!
//! Each operation is one row (`operation.rs`): method, path, scope, parameters, body, answers, handler. The
//! router and the OpenAPI document are both made from these rows, so a request is checked against what the document says.
//! A request passes in one order: the key, the parameters, the body, the handler. Deliberately not here: rules of the
//! platform, and how the process listens.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::extract::path::ErrorKind as PathErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts as _, Path};
use axum::response::Response;
use axum::routing::on;
use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::health;
use engine::ports::Ports;

mod call;
mod exposition;
mod health_json;
pub mod openapi;
mod operation;
mod problem;
mod routes;

pub use health_json::health_json;
pub use problem::problem;

use operation::Operation;

/// What the routes work with.
pub struct Api {
    /// The platform's ports.
    pub ports: Ports,
    /// What the operator decided, such as where links may lead.
    pub config: Config,
    /// How long a request may wait for an event, in milliseconds, whatever it asks for: where each waiting request is a function
    /// that runs, waiting clients would keep everybody else's work from running.
    pub longest_wait_ms: u64,
    /// What is told of the components: tried by this process, or what another one recorded.
    pub health: health::Watch,
}

/// The router over `api`.
pub fn router(api: &Arc<Api>) -> Router {
    let mut router = Router::new();
    for operation in routes::all() {
        let (path, filter) = (operation.path, operation.method.filter());
        let operation = Arc::new(operation);
        let api = api.clone();
        let answer = move |request: Request| answer(api.clone(), operation.clone(), request);
        router = router.route(path, on(filter, answer));
    }
    router.fallback(no_such_resource).method_not_allowed_fallback(no_such_method)
}

async fn answer(api: Arc<Api>, operation: Arc<Operation>, request: Request) -> Response {
    let answered = async {
        let (mut parts, body) = request.into_parts();
        // The key comes first: whoever has none learns nothing, not even what is wrong with the request.
        let authorised = call::authorise(&api, &operation, &parts.headers);
        let caller = if operation.path == routes::health::COMPONENTS {
            in_time(health::within(&api.ports, health::MOST_MS, authorised).await)?
        } else {
            authorised.await?
        };
        let path = path_of(Option::<Path<String>>::from_request_parts(&mut parts, &()).await)?;
        let call = call::receive(api, &operation, caller, path, parts, body).await?;
        (operation.handler)(call).await
    };
    answered.await.unwrap_or_else(|error| problem(&error))
}

/// A key that could not be read in time is a store that does not answer.
fn in_time(authorised: Result<Option<engine::Caller>>) -> Result<Option<engine::Caller>> {
    authorised.map_err(|error| match error.kind() {
        ErrorKind::Timeout => {
            Error::new(ErrorKind::Storage, "the store does not answer: no key can be read").because(error)
        }
        _ => error,
    })
}

fn path_of(path: Result<Option<Path<String>>, PathRejection>) -> Result<Option<String>> {
    match path {
        Ok(path) => Ok(path.map(|Path(id)| id)),
        Err(PathRejection::FailedToDeserializePathParams(failed))
            if matches!(failed.kind(), PathErrorKind::InvalidUtf8InPathParam { .. }) =>
        {
            Err(Error::new(ErrorKind::NotFound, "there is no such resource"))
        }
        Err(error) => Err(Error::new(ErrorKind::Internal, "a path could not be taken apart").because(error)),
    }
}

async fn no_such_resource() -> Response {
    problem(&Error::new(ErrorKind::NotFound, "there is no such resource; see /openapi.json"))
}

async fn no_such_method() -> Response {
    problem(&Error::new(
        ErrorKind::MethodNotAllowed,
        "this resource does not offer that method; see /openapi.json",
    ))
}

#[cfg(test)]
mod tests;
