//! Where the parts of a deployment are: what its template tells each function.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use engine::agent::Profile;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Queue;

use crate::config::variable;

/// The parts a function was told of. What it does not need it is not told.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the function's own name.
    pub function: String,
    /// `AWS_REGION`: where the deployment is.
    pub region: String,
    /// `AWS_ENDPOINT_URL`: one address for all services, where they are not Amazon's own.
    pub endpoint: Option<String>,
    /// As whom the services are asked.
    pub credentials: Credentials,
    /// `ASSAY_TABLE`: the table's name.
    pub table: Option<String>,
    /// `ASSAY_BUCKET`: the bucket's name.
    pub bucket: Option<String>,
    /// `ASSAY_QUEUE_RUNS`, `ASSAY_QUEUE_AGENT_LIGHT`, `ASSAY_QUEUE_AGENT_TOOLS`, `ASSAY_QUEUE_AGENT_SEMANTIC`,
    /// `ASSAY_QUEUE_DELIVERIES`: the queues' addresses.
    pub queues: BTreeMap<Queue, String>,
    /// `ASSAY_QUEUE_PARKED`: the address of the queue for what nobody understands.
    pub parked: Option<String>,
    /// `ASSAY_STATE_MACHINE`: the ARN of the workflow.
    pub state_machine: Option<String>,
    /// `ASSAY_SECRET`: the ARN of the secret, a JSON object with `LLM_API_KEY`.
    pub secret: Option<String>,
    /// `ASSAY_FETCH_FUNCTION`: the name of the function that fetches links.
    pub fetch_function: Option<String>,
    /// `ASSAY_PURGE_FUNCTION`: the name of the function that makes stored answers void, where this one cannot reach them.
    pub purge_function: Option<String>,
    /// `ASSAY_EMBEDDING_MODEL`: the path of the embedding model's file, which comes in a layer.
    pub embedding_model: Option<PathBuf>,
    /// `RATE_LIMIT_REDIS_URL`: where Redis is; it may hold a password.
    pub redis: Option<RedisUrl>,
    /// `ASSAY_STACK`: the deployment's name, in its metrics.
    pub stack: String,
}

/// Credentials of a session: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
#[derive(Clone)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The session's token.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// An address that may hold a password.
#[derive(Clone)]
pub struct RedisUrl(pub String);

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[address]")
    }
}

impl Cloud {
    /// Reads the process's environment. Errors: `Configuration`, naming the variable.
    pub fn from_env() -> Result<Self> {
        Self::from(variable)
    }

    /// Reads variables from `variable`. An empty variable counts as not set.
    pub fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let need = |name: &'static str| get(name).ok_or_else(|| unset(name));
        let queues = QUEUES.iter().filter_map(|(queue, name)| get(name).map(|url| (*queue, url))).collect();
        Ok(Self {
            function: need("AWS_LAMBDA_FUNCTION_NAME")?,
            region: need("AWS_REGION")?,
            endpoint: get("AWS_ENDPOINT_URL"),
            credentials: Credentials {
                access_key_id: need("AWS_ACCESS_KEY_ID")?,
                secret_access_key: need("AWS_SECRET_ACCESS_KEY")?,
                session_token: get("AWS_SESSION_TOKEN"),
            },
            table: get("ASSAY_TABLE"),
            bucket: get("ASSAY_BUCKET"),
            queues,
            parked: get("ASSAY_QUEUE_PARKED"),
            state_machine: get("ASSAY_STATE_MACHINE"),
            secret: get("ASSAY_SECRET"),
            fetch_function: get("ASSAY_FETCH_FUNCTION"),
            purge_function: get("ASSAY_PURGE_FUNCTION"),
            embedding_model: get("ASSAY_EMBEDDING_MODEL").map(PathBuf::from),
            redis: get("RATE_LIMIT_REDIS_URL").map(RedisUrl),
            stack: get("ASSAY_STACK").unwrap_or_else(|| "assay".to_owned()),
        })
    }
}

const QUEUES: [(Queue, &str); 5] = [
    (Queue::Runs, "ASSAY_QUEUE_RUNS"),
    (Queue::Agents(Profile::Light), "ASSAY_QUEUE_AGENT_LIGHT"),
    (Queue::Agents(Profile::Tools), "ASSAY_QUEUE_AGENT_TOOLS"),
    (Queue::Agents(Profile::Semantic), "ASSAY_QUEUE_AGENT_SEMANTIC"),
    (Queue::Deliveries, "ASSAY_QUEUE_DELIVERIES"),
];

fn unset(name: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{name} is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_secrets_are_not_printed() {
        let variable = |name: &str| match name {
            "AWS_REGION" => Some("eu-central-1".to_owned()),
            "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => Some("hidden-secret".to_owned()),
            "RATE_LIMIT_REDIS_URL" => Some("rediss://:hidden-secret@redis:6379".to_owned()),
            "ASSAY_QUEUE_RUNS" => Some("https://queue/runs".to_owned()),
            "ASSAY_BUCKET" => Some(" ".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_LAMBDA_FUNCTION_NAME" => Some("name".to_owned()),
            _ => None,
        };
        let cloud = Cloud::from(variable).unwrap();
        assert_eq!(cloud.queues.len(), 1);
        assert!(cloud.bucket.is_none());
        assert!(!format!("{cloud:?}").contains("hidden-secret"), "{cloud:?}");
        let error = Cloud::from(|name| variable(name).filter(|_| name != "AWS_REGION")).unwrap_err();
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }
}
