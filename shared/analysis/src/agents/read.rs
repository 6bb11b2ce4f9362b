//! What agents read of each other, tolerantly: a missing field is empty, never an error.

use engine::step_input::StepInput;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::entities::Kind;
use crate::segments::Segment;

/// A value as a type, or the type's empty form.
pub(super) fn read<T: DeserializeOwned + Default>(value: Option<&Value>) -> T {
    value.and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}

/// The transcript, where it succeeded.
pub(super) fn transcript(input: &StepInput) -> Transcript {
    read(input.ok("transcription_engineer"))
}

/// The map, where it succeeded.
pub(super) fn map(input: &StepInput) -> Map {
    read(input.ok("analysis_cartographer"))
}

/// The verdicts, as far as there are any: one row per claim that was looked at.
pub(super) fn verifications(input: &StepInput) -> Vec<Item<Verification>> {
    read(input.inputs.get("verification_director").and_then(|input| input.data.as_ref()))
}

/// Agent 3's data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transcript {
    pub(super) language: Language,
    pub(super) duration_ms: Option<u64>,
    pub(super) word_count: u64,
    pub(super) segments: Vec<Segment>,
    pub(super) dropped_cues: u64,
    pub(super) timed: bool,
}

/// The language of a transcript.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Language {
    pub(super) code: String,
}

/// Agent 4's data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Map {
    pub(super) title: String,
    pub(super) language: String,
    pub(super) topics: Vec<Topic>,
    pub(super) key_phrases: Vec<KeyPhrase>,
    pub(super) entities: Vec<Entity>,
    pub(super) claims: Vec<Claim>,
    pub(super) summary: Vec<Sentence>,
    pub(super) speakers: Vec<Speaker>,
}

impl Map {
    /// Every sentence the map quotes, in order of the transcript, once.
    pub(super) fn sentences(&self) -> Vec<Sentence> {
        let mut sentences: Vec<Sentence> = self.summary.clone();
        sentences.extend(self.topics.iter().flat_map(|topic| topic.key_sentences.iter().cloned()));
        for claim in &self.claims {
            sentences.push(claim.sentence());
            let around = claim.context.iter().map(|passage| Sentence {
                segment: passage.segment.clone(),
                text: passage.text.clone(),
                ..Sentence::default()
            });
            sentences.extend(around);
        }
        // The fuller copy of a sentence first, so that it is the one kept.
        sentences.sort_by_key(|sentence| {
            (segment_number(&sentence.segment), sentence.start_ms.is_none(), sentence.speaker.is_none())
        });
        sentences.dedup_by(|later, earlier| later.segment == earlier.segment);
        sentences
    }
}

/// `s12` -> 12.
pub(super) fn segment_number(id: &str) -> u64 {
    id.trim_start_matches('s').parse().unwrap_or(u64::MAX)
}

/// A topic of the map.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Topic {
    pub(super) label: String,
    pub(super) start_ms: Option<u64>,
    pub(super) end_ms: Option<u64>,
    pub(super) keywords: Vec<String>,
    pub(super) key_sentences: Vec<Sentence>,
    pub(super) first_segment: String,
}

/// A quoted sentence.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Sentence {
    pub(super) segment: String,
    pub(super) start_ms: Option<u64>,
    pub(super) speaker: Option<String>,
    pub(super) text: String,
}

/// A passage around a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Passage {
    pub(super) segment: String,
    pub(super) text: String,
}

/// A key phrase of the map.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyPhrase {
    pub(super) text: String,
    pub(super) mentions: u64,
    pub(super) segments: Vec<String>,
}

/// An entity of the map.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entity {
    pub(super) name: String,
    pub(super) kind: EntityKind,
    pub(super) mentions: u64,
    pub(super) segments: Vec<String>,
}

/// What an entity is; unknown kinds are read as other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntityKind(pub(super) Kind);

impl Default for EntityKind {
    fn default() -> Self {
        Self(Kind::Other)
    }
}

impl<'de> Deserialize<'de> for EntityKind {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let name = String::deserialize(source)?;
        Ok(Self(match name.as_str() {
            "person" => Kind::Person,
            "organisation" => Kind::Organisation,
            "place" => Kind::Place,
            _ => Kind::Other,
        }))
    }
}

/// A speaker of the map.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Speaker {
    pub(super) label: String,
    pub(super) words: u64,
    pub(super) share: f64,
}

/// A claim of the map.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Claim {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) quote: String,
    pub(super) speaker: Option<String>,
    pub(super) start_ms: Option<u64>,
    pub(super) segment: String,
    pub(super) score: f64,
    pub(super) context: Vec<Passage>,
}

impl Claim {
    /// The claim as it was said.
    pub(super) fn sentence(&self) -> Sentence {
        Sentence {
            segment: self.segment.clone(),
            start_ms: self.start_ms,
            speaker: self.speaker.clone(),
            text: self.quote.clone(),
        }
    }
}

/// One row of a fanned-out agent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<T: Default> {
    pub(super) item: String,
    pub(super) status: String,
    pub(super) data: Option<T>,
    pub(super) reason: Option<String>,
}

/// Agent 5's data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Verification {
    pub(super) verdict: String,
    pub(super) confidence: Option<f64>,
    pub(super) reasoning: Option<String>,
    pub(super) citations: Vec<Value>,
    pub(super) evidence: Vec<Value>,
}
