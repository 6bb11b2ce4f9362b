//! Whether an answer of the same meaning is served: what an agent's stored answers have earned, over all tenants.
//!
//! The counts of an agent are one row. A decision to serve reads it and writes it back with the answer counted, on the
//! condition that nobody wrote in between; only then the answer is served. So no answer is served that is not in the counts,
//! no two decisions are made on the same counts, and the bound of [`Trust`] holds without an allowance for others.
//!
//! Nothing else waits for this row: it is in no other transaction, is tried a few times and let go. What is lost then keeps the
//! bound. A decision that was not seen to be written serves nothing; if it was written after all, a candidate is counted that
//! was not served. An audit's finding that is lost counts as wrong for ever. A label of the shadow that is lost makes fewer
//! candidates, of which the served ones are a larger share.

use std::pin::pin;

use futures::future::{Either, select};

use super::trust::{Decision, Limit, Trust};
use crate::agent::AgentSpec;
use crate::error::ErrorKind;
use crate::lease::Claimed;
use crate::model::AgentId;
use crate::ports::{Becomes, Change, Expect, Key, Ports, Row};

const TRIES: u32 = 8;
/// Longer than this no step waits for the row.
const PATIENCE_MS: u64 = 250;
const LONGEST_PAUSE_MS: u64 = 16;

/// What is done with the stored answer; `None` if that cannot be decided, and then it is not used at all.
///
/// The coin that picks audits follows from run, step, lease and key: whoever asks cannot know it beforehand, since the
/// platform draws the run's id, and it can be thrown again.
pub(crate) async fn decide(ports: &Ports, claimed: &Claimed, key: &str) -> Option<Decision> {
    let coin = coin(claimed, key);
    change(ports, &claimed.key.agent, |trust| {
        let decision = trust.decide(Limit::default(), 0, coin);
        if let Decision::Serve { rate, audit } = decision {
            trust.serve(rate, audit);
        }
        decision
    })
    .await
}

/// The model's own answer has shown whether the stored one is right.
pub(crate) async fn learn(ports: &Ports, spec: &AgentSpec, decision: Decision, wrong: bool) {
    let learned = change(ports, &spec.id, |trust| match decision {
        Decision::Shadow => trust.label(wrong, Limit::default()),
        Decision::Serve { rate, audit: true } => trust.found(rate, wrong, Limit::default()),
        Decision::Serve { audit: false, .. } => {}
    });
    if learned.await.is_none() {
        tracing::debug!(agent = %spec.id, "a label of a stored answer was lost");
    }
}

fn coin(claimed: &Claimed, key: &str) -> u8 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(claimed.key.to_string().as_bytes());
    hasher.update(&claimed.epoch.to_le_bytes()).update(key.as_bytes());
    hasher.finalize().as_bytes()[0]
}

async fn change<T>(ports: &Ports, agent: &AgentId, decide: impl Fn(&mut Trust) -> T) -> Option<T> {
    match select(pin!(write(ports, agent, decide)), pin!(ports.clock.sleep(PATIENCE_MS))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => None,
    }
}

/// Only a conflict is tried again: a write that may have happened must not happen twice.
async fn write<T>(ports: &Ports, agent: &AgentId, decide: impl Fn(&mut Trust) -> T) -> Option<T> {
    let key = Key::Trust(agent.clone());
    for tries in 0..TRIES {
        let row = ports.store.read(std::slice::from_ref(&key)).await.ok()?.pop()?;
        let (before, expect) = match row {
            None => (Trust::default(), Expect::Absent),
            Some(versioned) => match versioned.row {
                Row::Trust(trust) => (trust, Expect::Version(versioned.version)),
                _ => return None,
            },
        };
        let mut trust = before.clone();
        let outcome = decide(&mut trust);
        if trust == before {
            return Some(outcome);
        }
        let change = Change { key: key.clone(), expect, to: Becomes::Row(Row::Trust(trust)), due_ms: None };
        match ports.store.write(&[change]).await {
            Ok(()) => return Some(outcome),
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let longest_ms = LONGEST_PAUSE_MS.min(1 << tries);
                ports.clock.sleep(1 + ports.random.next_u64() % longest_ms).await;
            }
            Err(error) => {
                tracing::debug!(%error, %agent, "what stored answers have earned was not written");
                return None;
            }
        }
    }
    None
}
