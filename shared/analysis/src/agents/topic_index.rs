//! Topics of many runs by their words, so that one topic is looked up without reading all others.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{self, Record, Topic};

/// The runs of each label, and the topics of each keyword; all folded.
#[derive(Default)]
pub(super) struct TopicIndex {
    labels: BTreeMap<String, BTreeSet<usize>>,
    keywords: BTreeMap<String, Vec<(usize, usize)>>,
}

impl TopicIndex {
    /// Indexes the topics of runs; a run is known by its place.
    pub(super) fn new(runs: &[Record]) -> Self {
        let mut index = Self::default();
        for (run, record) in runs.iter().enumerate() {
            for (position, topic) in record.topics.iter().enumerate() {
                index.labels.entry(input::fold(&topic.label)).or_default().insert(run);
                for keyword in input::folded(&topic.keywords) {
                    index.keywords.entry(keyword).or_default().push((run, position));
                }
            }
        }
        index
    }

    /// The runs with a topic of that name, or one that shares two of its keywords.
    pub(super) fn runs_with(&self, sought: &Topic) -> BTreeSet<usize> {
        let mut runs = self.labels.get(&input::fold(&sought.label)).cloned().unwrap_or_default();
        let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for keyword in input::folded(&sought.keywords) {
            for place in self.keywords.get(&keyword).into_iter().flatten() {
                *shared.entry(*place).or_default() += 1;
            }
        }
        runs.extend(shared.into_iter().filter(|(_, count)| *count >= 2).map(|((run, _), _)| run));
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule, without an index.
    fn has_topic(record: &Record, sought: &Topic) -> bool {
        let keywords = input::folded(&sought.keywords);
        record.topics.iter().any(|topic| {
            input::fold(&topic.label) == input::fold(&sought.label)
                || input::folded(&topic.keywords).intersection(&keywords).count() >= 2
        })
    }

    #[test]
    fn finds_what_reading_all_records_finds() {
        let topic = |label: &str, keywords: &[&str]| Topic {
            label: label.to_owned(),
            keywords: keywords.iter().map(|word| (*word).to_owned()).collect(),
            ..Topic::default()
        };
        let record = |topics: Vec<Topic>| Record { topics, ..Record::default() };
        let runs = [
            record(vec![topic("Sea wall", &["wall", "sea"]), topic("x", &["tram"])]),
            record(vec![topic("walls", &["Wall", "Sea", "tide"])]),
            record(vec![topic("y", &["wall"]), topic("z", &["sea"])]),
            record(vec![]),
        ];
        let index = TopicIndex::new(&runs);
        for sought in
            [topic("sea  WALL", &["tide"]), topic("q", &["sea", "WALL"]), topic("", &[]), topic("x", &[])]
        {
            let expected: BTreeSet<usize> =
                (0..runs.len()).filter(|run| has_topic(&runs[*run], &sought)).collect();
            assert_eq!(index.runs_with(&sought), expected, "{sought:?}");
        }
    }
}
