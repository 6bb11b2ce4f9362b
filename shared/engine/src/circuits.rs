//! What all functions know of the providers' health.

use crate::error::{ErrorKind, Result};
use crate::model::Circuit;
use crate::money::circuit_of;
use crate::ports::{Key, Ports};
use crate::transact::{Decision, read, transact};

/// True if a call failed because of its provider, and not because of what was asked.
pub(crate) fn is_providers_fault(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Network
            | ErrorKind::Timeout
            | ErrorKind::ModelUnavailable
            | ErrorKind::Quota
            | ErrorKind::Configuration
    )
}

/// What a call says of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered, if only with a refusal.
    Answered,
    /// It failed; whether somebody else could have been asked.
    Failed { has_alternative: bool },
    /// The call says nothing: it was not made, or not given the time. The next one may be the probe.
    None,
}

/// Tells all functions how a provider answered a call. What cannot be told costs a call more, and no result.
pub(crate) async fn tell(ports: &Ports, provider: &str, verdict: Verdict) {
    let key = Key::Circuit(provider.to_owned());
    let now = ports.clock.now_ms();
    let told = transact(ports, std::slice::from_ref(&key), |rows| {
        let circuit = circuit_of(rows.get(&key));
        let next = match verdict {
            Verdict::Answered => Circuit::default(),
            Verdict::Failed { has_alternative } => circuit.failed(now, has_alternative),
            Verdict::None => Circuit { probe_until_ms: 0, ..circuit },
        };
        Ok(match next {
            next if next == circuit => Decision::Leave(()),
            next if next == Circuit::default() => Decision::Write(vec![rows.delete(key.clone())], ()),
            next => Decision::Write(vec![rows.put(key.clone(), crate::ports::Row::Circuit(next), None)], ()),
        })
    })
    .await;
    if let Err(error) = told {
        tracing::warn!(provider, %error, "how the provider answered was not told to others");
    }
}

/// How providers have answered lately, in the order they are named.
pub async fn circuits(ports: &Ports, providers: &[String]) -> Result<Vec<Circuit>> {
    let keys: Vec<Key> = providers.iter().map(|provider| Key::Circuit(provider.clone())).collect();
    Ok(read(ports, &keys).await?.iter().map(|row| circuit_of(row.as_ref())).collect())
}
