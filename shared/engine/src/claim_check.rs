//! Large data does not travel in rows: over [`INLINE_BYTES`] it is stored as content and read back by its digest.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ContentRef, Outcome, Step, StepResult, TenantId};
use crate::ports::Ports;
use crate::transact::again;

/// Data up to this size stays in its row.
pub const INLINE_BYTES: usize = 32 * 1024;

/// The result as its row keeps it, and where its data is if that is not in the row.
pub(crate) async fn stow<'a>(
    ports: &Ports,
    tenant: &TenantId,
    result: &'a StepResult,
) -> Result<(Cow<'a, StepResult>, Option<ContentRef>)> {
    let bytes = result.data().map(|data| data.to_string().into_bytes()).unwrap_or_default();
    if bytes.len() <= INLINE_BYTES {
        return Ok((Cow::Borrowed(result), None));
    }
    let content = again(ports, || ports.content.put(tenant, &bytes)).await?;
    Ok((Cow::Owned(with_data(result, Value::Null)), Some(content)))
}

/// The step's result with its data, wherever that was.
pub(crate) async fn fetch<'a>(ports: &Ports, step: &'a Step) -> Result<Option<Cow<'a, StepResult>>> {
    let (Some(result), Some(content)) = (&step.result, &step.data_ref) else {
        return Ok(step.result.as_ref().map(Cow::Borrowed));
    };
    let bytes = again(ports, || ports.content.get(&step.key.run.tenant, content)).await?;
    let data = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Storage, "stored data is not what was stored").because(error)
    })?;
    Ok(Some(Cow::Owned(with_data(result, data))))
}

fn with_data(result: &StepResult, data: Value) -> StepResult {
    let outcome = match &result.outcome {
        Outcome::Ok(_) => Outcome::Ok(data),
        Outcome::Uncertain { reason, .. } => Outcome::Uncertain { reason: reason.clone(), data: Some(data) },
        other => other.clone(),
    };
    StepResult { outcome, warnings: result.warnings.clone(), meta: result.meta.clone() }
}
