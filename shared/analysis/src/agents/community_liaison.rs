//! Posts by template: title, summary, claims with their verdicts, gaps. Nobody is notified and nothing is linked.

use engine::step_input::{Analysis, StepInput};
use serde_json::json;

use super::briefing_parts::clock;
use super::input::{self, Briefing, Claim, Sentence};

/// The most a post may have, in UTF-16 units; channels allow 2,000.
const MOST_UNITS: usize = 1_800;
/// The most one sentence may have, before escaping.
const MOST_LETTERS: usize = 280;
const MOST_SENTENCES: usize = 4;
const MOST_CLAIMS: usize = 3;
const MOST_GAPS: usize = 5;

/// Fills the template from the briefing, with the title and summary of this run's voice where there is one.
pub fn baseline(input: &StepInput) -> Analysis {
    let briefing: Briefing = input::read(input::data(input, "intelligence_briefing_curator"));
    let voice: Briefing = input::read(input.ok("personality_synthesis_manager"));
    let title = [&voice.title, &briefing.title, &input.request.source_name]
        .into_iter()
        .find(|title| !title.is_empty());
    let title = title.map(String::as_str).unwrap_or_default();
    let summary = if voice.summary.is_empty() { &briefing.summary } else { &voice.summary };
    let posts: Vec<_> = [Channel::Discord, Channel::Text]
        .into_iter()
        .map(|channel| {
            let text = channel.post(title, &input.request.source_name, summary, &briefing);
            json!({"channel": channel.name(), "text": text})
        })
        .collect();
    Analysis::Partial {
        data: json!({"posts": posts, "mentions_allowed": false}),
        lacking: "posts in words of their own; these are a template".to_owned(),
    }
}

#[derive(Clone, Copy)]
enum Channel {
    Discord,
    Text,
}

impl Channel {
    fn name(self) -> &'static str {
        match self {
            Channel::Discord => "discord",
            Channel::Text => "text",
        }
    }

    fn post(self, title: &str, source: &str, summary: &[Sentence], briefing: &Briefing) -> String {
        let title = self.plain(title);
        let mut text = match self {
            Channel::Discord => format!("**{title}**"),
            Channel::Text => title,
        };
        let mut lines = vec![format!("Source: {}", self.plain(source))];
        lines.extend(
            summary
                .iter()
                .filter(|sentence| !sentence.text.trim().is_empty())
                .take(MOST_SENTENCES)
                .map(|sentence| format!("- {}{}", time(sentence.start_ms), self.plain(&sentence.text))),
        );
        lines.extend(
            briefing.claims.iter().filter(|claim| !claim.text.trim().is_empty()).take(MOST_CLAIMS).map(
                |claim| {
                    format!(
                        "- Claim: {}{} ({})",
                        time(claim.start_ms),
                        self.plain(&claim.text),
                        verdict(claim)
                    )
                },
            ),
        );
        let mut gaps: Vec<String> =
            briefing.gaps.iter().map(|gap| self.plain(&gap.agent.replace('_', " "))).collect();
        gaps.dedup();
        if !gaps.is_empty() {
            let more = gaps.len().saturating_sub(MOST_GAPS);
            gaps.truncate(MOST_GAPS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!("Missing: {}{more}", gaps.join(", ")));
        }
        for line in lines {
            // A line that does not fit is left out whole, so that no escape is cut in two.
            if units(&text) + 1 + units(&line) <= MOST_UNITS {
                text.push('\n');
                text.push_str(&line);
            }
        }
        text
    }

    /// Text from the content on one line, that notifies nobody, links nowhere and, where marks count, marks nothing.
    fn plain(self, text: &str) -> String {
        let mut plain = String::new();
        for word in shortened(text).split_whitespace() {
            if !plain.is_empty() {
                plain.push(' ');
            }
            let link = word.contains(['.', ':']) && word.contains('/');
            for letter in word.chars().filter(|letter| !is_hidden(*letter)) {
                match letter {
                    '@' => plain.push_str("@\u{200b}"),
                    '/' if link => plain.push_str("\u{200b}/"),
                    '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '(' | ')' | '<' | '>' | '#'
                        if matches!(self, Channel::Discord) =>
                    {
                        plain.push('\\');
                        plain.push(letter);
                    }
                    _ => plain.push(letter),
                }
            }
        }
        plain
    }
}

