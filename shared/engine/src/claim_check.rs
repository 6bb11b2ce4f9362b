//! Large data does not travel in rows: over [`INLINE_BYTES`] it is stored as content and read back by its digest.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ContentRef, Outcome, Step, StepResult, TenantId};
use crate::ports::Ports;
use crate::step_input::Data;
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

/// Data that this process has read back lately: most steps of a run are given the same, and would each read and parse it.
#[derive(Debug, Default)]
pub struct ReadBack(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    tenant: TenantId,
    content: ContentRef,
    bytes: usize,
    value: Arc<Value>,
}

impl ReadBack {
    /// So much is kept, counted as JSON; in memory it takes about five times as much.
    const MOST_BYTES: usize = 1024 * 1024;

    fn find(&self, tenant: &TenantId, content: &ContentRef) -> Option<Arc<Value>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|kept| kept.content == *content && kept.tenant == *tenant);
        found.map(|kept| kept.value.clone())
    }

    /// Keeps one more if it is not too large, and forgets the oldest of what is then too much.
    fn keep(&self, new: Kept) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = kept.iter().any(|kept| kept.content == new.content && kept.tenant == new.tenant);
        if is_there || new.bytes > Self::MOST_BYTES {
            return;
        }
        kept.push_back(new);
        while kept.iter().map(|kept| kept.bytes).sum::<usize>() > Self::MOST_BYTES {
            kept.pop_front();
        }
    }
}

/// The data of the step's result, wherever it is.
pub(crate) async fn data(ports: &Ports, step: &Arc<Step>) -> Result<Option<Data>> {
    let (Some(_), Some(content)) = (&step.result, &step.data_ref) else {
        return Ok(Data::in_row(step));
    };
    let tenant = &step.key.run.tenant;
    let value = match ports.read_back.find(tenant, content) {
        Some(value) => value,
        None => {
            let (value, bytes) = read(ports, tenant, content).await?;
            let value = Arc::new(value);
            let (tenant, content) = (tenant.clone(), content.clone());
            ports.read_back.keep(Kept { tenant, content, bytes, value: value.clone() });
            value
        }
    };
    Ok(Some(Data::stored(value, content.clone())))
}

/// The step's result with its data, wherever that was: from there, and not from what was read back earlier.
pub(crate) async fn fetch<'a>(ports: &Ports, step: &'a Step) -> Result<Option<Cow<'a, StepResult>>> {
    let (Some(result), Some(content)) = (&step.result, &step.data_ref) else {
        return Ok(step.result.as_ref().map(Cow::Borrowed));
    };
    let (data, _) = read(ports, &step.key.run.tenant, content).await?;
    Ok(Some(Cow::Owned(with_data(result, data))))
}

/// What is stored there, and how many bytes it was.
async fn read(ports: &Ports, tenant: &TenantId, content: &ContentRef) -> Result<(Value, usize)> {
    let bytes = again(ports, || ports.content.get(tenant, content)).await?;
    let data = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Storage, "stored data is not what was stored").because(error)
    })?;
    Ok((data, bytes.len()))
}

fn with_data(result: &StepResult, data: Value) -> StepResult {
    let outcome = match &result.outcome {
        Outcome::Ok(_) => Outcome::Ok(data),
        Outcome::Uncertain { reason, .. } => Outcome::Uncertain { reason: reason.clone(), data: Some(data) },
        other => other.clone(),
    };
    StepResult { outcome, warnings: result.warnings.clone(), meta: result.meta.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_read_back_is_found_by_its_tenant_until_there_is_too_much() {
        let read_back = ReadBack::default();
        let (own, other) = (TenantId::new("own"), TenantId::new("other"));
        let keep = |content: &str, bytes: usize| {
            let value = Arc::new(json!(content));
            read_back.keep(Kept { tenant: own.clone(), content: ContentRef::new(content), bytes, value });
        };
        let check = |tenant: &TenantId, content: &str, expected: bool| {
            let found = read_back.find(tenant, &ContentRef::new(content));
            assert_eq!(found.as_deref(), expected.then(|| json!(content)).as_ref(), "{tenant} {content}");
        };
        keep("a", ReadBack::MOST_BYTES / 2);
        keep("b", ReadBack::MOST_BYTES / 2);
        check(&own, "a", true);
        check(&own, "b", true);
        check(&other, "a", false);
        keep("c", 1);
        check(&own, "a", false);
        check(&own, "b", true);
        check(&own, "c", true);
        keep("b", ReadBack::MOST_BYTES / 2);
        check(&own, "c", true);
        keep("d", ReadBack::MOST_BYTES + 1);
        for (content, expected) in [("a", false), ("b", true), ("c", true), ("d", false)] {
            check(&own, content, expected);
        }
    }
}
