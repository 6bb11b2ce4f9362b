//! What comes in: plan, source, transcript, picture and sound.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::sentences;
use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{content_words, field, frequent, list, number, start_of, text};

/// Skips the stopwatch where the request says that there is no clock.
pub(super) fn mission_orchestrator(evidence: &Evidence) -> Result<Value, Missing> {
    let (plan, request) = (evidence.need("fact.plan")?, evidence.need("request")?);
    let (name, media_type) = (text(request, "source_name"), text(request, "media_type"));
    let telling = content_words(name.split('.').next().unwrap_or(name));
    let intent = match telling.is_empty() || telling == ["upload"] {
        true => Value::Null,
        false => {
            format!("What does \"{name}\" say about {}, at depth {}?", telling.join(" "), text(plan, "depth"))
                .into()
        }
    };
    let untimed = ["text/plain", "text/markdown"].iter().any(|plain| media_type.starts_with(plain));
    let skip: Vec<_> = list(plan, "agents")
        .iter()
        .filter(|agent| untimed && text(agent, "agent") == "audio_intelligence_specialist")
        .filter(|agent| agent["in_depth"] == true && agent["dispensable"] == true)
        .map(|agent| {
            let reason =
                format!("The source is {media_type} without times, so there are no pauses to measure.");
            json!({"agent": text(agent, "agent"), "reason": reason})
        })
        .collect();
    Ok(json!({"intent": intent, "skip": skip}))
}

/// Names what the source's own words are about.
pub(super) fn acquisition_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    evidence.need("mission_orchestrator")?;
    let source = evidence.need("baseline")?;
    let glimpse = field(source, "glimpse");
    let carrying = frequent(["opening", "middle", "end"].map(|part| text(&glimpse, part)).into_iter(), 3);
    let subject = match (source.get("title").and_then(Value::as_str), carrying.as_slice()) {
        (_, []) => Value::Null,
        (Some(title), words) => format!("{}: {}", start_of(title, 80), words.join(", ")).into(),
        (None, words) => format!("{} content about {}", text(source, "rung"), words.join(", ")).into(),
    };
    Ok(json!({"subject": subject}))
}

/// Puts names to labels where somebody introduces themselves.
pub(super) fn transcription_engineer(evidence: &Evidence) -> Result<Value, Missing> {
    evidence.need("acquisition_specialist")?;
    let segments = sentences(evidence.need("baseline")?, "segments");
    let mut names = BTreeMap::new();
    for sentence in &segments {
        if let Some((name, quote)) = introduction(sentence.text) {
            let label = sentence.speaker.unwrap_or("unlabelled");
            let entry = json!({"label": label, "name": name, "segment": sentence.segment, "quote": quote});
            names.entry(label).or_insert(entry);
        }
    }
    Ok(json!({"names": names.into_values().collect::<Vec<_>>()}))
}

/// The name after "I'm", "I am" or "my name is", and the words that give it.
fn introduction(sentence: &str) -> Option<(String, &str)> {
    for opening in ["I'm ", "I am ", "I’m ", "my name is ", "My name is "] {
        let Some(start) = sentence.find(opening) else { continue };
        let after = sentence.get(start + opening.len()..)?;
        let is_name = |word: &&str| word.starts_with(char::is_uppercase);
        let mut length = 0;
        let mut name = Vec::new();
        for word in after.split_inclusive(' ').take(3) {
            let bare = word.trim_end_matches(|last: char| !last.is_alphanumeric());
            if !is_name(&bare) {
                break;
            }
            name.push(bare);
            length += bare.len();
            if bare.len() + 1 < word.len() || !word.ends_with(' ') {
                break;
            }
            length += 1;
        }
        if !name.is_empty() {
            let end = start + opening.len() + length;
            return Some((name.join(" "), sentence.get(start..end)?.trim_end()));
        }
    }
    None
}

/// Finds the words that point at something shown.
pub(super) fn visual_intelligence_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    const POINTING: [&str; 8] = [
        "this chart",
        "this map",
        "this graph",
        "this slide",
        "on the screen",
        "as you can see",
        "in this picture",
        "shown here",
    ];
    let content = text(evidence.need("fact.content")?, "text");
    evidence.need("acquisition_specialist")?;
    let pointing = content.lines().filter_map(|line| {
        let sign = POINTING.iter().find(|sign| line.to_lowercase().contains(**sign))?;
        let quote = line.trim();
        Some(json!({"text": format!("Apparently something is on show: the words \"{sign}\" point at it."), "quote": quote}))
    });
    Ok(json!({"on_screen": pointing.take(12).collect::<Vec<_>>()}))
}

/// Says the pace of each voice and the longest pause, as they were timed.
pub(super) fn audio_intelligence_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let transcript = evidence.need("transcription_engineer")?;
    let measures = evidence.need("baseline")?;
    if transcript["timed"] != true {
        return Ok(json!({"delivery": []}));
    }
    let mut delivery = Vec::new();
    for speaker in list(measures, "speakers").iter().filter(|speaker| speaker["words_per_minute"].is_number())
    {
        let (label, pace) = (text(speaker, "label"), number(speaker, "words_per_minute"));
        delivery.push(json!({"text": format!("{label} speaks at {pace} words a minute."), "segment": text(speaker, "segment")}));
    }
    let longest = list(measures, "pauses").iter().max_by_key(|pause| number(pause, "ms"));
    if let Some(pause) = longest.filter(|pause| number(pause, "ms") >= 1000) {
        let seconds = format!("{}.{}", number(pause, "ms") / 1000, number(pause, "ms") % 1000 / 100);
        let said = format!("The longest pause lasts {seconds} seconds.");
        delivery.push(json!({"text": said, "segment": text(pause, "after_segment")}));
    }
    let position = |id: &str| id.trim_start_matches('s').parse::<u64>().unwrap_or(u64::MAX);
    delivery.sort_by_key(|entry| position(text(entry, "segment")));
    delivery.truncate(6);
    Ok(json!({"delivery": delivery}))
}

#[cfg(test)]
mod tests {
    use super::introduction;

    #[test]
    fn introductions() {
        for (sentence, expected) in [
            ("Hello, I'm Dana Holm, and welcome.", Some(("Dana Holm", "I'm Dana Holm"))),
            ("My name is Jon.", Some(("Jon", "My name is Jon"))),
            ("I am Ada Okafor and this is it.", Some(("Ada Okafor", "I am Ada Okafor"))),
            ("I'm not sure.", None),
            ("Thanks, Maria.", None),
        ] {
            let found = introduction(sentence);
            assert_eq!(found.as_ref().map(|(name, quote)| (name.as_str(), *quote)), expected, "{sentence}");
        }
    }
}
