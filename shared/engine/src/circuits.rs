//! What all functions know of the providers' health.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Circuit, FindsOut};
use crate::money::circuit_of;
use crate::ports::{Key, Ports, SILENT_MS};
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

/// True if the provider sent nothing in all the time that an answer has to begin.
pub(crate) fn was_silent(error: &Error) -> bool {
    error.kind() == ErrorKind::Timeout && error.context().contains_key(SILENT_MS)
}

/// What a call says of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered after so long, if only with a refusal.
    Answered { took_ms: u64 },
    /// It failed; whether somebody else could have been asked, and for how long it is busy, where it says so.
    Failed { has_alternative: bool, busy_for_ms: Option<u64> },
    /// A call that began then is longer under way than any that was answered lately.
    Silent { began_ms: u64 },
    /// The call was not made, or not given the time, and says nothing. The next one may find out.
    NotFoundOut(FindsOut),
}

/// Tells all functions how a provider answered a call; true if that was news. What cannot be told costs a call more, and no
/// result.
pub(crate) async fn tell(ports: &Ports, provider: &str, verdict: Verdict) -> bool {
    let key = Key::Circuit(provider.to_owned());
    let now = ports.clock.now_ms();
    let told = transact(ports, std::slice::from_ref(&key), |rows| {
        let circuit = circuit_of(rows.get(&key));
        let next = match verdict {
            Verdict::Answered { took_ms } => circuit.answered(now, took_ms),
            Verdict::Failed { has_alternative, busy_for_ms } => {
                circuit.failed(now, has_alternative, busy_for_ms)
            }
            Verdict::Silent { began_ms } => circuit.silent(began_ms, now),
            Verdict::NotFoundOut(what) => circuit.not_found_out(what),
        };
        Ok(match next {
            next if next == circuit => Decision::Leave(false),
            next => {
                Decision::Write(vec![rows.put(key.clone(), crate::ports::Row::Circuit(next), None)], true)
            }
        })
    })
    .await;
    told.unwrap_or_else(|error| {
        tracing::warn!(provider, %error, "how the provider answered was not told to others");
        false
    })
}

/// How providers have answered lately, in the order they are named.
pub async fn circuits(ports: &Ports, providers: &[String]) -> Result<Vec<Circuit>> {
    let keys: Vec<Key> = providers.iter().map(|provider| Key::Circuit(provider.clone())).collect();
    Ok(read(ports, &keys).await?.iter().map(|row| circuit_of(row.as_ref())).collect())
}
