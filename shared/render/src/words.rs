//! Numbers, names and codes in plain words.

use engine::error::ErrorKind;
use engine::model::{Basis, NanoUsd, ReasonCode, RunStatus, StepResult};

use super::safe::safe;

/// A place in the source: `04:12`, or `1:04:12` after an hour.
pub fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// How long something took: `85 ms`, `3.1 s`, `2 min 05 s`.
pub fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {:02} s", milliseconds / 60_000, milliseconds / 1_000 % 60),
    }
}

/// An amount, exact to the nano-dollar, with a plain word for nothing.
pub fn dollars(amount: NanoUsd) -> String {
    if amount == NanoUsd::ZERO { "$0".to_owned() } else { amount.to_string() }
}

/// A count with commas between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 claim`, `2 claims`.
pub(super) fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A share between 0 and 1 in per cent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0}%", (share * 100.0).clamp(0.0, 100.0))
}

/// An agent's id as a name: `analysis_cartographer` is `Analysis cartographer`.
pub fn role(agent: &str) -> String {
    let words = safe(agent).replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A reason as it is stored (`code: detail`) for people.
pub fn reason(stored: &str) -> String {
    let (name, detail) = stored.split_once(':').unwrap_or((stored, ""));
    // Other agents go by the names that people know them by.
    let is_agent = |word: &str| {
        word.contains('_') && word.chars().all(|letter| letter == '_' || letter.is_ascii_lowercase())
    };
    let named = |word: &str| if is_agent(word) { role(word) } else { word.to_owned() };
    let detail = safe(detail).split(", ").map(named).collect::<Vec<_>>().join(", ");
    let Some(words) = reason_code(name.trim()) else {
        return match ErrorKind::from_name(name.trim()) {
            Some(_) if !detail.is_empty() => detail,
            _ => safe(stored),
        };
    };
    if detail.is_empty() { words.to_owned() } else { format!("{words}: {detail}") }
}

fn reason_code(name: &str) -> Option<&'static str> {
    let code: ReasonCode = serde_json::from_value(name.into()).ok()?;
    Some(match code {
        ReasonCode::NoModel => "no model is configured",
        ReasonCode::NotPlanned => "left out of the plan",
        ReasonCode::MissingInput => "what it needs is missing",
        ReasonCode::Cancelled => "the run was cancelled",
        ReasonCode::NotApplicable => "nothing in this content for it",
        ReasonCode::UnusableContent => "the content is too poor to say anything",
        ReasonCode::Budget => "the money set aside did not cover it",
        ReasonCode::InvalidOutput => "the model's answer stayed invalid",
        ReasonCode::Refused => "the model declined",
        ReasonCode::ModelUnavailable => "the model could not be reached in time",
        ReasonCode::NoEvidence => "the evidence does not decide it",
    })
}

/// Where a result comes from.
pub(super) fn basis(result: &StepResult) -> String {
    match (&result.meta.basis, &result.meta.model) {
        (Basis::Model, Some(model)) => format!("model {}", safe(model)),
        (Basis::Model, None) => "model".to_owned(),
        (Basis::Deterministic, _) => "rules".to_owned(),
        (Basis::Cache { level, similarity }, _) if *similarity >= 1.0 => format!("cache {}", level.name()),
        (Basis::Cache { level, similarity }, _) => {
            format!("cache {}, {} alike", level.name(), percent(*similarity))
        }
    }
}

/// How a run stands.
pub(super) fn run_status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "still running",
        RunStatus::Complete => "complete",
        RunStatus::Partial => "partial",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
    }
}

