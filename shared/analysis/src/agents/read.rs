//! Typed views of the transcript and of the verdicts on its claims.

use engine::step_input::StepInput;
use serde::Deserialize;
use serde_json::Value;

use super::input;
use crate::captions::{self, CaptionError, Captions, Format};
use crate::segments::Segment;

/// The transcript, where it succeeded.
pub(super) fn transcript(input: &StepInput) -> Transcript {
    input::read(input.ok("transcription_engineer"))
}

/// The verdicts, as far as there are any: one row per claim that was looked at.
pub(super) fn verifications(input: &StepInput) -> Vec<Item> {
    input::list(input.inputs.get("verification_director").and_then(|input| input.data.as_deref()))
}

/// The content as it was obtained.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    pub(super) format: String,
    pub(super) text: String,
}

impl Content {
    /// Its captions; the name tells the format where the content does not.
    pub(super) fn captions(&self, source_name: &str) -> Result<Captions, CaptionError> {
        let named = Format::from_name(&self.format);
        captions::parse(named.unwrap_or_else(|| captions::detect(source_name, &self.text)), &self.text)
    }
}

/// What transcription_engineer read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transcript {
    pub(super) language: Language,
    pub(super) duration_ms: Option<u64>,
    pub(super) word_count: u64,
    pub(super) segments: Vec<Segment>,
    pub(super) dropped_cues: u64,
    pub(super) warnings: Vec<String>,
    pub(super) timed: bool,
}

/// The language of a transcript.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Language {
    pub(super) code: String,
}

/// How the check of one claim ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    pub(super) item: String,
    pub(super) status: String,
    pub(super) data: Option<Verification>,
}

impl Item {
    /// The verdict, where the check succeeded.
    pub(super) fn verdict(&self) -> Option<&str> {
        self.data.as_ref().filter(|_| self.status == "ok").map(|data| data.verdict.as_str())
    }
}

/// What verification_director found on one claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Verification {
    pub(super) verdict: String,
    pub(super) confidence: Option<f64>,
    pub(super) citations: Vec<Value>,
    pub(super) evidence: Vec<Value>,
}
