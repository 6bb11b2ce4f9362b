//! The rates of two calls are taken for a tenant that has taken none; both must be admitted. A rate of one a minute, which
//! nobody can work with, is told as a failure; calls that are admitted without Redis where there should be one, as a warning.

use futures::FutureExt as _;

use super::probe::Probe;
use super::{Check, Finding};
use crate::error::Result;
use crate::model::{AgentId, TakeId};
use crate::ports::{Backend, Take};

const NAME: &str = "distributed_rate_limiter";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: true,
    about: "the rates of two calls are taken for a tenant and a provider that have taken none: both must be admitted, and \
            are given back",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let tenant = probe.tenant(NAME);
    let takes = ["first", "second"].map(|which| Take {
        id: TakeId::new(format!("{tenant}/{which}")),
        agent: AgentId::new(NAME),
        model: tenant.as_str().to_owned(),
        provider: tenant.as_str().to_owned(),
        tenant: tenant.clone(),
        input_tokens: 1,
        output_tokens: 1,
    });
    let mut without_redis = None;
    // The second one meets what the first has left.
    for (take, which) in takes.iter().zip(["first", "second"]) {
        let admission = probe.ports.limits.take(take).await?;
        if !admission.allowed {
            let after_ms = admission.retry_after_ms;
            return Ok(Finding::fail(format!("the {which} call of a tenant was refused for {after_ms} ms")));
        }
        if matches!(admission.backend, Backend::Share | Backend::Spare) {
            without_redis = Some(admission.backend.name());
        }
    }
    for take in &takes {
        probe.ports.limits.refund(take).await?;
    }
    Ok(match without_redis {
        None => Finding::pass("two calls of a tenant that had made none were admitted, and given back"),
        Some(backend) => Finding::warn(format!(
            "Redis does not answer: two calls of a tenant that had made none were admitted by the {backend}, and given back"
        )),
    })
}
