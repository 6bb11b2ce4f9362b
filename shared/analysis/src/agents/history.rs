//! Earlier runs of the tenant, and what they share with this one.

use std::collections::BTreeSet;

use engine::step_input::StepInput;
use serde::Deserialize;

use super::read::{Map, read};
use crate::entities::Kind;

/// An earlier run, as memory keeps it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EarlierRun {
    pub(super) run_id: String,
    pub(super) title: String,
    pub(super) created_ms: u64,
    pub(super) source_name: String,
    pub(super) summary: Vec<String>,
    pub(super) topics: Vec<EarlierTopic>,
    pub(super) entities: Vec<EarlierEntity>,
    pub(super) speakers: Vec<String>,
    pub(super) claims: Vec<EarlierClaim>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EarlierTopic {
    pub(super) keywords: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EarlierEntity {
    pub(super) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EarlierClaim {
    pub(super) text: String,
    pub(super) verdict: Option<String>,
}

/// The earlier runs, newest first.
pub(super) fn earlier(input: &StepInput) -> Vec<EarlierRun> {
    read(input.fact("history"))
}

impl EarlierRun {
    /// What the run is about, in lower case: its names and key terms.
    pub(super) fn subjects(&self) -> BTreeSet<String> {
        let names = self.entities.iter().map(|entity| entity.name.to_lowercase());
        let terms =
            self.topics.iter().flat_map(|topic| topic.keywords.iter().map(|word| word.to_lowercase()));
        let speakers = self.speakers.iter().map(|label| label.to_lowercase());
        names.chain(terms).chain(speakers).collect()
    }

    /// True if the run names somebody or something.
    pub(super) fn names(&self, name: &str) -> bool {
        let same = |other: &str| other.to_lowercase() == name.to_lowercase();
        self.entities.iter().any(|entity| same(&entity.name)) || self.speakers.iter().any(|label| same(label))
    }
}

/// What a map is about: names first, then key terms, each once, as written.
pub(super) fn subjects(map: &Map, most: usize) -> Vec<String> {
    let mut subjects: Vec<String> = Vec::new();
    let names = map.entities.iter().filter(|entity| entity.kind.0 != Kind::Other || entity.mentions > 1);
    let terms = map.topics.iter().flat_map(|topic| topic.keywords.iter());
    let all = names
        .map(|entity| &entity.name)
        .chain(terms)
        .chain(map.key_phrases.iter().map(|phrase| &phrase.text));
    let mut seen = BTreeSet::new();
    for subject in all {
        if subjects.len() == most {
            break;
        }
        if seen.insert(subject.to_lowercase()) {
            subjects.push(subject.clone());
        }
    }
    subjects
}

/// The subjects two runs share, and how much of the smaller run that is, 0..1.
pub(super) fn overlap(subjects: &[String], run: &EarlierRun) -> (Vec<String>, f64) {
    let theirs = run.subjects();
    let shared: Vec<String> =
        subjects.iter().filter(|subject| theirs.contains(&subject.to_lowercase())).cloned().collect();
    let smaller = subjects.len().min(theirs.len()).max(1);
    let score = (shared.len() as f64 / smaller as f64).min(1.0);
    (shared, crate::speakers::round(score, 3))
}

/// `YYYY-MM-DD` of a moment, in UTC.
pub(super) fn day(ms: u64) -> String {
    // Days to civil date, after Howard Hinnant's algorithm for the proleptic Gregorian calendar.
    let shifted = (ms / 86_400_000) as i64 + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_400_000), "2000-02-29");
        assert_eq!(day(1_735_689_599_999), "2024-12-31");
    }
}
