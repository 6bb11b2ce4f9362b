//! What was obtained from the source, as its platform reported it.

use engine::error::{Error, ErrorKind};
use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input;
use crate::captions::{self, Format};
use crate::{clickbait, language};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    rung: String,
    kind: String,
    name: String,
    media_type: String,
    format: String,
    bytes: u64,
    digest: String,
    title: Option<String>,
    author: Option<String>,
    published: Option<String>,
    description: Option<String>,
    link: Option<String>,
    time_link: Option<String>,
    reason: Option<String>,
    instead: Option<String>,
    warnings: Vec<String>,
    fetch_policy: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    format: String,
    text: String,
}

impl Source {
    /// The rung, why there is no content, and what can be done instead.
    fn what_to_do(&self) -> String {
        let reason =
            stated(self.reason.clone()).unwrap_or_else(|| "it did not give out its content".to_owned());
        let instead = stated(self.instead.clone())
            .unwrap_or_else(|| "save its captions or its text as a file and submit that file".to_owned());
        let rung = self.rung.replace('_', " ");
        // The link itself tells where on the web; a platform has a name.
        let place = if matches!(self.kind.as_str(), "" | "web" | "upload") {
            rung
        } else {
            format!("{}, {rung}", self.kind)
        };
        let warnings: String = self.warnings.iter().map(|warning| format!(". {warning}")).collect();
        format!("{} ({place}): {reason}; {instead}{warnings}", self.name)
    }
}

/// Takes stock of the source. A source that gave nothing ends the run with what would help.
pub fn baseline(input: &StepInput) -> Analysis {
    let Some(fact) = input.fact("source") else { return input::no_fact("source") };
    let source: Source = input::read(Some(fact));
    let content: Content = input::read(input.fact("content"));
    match source.rung.as_str() {
        "full_text" | "captions" | "audio_to_transcribe" | "metadata_only" => {}
        "blocked" => return Analysis::Fail(Error::new(ErrorKind::InvalidInput, source.what_to_do())),
        _ => {
            let message = "the platform did not say how much of the content it gave";
            return Analysis::Fail(Error::new(ErrorKind::Internal, message));
        }
    }
    let title = stated(source.title).or_else(|| heading(&content));
    let clickbait = title.as_deref().map_or(Value::Null, wording);
    let format = if source.format.is_empty() { content.format } else { source.format };
    Analysis::Complete(json!({
        "rung": source.rung,
        "kind": source.kind,
        "name": source.name,
        "media_type": source.media_type,
        "format": format,
        "bytes": source.bytes,
        "digest": source.digest,
        "title": title,
        "clickbait": clickbait,
        "author": stated(source.author),
        "published": stated(source.published),
        "description": stated(source.description),
        "link": stated(source.link),
        "time_link": stated(source.time_link),
        "reason": stated(source.reason),
        "instead": stated(source.instead),
        "warnings": source.warnings,
        "fetch_policy": source.fetch_policy,
        "subject": null,
    }))
}

fn stated(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// How much the title's wording lures, and by which words; null for a title that is plainly not English.
fn wording(title: &str) -> Value {
    let language = language::detect([title].into_iter());
    if language.reliable && language.code != "en" {
        return Value::Null;
    }
    let found = clickbait::find(title);
    let cues: Vec<Value> =
        found.cues.into_iter().map(|cue| json!({"cue": cue.cue, "words": cue.words})).collect();
    json!({"score": input::rounded(found.score), "cues": cues})
}

/// The title a Markdown file opens with, without its markup.
fn heading(content: &Content) -> Option<String> {
    let first = content.text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let title = first.strip_prefix("# ").filter(|_| content.format == "markdown")?;
    let read = captions::parse(Format::Markdown, title).ok()?;
    stated(Some(read.cues.iter().map(|cue| cue.text.as_str()).collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    fn facts(rung: &str, title: Value, content: Value) -> StepInput {
        let source = json!({"kind": "upload", "rung": rung, "name": "a.md", "media_type": "text/markdown",
            "format": "markdown", "bytes": 12, "digest": "d", "title": title, "author": null, "published": " ",
            "description": null});
        step(Value::Null, json!({}), json!({"source": source, "content": content}))
    }

    #[test]
    fn reports_what_the_source_states() {
        let content =
            json!({"format": "markdown", "text": "\n# **Harbour** [talk](https://a.test) <b>\n\nText."});
        let data =
            check("acquisition_specialist", baseline, &facts("full_text", json!(null), content.clone()));
        assert_eq!(data["title"], "Harbour talk");
        assert_eq!(data["published"], Value::Null);
        assert_eq!(data["subject"], Value::Null);
        let data = check("acquisition_specialist", baseline, &facts("full_text", json!("Own"), content));
        assert_eq!(data["title"], "Own");
        let title = json!("You won't believe what this harbour did");
        let data = check("acquisition_specialist", baseline, &facts("full_text", title, json!(null)));
        assert!(data["clickbait"]["score"].as_f64() > Some(0.5), "{data}");
        assert_eq!(data["clickbait"]["cues"][0], json!({"cue": "speaks_to_you", "words": "You"}));
        let title = json!("Der Gemeinderat stimmt morgen \u{fc}ber die neue Hochwassermauer ab");
        let data = check("acquisition_specialist", baseline, &facts("full_text", title, json!(null)));
        assert_eq!(data["clickbait"], Value::Null);
        let data =
            check("acquisition_specialist", baseline, &facts("metadata_only", json!(null), json!(null)));
        assert_eq!(data["title"], Value::Null);
    }

    #[test]
    fn a_blocked_source_says_what_would_help() {
        let Analysis::Fail(error) = baseline(&facts("blocked", json!(null), json!(null))) else {
            panic!("no error")
        };
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("submit that file"));
        let mut stated = facts("blocked", json!(null), json!(null));
        let source = stated.facts.get_mut("source").unwrap();
        source["reason"] = json!("its operator lets nobody read it");
        source["instead"] = json!("record it yourself");
        let Analysis::Fail(error) = baseline(&stated) else { panic!("no error") };
        assert_eq!(error.message(), "a.md (blocked): its operator lets nobody read it; record it yourself");
        assert!(matches!(baseline(&facts("?", json!(null), json!(null))), Analysis::Fail(_)));
    }
}