fn verdict(claim: &Claim) -> &'static str {
    match claim.verdict.as_deref() {
        Some("supported") => "supported",
        Some("refuted") => "refuted",
        Some("conflicting") => "conflicting evidence",
        Some("not_enough_evidence") => "not enough evidence",
        Some("not_checkable") => "not checkable",
        _ => "not checked",
    }
}

/// A time such as `12:40 `, or nothing.
fn time(start_ms: Option<u64>) -> String {
    start_ms.map(|start| clock(start) + " ").unwrap_or_default()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// Control characters and those that turn or hide text.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::agents::input::testing::{check, step};

    fn posts(briefing: Value) -> Value {
        let input = step(Value::Null, json!({"intelligence_briefing_curator": briefing}), json!({}));
        check("community_liaison", baseline, &input)["posts"].clone()
    }

    #[test]
    fn fills_the_template() {
        let posts = posts(json!({"title": "Harbour *talk*",
            "summary": [{"text": "The wall holds.", "start_ms": 760_000, "segment": "s1", "speaker": null}],
            "claims": [{"id": "c1", "text": "It cost 6 million.", "start_ms": 3_600_000, "segment": "s2", "verdict": "refuted"},
                {"id": "c2", "text": "It is old.", "start_ms": null, "segment": "s3", "verdict": null}],
            "gaps": [{"agent": "argument_strategist", "reason": "no_model"}]}));
        assert_eq!(
            posts[1]["text"],
            "Harbour *talk*\nSource: harbour.vtt\n- 12:40 The wall holds.\n\
             - Claim: 1:00:00 It cost 6 million. (refuted)\n- Claim: It is old. (not checked)\nMissing: argument strategist"
        );
        assert!(posts[0]["text"].as_str().unwrap().starts_with("**Harbour \\*talk\\***\n"));
    }

    #[test]
    fn notifies_nobody_and_links_nowhere() {
        let evil =
            "@everyone <@12> <#3>\n# big [x](https://evil.test/a) discord.gg/abc \u{202e}gnp `code` ||y||";
        let posts = posts(json!({"title": evil, "summary": [{"text": evil}]}));
        for post in posts.as_array().unwrap() {
            let text = post["text"].as_str().unwrap();
            for mark in ["@everyone", "@1", "://", "gg/", "\u{202e}", "\n#"] {
                assert!(!text.contains(mark), "{mark:?} in {text}");
            }
        }
        let text = posts[0]["text"].as_str().unwrap();
        assert!(text.contains("\\<\\#3\\>"));
        assert!(text.contains("\\[x\\]\\(https") && text.contains("\\|\\|y\\|\\|"));
    }

    #[test]
    fn stays_within_the_limit() {
        let long = "𝕒* ".repeat(400);
        let row = json!({"text": long, "segment": "s1"});
        let posts = posts(json!({"title": long, "summary": [row, row, row, row], "claims": [row, row, row]}));
        assert!(
            posts.as_array().unwrap().iter().all(|post| units(post["text"].as_str().unwrap()) <= MOST_UNITS)
        );
    }

    #[test]
    fn a_voice_that_stands_is_taken_over() {
        let inputs = json!({"intelligence_briefing_curator": {"title": "B", "summary": [{"text": "Old."}]},
            "personality_synthesis_manager": {"voice": "v", "title": "V", "summary": [{"text": "New.", "segment": "s1"}]}});
        let data = check("community_liaison", baseline, &step(Value::Null, inputs, json!({})));
        assert_eq!(data["posts"][1]["text"], "V\nSource: harbour.vtt\n- New.");
    }
}
