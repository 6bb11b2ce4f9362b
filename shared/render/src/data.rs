//! The agents' data as far as it is shown. Valid by the agents' schemas when it is stored; a field that is missing
//! here reads as empty, so that an older result is shown as far as it goes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads `data`; what is missing or not of this shape is empty.
pub(super) fn read<T: DeserializeOwned + Default>(data: Option<&Value>) -> T {
    data.and_then(|data| T::deserialize(data).ok()).unwrap_or_default()
}

/// Whole milliseconds, also where JSON has them as `1200.0`.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    Ok(number.filter(|number| (0.0..1e15).contains(number)).map(|number| number as u64))
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name { $($(#[$attribute])* pub(super) $field: $kind,)+ }
    )+};
}

shapes! {
    /// The briefing of agent 12.
    Briefing {
        title: String,
        source: Source,
        summary: Vec<Statement>,
        key_points: Vec<Statement>,
        topics: Vec<Topic>,
        claims: Vec<Claim>,
        argument: Vec<Statement>,
        risks: Vec<Statement>,
        people: Vec<Person>,
        context: Vec<Statement>,
        gaps: Vec<Gap>,
    }
    /// What agent 2 obtained.
    Acquired {
        rung: Option<String>,
        format: Option<String>,
        title: Option<String>,
        clickbait: Option<Clickbait>,
        author: Option<String>,
        published: Option<String>,
        link: Option<String>,
        time_link: Option<String>,
        warnings: Vec<String>,
    }
    /// How much the title's wording lures.
    Clickbait {
        score: f64,
        cues: Vec<NamedWords>,
    }
    /// Words of a title and what they do.
    NamedWords { cue: String, words: String, }
    /// What the briefing is about.
    Source {
        name: String,
        kind: Option<String>,
        rung: Option<String>,
        language: String,
        #[serde(deserialize_with = "milliseconds")]
        duration_ms: Option<u64>,
        word_count: u64,
    }
    /// A sentence with the place it rests on.
    Statement {
        text: String,
        #[serde(deserialize_with = "milliseconds")]
        start_ms: Option<u64>,
        segment: Option<String>,
        speaker: Option<String>,
        from: Option<String>,
        count: Option<u64>,
    }
    /// What was talked about for a while.
    Topic {
        label: String,
        #[serde(deserialize_with = "milliseconds")]
        start_ms: Option<u64>,
        #[serde(deserialize_with = "milliseconds")]
        end_ms: Option<u64>,
        keywords: Vec<String>,
        sentences: Vec<Statement>,
    }
    /// A claim worth checking.
    Claim {
        id: String,
        text: String,
        speaker: Option<String>,
        #[serde(deserialize_with = "milliseconds")]
        start_ms: Option<u64>,
        segment: Option<String>,
        score: f64,
        verdict: Option<String>,
        confidence: Option<f64>,
        citations: Vec<Citation>,
    }
    /// A passage that speaks to a claim.
    Citation {
        source: String,
        segment: Option<String>,
        run_id: Option<String>,
        url: Option<String>,
        quote: String,
        stance: String,
    }
    /// One claim's check by agent 5.
    Check {
        verdict: Option<String>,
        confidence: Option<f64>,
        reasoning: Option<String>,
        citations: Vec<Citation>,
        evidence: Vec<Citation>,
    }
    /// Somebody who speaks or is spoken of.
    Person { name: String, role: String, detail: String, segment: Option<String>, }
    /// What is missing.
    Gap { agent: String, reason: String, }
    /// The transcript of agent 3.
    Transcript {
        language: Language,
        #[serde(deserialize_with = "milliseconds")]
        duration_ms: Option<u64>,
        word_count: u64,
        speakers: Vec<Speaker>,
        segments: Vec<Segment>,
        names: Vec<Name>,
    }
    /// The language of a transcript.
    Language { code: String, }
    /// A voice and its part.
    Speaker { label: String, turns: u64, words: u64, share: f64, words_per_minute: Option<f64>, }
    /// One sentence.
    Segment {
        id: String,
        #[serde(deserialize_with = "milliseconds")]
        start_ms: Option<u64>,
        speaker: Option<String>,
        text: String,
    }
    /// A name for a label.
    Name { label: String, name: String, }
    /// The counts of agent 6.
    Risk {
        cues: Vec<Cue>,
        by_speaker: Vec<SpeakerRisk>,
        certainty: Certainty,
        sourcing: Option<Sourcing>,
        note: String,
        findings: Vec<Statement>,
    }
    /// What is shown of the map of agent 4 itself.
    Map {
        language: String,
        topics: Vec<MapTopic>,
        sentiment: Option<Sentiment>,
        readability: Option<Readability>,
        repetition: Repetition,
    }
    /// A topic of the map.
    MapTopic { label: String, first_segment: Option<String>, }
    /// Tone of the wording.
    Sentiment {
        overall: f64,
        sentences: u64,
        negative: f64,
        neutral: f64,
        positive: f64,
        curve: Vec<Stretch>,
        by_topic: Vec<Stretch>,
        by_speaker: Vec<Stretch>,
        most_positive: Vec<Statement>,
        most_negative: Vec<Statement>,
    }
    /// The tone of a part: of the time, of a topic, of a speaker.
    Stretch {
        topic: String,
        label: String,
        #[serde(deserialize_with = "milliseconds")]
        start_ms: Option<u64>,
        #[serde(deserialize_with = "milliseconds")]
        end_ms: Option<u64>,
        first_segment: Option<String>,
        value: f64,
        sentences: u64,
    }
    /// How hard the wording is to read.
    Readability {
        reading_ease: Option<f64>,
        grade: Option<f64>,
        mean_sentence_words: Option<f64>,
        long_word_share: f64,
    }
    /// What comes back.
    Repetition {
        sentences: u64,
        repeated_sentences: u64,
        repeated_share: f64,
        phrases: Vec<Phrase>,
        cues: Vec<Cue>,
        spam: Vec<String>,
    }
    /// A phrase and how often it is said.
    Phrase { text: String, count: u64, examples: Vec<Example>, }
    /// How sure the wording is.
    Certainty { kinds: Vec<Wording>, by_speaker: Vec<SpeakerCertainty>, }
    /// The wording of one kind.
    Wording { kind: String, count: u64, per_1000_words: f64, words: Vec<Phrase>, examples: Vec<Example>, }
    /// Hedging and certainty of one speaker.
    SpeakerCertainty {
        label: String,
        words: u64,
        hedging: u64,
        hedging_per_1000_words: f64,
        certain: u64,
        certain_per_1000_words: f64,
    }
    /// Where things are said to come from.
    Sourcing {
        sourced_share: Option<f64>,
        quoted_share: Option<f64>,
        sourced_sentences: Places,
        quotations: Places,
        figures_with_source: Places,
        figures_without_source: Places,
    }
    /// How many, and some of them.
    Places { count: u64, examples: Vec<Example>, }
    /// A named cue.
    Cue { cue: String, count: u64, per_1000_words: f64, examples: Vec<Example>, }
    /// The words of a cue.
    Example {
        segment: Option<String>,
        #[serde(deserialize_with = "milliseconds")]
        start_ms: Option<u64>,
        words: String,
    }
    /// Counts of one speaker.
    SpeakerRisk { label: String, words: u64, claims: u64, refuted: u64, cues: u64, }
    /// The posts of agent 15.
    Posts { posts: Vec<Post>, }
    /// The adaptations of agent 20.
    Adaptations { adaptations: Vec<Post>, }
    /// A text for a place.
    Post { #[serde(alias = "platform")] channel: String, text: String, }
    /// The account of agent 14.
    Reliability { advice: Vec<Advice>, }
    /// What to do better next time.
    Advice { text: String, evidence: String, }
}
