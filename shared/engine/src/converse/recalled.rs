//! A stored answer instead of a call, and what a model's answer shows of a stored one.

use std::sync::Arc;

use serde_json::Value;

use super::{Ending, Talk};
use crate::agent::ModelSpec;
use crate::error::Result;
use crate::lease::Later;
use crate::model::{Basis, CacheLevel, Compared, RecallNote, Told, Used};
use crate::ports::{Llm, Ports};
use crate::recall::meaning::Met;
use crate::recall::trust::Decision;
use crate::recall::{self, Asked, Making, Recalled, Remembered, earned};

impl Talk<'_> {
    /// The answer, a stored one where there is one.
    pub(super) async fn run(
        &mut self,
        ports: &Ports,
        llm: &dyn Llm,
        model: &Arc<ModelSpec>,
    ) -> Result<Ending> {
        if let Some(warms) = &self.subject.claimed.run.warms {
            return self.renew(ports, llm, model, warms).await;
        }
        let (claimed, spec) = (self.subject.claimed, self.subject.spec);
        // What was said since the beginning belongs to this conversation alone.
        if !recall::is_allowed(&claimed.run, spec) || self.repaired || self.tool_uses > 0 {
            return self.ask(ports, llm, model).await;
        }
        let request = self.request(ports, model);
        let asked = Asked::of(ports, self.subject, &request)?;
        let fits = |answer: &Value| self.faults(answer).is_empty();
        let (recalled, mut note) = recall::look_up(ports, claimed, spec, &asked, fits).await;
        let mut making = match recalled {
            Recalled::Hit(level, hit) => {
                self.recall = Some(note);
                return Ok(self.serve(hit, level, 1.0));
            }
            Recalled::Elsewhere { after_ms } => {
                self.recall = Some(note);
                let why = "another step asks the same just now".to_owned();
                return Ok(Ending::Later(Later { after_ms, why, counts: self.failed_calls }));
            }
            Recalled::Miss(making) => making,
        };
        let met = making.by_meaning(ports, spec, &mut note, fits).await;
        let met = match met {
            Some(met) => {
                let decision = earned::decide(ports, claimed, making.key()).await;
                note_use(&mut note, &met, decision);
                decision.map(|decision| (met, decision))
            }
            None => None,
        };
        self.recall = Some(note);
        match met {
            Some((met, Decision::Serve { audit: false, .. })) => {
                making.end(ports, spec, None).await;
                Ok(self.serve(met.answer, CacheLevel::L3, met.cosine))
            }
            Some((met, decision)) => {
                let outcome = self.make(ports, llm, model, making).await?;
                Ok(self.compare(ports, met, decision, outcome).await)
            }
            None => self.make(ports, llm, model, making).await,
        }
    }

    /// A stored answer is the answer.
    fn serve(&mut self, stored: Remembered, level: CacheLevel, similarity: f64) -> Ending {
        self.model = Some(stored.model);
        self.saved = stored.cost;
        Ending::Answer { answer: stored.answer, from: Some(Basis::Cache { level, similarity }) }
    }

    /// What the model's answer shows of the stored one. The model's own is the answer, also in an audit: so none is served that
    /// is known to be wrong. If it gives none, what may be served is.
    async fn compare(&mut self, ports: &Ports, met: Met, decision: Decision, outcome: Ending) -> Ending {
        let spec = self.subject.spec;
        match outcome {
            Ending::Answer { answer, from } => {
                let agrees =
                    spec.same_answer.iter().all(|field| answer.get(field) == met.answer.answer.get(field));
                earned::learn(ports, spec, decision, !agrees).await;
                if let Some(compared) = self.recall.as_mut().and_then(|note| note.compared.as_mut()) {
                    compared.agrees = Some(agrees);
                }
                Ending::Answer { answer, from }
            }
            _ if decision != Decision::Shadow => {
                self.gives_way = false;
                self.serve(met.answer, CacheLevel::L3, met.cosine)
            }
            outcome => outcome,
        }
    }

    /// Asks, and stores the answer.
    pub(super) async fn make(
        &mut self,
        ports: &Ports,
        llm: &dyn Llm,
        model: &Arc<ModelSpec>,
        making: Making,
    ) -> Result<Ending> {
        let began_ms = ports.clock.now_ms();
        let outcome = making.lead(ports, self.ask(ports, llm, model)).await;
        let took_ms = ports.clock.now_ms().saturating_sub(began_ms);
        let made = match (&outcome, &self.model) {
            // What a tool did or said may be another thing next time.
            (Ok(Ending::Answer { answer, .. }), Some(model)) if self.tool_uses == 0 => Some(Remembered {
                answer: answer.clone(),
                model: model.clone(),
                usage: self.usage,
                cost: self.cost,
                took_ms,
                most: self.most,
            }),
            _ => None,
        };
        if let (Some(note), Some(made)) = (&mut self.recall, &made) {
            note.kept = making.kept(self.subject.spec, made);
        }
        making.end(ports, self.subject.spec, made.as_ref()).await;
        outcome
    }
}

/// Notes what is done with an answer of the same meaning.
fn note_use(note: &mut RecallNote, met: &Met, decision: Option<Decision>) {
    let used = decision.map(|decision| match decision {
        Decision::Shadow => Used::Shadow,
        Decision::Serve { audit: false, .. } => Used::Served,
        Decision::Serve { audit: true, .. } => Used::Audited,
    });
    if used == Some(Used::Served) {
        note.levels.insert(CacheLevel::L3, Told::Hit { age_ms: met.age_ms, stale: false });
    }
    note.compared = note.compared.take().map(|compared| Compared { used, ..compared });
}
