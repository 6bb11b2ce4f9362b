//! A stored answer made anew ahead of its next use.

use std::sync::Arc;

use super::{Ending, Talk};
use crate::agent::ModelSpec;
use crate::error::Result;
use crate::model::Warms;
use crate::ports::{Llm, Ports};
use crate::recall::{self, Asked, warming};

impl Talk<'_> {
    /// Asks for an answer that is still there, under the key it is there; nothing else is asked.
    pub(super) async fn renew(
        &mut self,
        ports: &Ports,
        llm: &dyn Llm,
        model: &Arc<ModelSpec>,
        warms: &Warms,
    ) -> Result<Ending> {
        let (claimed, spec) = (self.subject.claimed, self.subject.spec);
        if !recall::is_allowed(&claimed.run, spec) || self.repaired {
            return Ok(Ending::Nothing("no answer of this agent is stored"));
        }
        let request = self.request(ports, model);
        let asked = Asked::of(ports, self.subject, &request)?;
        match warming::renew(ports, claimed, warms, spec, &asked).await {
            Ok(making) => self.make(ports, llm, model, making).await,
            Err(why) => Ok(Ending::Nothing(why)),
        }
    }
}
