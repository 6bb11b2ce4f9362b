//! Who makes which answer, as far as this process knows: while nobody else can be asked, its own steps wait for each other.

use std::collections::BTreeMap;

use super::near::NEAR_MS;
use crate::ports::{Flight, Held, Lead};

/// A flight that another process leads is believed in for so long after it was last told of.
const BELIEVED_MS: u64 = 1_000;

/// Flights by name, and answers that could not be stored.
#[derive(Default)]
pub(super) struct Flights {
    known: BTreeMap<String, Known>,
    /// Answers with the moment at which each was made.
    answers: BTreeMap<String, (Held, u64)>,
}

struct Known {
    /// Who leads it, if it is a step of this process.
    holder: Option<String>,
    until_ms: u64,
}

impl Flights {
    /// Notes what the shared place said.
    pub(super) fn note(&mut self, name: &str, flight: &Flight, lead: Option<Lead>, now_ms: u64) {
        let known = match lead {
            None => {
                self.known.remove(name);
                return;
            }
            Some(Lead::Own) => {
                Known { holder: Some(flight.holder.clone()), until_ms: now_ms + flight.holds_ms }
            }
            Some(Lead::Other { left_ms }) => {
                // A step of this process is known better than by its name.
                if self.known.get(name).is_some_and(|known| known.holder.is_some() && known.until_ms > now_ms)
                {
                    return;
                }
                Known { holder: None, until_ms: now_ms + left_ms.min(BELIEVED_MS) }
            }
        };
        self.known.insert(name.to_owned(), known);
        self.forget(now_ms);
    }

    /// Leads, or says who does, while nobody else can be asked.
    pub(super) fn lead(&mut self, name: &str, flight: &Flight, now_ms: u64) -> Lead {
        match self.known.get(name) {
            Some(known) if known.until_ms > now_ms && known.holder.as_ref() != Some(&flight.holder) => {
                Lead::Other { left_ms: known.until_ms - now_ms }
            }
            _ => {
                self.note(name, flight, Some(Lead::Own), now_ms);
                Lead::Own
            }
        }
    }

    /// Ends a flight, whoever leads it.
    pub(super) fn end(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// Ends a flight that this holder leads.
    pub(super) fn release(&mut self, name: &str, holder: &str) {
        if self.known.get(name).is_some_and(|known| known.holder.as_deref() == Some(holder)) {
            self.known.remove(name);
        }
    }

    /// Keeps an answer that could not be stored, for those that wait for it here.
    pub(super) fn keep(&mut self, name: &str, held: Held, now_ms: u64) {
        self.answers.insert(name.to_owned(), (held, now_ms));
        self.forget(now_ms);
    }

    /// An answer that was made a moment ago and could not be stored.
    pub(super) fn answer(&self, name: &str, now_ms: u64) -> Option<Held> {
        let (held, made_ms) = self.answers.get(name)?;
        let age_ms = now_ms.saturating_sub(*made_ms);
        (age_ms < NEAR_MS).then(|| Held { age_ms, ..held.clone() })
    }

    /// Lets go of answers that are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&str, &Held) -> bool) {
        self.answers.retain(|name, (held, _)| is_wanted(name, held));
    }

    fn forget(&mut self, now_ms: u64) {
        const LOOK_FROM: usize = 256;
        if self.known.len() + self.answers.len() > LOOK_FROM {
            self.known.retain(|_, known| known.until_ms > now_ms);
            self.answers.retain(|_, (_, made_ms)| now_ms.saturating_sub(*made_ms) < NEAR_MS);
        }
    }
}
