//! A call's rates are taken for a tenant that has taken none, which must be admitted.

use futures::FutureExt as _;

use super::probe::Probe;
use super::{Check, Finding};
use crate::error::Result;
use crate::model::AgentId;
use crate::ports::{Admission, Take};

const NAME: &str = "distributed_rate_limiter";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: true,
    about: "the rates of one call are taken for a tenant and a provider that have taken none: it must be admitted",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let tenant = probe.tenant(NAME);
    let take = Take {
        agent: AgentId::new(NAME),
        model: tenant.as_str().to_owned(),
        provider: tenant.as_str().to_owned(),
        tenant,
        input_tokens: 1,
        output_tokens: 1,
    };
    Ok(match probe.ports.limits.take(&take).await? {
        Admission::Admitted => Finding::pass("one call was admitted"),
        Admission::RetryAfter(after_ms) => {
            Finding::fail(format!("the first call of a tenant was refused for {after_ms} ms"))
        }
    })
}
