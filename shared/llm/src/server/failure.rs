//! What went wrong with a call, and what is known of its bill.

use std::time::SystemTime;

use engine::error::{Error, ErrorKind};
use engine::ports::{Bill, LlmError, SILENT_MS};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::Secret;

const LONGEST_DETAIL: usize = 300;

/// Words of providers whose customer has no money left; the last is a sentence, for want of a code.
const QUOTA: [&str; 5] = [
    "insufficient_quota",
    "billing_hard_limit",
    "billing_not_active",
    "billing_error",
    "credit balance is too low",
];

/// An error of a call whose bill is `bill`.
pub(crate) fn failed(kind: ErrorKind, message: impl Into<String>, bill: Bill) -> LlmError {
    LlmError { error: Error::new(kind, message), bill }
}

/// An answer that does not say what it used.
pub(crate) fn no_believable_usage() -> LlmError {
    failed(
        ErrorKind::ModelOutput,
        "the model's server did not say believably how many tokens it used, so the cost of the call is unknown; \
         use a server that sends usage, or give the model a price of 0 if it is free",
        Bill::Unknown,
    )
}

/// A limit passed after the request was on its way.
pub(crate) fn timed_out(message: &str) -> LlmError {
    failed(ErrorKind::Timeout, message, Bill::Unknown)
}

/// No byte of an answer in all the time that one has to begin.
pub(crate) fn silent(milliseconds: u64) -> LlmError {
    let LlmError { error, bill } = timed_out("the model did not begin to answer in time");
    LlmError { error: error.with(SILENT_MS, milliseconds), bill }
}

/// A request that got no answer.
pub(crate) fn not_sent(error: reqwest::Error) -> LlmError {
    let (message, bill) = if error.is_connect() || error.is_builder() {
        ("the model's server could not be reached", Bill::Nothing)
    } else {
        ("the connection to the model's server broke before it answered", Bill::Unknown)
    };
    LlmError { error: Error::new(ErrorKind::Network, message).because(error.without_url()), bill }
}

/// An answer with a status other than 200.
pub(crate) fn of_status(
    status: u16,
    body: &[u8],
    retry_after_ms: Option<u64>,
    key: Option<&Secret>,
) -> LlmError {
    let said = Said::in_body(body);
    let bill = match status {
        408 | 424 => Bill::Unknown,
        300..=499 | 503 | 529 => Bill::Nothing,
        _ => Bill::Unknown,
    };
    let error = classify(status, &format!("status {status}"), &said, key).with("status", status);
    LlmError { error: with_retry_after(error, retry_after_ms), bill }
}

/// An `error` object in an answer that has status 200: the work may have been begun.
pub(crate) fn of_error_object(error: &Value, bill: Bill, key: Option<&Secret>) -> LlmError {
    let said = Said::in_error(error);
    let status = match said.code.parse() {
        Ok(status) if (400..600).contains(&status) => status,
        _ if said.is_about(&["rate_limit"]) => 429,
        _ if said.is_about(&["overloaded_error"]) => 529,
        _ if said.is_about(&["timeout_error"]) => 504,
        _ => 502,
    };
    let place = "told in an answer with status 200";
    LlmError { error: classify(status, place, &said, key).with("code", show(&said.code, key)), bill }
}

/// An answer of which nothing can be read.
pub(crate) fn unreadable(body: &[u8]) -> LlmError {
    let start = String::from_utf8_lossy(&body[..body.len().min(512)]).trim_start().to_ascii_lowercase();
    let message = if start.is_empty() {
        "the model's server sent an empty answer"
    } else if start.starts_with("<!doctype") || start.starts_with("<html") {
        "the model's server sent a web page instead of an answer; check LLM_BASE_URL"
    } else {
        "the model's server sent an answer that is not whole JSON"
    };
    failed(ErrorKind::ModelUnavailable, message, Bill::Unknown)
}

/// How long to wait: `retry-after-ms`, else `retry-after` in seconds or as a date, which is read against the answer's
/// own `date`. `None` if it is missing or makes no sense.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = |number: &str, factor: f64| {
        let value = number.parse::<f64>().ok()? * factor;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        (0.0..1e12).contains(&value).then_some(value.ceil() as u64)
    };
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    text("retry-after-ms").and_then(|number| milliseconds(number, 1.0)).or_else(|| {
        let after = text(RETRY_AFTER.as_str())?;
        milliseconds(after, 1000.0).or_else(|| {
            let (then, now): (SystemTime, SystemTime) = (date(after)?, date(text(DATE.as_str())?)?);
            let wait = then.duration_since(now).unwrap_or_default();
            u64::try_from(wait.as_millis()).ok()
        })
    })
}

fn with_retry_after(error: Error, milliseconds: Option<u64>) -> Error {
    match milliseconds {
        Some(milliseconds) => error.retry_after(milliseconds),
        None => error,
    }
}

