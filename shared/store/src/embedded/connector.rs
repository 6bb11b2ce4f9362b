//! The HTTP connector that never leaves the process.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;
use futures::channel::oneshot;

use super::dispatch::{Answer, dispatch};

const TARGET_PREFIX: &str = "DynamoDB_20120810.";

type Reply = Result<HttpResponse, ConnectorError>;

/// Answers requests with the engine, one after the other on a thread of its own, so that the platform goes on meanwhile.
/// The thread ends with the last connector.
#[derive(Clone)]
pub(super) struct InProcess {
    requests: Sender<(HttpRequest, oneshot::Sender<Reply>)>,
}

impl InProcess {
    pub(super) fn new(database: Database) -> std::io::Result<Self> {
        let (requests, waiting) = channel();
        std::thread::Builder::new().name("store".to_owned()).spawn(move || serve(&database, &waiting))?;
        Ok(Self { requests })
    }
}

fn serve(database: &Database, requests: &Receiver<(HttpRequest, oneshot::Sender<Reply>)>) {
    while let Ok((request, reply)) = requests.recv() {
        // Whoever asked may be gone; what was asked is done all the same, as a server would.
        let _ = reply.send(answer(database, &request));
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (reply, replied) = oneshot::channel();
        let gone = || ConnectorError::io("the engine's thread has ended".into());
        let sent = self.requests.send((request, reply)).map_err(|_| gone());
        HttpConnectorFuture::new(async move {
            sent?;
            replied.await.map_err(|_| gone())?
        })
    }
}

fn answer(database: &Database, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or(target);
    let Some(body) = request.body().bytes() else {
        return Err(ConnectorError::user("a request without its body in memory".into()));
    };
    let Answer { status, body } = dispatch(database, operation, body);
    let status = status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}
