//! Who speaks with whom: whose turn follows whose, and who names whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Document;
use crate::entities::{Entity, Kind};
use crate::speakers::UNKNOWN;

/// What passes from one person to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Takes the turn after the other.
    Answers,
    /// Says the other's name.
    Names,
}

impl Way {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Way::Answers => "answers",
            Way::Names => "names",
        }
    }
}

/// How often somebody answers, or names, somebody else, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The label of who speaks.
    pub from: String,
    /// Who is answered or named: the label of a speaker, else the name.
    pub to: String,
    /// What happens.
    pub way: Way,
    /// How often.
    pub count: usize,
    /// Of the answers, those to a turn that ended in a question; 0 where somebody is named.
    pub to_questions: usize,
    /// Indices of the segments, ascending: where the answer begins, or the name is said.
    pub segments: Vec<usize>,
}

/// A turn that begins later than this after the one before is no answer to it.
const ANSWER_WITHIN_MS: u64 = 10_000;

/// All exchanges, most frequent first. Speakers nobody can tell apart have none. Linear.
pub fn find(document: &Document<'_>, entities: &[Entity]) -> Vec<Exchange> {
    let mut found: BTreeMap<(String, String, Way), Exchange> = BTreeMap::new();
    answers(document, &mut found);
    names(document, entities, &mut found);
    let mut exchanges: Vec<Exchange> = found.into_values().collect();
    exchanges.sort_by(|left, right| {
        let key = |exchange: &Exchange| (exchange.way, exchange.from.clone(), exchange.to.clone());
        right.count.cmp(&left.count).then_with(|| key(left).cmp(&key(right)))
    });
    exchanges
}

type Found = BTreeMap<(String, String, Way), Exchange>;

fn answers(document: &Document<'_>, found: &mut Found) {
    for (before, pair) in document.segments.windows(2).enumerate() {
        let (Some(asked), Some(answering)) = (known(&pair[0].speaker), known(&pair[1].speaker)) else {
            continue;
        };
        let late = pair[0].end_ms.zip(pair[1].start_ms);
        if asked == answering || late.is_some_and(|(end, start)| start > end.saturating_add(ANSWER_WITHIN_MS))
        {
            continue;
        }
        let exchange = entry(found, answering, asked, Way::Answers);
        exchange.count += 1;
        exchange.to_questions += usize::from(pair[0].is_question());
        exchange.segments.push(before + 1);
    }
}

fn names(document: &Document<'_>, entities: &[Entity], found: &mut Found) {
    let labels: BTreeSet<&str> =
        document.segments.iter().filter_map(|segment| known(&segment.speaker)).collect();
    for entity in entities.iter().filter(|entity| entity.kind == Kind::Person) {
        let to = label_of(&entity.name, &labels).unwrap_or(&entity.name);
        for segment in &entity.segments {
            if let Some(from) = known(&document.segments[*segment].speaker).filter(|from| *from != to) {
                let exchange = entry(found, from, to, Way::Names);
                exchange.count += 1;
                exchange.segments.push(*segment);
            }
        }
    }
    for exchange in found.values_mut().filter(|exchange| exchange.way == Way::Names) {
        exchange.segments.sort_unstable();
        exchange.segments.dedup();
        exchange.count = exchange.segments.len();
    }
}

fn entry<'a>(found: &'a mut Found, from: &str, to: &str, way: Way) -> &'a mut Exchange {
    found.entry((from.to_owned(), to.to_owned(), way)).or_insert_with(|| Exchange {
        from: from.to_owned(),
        to: to.to_owned(),
        way,
        count: 0,
        to_questions: 0,
        segments: Vec::new(),
    })
}

fn known(speaker: &Option<String>) -> Option<&str> {
    speaker.as_deref().filter(|label| *label != UNKNOWN && !label.trim().is_empty())
}

/// The one label that is the name, in whatever case, or a part of it: "OKAFOR" of "Daniel Okafor".
pub fn label_of<'a>(name: &str, labels: &BTreeSet<&'a str>) -> Option<&'a str> {
    let fold = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<String>>();
    let name = fold(name);
    if let Some(label) = labels.iter().find(|label| fold(label) == name) {
        return Some(label);
    }
    let mut parts = labels.iter().filter(|label| {
        let words = fold(label);
        !words.is_empty() && words.iter().all(|word| name.contains(word))
    });
    parts.next().filter(|_| parts.next().is_none()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities;
    use crate::segments::Segment;

    /// From, to, way, count, answers to questions, segments.
    type Row<'a> = (&'a str, &'a str, &'a str, usize, usize, &'a [usize]);

    fn check(rows: &[(&str, u64, &str)], expected: &[Row<'_>]) {
        let segment = |(speaker, start_ms, text): &(&str, u64, &str)| Segment {
            speaker: (!speaker.is_empty()).then(|| (*speaker).to_owned()),
            start_ms: Some(*start_ms),
            end_ms: Some(start_ms + 900),
            text: (*text).to_owned(),
            ..Segment::default()
        };
        let segments: Vec<Segment> = rows.iter().map(segment).collect();
        let document = Document::new(&segments, "en");
        let found = find(&document, &entities::find(&document));
        let row = |row: &'_ Exchange| {
            (
                row.from.clone(),
                row.to.clone(),
                row.way.name(),
                row.count,
                row.to_questions,
                row.segments.clone(),
            )
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(from, to, way, count, asked, segments)| {
                ((*from).to_owned(), (*to).to_owned(), *way, *count, *asked, segments.to_vec())
            })
            .collect();
        assert_eq!(found.iter().map(row).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn turns_and_names() {
        let rows = [
            ("Ann Lee", 0, "What did it cost?"),
            ("OKAFOR", 1000, "It was dear."),
            ("OKAFOR", 2000, "We asked Mary Stone about it."),
            ("Ann Lee", 3000, "Thank you, Daniel Okafor, for that."),
            ("", 4000, "Hear, hear."),
            ("OKAFOR", 60_000, "Well."),
        ];
        check(
            &rows,
            &[
                ("Ann Lee", "OKAFOR", "answers", 1, 0, &[3]),
                ("OKAFOR", "Ann Lee", "answers", 1, 1, &[1]),
                ("Ann Lee", "OKAFOR", "names", 1, 0, &[3]),
                ("OKAFOR", "Mary Stone", "names", 1, 0, &[2]),
            ],
        );
    }

    #[test]
    fn a_long_silence_is_no_answer() {
        check(&[("Ann", 0, "Right?"), ("Bob", 20_000, "Good evening.")], &[]);
        check(&[("", 0, "Right?"), ("Bob", 1000, "Yes.")], &[]);
    }
}
