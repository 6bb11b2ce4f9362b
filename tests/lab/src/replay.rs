//! What stored answers are worth to a platform that is in use: comprehensive runs, one after the other, of content that was seen
//! before, was seen with other lines, repeats claims of other content in other words, or is new. Every run is played twice,
//! with stored answers and without: the difference is what they saved, and every served answer is held to the one that was
//! given without them.
//!
//! `shows` makes the content, `house` plays runs on virtual time with everything in memory, `judge` is the model. Vectors are
//! the real model's.

mod house;
mod judge;
mod shows;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::model::{Basis, CacheLevel, Compared, StepResult, Used};
use serde::Serialize;
use serde_json::json;

use crate::recall::embedded::Embedded;
use crate::stack::Result;
use house::{House, Steps};
use shows::{Class, Show, Shows};

/// The agent whose tokens are told apart.
const VERIFIER: &str = "verification_director";

/// How much is played.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Runs that are measured: a quarter seen before, a quarter edited, three tenths that repeat claims, a fifth new.
    pub runs: usize,
    /// Runs of other content before, all of whose claims were made by content before them: in them recall by meaning earns the
    /// right to serve.
    pub before: usize,
    /// So many answers of the same meaning are taken as found right before. With none, what recall by meaning may serve has to be
    /// earned in these runs.
    pub earned: u64,
    /// Whether claims are compared by meaning.
    pub by_meaning: bool,
    /// Which content.
    pub seed: u64,
}

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    /// Runs that were measured, and those before them.
    pub runs: usize,
    /// Runs before the measured ones.
    pub before: usize,
    /// By class of content.
    pub classes: BTreeMap<&'static str, OfClass>,
    /// The share of tokens that was avoided over all content that came before and was edited.
    pub edited_avoided: f64,
    /// Served answers that differ from the one given without stored answers; of recall by meaning, those whose verdict differs.
    pub wrong: u64,
    /// The first few of them.
    pub wrong_ones: Vec<String>,
    /// What recall by meaning had earned when the measured runs began, and at the end.
    pub earned: [Earned; 2],
    /// Claims whose text has no vector, because the content's maker does not know it as a sentence of its own.
    pub not_embedded: u64,
}

/// What recall by meaning has earned.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Earned {
    /// Requests for which an answer of the same meaning was stored.
    pub candidates: u64,
    /// How many of them a wrong answer may have been served to, at most, as a share.
    pub bound: f64,
    /// How often a served answer is audited; 1 while none is served.
    pub audited: f64,
}

/// A class of content.
#[derive(Debug, Default, Serialize)]
pub struct OfClass {
    /// Runs.
    pub runs: usize,
    /// Tokens of models without stored answers.
    pub tokens: u64,
    /// The share of them that was avoided.
    pub avoided: f64,
    /// By level.
    pub by_level: BTreeMap<CacheLevel, f64>,
    /// Tokens for judging claims that other content had made before, and the share of them that was avoided. Zero where there are none.
    pub repeated_tokens: u64,
    /// That share.
    pub repeated_avoided: f64,
    /// What became of these claims: served or asked, and why.
    pub repeated_claims: BTreeMap<String, u64>,
    /// Tokens without stored answers and with them, by agent.
    pub by_agent: BTreeMap<String, [u64; 2]>,
    #[serde(skip)]
    saved: BTreeMap<CacheLevel, u64>,
    #[serde(skip)]
    used: u64,
    #[serde(skip)]
    repeated_used: u64,
}

/// Plays it.
pub fn play(extent: Extent) -> Result<Figures> {
    let mut shows = Shows::new(extent.seed);
    let before: Vec<Show> = (0..extent.before).map(|_| shows.said_again()).collect();
    let measured: Vec<Show> = (0..extent.runs).map(|number| shows.next(number)).collect();
    let mut embedded = Embedded::default();
    if extent.by_meaning {
        embedded.add(shows.texts())?;
    }
    let vectors = extent.by_meaning.then(|| Arc::new(embedded));
    let facts = Arc::new(shows.into_facts());
    let mut with = House::new(extent.seed, true, vectors, facts.clone())?;
    let mut without = House::new(extent.seed, false, None, facts)?;
    with.take_as_earned(VERIFIER, extent.earned)?;
    let mut figures = Figures { runs: extent.runs, before: extent.before, ..Figures::default() };
    for (number, show) in before.iter().chain(&measured).enumerate() {
        if number == before.len() {
            figures.earned[0] = with.earned(VERIFIER)?;
        }
        let (one, other) = (with.run(show)?, without.run(show)?);
        let wrong = compare(&with, &without, &one, &other);
        figures.wrong += wrong.len() as u64;
        figures.wrong_ones.extend(wrong.into_iter().take(5_usize.saturating_sub(figures.wrong_ones.len())));
        if number >= before.len() {
            figures.classes.entry(show.class.name()).or_default().add(show, &one, &other);
        }
    }
    figures.earned[1] = with.earned(VERIFIER)?;
    figures.not_embedded = with.not_embedded();
    figures.classes.values_mut().for_each(OfClass::conclude);
    let edited = [Class::Reissued, Class::Rephrased, Class::Corrected].map(Class::name);
    let edited = || edited.iter().filter_map(|name| figures.classes.get(name));
    let (tokens, used) = (edited().map(|class| class.tokens).sum(), edited().map(|class| class.used).sum());
    figures.edited_avoided = share(u64::saturating_sub(tokens, used), tokens);
    Ok(figures)
}

