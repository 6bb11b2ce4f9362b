//! Several servers as one: their models are asked in the order of the servers, each by its own.

use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind};
use engine::ports::{Bill, Llm, LlmError, ModelReply, ModelRequest};

/// Servers in the order they are asked.
pub struct Several(Vec<Arc<dyn Llm>>);

impl Several {
    /// These servers as one.
    pub fn new(servers: Vec<Arc<dyn Llm>>) -> Self {
        Self(servers)
    }

    fn server_of(&self, model: &ModelSpec) -> Option<&Arc<dyn Llm>> {
        let is_it = |other: &Arc<ModelSpec>| other.id == model.id && other.provider == model.provider;
        self.0.iter().find(|server| Tier::ALL.iter().any(|tier| server.candidates(*tier).iter().any(is_it)))
    }
}

#[async_trait]
impl Llm for Several {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        let mut models: Vec<Arc<ModelSpec>> = Vec::new();
        for model in self.0.iter().flat_map(|server| server.candidates(tier)) {
            if models.iter().all(|known| known.id != model.id || known.provider != model.provider) {
                models.push(model);
            }
        }
        models
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>, Error> {
        let mut listed = None::<Vec<String>>;
        for server in &self.0 {
            if let Some(models) = server.reachable().await? {
                listed.get_or_insert_default().extend(models);
            }
        }
        Ok(listed)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        match self.server_of(&request.model) {
            Some(server) => server.complete(request).await,
            None => {
                let what = format!("no server offers {}", request.model.id);
                Err(LlmError { error: Error::new(ErrorKind::Configuration, what), bill: Bill::Nothing })
            }
        }
    }
}
