//! What a limiter must hold.

use futures::future::join_all;

use super::{Verdict, done, ensure, refused, same, samples};
use crate::error::ErrorKind;
use crate::limits::{AT_ONCE_SPAN_MS, Dimension, MINUTE_MS, Rates, Rule, Scope, sub_span_ms};
use crate::model::{AgentId, TakeId};
use crate::ports::{Admission, Clock, Limits, Take, Used};

/// Tokens of a kind a tenant may use in a minute, in [`contract_rates`].
const TOKENS: u64 = 10_000;
/// Calls an agent may have under way at once, in [`contract_rates`].
const AT_ONCE: u64 = 3;
/// Tokens a key may use in a second, in [`contract_rates`].
const KEY_TOKENS: u64 = 100;

/// The rates that [`limits_contract`] tries: so many calls a minute for each tenant, six times as many for each provider, and
/// tokens, calls at once and keys beside them.
pub fn contract_rates(per_minute: u64) -> Rates {
    let rule = |scope, of: Option<&str>, dimension, capacity, span_ms| Rule {
        scope,
        of: of.map(str::to_owned),
        dimension,
        capacity,
        span_ms,
    };
    let rules = vec![
        rule(Scope::Tenant, None, Dimension::Requests, per_minute, MINUTE_MS),
        rule(Scope::Tenant, Some("talker"), Dimension::Requests, 100, MINUTE_MS),
        rule(Scope::Tenant, Some("talker"), Dimension::InputTokens, TOKENS, MINUTE_MS),
        rule(Scope::Tenant, Some("talker"), Dimension::OutputTokens, TOKENS, MINUTE_MS),
        rule(Scope::Agent, Some("busy_agent"), Dimension::AtOnce, AT_ONCE, AT_ONCE_SPAN_MS),
        rule(Scope::Model, Some("slow"), Dimension::Requests, 2, MINUTE_MS),
        rule(Scope::Provider, None, Dimension::Requests, 6 * per_minute.max(20), MINUTE_MS),
        rule(Scope::Key, None, Dimension::InputTokens, KEY_TOKENS, 1_000),
    ];
    Rates::new(rules).unwrap_or_default()
}

/// Tries a limiter of [`contract_rates`] that has admitted nothing yet. `clock` is the one it reads, and its `sleep` must move
/// it on.
pub async fn limits_contract(limits: &dyn Limits, clock: &dyn Clock, per_minute: usize) -> Verdict {
    let mut trial = Trial { limits, clock, admitted: Vec::new(), per_minute, asked: 0 };
    trial.a_burst_is_cut_at_the_limit().await?;
    trial.others_are_not_touched().await?;
    trial.no_window_holds_more().await?;
    trial.a_wait_as_told_is_enough().await?;
    trial.simultaneous_calls_share_the_limit().await?;
    trial.the_same_call_is_taken_once().await?;
    trial.real_use_takes_the_place_of_the_estimate().await?;
    trial.use_beyond_the_estimate_is_not_forgotten().await?;
    trial.what_was_not_made_comes_back().await?;
    trial.all_or_nothing().await?;
    trial.what_never_fits_is_refused_for_good().await?;
    trial.calls_under_way_are_bounded_and_come_back().await?;
    trial.the_simple_face().await
}

struct Trial<'a> {
    limits: &'a dyn Limits,
    clock: &'a dyn Clock,
    admitted: Vec<u64>,
    per_minute: usize,
    asked: u64,
}

/// A call of a number; each number is another call.
fn call(number: u64, tenant: &str, provider: &str) -> Take {
    Take {
        id: TakeId::new(format!("{tenant}/call {number}")),
        tenant: samples::tenant(tenant),
        agent: AgentId::new("analysis_cartographer"),
        model: "sample".to_owned(),
        provider: provider.to_owned(),
        input_tokens: 1_000,
        output_tokens: 100,
    }
}

