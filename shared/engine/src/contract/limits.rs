//! What a limiter must hold.

use futures::future::join_all;

use super::{Verdict, done, ensure, samples};
use crate::model::AgentId;
use crate::ports::{Admission, Clock, Limits, Take};

const WINDOW_MS: u64 = 60_000;

/// Tries a limiter of `per_minute` requests per tenant, and of at least twice as many per provider, that has admitted
/// nothing yet. `clock` is the one it reads, and its `sleep` must move it on.
pub async fn limits_contract(limits: &dyn Limits, clock: &dyn Clock, per_minute: usize) -> Verdict {
    let mut trial = Trial { limits, clock, admitted: Vec::new(), per_minute };
    trial.a_burst_is_cut_at_the_limit().await?;
    trial.others_are_not_touched().await?;
    trial.no_window_holds_more().await?;
    trial.a_wait_as_told_is_enough().await?;
    trial.simultaneous_calls_share_the_limit().await
}

struct Trial<'a> {
    limits: &'a dyn Limits,
    clock: &'a dyn Clock,
    admitted: Vec<u64>,
    per_minute: usize,
}

fn call(tenant: &str, provider: &str) -> Take {
    Take {
        tenant: samples::tenant(tenant),
        agent: AgentId::new("analysis_cartographer"),
        model: "sample".to_owned(),
        provider: provider.to_owned(),
        input_tokens: 1_000,
        output_tokens: 100,
    }
}

impl Trial<'_> {
    async fn take(&self, tenant: &str, provider: &str) -> Verdict<Admission> {
        let admission = done(self.limits.take(&call(tenant, provider)).await, "asking the limiter")?;
        ensure(!matches!(admission, Admission::RetryAfter(0)), || {
            "refused with nothing to wait for".to_owned()
        })?;
        Ok(admission)
    }

    /// Asks for the tenant under trial and remembers what was admitted when.
    async fn ask(&mut self) -> Verdict<Admission> {
        let admission = self.take("owner", "provider").await?;
        if admission == Admission::Admitted {
            self.admitted.push(self.clock.now_ms());
            self.check_window()?;
        }
        Ok(admission)
    }

    fn check_window(&self) -> Verdict {
        let now_ms = self.clock.now_ms();
        let inside = self.admitted.iter().filter(|at_ms| **at_ms + WINDOW_MS > now_ms).count();
        ensure(inside <= self.per_minute, || {
            format!("{inside} admitted in one minute at a limit of {}", self.per_minute)
        })
    }

    async fn a_burst_is_cut_at_the_limit(&mut self) -> Verdict {
        for number in 0..self.per_minute {
            let admission = self.ask().await?;
            ensure(admission == Admission::Admitted, || {
                format!("request {number} of an idle minute refused")
            })?;
        }
        match self.ask().await? {
            Admission::RetryAfter(wait_ms) if wait_ms <= WINDOW_MS + 1_000 => Ok(()),
            other => Err(format!("one more than the limit: {other:?}")),
        }
    }

    async fn others_are_not_touched(&mut self) -> Verdict {
        let other = self.take("stranger", "provider").await?;
        ensure(other == Admission::Admitted, || "one tenant's rate is taken from another".to_owned())?;
        let refused = self.take("owner", "other provider").await?;
        ensure(refused != Admission::Admitted, || "a tenant escapes through another provider".to_owned())
    }

    async fn no_window_holds_more(&mut self) -> Verdict {
        let step_ms = (WINDOW_MS / self.per_minute.max(1) as u64 / 2).clamp(1, 7_777);
        for _ in 0..4 * self.per_minute + 20 {
            self.clock.sleep(step_ms).await;
            self.ask().await?;
        }
        Ok(())
    }

    async fn a_wait_as_told_is_enough(&mut self) -> Verdict {
        for _ in 0..3 {
            while self.ask().await? == Admission::Admitted {}
            let Admission::RetryAfter(wait_ms) = self.ask().await? else { continue };
            self.clock.sleep(wait_ms).await;
            let admission = self.ask().await?;
            ensure(admission == Admission::Admitted, || {
                format!("refused after a wait of {wait_ms} ms as told")
            })?;
        }
        Ok(())
    }

    async fn simultaneous_calls_share_the_limit(&mut self) -> Verdict {
        self.clock.sleep(2 * WINDOW_MS).await;
        let asked = self.per_minute + 3;
        let answers = join_all((0..asked).map(|_| self.take("owner", "provider"))).await;
        let mut admitted = 0;
        for answer in answers {
            admitted += usize::from(answer? == Admission::Admitted);
        }
        ensure(admitted <= self.per_minute, || {
            format!("{admitted} of {asked} simultaneous requests admitted at a limit of {}", self.per_minute)
        })?;
        ensure(admitted > 0, || "no one of many simultaneous requests admitted".to_owned())
    }
}
