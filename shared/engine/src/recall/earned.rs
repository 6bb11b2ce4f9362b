//! Whether an answer of the same meaning is served: what an agent's stored answers have earned, over all tenants.
//!
//! The counts of an agent are one row, with a part for each version of its prompt and each model. A decision to serve reads it and
//! writes it back with the answer counted, on the condition that nobody wrote in between; only then the answer is served. So no
//! answer is served that is not in the counts, no two decisions are made on the same counts, and the bound of
//! [`Trust`](super::trust::Trust) holds without an allowance for others.
//!
//! Nothing else waits for this row: it is in no other transaction, is tried a few times and let go. What is lost then keeps the
//! bound. A decision that was not seen to be written serves nothing; if it was written after all, a candidate is counted that
//! was not served. An audit's finding that is lost counts as wrong for ever. A label of the shadow that is lost makes fewer
//! candidates, of which the served ones are a larger share.

use std::pin::pin;

use futures::future::{Either, select};

use super::trust::{Decision, Earned, Limit, Standing, Trust};
use crate::agent::{AgentSpec, ModelSpec};
use crate::error::{ErrorKind, Result};
use crate::lease::Claimed;
use crate::model::AgentId;
use crate::ports::{Becomes, Change, Expect, Key, Ports, Row};
use crate::{routing, transact};

const TRIES: u32 = 8;
/// Longer than this no step waits for the row.
const PATIENCE_MS: u64 = 250;
const LONGEST_PAUSE_MS: u64 = 16;

/// Whose stored answers they are: an agent's, by a version of its prompt and a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    agent: AgentId,
    name: String,
}

impl Maker {
    pub(crate) fn of(spec: &AgentSpec, model: &ModelSpec) -> Self {
        let name = format!("{} {}", spec.prompt_version, routing::name_of(model));
        Self { agent: spec.id.clone(), name }
    }

    /// The version of its prompt, and the model with its provider.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// What the stored answers of the catalogue's agents that are compared by meaning have earned: agent, version of its prompt
/// with its model, and how that stands. Errors: `Storage`.
pub async fn standings(ports: &Ports) -> Result<Vec<(AgentId, String, Standing)>> {
    let agents = ports.catalogue.agents.iter().filter(|agent| agent.compares_by_meaning());
    let agents: Vec<AgentId> = agents.map(|agent| agent.id.clone()).collect();
    let keys: Vec<Key> = agents.iter().cloned().map(Key::Trust).collect();
    let rows = transact::read(ports, &keys).await?;
    let earned = agents.into_iter().zip(rows).filter_map(|(agent, row)| match row {
        Some(Row::Trust(earned)) => Some((agent, earned)),
        _ => None,
    });
    let standing = |trust: &Trust| trust.standing(Limit::default());
    Ok(earned
        .flat_map(|(agent, earned)| {
            let of = earned.by.into_iter();
            of.map(move |(maker, trust)| (agent.clone(), maker, standing(&trust))).collect::<Vec<_>>()
        })
        .collect())
}

/// What is done with the stored answer, and how its agent's answers stand; `None` if that cannot be decided, and then it is not
/// used at all.
///
/// The coin that picks audits follows from run, step, lease and key: whoever asks cannot know it beforehand, since the
/// platform draws the run's id, and it can be thrown again. An audit that this step has begun is not chosen again but made.
pub(crate) async fn decide(
    ports: &Ports,
    claimed: &Claimed,
    maker: &Maker,
    key: &str,
) -> Option<(Decision, Standing)> {
    let (coin, step) = (coin(claimed, key), step_name(claimed));
    let now_ms = ports.clock.now_ms();
    change(ports, maker, |trust| {
        if let Some(owed) = trust.owed.get(&step) {
            return (Decision::Serve { rate: owed.rate, audit: true }, trust.standing(Limit::default()));
        }
        let decision = trust.decide(Limit::default(), 0, coin);
        let standing = trust.standing(Limit::default());
        if let Decision::Serve { rate, audit } = decision {
            trust.serve(rate, audit);
            if audit {
                trust.owe(&step, rate, now_ms);
            }
        }
        (decision, standing)
    })
    .await
}

/// The model's own answer has shown whether the stored one is right.
pub(crate) async fn learn(ports: &Ports, claimed: &Claimed, maker: &Maker, decision: Decision, wrong: bool) {
    let step = step_name(claimed);
    let learned = change(ports, maker, |trust| match decision {
        Decision::Shadow => trust.label(wrong, Limit::default()),
        Decision::Serve { rate, audit: true } => {
            // Found once: another worker on the same step may have been faster.
            if trust.owed.remove(&step).is_some() {
                trust.found(rate, wrong, Limit::default());
            }
        }
        Decision::Serve { audit: false, .. } => {}
    });
    if learned.await.is_none() {
        tracing::debug!(agent = %maker.agent, "a label of a stored answer was lost");
    }
}

/// A call for an audit failed; where `is_lost`, its step does not come back for it.
pub(crate) async fn unanswered(ports: &Ports, claimed: &Claimed, maker: &Maker, is_lost: bool) {
    let step = step_name(claimed);
    let told = change(ports, maker, |trust| {
        trust.unanswered();
        if is_lost {
            trust.owed.remove(&step);
        }
    });
    if told.await.is_none() {
        tracing::debug!(agent = %maker.agent, "that an audit failed was not told");
    }
}

fn coin(claimed: &Claimed, key: &str) -> u8 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(claimed.key.to_string().as_bytes());
    hasher.update(&claimed.epoch.to_le_bytes()).update(key.as_bytes());
    hasher.finalize().as_bytes()[0]
}

/// A step's name in the row, which tells nobody whose it is.
fn step_name(claimed: &Claimed) -> String {
    let key = &claimed.key;
    let name = format!("{}/{key}", key.run.tenant);
    blake3::hash(name.as_bytes()).to_hex().as_str()[..16].to_owned()
}

async fn change<T>(ports: &Ports, maker: &Maker, decide: impl Fn(&mut Trust) -> T) -> Option<T> {
    match select(pin!(write(ports, maker, decide)), pin!(ports.clock.sleep(PATIENCE_MS))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => None,
    }
}

/// Only a conflict is tried again: a write that may have happened must not happen twice.
async fn write<T>(ports: &Ports, maker: &Maker, decide: impl Fn(&mut Trust) -> T) -> Option<T> {
    let key = Key::Trust(maker.agent.clone());
    for tries in 0..TRIES {
        let row = ports.store.read(std::slice::from_ref(&key)).await.ok()?.pop()?;
        let (before, expect) = match row {
            None => (Earned::default(), Expect::Absent),
            Some(versioned) => match versioned.row {
                Row::Trust(earned) => (earned, Expect::Version(versioned.version)),
                _ => return None,
            },
        };
        let mut earned = before.clone();
        let outcome = decide(earned.of(&maker.name));
        if earned == before {
            return Some(outcome);
        }
        let change = Change { key: key.clone(), expect, to: Becomes::Row(Row::Trust(earned)), due_ms: None };
        match ports.store.write(&[change]).await {
            Ok(()) => return Some(outcome),
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let longest_ms = LONGEST_PAUSE_MS.min(1 << tries);
                ports.clock.sleep(1 + ports.random.next_u64() % longest_ms).await;
            }
            Err(error) => {
                tracing::debug!(%error, agent = %maker.agent, "what stored answers have earned was not written");
                return None;
            }
        }
    }
    None
}
