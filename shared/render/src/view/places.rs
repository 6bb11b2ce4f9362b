//! Where in the source something was said, and by whom.

use std::collections::BTreeMap;

use crate::data::{Segment, Statement, Transcript};
use crate::link::{Link, Moments};
use crate::safe::{cut, safe, short};
use crate::words;

/// Letters of a sentence that is shown; the transcript has the rest.
const LONGEST: usize = 600;

/// A text with the place it rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) start_ms: Option<u64>,
    /// The link to that moment of the source, if its platform has such links.
    pub(crate) moment: Option<Link>,
    /// The segment, if the transcript has it.
    pub(crate) segment: Option<String>,
    /// The speaker by name if it is known, else by label.
    pub(crate) speaker: Option<String>,
    /// The agent that found it, as a name for people.
    pub(crate) from: Option<String>,
    pub(crate) count: Option<u64>,
}

impl Said {
    /// `04:12`, if the source has times.
    pub(crate) fn place(&self) -> Option<String> {
        self.start_ms.map(words::clock)
    }
}

/// The transcript by segment, and the names of its speakers.
pub(crate) struct Places {
    segments: BTreeMap<String, (Option<u64>, Option<String>)>,
    names: BTreeMap<String, String>,
    moments: Moments,
}

impl Places {
    /// The places of `transcript` in a source with these links to its moments.
    pub(super) fn of(transcript: &Transcript, moments: Moments) -> Places {
        let named = transcript.names.iter().filter(|name| !name.name.trim().is_empty());
        Places {
            segments: transcript
                .segments
                .iter()
                .map(|segment| (segment.id.clone(), (segment.start_ms, segment.speaker.clone())))
                .collect(),
            names: named.map(|name| (name.label.clone(), name.name.clone())).collect(),
            moments,
        }
    }

    /// True if the transcript has `segment`.
    pub(super) fn knows(&self, segment: &str) -> bool {
        self.segments.contains_key(segment)
    }

    /// The speaker of that label, by name if one is known.
    pub(super) fn name(&self, label: &str) -> String {
        let name = self.names.get(label).map_or(label, String::as_str);
        let name = short(name);
        if name.is_empty() { "unnamed speaker".to_owned() } else { name }
    }

    /// `statement` with its place. What the transcript says about a segment goes before what the statement says; who
    /// spoke is said only of statements that name somebody, since others are an agent's own words about that place.
    pub(super) fn said(&self, statement: &Statement) -> Said {
        let segment = statement.segment.as_deref().filter(|segment| self.knows(segment));
        let known = segment.and_then(|segment| self.segments.get(segment));
        let start_ms = known.map_or(statement.start_ms, |(start_ms, _)| *start_ms);
        let heard = known.and_then(|(_, speaker)| speaker.as_deref());
        let speaker = statement.speaker.as_deref().map(|named| heard.unwrap_or(named));
        Said {
            text: cut(&statement.text, LONGEST),
            start_ms,
            moment: start_ms.and_then(|start_ms| self.moments.at(start_ms)),
            segment: segment.map(safe),
            speaker: speaker.filter(|label| !label.trim().is_empty()).map(|label| self.name(label)),
            from: statement.from.as_deref().map(words::role),
            count: statement.count,
        }
    }

    /// Words of the source with the place and the speaker of their segment.
    pub(super) fn quoted(&self, words: &str, segment: Option<&str>, start_ms: Option<u64>) -> Said {
        let heard =
            segment.and_then(|segment| self.segments.get(segment)).and_then(|(_, speaker)| speaker.clone());
        let segment = segment.map(str::to_owned);
        self.said(&Statement {
            text: words.to_owned(),
            segment,
            start_ms,
            speaker: heard,
            ..Statement::default()
        })
    }

    /// A segment of the transcript itself.
    pub(super) fn segment(&self, segment: &Segment) -> Said {
        Said {
            text: safe(&segment.text),
            start_ms: segment.start_ms,
            moment: segment.start_ms.and_then(|start_ms| self.moments.at(start_ms)),
            segment: Some(safe(&segment.id)),
            speaker: segment.speaker.as_deref().map(|label| self.name(label)),
            ..Said::default()
        }
    }
}
