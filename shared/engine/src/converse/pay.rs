//! One paid call: its money set aside, its rates taken, then made and settled.

use std::pin::pin;

use futures::future::{Either, join, select};

use crate::circuits::{self, Verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Later;
use crate::model::{CallId, FindsOut};
use crate::money::{self, Ask, Decided, Grant, Seen, Settlement};
use crate::ports::{Admission, Backend, Bill, Llm, LlmError, ModelReply, ModelRequest, Ports, Take};
use crate::trace;
use crate::transact::again;

use super::reckon::{settle_rates, tokens_at_most};
use super::{CALL_TIMEOUT_MS, Ending, Subject, Talk};

const BACKOFF_MS: u64 = 2_000;
const LEAST_WAIT_MS: u64 = 1_000;
/// After so long it is known whether a provider answers, or there is room for one who finds out.
const UNPROVEN_WAIT_MS: u64 = 2_000;
/// A call that would have less time is not made.
const LEAST_CALL_MS: u64 = 1_000;

impl Talk<'_> {
    /// One paid call: reserve, take rates, call, settle.
    pub(super) async fn pay_and_call(
        &mut self,
        ports: &Ports,
        llm: &dyn Llm,
        request: &ModelRequest,
    ) -> Result<std::result::Result<ModelReply, Ending>> {
        let Subject { claimed, spec, .. } = *self.subject;
        let input_tokens = spec.answer_schema().tokens_at_most + tokens_at_most(request);
        if input_tokens.saturating_add(request.max_output_tokens)
            > request.model.context_tokens.saturating_mul(2)
        {
            // The bound is at most about twice the true count, so beyond this the request cannot fit.
            let message = format!("the content is too long for {}", request.model.id);
            return Ok(Err(Ending::Failed(Error::new(ErrorKind::TooLarge, message))));
        }
        if request.timeout_ms < LEAST_CALL_MS {
            let what = "too little of the run's time is left for a call";
            return Ok(Err(Ending::Failed(Error::new(ErrorKind::Quota, what))));
        }
        self.calls += 1;
        let call = self.call();
        let ask = self.asking(&call, request, input_tokens);
        let Grant { price, output_tokens, worst_case, is_recovering, finds_out, silent_after_ms, .. } =
            match money::reserve(ports, &claimed.run, &ask).await {
                Ok(Decided::Granted(grant)) => self.granted(grant),
                Ok(Decided::CheapestOnly(percent)) => {
                    self.cheapest_only = true;
                    let what = format!("{percent} % of a budget are gone: only the cheapest model is used");
                    return Ok(Err(Ending::Budget(Error::new(ErrorKind::Budget, what))));
                }
                Ok(Decided::OpenUntil(until_ms)) => {
                    self.gives_way = self.has_alternative;
                    // What would fail counts as failing, or silence would look like health.
                    ports.metrics.count("model_failures", 1);
                    let why =
                        format!("{} has failed lately and is not asked for now", request.model.provider);
                    let after_ms = until_ms.saturating_sub(ports.clock.now_ms()).max(LEAST_WAIT_MS);
                    return Ok(Err(Ending::Later(Later::after(after_ms, why))));
                }
                Ok(Decided::Unproven) => {
                    self.gives_way = true;
                    let why =
                        format!("{} has not answered lately, and others find out", request.model.provider);
                    let after_ms = UNPROVEN_WAIT_MS;
                    return Ok(Err(Ending::Later(Later::after(after_ms, why))));
                }
                Err(error) if error.kind() == ErrorKind::Budget => return Ok(Err(Ending::Budget(error))),
                Err(error) if error.kind() == ErrorKind::UnknownPrice => {
                    return Ok(Err(Ending::Failed(error)));
                }
                Err(error) => return Err(error),
            };
        self.most += worst_case;
        let request = &ModelRequest { max_output_tokens: output_tokens, ..request.clone() };
        let take = Take {
            id: call.take_id(),
            tenant: claimed.run.key.tenant.clone(),
            agent: spec.id.clone(),
            model: request.model.id.clone(),
            provider: request.model.provider.clone(),
            input_tokens,
            output_tokens,
        };
        let not_taken = self.take_rates(ports, &call, &take).await.transpose();
        if let Some(not_taken) = not_taken {
            if let Some(what) = finds_out {
                circuits::tell(ports, &request.model.provider, Verdict::NotFoundOut(what)).await;
            }
            return not_taken.map(Err);
        }
        let asked_ms = ports.clock.now_ms();
        let (answer, told_of_silence) = match self.has_alternative {
            true => ask_and_tell_of_silence(ports, llm, request, silent_after_ms).await,
            false => (llm.complete(request).await, false),
        };
        let seen = Seen {
            took_ms: Some(ports.clock.now_ms().saturating_sub(asked_ms)),
            failed: answer.as_ref().err().map(|LlmError { error, .. }| error.kind()),
        };
        // Also when none failed: the mean says how many do.
        ports.metrics.count("model_failures", u64::from(answer.is_err()));
        let settlement = match &answer {
            Ok(reply) => {
                let cost = reply.reported_cost.unwrap_or_else(|| price.cost(&reply.usage));
                Settlement::Used(reply.usage, cost)
            }
            Err(LlmError { bill: Bill::Nothing, .. }) => Settlement::NeverMade,
            Err(LlmError { bill: Bill::Used(usage), .. }) => Settlement::Used(*usage, price.cost(usage)),
            Err(LlmError { bill: Bill::Unknown, .. }) => Settlement::Unknown,
        };
        settle_rates(ports, &take, settlement).await;
        let finds_out = finds_out.or(told_of_silence.then_some(FindsOut::There));
        let settled = money::settle_seen(ports, &claimed.run, &call, settlement, seen).await;
        if let Err(error) = settled {
            // The place that the call holds is given back all the same.
            if let Some(what) = finds_out {
                circuits::tell(ports, &request.model.provider, Verdict::NotFoundOut(what)).await;
            }
            return Err(error);
        }
        let booked = match settlement {
            Settlement::Used(_, cost) => Some(cost),
            Settlement::Unknown => Some(worst_case),
            Settlement::NeverMade => None,
        };
        trace::called(ports, claimed, &call, (request, &answer), asked_ms, booked);
        count_call(ports, &request.model.provider, &seen);
        match settlement {
            Settlement::Used(usage, cost) => {
                self.usage = self.usage + usage;
                // The bound is never under the true count, and both are as much over it.
                let shorter_by = u128::from(self.shorter_by) * u128::from(usage.prompt_tokens());
                self.spared_tokens +=
                    u64::try_from(shorter_by / u128::from(input_tokens.max(1))).unwrap_or(0);
                self.cost += cost;
            }
            Settlement::Unknown => self.cost += worst_case,
            Settlement::NeverMade => {}
        }
        let has_alternative = self.has_alternative;
        let verdict = match &answer {
            Err(LlmError { error, .. }) if self.says_nothing(error, request.timeout_ms) => {
                finds_out.map(Verdict::NotFoundOut)
            }
            // Busy is not dead, but where another can be asked it is left alone as well.
            Err(LlmError { error, .. }) if error.kind() == ErrorKind::RateLimited => {
                Some(Verdict::Failed { has_alternative, busy_for_ms: error.retry_after_ms() })
            }
            Err(LlmError { error, .. }) if circuits::is_providers_fault(error.kind()) => {
                Some(Verdict::Failed { has_alternative, busy_for_ms: None })
            }
            // Another refusal is an answer too. Whether it is news where others are asked too, the circuit's own row says.
            _ => (is_recovering || has_alternative)
                .then_some(Verdict::Answered { took_ms: seen.took_ms.unwrap_or_default() }),
        };
        if let Some(verdict) = verdict {
            circuits::tell(ports, &request.model.provider, verdict).await;
        }
        Ok(answer.map_err(|LlmError { error, bill }| self.after_failure(&error, bill)))
    }

    /// True if a failed call says nothing of its provider.
    fn says_nothing(&self, error: &Error, timeout_ms: u64) -> bool {
        match error.kind() {
            // Nobody gave it the time that a call has. One that is silent had all the time to begin.
            ErrorKind::Timeout => timeout_ms < CALL_TIMEOUT_MS && !circuits::was_silent(error),
            // What is busy has not shown that it answers, nor that it does not.
            ErrorKind::RateLimited => !self.has_alternative,
            _ => false,
        }
    }

    /// The last call this lease has begun.
    fn call(&self) -> CallId {
        let claimed = self.subject.claimed;
        CallId { step: claimed.key.clone(), epoch: claimed.epoch, call: self.calls }
    }

    fn asking<'b>(&self, call: &'b CallId, request: &'b ModelRequest, input_tokens: u64) -> Ask<'b> {
        Ask {
            call,
            model: &request.model,
            input_tokens,
            output_tokens: request.max_output_tokens,
            step_left: self.subject.spec.limits.cost - self.paid_before - self.cost,
            step_spent: self.paid_before + self.cost,
            whole: self.whole,
            is_cheapest: self.is_cheapest(&request.model),
            has_alternative: self.has_alternative,
            may_give_way: self.may_give_way,
        }
    }

    /// Whether the next call could be made now, as far as rows tell: its money is there, and its provider is asked.
    pub(super) async fn is_covered(&self, ports: &Ports, request: &ModelRequest) -> bool {
        let Subject { claimed, spec, .. } = *self.subject;
        let input_tokens = spec.answer_schema().tokens_at_most + tokens_at_most(request);
        let call = CallId { call: self.calls + 1, ..self.call() };
        let ask = self.asking(&call, request, input_tokens);
        money::is_covered(ports, &claimed.run, &ask).await.unwrap_or(false)
    }

    fn granted(&mut self, grant: Grant) -> Grant {
        self.granted_tokens = grant.output_tokens;
        if let Some(percent) = grant.beyond_soft_limit.filter(|_| self.warnings.is_empty()) {
            let used = if self.cheapest_only { "; the cheapest model was used" } else { "" };
            self.warnings.push(format!("{percent} % of a budget are spent or set aside{used}"));
        }
        grant
    }

    /// Takes the rates of a call whose money is set aside; an ending if they do not have it. What cannot be taken costs nothing.
    async fn take_rates(&self, ports: &Ports, call: &CallId, take: &Take) -> Result<Option<Ending>> {
        let admission = again(ports, || ports.limits.take(take)).await;
        if let Ok(admission) = &admission {
            ports.metrics.count_by("rates_decided", admission.backend.name(), 1);
        }
        if matches!(&admission, Ok(admission) if admission.allowed) {
            return Ok(None);
        }
        money::settle(ports, &self.subject.claimed.run, call, Settlement::NeverMade).await?;
        match admission {
            Ok(Admission { retry_after_ms, backend, .. }) => {
                let why = match backend {
                    Backend::Share | Backend::Spare => "rate limit, on a share held in advance",
                    Backend::Memory | Backend::Table | Backend::Redis => "rate limit",
                };
                Ok(Some(Ending::Later(Later::after(retry_after_ms, why))))
            }
            Err(error) if error.kind() == ErrorKind::AboveCapacity => Ok(Some(Ending::Failed(error))),
            Err(error) => {
                // It may have been taken, and its answer lost.
                settle_rates(ports, take, Settlement::NeverMade).await;
                Err(error)
            }
        }
    }

    /// What a failed call means for the step. Only the table of error kinds says whether to try again; of all that fail, by
    /// whomever, a step makes so many calls and no more.
    fn after_failure(&mut self, error: &Error, bill: Bill) -> Ending {
        let claimed = self.subject.claimed;
        let refused_only = error.kind() == ErrorKind::RateLimited && bill == Bill::Nothing;
        self.failed_calls += u32::from(!refused_only);
        self.refused_calls += u32::from(refused_only);
        let used_up = self.is_used_up();
        self.gives_way = self.has_alternative
            && !used_up
            && (circuits::is_providers_fault(error.kind()) || error.kind() == ErrorKind::RateLimited);
        if !error.is_retryable() || used_up {
            return Ending::Failed(error.clone());
        }
        // Whatever the provider asks for, each refusal waits longer than the one before, up to half a minute.
        let at_least = LEAST_WAIT_MS << claimed.hop.min(5);
        let backoff = BACKOFF_MS << claimed.attempt.min(6);
        let after_ms = error.retry_after_ms().unwrap_or(backoff).max(at_least);
        Ending::Later(Later::after(after_ms, error.to_string()))
    }
}

/// Asks. If the answer takes longer than answers took lately, all functions are told so while it is waited for; true if that
/// was news, and the call holds the places of those that find out.
async fn ask_and_tell_of_silence(
    ports: &Ports,
    llm: &dyn Llm,
    request: &ModelRequest,
    silent_after_ms: u64,
) -> (std::result::Result<ModelReply, LlmError>, bool) {
    let began_ms = ports.clock.now_ms();
    let silence = pin!(ports.clock.sleep(silent_after_ms));
    match select(llm.complete(request), silence).await {
        Either::Left((answer, _)) => (answer, false),
        Either::Right(((), call)) => {
            let told = circuits::tell(ports, &request.model.provider, Verdict::Silent { began_ms });
            join(call, told).await
        }
    }
}

/// What a call tells the operator's metrics.
fn count_call(ports: &Ports, provider: &str, seen: &Seen) {
    ports.metrics.count_by("model_calls", provider, 1);
    if let Some(kind) = seen.failed {
        ports.metrics.count_by("model_call_errors", &format!("{provider}/{kind}"), 1);
    }
}