fn classify(status: u16, place: &str, said: &Said, key: Option<&Secret>) -> Error {
    let detail = match said.message.is_empty() {
        true => String::new(),
        false => format!(": {}", show(&said.message, key)),
    };
    let error = |kind, message: &str| Error::new(kind, format!("{message} ({place}){detail}"));
    // Providers repeat a part of the key when they refuse it, so their words are not passed on.
    let wordless = |kind, message: &str| Error::new(kind, format!("{message} ({place})"));
    if said.is_about(&QUOTA) {
        return error(ErrorKind::Quota, "the provider's quota or credit is used up");
    }
    if matches!(status, 400 | 403) && said.is_about(&["content_filter", "content_policy", "moderation"]) {
        return error(ErrorKind::ModelRefused, "the provider's filter declined the content");
    }
    match status {
        300..=399 => wordless(
            ErrorKind::Configuration,
            "the model's server is at another address; set LLM_BASE_URL to where it redirects",
        ),
        401 | 403 => wordless(
            ErrorKind::Configuration,
            "the provider refused the credential; check that LLM_API_KEY is set, valid and allowed to use the model",
        ),
        402 => error(ErrorKind::Quota, "the provider asks for payment first"),
        404 => error(
            ErrorKind::ModelRejected,
            "the provider does not know this model or path; check models and LLM_BASE_URL",
        ),
        408 => error(ErrorKind::Timeout, "the provider gave up waiting"),
        424 => error(ErrorKind::ModelUnavailable, "the model failed at the provider"),
        429 => error(ErrorKind::RateLimited, "the provider's rate limit refused the call"),
        413 => error(ErrorKind::TooLarge, "the request is larger than the provider takes"),
        400..=499 if said.is_about(&["response_format", "output_config", "json_schema"]) => error(
            ErrorKind::ModelRejected,
            "the provider cannot answer by a strict JSON schema; choose a model or server that supports structured output by json_schema",
        ),
        400..=499 if said.is_about(&["toolchoice", "tool_choice", "support tool use"]) => error(
            ErrorKind::ModelRejected,
            "the model cannot be made to call a tool, by which it would give its answer; choose one that can",
        ),
        400..=499 => error(ErrorKind::ModelRejected, "the provider refused the request"),
        504 | 524 => error(ErrorKind::ModelUnavailable, "the model did not answer its gateway in time"),
        503 | 529 => error(ErrorKind::ModelUnavailable, "the provider is overloaded"),
        _ => error(ErrorKind::ModelUnavailable, "the provider failed"),
    }
}

/// What an error body says.
#[derive(Default)]
struct Said {
    code: String,
    message: String,
    all: String,
}

impl Said {
    fn in_body(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        // Some gateways wrap the object in a list, and some servers put its fields at the top.
        let body = body.get(0).unwrap_or(&body);
        Self::in_error(body.get("error").unwrap_or(body))
    }

    fn in_error(error: &Value) -> Self {
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = error.as_str().map_or_else(|| text("message"), str::to_owned);
        let code = text("code");
        let all = format!("{code} {} {} {message}", text("type"), text("param")).to_ascii_lowercase();
        Self { code, message, all }
    }

    fn is_about(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.all.contains(word))
    }
}

/// Words from outside, fit to show: one line, not long, and without anything that looks like a key.
fn show(text: &str, key: Option<&Secret>) -> String {
    let text = key.map_or_else(|| text.to_owned(), |key| text.replace(key.expose(), "[key]"));
    let looks_like_key = |word: &str| {
        let word = word.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
        ["sk-", "sk_", "gsk_", "pk-"].iter().any(|start| word.starts_with(start))
    };
    let words: Vec<_> = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .map(|word| if looks_like_key(word) { "[key]" } else { word })
        .collect();
    words.join(" ").chars().take(LONGEST_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn retry_after_in_all_its_forms() {
        let now = "Sun, 22 Nov 2026 10:00:00 GMT";
        let check = |headers: &[(&'static str, &'static str)], expected: Option<u64>| {
            let map = headers
                .iter()
                .map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)));
            assert_eq!(retry_after_ms(&map.collect()), expected, "{headers:?}");
        };
        check(&[], None);
        check(&[("retry-after", "7")], Some(7_000));
        check(&[("retry-after", "0")], Some(0));
        check(&[("retry-after", "0.25")], Some(250));
        check(&[("retry-after-ms", "1500"), ("retry-after", "2")], Some(1_500));
        check(&[("retry-after-ms", "soon"), ("retry-after", "2")], Some(2_000));
        check(&[("date", now), ("retry-after", "Sun, 22 Nov 2026 10:01:30 GMT")], Some(90_000));
        check(&[("date", now), ("retry-after", "Sun, 22 Nov 2026 09:59:00 GMT")], Some(0));
        check(&[("retry-after", "Sun, 22 Nov 2026 10:01:30 GMT")], None);
        check(&[("retry-after", "-3")], None);
        check(&[("retry-after", "NaN")], None);
        check(&[("retry-after", "1e300")], None);
        check(&[("retry-after", "")], None);
    }

    #[test]
    fn words_from_outside_are_made_fit_to_show() {
        let key = Secret::new("abc-very-secret");
        assert_eq!(show("no\n\u{7}such   model", key.as_ref()), "no such model");
        assert_eq!(show("key abc-very-secret or 'sk-proj-12***34'", key.as_ref()), "key [key] or [key]");
        assert_eq!(show(&"é".repeat(999), None).chars().count(), LONGEST_DETAIL);
    }
}