/// The answers that were served and are not what is given without stored ones.
fn compare(house: &House, other_house: &House, with: &Steps, without: &Steps) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, one) in with {
        let Basis::Cache { level, .. } = one.meta.basis else { continue };
        let Some(other) = without.get(key) else {
            wrong.push(format!("{} {}: not done without stored answers", key.0, key.1));
            continue;
        };
        // What makes two answers the same: for recall by meaning the verdict, else all of it.
        let fields = house.answer_fields(&key.0, level == CacheLevel::L3);
        let of = |result: &StepResult| {
            let data = result.ok().cloned().unwrap_or_default();
            json!(fields.iter().map(|field| &data[field.as_str()]).collect::<Vec<_>>()).to_string()
        };
        // Runs have other ids there.
        let (one, other) = (house.numbered(&of(one)), other_house.numbered(&of(other)));
        if one != other {
            let [one, other] = [one, other].map(|text| text.chars().take(300).collect::<String>());
            wrong.push(format!("{} {} {level:?}: {one} and not {other}", key.0, key.1));
        }
    }
    wrong
}

impl OfClass {
    fn add(&mut self, show: &Show, with: &Steps, without: &Steps) {
        self.runs += 1;
        for (key, other) in without {
            let all = other.meta.usage.total_tokens();
            let one = with.get(key);
            let used = one.map_or(0, |one| one.meta.usage.total_tokens());
            self.tokens += all;
            self.used += used;
            let [of_agent, used_by_agent] = self.by_agent.entry(key.0.clone()).or_default();
            *of_agent += all;
            *used_by_agent += used;
            if let Some(Basis::Cache { level, .. }) = one.map(|one| one.meta.basis) {
                *self.saved.entry(level).or_default() += all;
            }
            let claim = other.ok().and_then(|data| data["claim"].as_str()).unwrap_or_default();
            if key.0 == VERIFIER && show.repeats.contains(claim) {
                self.repeated_tokens += all;
                self.repeated_used += used;
                *self.repeated_claims.entry(one.map_or_else(String::new, became)).or_default() += 1;
            }
        }
    }

    fn conclude(&mut self) {
        self.avoided = share(self.tokens.saturating_sub(self.used), self.tokens);
        self.by_level =
            self.saved.iter().map(|(level, saved)| (*level, share(*saved, self.tokens))).collect();
        self.repeated_avoided =
            share(self.repeated_tokens.saturating_sub(self.repeated_used), self.repeated_tokens);
    }
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// What became of a claim that was judged before in other words.
fn became(result: &StepResult) -> String {
    if let Basis::Cache { level, .. } = result.meta.basis {
        return format!("served by {level:?}").to_lowercase();
    }
    let compared = result.meta.recall.as_ref().and_then(|note| note.compared.as_ref());
    match compared {
        None => "asked: nothing near beside the same passages".to_owned(),
        Some(Compared { used: Some(Used::Audited), .. }) => "asked: an audit".to_owned(),
        Some(Compared { used: Some(_), .. }) => "asked: not earned yet".to_owned(),
        Some(Compared { refused: Some(refusal), .. }) => {
            format!("asked: a guard refused it ({:?})", refusal.guard).to_lowercase()
        }
        Some(Compared { is_near: false, .. }) => "asked: not near enough".to_owned(),
        Some(_) => "asked: the answer does not fit here, or is gone".to_owned(),
    }
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Identical => "identical",
            Class::Reissued => "edited: fillers, marks and capitals",
            Class::Rephrased => "edited: words beside the claims",
            Class::Corrected => "edited: figures of claims",
            Class::Repeating => "other content, a third of its claims reworded",
            Class::New => "new",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_before_costs_next_to_nothing_and_nothing_is_wrong() {
        let extent = Extent { runs: 13, before: 0, earned: 0, by_meaning: false, seed: 1 };
        let figures = play(extent).unwrap();
        assert_eq!(figures.wrong_ones, Vec::<String>::new());
        assert_eq!(figures.classes["identical"].runs, 3);
        assert!(figures.classes["identical"].avoided > 0.98, "{figures:#?}");
        // The earlier version of a content is not shown to the edited one.
        assert!(figures.classes["edited: fillers, marks and capitals"].avoided > 0.9, "{figures:#?}");
        assert!(figures.classes["edited: words beside the claims"].avoided > 0.3, "{figures:#?}");
        assert!(figures.classes["edited: figures of claims"].avoided > 0.1, "{figures:#?}");
        assert!(figures.edited_avoided > 0.5, "{figures:#?}");
        // What people say in every talk is no news.
        assert!(figures.classes["new"].avoided < 0.01, "{figures:#?}");
    }
}
