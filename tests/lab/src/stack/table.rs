//! The stack's rows and content, read and written as the platform does, past the gateway and its faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use axum::body::Bytes;
use boot::{OsRandom, SystemClock};
use engine::error::{Error, ErrorKind};
use engine::memory::{
    MemoryCache, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryMetrics, MemoryQueues,
};
use engine::model::{ContentRef, NanoUsd, RunKey, TenantId, Token};
use engine::ports::{ContentStore, Ports, Settings, Workflow};
use serde_json::Value;
use store::Dynamo;

use super::Result;
use super::client::{Aws, Http};
use super::servers::{REGION, ROOT_KEY, ROOT_SECRET};

/// The engine's ports over the stack's table and bucket. Runs are read with them, and keys made; nothing is started or
/// stopped through them.
pub(super) fn ports(aws: &Aws, table: &str, bucket: &str) -> Result<Ports> {
    let clock = Arc::new(SystemClock);
    Ok(Ports {
        clock: clock.clone(),
        random: Arc::new(OsRandom),
        catalogue: Arc::new(boot::load_catalogue()?),
        settings: Settings { daily_budget: NanoUsd::ZERO, run_cap: None },
        store: Arc::new(rows(aws, table)),
        content: Arc::new(Objects { aws: aws.clone(), bucket: bucket.to_owned() }),
        queues: Arc::new(MemoryQueues::new(clock.clone(), 0, 1)),
        workflow: Arc::new(NoWorkflow),
        cache: Arc::new(MemoryCache::new(clock.clone(), 1)),
        limits: Arc::new(MemoryLimits::new(clock, 1, 1)),
        model: None,
        embedder: None,
        analysers: Arc::new(BTreeMap::new()),
        tools: Arc::new(BTreeMap::new()),
        platforms: Arc::new(Vec::new()),
        memory: Arc::new(MemoryMemories::default()),
        delivery: Arc::new(MemoryDelivery::default()),
        metrics: Arc::new(MemoryMetrics::default()),
    })
}

/// The rows of a table, by the SDK and over `aws`.
pub(super) fn rows(aws: &Aws, table: &str) -> Dynamo {
    let configuration = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(&aws.endpoint)
        .credentials_provider(Credentials::new(ROOT_KEY, ROOT_SECRET, None, None, "emulator"))
        .retry_config(RetryConfig::disabled())
        .http_client(Connector(aws.http.clone()))
        .build();
    Dynamo::new(aws_sdk_dynamodb::Client::from_conf(configuration), table)
}

#[derive(Debug)]
struct Connector(Http);

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.0.clone()))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
            let response = http.send(request).await.map_err(ConnectorError::io)?;
            HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Content as objects of the bucket, under `content/<tenant>/<digest>`.
#[derive(Debug)]
struct Objects {
    aws: Aws,
    bucket: String,
}

impl Objects {
    async fn ask(
        &self,
        method: &str,
        tenant: &TenantId,
        content: &ContentRef,
        body: Bytes,
    ) -> engine::error::Result<Vec<u8>> {
        let path = format!("/{}/content/{}/{content}", self.bucket, tenant.as_str());
        let answer = self.aws.send("s3", method, &path, &[], body).await;
        let answer = answer.map_err(|error| Error::new(ErrorKind::Storage, error.to_string()))?;
        match answer.status().as_u16() {
            200 => Ok(answer.into_body().into()),
            404 => Err(Error::new(ErrorKind::NotFound, format!("there is no content {content}"))),
            status => Err(Error::new(ErrorKind::Storage, format!("{path}: status {status}"))),
        }
    }
}

#[async_trait]
impl ContentStore for Objects {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> engine::error::Result<ContentRef> {
        let content = ContentRef::new(blake3::hash(bytes).to_hex().as_str());
        self.ask("PUT", tenant, &content, Bytes::copy_from_slice(bytes)).await?;
        Ok(content)
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> engine::error::Result<Vec<u8>> {
        self.ask("GET", tenant, content, Bytes::new()).await
    }
}

/// Whoever reads a stack's rows from outside has no workflow.
struct NoWorkflow;

fn no_workflow() -> engine::error::Result<()> {
    Err(Error::new(ErrorKind::Internal, "rows are read from outside the stack; its workflow is not reached"))
}

#[async_trait]
impl Workflow for NoWorkflow {
    async fn start(&self, _: &RunKey, _: Value) -> engine::error::Result<()> {
        no_workflow()
    }

    async fn succeed(&self, _: &Token, _: Value) -> engine::error::Result<()> {
        no_workflow()
    }

    async fn fail(&self, _: &Token, _: &str, _: &str) -> engine::error::Result<()> {
        no_workflow()
    }

    async fn stop(&self, _: &RunKey, _: &str) -> engine::error::Result<()> {
        no_workflow()
    }
}
