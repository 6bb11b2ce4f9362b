//! The rates of two calls are taken for a tenant that has taken none; both must be admitted. A rate of one a minute, which
//! nobody can work with, is told as a failure.

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
    about: "the rates of two calls are taken for a tenant and a provider that have taken none: both must be admitted",
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
    // The second one meets what the first has left.
    for which in ["first", "second"] {
        if let Admission::RetryAfter(after_ms) = probe.ports.limits.take(&take).await? {
            return Ok(Finding::fail(format!("the {which} call of a tenant was refused for {after_ms} ms")));
        }
    }
    Ok(Finding::pass("two calls of a tenant that had made none were admitted"))
}