/// The English name of a language code, or the code.
pub(super) fn language(code: &str) -> String {
    let name = match code.split(['-', '_']).next().unwrap_or_default() {
        "af" => "Afrikaans",
        "ak" => "Akan",
        "am" => "Amharic",
        "ar" => "Arabic",
        "az" => "Azerbaijani",
        "be" => "Belarusian",
        "bg" => "Bulgarian",
        "bn" => "Bengali",
        "ca" => "Catalan",
        "cs" => "Czech",
        "cy" => "Welsh",
        "da" => "Danish",
        "de" => "German",
        "el" => "Greek",
        "en" => "English",
        "eo" => "Esperanto",
        "es" => "Spanish",
        "et" => "Estonian",
        "fa" => "Persian",
        "fi" => "Finnish",
        "fr" => "French",
        "gu" => "Gujarati",
        "he" => "Hebrew",
        "hi" => "Hindi",
        "hr" => "Croatian",
        "hu" => "Hungarian",
        "hy" => "Armenian",
        "id" => "Indonesian",
        "it" => "Italian",
        "ja" => "Japanese",
        "jv" => "Javanese",
        "ka" => "Georgian",
        "km" => "Khmer",
        "kn" => "Kannada",
        "ko" => "Korean",
        "la" => "Latin",
        "lt" => "Lithuanian",
        "lv" => "Latvian",
        "mk" => "Macedonian",
        "ml" => "Malayalam",
        "mr" => "Marathi",
        "my" => "Burmese",
        "nb" | "no" => "Norwegian",
        "ne" => "Nepali",
        "nl" => "Dutch",
        "or" => "Oriya",
        "pa" => "Punjabi",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ro" => "Romanian",
        "ru" => "Russian",
        "si" => "Sinhala",
        "sk" => "Slovak",
        "sl" => "Slovene",
        "sn" => "Shona",
        "sr" => "Serbian",
        "sv" => "Swedish",
        "ta" => "Tamil",
        "te" => "Telugu",
        "th" => "Thai",
        "tk" => "Turkmen",
        "tl" => "Tagalog",
        "tr" => "Turkish",
        "uk" => "Ukrainian",
        "ur" => "Urdu",
        "uz" => "Uzbek",
        "vi" => "Vietnamese",
        "yi" => "Yiddish",
        "zh" => "Chinese",
        "zu" => "Zulu",
        "" | "und" | "unknown" => "unknown language",
        _ => return safe(code),
    };
    name.to_owned()
}

/// True for languages usually written from right to left.
pub(super) fn is_right_to_left(code: &str) -> bool {
    let language = code.split('-').next().unwrap_or_default();
    matches!(language, "ar" | "ckb" | "dv" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi")
}

/// A moment in UTC: `2025-11-22 21:14 UTC`.
pub(super) fn date(milliseconds: u64) -> String {
    let minutes = milliseconds / 60_000;
    format!("{} {:02}:{:02} UTC", engine::calendar::day(milliseconds), minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([clock(252_900), clock(3_852_000)], ["04:12", "1:04:12"]);
        assert_eq!([seconds(85), seconds(3_199), seconds(125_000)], ["85 ms", "3.1 s", "2 min 05 s"]);
        assert_eq!([count(7), count(1_234), count(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([plural(1, "claim"), plural(0, "claim")], ["1 claim", "0 claims"]);
        assert_eq!([dollars(NanoUsd(0)), dollars(NanoUsd(12_345_678))], ["$0", "$0.012345678"]);
        assert_eq!([date(0), date(1_709_210_040_000)], ["1970-01-01 00:00 UTC", "2024-02-29 12:34 UTC"]);
    }

    #[test]
    fn codes_become_words() {
        assert_eq!(role("analysis_cartographer"), "Analysis cartographer");
        assert_eq!(reason("no_model"), "no model is configured");
        assert_eq!(reason("missing_input: no transcript"), "what it needs is missing: no transcript");
        assert_eq!(
            reason("missing_input: analysis_cartographer"),
            "what it needs is missing: Analysis cartographer"
        );
        assert_eq!(
            reason("unusable_content: the transcript has 1 word"),
            "the content is too poor to say anything: the transcript has 1 word"
        );
        assert_eq!(reason("Timeout: took longer than 50 s"), "took longer than 50 s");
        assert_eq!(reason("something\x1b[2J else"), "something\u{fffd}[2J else");
    }
}
