//! A stored answer instead of a call, and what a model's answer shows of a stored one.

use std::sync::Arc;

use serde_json::Value;

use super::{Ending, Talk};
use crate::agent::ModelSpec;
use crate::error::Result;
use crate::lease::Later;
use crate::model::{Basis, CacheLevel, Compared, RecallNote, Told, Used};
use crate::ports::{Llm, ModelRequest, Ports};
use crate::recall::earned::Maker;
use crate::recall::meaning::Met;
use crate::recall::trust::Decision;
use crate::recall::{self, Asked, Making, Recalled, Remembered, earned};

/// An audit whose call fails is made again for so long from when its step was first worked on. Then the stored answer is served.
const AUDIT_RETRIED_MS: u64 = 180_000;

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
        let (mut making, met) = match recalled {
            Recalled::Hit(level, hit) => {
                self.recall = Some(note);
                return Ok(self.serve(hit, level, 1.0));
            }
            Recalled::Elsewhere { after_ms } => {
                self.recall = Some(note);
                return Ok(self.elsewhere(after_ms));
            }
            Recalled::Met(making, met) => {
                note.compared = Some(Compared {
                    cosine: met.cosine,
                    is_near: true,
                    is_kept: true,
                    ..Compared::default()
                });
                (making, Some(*met))
            }
            Recalled::Miss(mut making) => {
                let met = making.by_meaning(ports, spec, &mut note, fits).await;
                (making, met)
            }
        };
        let Some(mut met) = met else {
            self.recall = Some(note);
            return self.make(ports, llm, model, making).await;
        };
        let maker = Maker::of(spec, model);
        let decision = self.decide(ports, &request, (&maker, making.key()), &met, &mut note).await;
        self.recall = Some(note);
        if let Some(Decision::Serve { audit: false, .. }) = decision {
            making.served(ports, spec, met.take_copy()).await;
            return Ok(self.serve(met.answer, CacheLevel::L3, met.cosine));
        }
        // An audit is made by whom the coin has chosen, also beside others: what another is answered finds nothing for it.
        if met.is_kept()
            && !matches!(decision, Some(Decision::Serve { .. }))
            && let Some(after_ms) = making.take_lead(ports, claimed).await
        {
            return Ok(self.elsewhere(after_ms));
        }
        let failing_before = self.failed_calls + self.refused_calls;
        let outcome = self.make(ports, llm, model, making).await?;
        match decision {
            Some(decision) => {
                let failed = self.failed_calls + self.refused_calls > failing_before;
                Ok(self.compare(ports, (met, decision, maker), outcome, failed).await)
            }
            None => Ok(outcome),
        }
    }

    fn elsewhere(&self, after_ms: u64) -> Ending {
        let why = "another step asks the same just now".to_owned();
        Ending::Later(Later::after(after_ms, why))
    }

    /// A stored answer is the answer.
    fn serve(&mut self, stored: Remembered, level: CacheLevel, similarity: f64) -> Ending {
        self.model = Some(stored.model);
        self.saved = stored.cost;
        if let Some(note) = &mut self.recall {
            note.saved_tokens = stored.usage.total_tokens();
        }
        Ending::Answer { answer: stored.answer, from: Some(Basis::Cache { level, similarity }) }
    }

    /// What is done with an answer of the same meaning, which is noted. Where the model could not be asked, an audit could not be
    /// made, so that is seen before the coin is thrown, and nothing is served.
    async fn decide(
        &self,
        ports: &Ports,
        request: &ModelRequest,
        (maker, key): (&Maker, &str),
        met: &Met,
        note: &mut RecallNote,
    ) -> Option<Decision> {
        let is_covered = self.is_covered(ports, request).await;
        let decided = match is_covered {
            true => earned::decide(ports, self.subject.claimed, maker, key).await,
            false => None,
        };
        let (decision, standing) = decided.unzip();
        let used = decision.map(|decision| match decision {
            Decision::Shadow => Used::Shadow,
            Decision::Serve { audit: false, .. } => Used::Served,
            Decision::Serve { audit: true, .. } => Used::Audited,
        });
        if used == Some(Used::Served) {
            note.levels.insert(CacheLevel::L3, Told::Hit { age_ms: met.age_ms, stale: false });
        }
        let is_uncovered = !is_covered;
        note.compared =
            note.compared.take().map(|compared| Compared { used, standing, is_uncovered, ..compared });
        decision
    }

    /// What the model's answer shows of the stored one. The model's own is the answer, also in an audit: so none is served that
    /// is known to be wrong. If its call failed, the step comes back for the audit for a while; after that, and if it gives no
    /// answer of use, what may be served is.
    async fn compare(
        &mut self,
        ports: &Ports,
        (met, decision, maker): (Met, Decision, Maker),
        outcome: Ending,
        failed: bool,
    ) -> Ending {
        let (claimed, spec) = (self.subject.claimed, self.subject.spec);
        let comes_back = |later: &Later| {
            let back_ms = ports.clock.now_ms().saturating_add(later.after_ms);
            back_ms < claimed.run.deadline_ms
                && back_ms < claimed.first_claimed_ms.saturating_add(AUDIT_RETRIED_MS)
        };
        match outcome {
            Ending::Answer { answer, from } => {
                let agrees =
                    spec.same_answer.iter().all(|field| answer.get(field) == met.answer.answer.get(field));
                earned::learn(ports, claimed, &maker, decision, !agrees).await;
                if let Some(compared) = self.recall.as_mut().and_then(|note| note.compared.as_mut()) {
                    compared.agrees = Some(agrees);
                }
                Ending::Answer { answer, from }
            }
            outcome if decision == Decision::Shadow => outcome,
            // Whether its call failed or could not be made, the audit was not.
            Ending::Later(later) if comes_back(&later) => {
                earned::unanswered(ports, claimed, &maker, false).await;
                self.gives_way = false;
                Ending::Later(later)
            }
            outcome => {
                if failed || matches!(outcome, Ending::Later(_)) {
                    earned::unanswered(ports, claimed, &maker, true).await;
                }
                self.gives_way = false;
                self.serve(met.answer, CacheLevel::L3, met.cosine)
            }
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