impl Trial<'_> {
    fn next(&mut self, tenant: &str) -> Take {
        self.asked += 1;
        call(self.asked, tenant, "provider")
    }

    async fn give(&self, take: &Take) -> Verdict<Admission> {
        let admission = done(self.limits.take(take).await, "asking the limiter")?;
        ensure(admission.allowed == (admission.retry_after_ms == 0), || {
            format!("an answer that says both yes and no: {admission:?}")
        })?;
        Ok(admission)
    }

    async fn must(&self, take: &Take, allowed: bool, what: &str) -> Verdict<Admission> {
        let admission = self.give(take).await?;
        ensure(admission.allowed == allowed, || format!("{what}: {admission:?}"))?;
        Ok(admission)
    }

    async fn pass_a_minute(&self) {
        self.clock.sleep(2 * MINUTE_MS).await;
    }

    /// Asks for the tenant under trial and remembers what was admitted when.
    async fn ask(&mut self) -> Verdict<Admission> {
        let take = self.next("owner");
        let admission = self.give(&take).await?;
        if admission.allowed {
            self.admitted.push(self.clock.now_ms());
            self.check_window()?;
        }
        Ok(admission)
    }

    fn check_window(&self) -> Verdict {
        let now_ms = self.clock.now_ms();
        let inside = self.admitted.iter().filter(|at_ms| **at_ms + MINUTE_MS > now_ms).count();
        ensure(inside <= self.per_minute, || {
            format!("{inside} admitted in one minute at a limit of {}", self.per_minute)
        })
    }

    async fn a_burst_is_cut_at_the_limit(&mut self) -> Verdict {
        for number in 0..self.per_minute {
            let admission = self.ask().await?;
            ensure(admission.allowed, || {
                format!("request {number} of an idle minute refused: {admission:?}")
            })?;
            let left = (self.per_minute - number - 1) as u64;
            same(&admission.remaining.requests, &Some(left), "what is left")?;
        }
        let more = self.ask().await?;
        ensure(!more.allowed && more.retry_after_ms <= MINUTE_MS + 2 * sub_span_ms(MINUTE_MS), || {
            format!("one more than the limit: {more:?}")
        })
    }

    async fn others_are_not_touched(&mut self) -> Verdict {
        let take = self.next("stranger");
        self.must(&take, true, "one tenant's rate is taken from another").await?;
        self.asked += 1;
        let other = call(self.asked, "owner", "other provider");
        self.must(&other, false, "a tenant escapes through another provider").await?;
        Ok(())
    }

    async fn no_window_holds_more(&mut self) -> Verdict {
        let step_ms = (MINUTE_MS / self.per_minute.max(1) as u64 / 2).clamp(1, 7_777);
        for _ in 0..4 * self.per_minute + 20 {
            self.clock.sleep(step_ms).await;
            self.ask().await?;
        }
        Ok(())
    }

    async fn a_wait_as_told_is_enough(&mut self) -> Verdict {
        for _ in 0..3 {
            while self.ask().await?.allowed {}
            let refused = self.ask().await?;
            if refused.allowed {
                continue;
            }
            self.clock.sleep(refused.retry_after_ms).await;
            let admission = self.ask().await?;
            ensure(admission.allowed, || {
                format!("refused after a wait of {} ms as told", refused.retry_after_ms)
            })?;
        }
        Ok(())
    }

    async fn simultaneous_calls_share_the_limit(&mut self) -> Verdict {
        self.pass_a_minute().await;
        let takes: Vec<Take> = (0..self.per_minute + 3).map(|_| self.next("owner")).collect();
        let mut admitted = 0;
        for answer in join_all(takes.iter().map(|take| self.give(take))).await {
            admitted += usize::from(answer?.allowed);
        }
        let asked = takes.len();
        ensure(admitted <= self.per_minute, || {
            format!("{admitted} of {asked} simultaneous requests admitted at a limit of {}", self.per_minute)
        })?;
        ensure(admitted > 0, || "no one of many simultaneous requests admitted".to_owned())
    }

    async fn the_same_call_is_taken_once(&mut self) -> Verdict {
        self.pass_a_minute().await;
        let take = self.next("owner");
        for time in 0..self.per_minute + 2 {
            self.must(&take, true, &format!("the same call, time {time}, is answered otherwise")).await?;
        }
        for number in 1..self.per_minute {
            let other = self.next("owner");
            self.must(&other, true, &format!("a repeated call took more than once: call {number} refused"))
                .await?;
        }
        let more = self.next("owner");
        self.must(&more, false, "a repeated call took nothing").await?;
        // What was refused is no reservation: it may be asked again, and is admitted when there is room.
        self.pass_a_minute().await;
        self.must(&more, true, "a call that was refused once stays refused").await?;
        Ok(())
    }

    async fn real_use_takes_the_place_of_the_estimate(&mut self) -> Verdict {
        let take = Take { input_tokens: TOKENS, output_tokens: 100, ..self.next("talker") };
        self.must(&take, true, "an idle minute refuses its whole capacity").await?;
        let next = Take { input_tokens: 4_000, ..self.next("talker") };
        self.must(&next, false, "more than the capacity was taken").await?;
        let used = Used { input_tokens: 6_000, output_tokens: 7 };
        for _ in 0..2 {
            done(self.limits.settle(&take, &used).await, "settling")?;
        }
        let admission = self.must(&next, true, "what was not used did not come back").await?;
        same(
            &admission.remaining.input_tokens,
            &Some(0),
            "settling twice gave back twice: input tokens left",
        )?;
        same(&admission.remaining.output_tokens, &Some(TOKENS - 107), "output tokens left")?;
        // Over is over: neither a refund nor a repeated take changes it.
        done(self.limits.refund(&take).await, "refunding what is settled")?;
        self.must(&take, true, "a settled call, taken again, is answered otherwise").await?;
        let one = Take { input_tokens: 1, ..self.next("talker") };
        self.must(&one, false, "a refund undid a settlement").await?;
        Ok(())
    }

    async fn use_beyond_the_estimate_is_not_forgotten(&mut self) -> Verdict {
        self.pass_a_minute().await;
        // A call that asks for one token and gets many pays for all of them.
        let take = Take { input_tokens: 1, output_tokens: 1, ..self.next("talker") };
        self.must(&take, true, "one token of an idle minute refused").await?;
        let used = Used { input_tokens: 1, output_tokens: 5 * TOKENS };
        done(self.limits.settle(&take, &used).await, "settling more than was taken")?;
        for _ in 0..3 {
            let more = Take { input_tokens: 1, output_tokens: 1, ..self.next("talker") };
            self.must(&more, false, "use beyond the estimate was forgotten").await?;
        }
        self.pass_a_minute().await;
        let after = Take { output_tokens: TOKENS, ..self.next("talker") };
        self.must(&after, true, "a debt outlives its window").await?;
        Ok(())
    }

    async fn what_was_not_made_comes_back(&mut self) -> Verdict {
        self.pass_a_minute().await;
        let take = Take { input_tokens: TOKENS, output_tokens: TOKENS, ..self.next("talker") };
        self.must(&take, true, "an idle minute refuses its whole capacity").await?;
        for _ in 0..3 {
            done(self.limits.refund(&take).await, "refunding")?;
        }
        let unknown = self.next("talker");
        done(self.limits.refund(&unknown).await, "refunding what was never taken")?;
        let unknown = self.next("talker");
        let used = Used { input_tokens: 0, output_tokens: 0 };
        done(self.limits.settle(&unknown, &used).await, "settling what was never taken")?;
        let next = Take { input_tokens: TOKENS, output_tokens: TOKENS, ..self.next("talker") };
        let admission = self.must(&next, true, "a refund did not give everything back").await?;
        same(&admission.remaining.requests, &Some(99), "refunding thrice gave back thrice: requests left")?;
        Ok(())
    }

    async fn all_or_nothing(&mut self) -> Verdict {
        self.pass_a_minute().await;
        let slow =
            |take: Take| Take { model: "slow".to_owned(), input_tokens: 10, output_tokens: 10, ..take };
        for _ in 0..2 {
            let take = slow(self.next("talker"));
            self.must(&take, true, "a model's rate refuses too early").await?;
        }
        for _ in 0..5 {
            let take = slow(self.next("talker"));
            self.must(&take, false, "a model's rate is passed").await?;
        }
        let quick = Take { input_tokens: TOKENS - 20, output_tokens: TOKENS - 20, ..self.next("talker") };
        let admission = self.must(&quick, true, "what was refused took from other rates").await?;
        same(&admission.remaining.requests.is_some_and(|left| left <= 97), &true, "requests left")
    }

    async fn what_never_fits_is_refused_for_good(&mut self) -> Verdict {
        self.pass_a_minute().await;
        for tokens in [TOKENS + 1, u64::MAX - 1, u64::MAX] {
            let take = Take { input_tokens: tokens, output_tokens: 0, ..self.next("talker") };
            refused(self.limits.take(&take).await, ErrorKind::AboveCapacity, "more than the capacity")?;
        }
        let take = Take { input_tokens: 0, output_tokens: 0, ..self.next("talker") };
        let admission = self.must(&take, true, "a call of no tokens refused").await?;
        same(
            &admission.remaining.input_tokens,
            &Some(TOKENS),
            "what never fits left a trace: input tokens left",
        )
    }

    async fn calls_under_way_are_bounded_and_come_back(&mut self) -> Verdict {
        self.pass_a_minute().await;
        let busy = |take: Take| Take { agent: AgentId::new("busy_agent"), input_tokens: 1, ..take };
        let mut under_way = Vec::new();
        for _ in 0..AT_ONCE {
            let take = busy(self.next("talker"));
            self.must(&take, true, "a free slot refused").await?;
            under_way.push(take);
        }
        let waiting = busy(self.next("talker"));
        self.must(&waiting, false, "more calls under way than slots").await?;
        if let Some(over) = under_way.first() {
            let used = Used { input_tokens: 1, output_tokens: 1 };
            done(self.limits.settle(over, &used).await, "settling")?;
        }
        self.must(&waiting, true, "the slot of a call that is over did not come back").await?;
        let lost = busy(self.next("talker"));
        let refused = self.must(&lost, false, "more calls under way than slots").await?;
        // Nobody settles what a dead process had under way.
        self.clock
            .sleep(refused.retry_after_ms.max(AT_ONCE_SPAN_MS + 2 * sub_span_ms(AT_ONCE_SPAN_MS)))
            .await;
        self.must(&lost, true, "the slots of dead processes did not come back").await?;
        Ok(())
    }

    async fn the_simple_face(&mut self) -> Verdict {
        let allow =
            async |key: &'static str, tokens| done(self.limits.allow(key, tokens).await, "asking for a key");
        let admission = allow("key", KEY_TOKENS - 1).await?;
        same(
            &(admission.allowed, admission.remaining.input_tokens),
            &(true, Some(1)),
            "most of a key's rate",
        )?;
        let refused_now = allow("key", 2).await?;
        ensure(!refused_now.allowed && (1..=1_100).contains(&refused_now.retry_after_ms), || {
            format!("more than a key's rate: {refused_now:?}")
        })?;
        ensure(allow("other", KEY_TOKENS).await?.allowed, || {
            "one key's rate is taken from another".to_owned()
        })?;
        refused(
            self.limits.allow("key", KEY_TOKENS + 1).await,
            ErrorKind::AboveCapacity,
            "more than a key ever has",
        )?;
        self.clock.sleep(refused_now.retry_after_ms).await;
        ensure(allow("key", 2).await?.allowed, || "a key is refused after the wait it was told".to_owned())
    }
}
