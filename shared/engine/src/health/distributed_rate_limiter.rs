//! A call's rates are taken for a tenant that has taken none, which must be admitted.

use futures::FutureExt as _;

use super::probe::Probe;
use super::{Check, Finding};
use crate::error::Result;
use crate::model::{AgentId, TakeId};
use crate::ports::Take;

const NAME: &str = "distributed_rate_limiter";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: true,
    about: "the rates of one call are taken for a tenant and a provider that have taken none: it must be admitted, and is given \
            back",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let tenant = probe.tenant(NAME);
    let take = Take {
        id: TakeId::new(tenant.as_str()),
        agent: AgentId::new(NAME),
        model: tenant.as_str().to_owned(),
        provider: tenant.as_str().to_owned(),
        tenant,
        input_tokens: 1,
        output_tokens: 1,
    };
    let admission = probe.ports.limits.take(&take).await?;
    if !admission.allowed {
        let what = format!("the first call of a tenant was refused for {} ms", admission.retry_after_ms);
        return Ok(Finding::fail(what));
    }
    probe.ports.limits.refund(&take).await?;
    Ok(Finding::pass(format!("one call was admitted, by {}, and given back", admission.backend.name())))
}
