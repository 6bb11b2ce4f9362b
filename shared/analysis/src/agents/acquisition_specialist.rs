//! What was obtained from the source, as its platform reported it.

use engine::error::{Error, ErrorKind};
use engine::step_input::{Analysis, StepInput};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input;
use super::read::Content;
use crate::captions::{self, Format};
use crate::segments::{self, Segment};
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
    let glimpse = glimpse(&content, &input.request.source_name);
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
        "glimpse": glimpse,
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

/// Letters of the first words, about a minute of speech, and of those from the middle and the end.
const OPENING: usize = 900;
const ELSEWHERE: usize = 300;

/// A short look at the sentences of a content, without its markup: what it is about is seldom told elsewhere, and the rest of a
/// long one would cost more than it tells. Who speaks stands where somebody else begins.
fn glimpse(content: &Content, source_name: &str) -> Value {
    // What cannot be read is reported by the step that has to read all of it.
    let cues = content.captions(source_name).map(|read| read.cues).unwrap_or_default();
    let sentences = segments::from_cues(&cues);
    let pieces: Vec<Piece<'_>> = sentences.iter().flat_map(pieces).collect();
    // Where the middle lies hangs on how many pieces there are: other words in one of them do not move it.
    let (opening, rest) = pieces.split_at(span(pieces.iter(), OPENING));
    let (rest, end) = rest.split_at(rest.len() - span(rest.iter().rev(), ELSEWHERE));
    let begin = (pieces.len() / 2).saturating_sub(opening.len()).min(rest.len().saturating_sub(1));
    let middle = &rest[begin..];
    let middle = &middle[..span(middle.iter(), ELSEWHERE)];
    json!({"opening": told(opening), "middle": told(middle), "end": told(end)})
}

/// A sentence or a part of a long one, and who says it.
#[derive(Clone, Copy)]
struct Piece<'a> {
    speaker: Option<&'a str>,
    text: &'a str,
}

/// A sentence in pieces no longer than what is shown of the middle, cut between words where there are any.
fn pieces(sentence: &Segment) -> Vec<Piece<'_>> {
    let speaker = sentence.speaker.as_deref();
    let mut pieces = Vec::new();
    let mut rest = sentence.text.trim();
    while !rest.is_empty() {
        let most = rest.char_indices().nth(ELSEWHERE).map_or(rest.len(), |(byte, _)| byte);
        let last_space = || rest[..most].rfind(char::is_whitespace).unwrap_or(most);
        let (piece, after) = rest.split_at(if most == rest.len() { most } else { last_space() });
        pieces.push(Piece { speaker, text: piece.trim_end() });
        rest = after.trim_start();
    }
    pieces
}

/// How many pieces hold no more than so many letters; at least one, if there is any.
fn span<'a>(pieces: impl Iterator<Item = &'a Piece<'a>>, most: usize) -> usize {
    let mut letters = 0;
    let fits = |(index, piece): &(usize, &Piece<'_>)| {
        letters += piece.text.chars().count();
        *index == 0 || letters <= most
    };
    pieces.enumerate().take_while(fits).count()
}

fn told(pieces: &[Piece<'_>]) -> String {
    let before = std::iter::once(None).chain(pieces.iter().map(|piece| piece.speaker));
    let line = |(piece, before): (&Piece<'_>, _)| match piece.speaker.filter(|_| piece.speaker != before) {
        Some(label) => format!("{label}: {}", piece.text),
        None => piece.text.to_owned(),
    };
    pieces.iter().zip(before).map(line).collect::<Vec<_>>().join("\n")
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
    fn a_glimpse_holds_the_words_of_beginning_middle_and_end() {
        let check = |format: &str, text: &str, expected: [&str; 3]| {
            let content = Content { format: format.to_owned(), text: text.to_owned() };
            let found = glimpse(&content, "a.vtt");
            let expected = json!({"opening": expected[0], "middle": expected[1], "end": expected[2]});
            assert_eq!(found, expected, "{text:.80}");
        };
        check("vtt", "", ["", "", ""]);
        check("text", "", ["", "", ""]);
        check("vtt", "no captions at all", ["", "", ""]);
        let vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Good <i>evening</i>. Be\n\n00:02.000 --> 00:03.000\n<v Ann>seated.\n";
        check("vtt", vtt, ["Ann: Good evening.\nBe seated.", "", ""]);
        // Sentences of 29 letters: so many fit, those from the 500th, and the last.
        let sentences = |from: usize, count: usize| {
            (from..from + count)
                .map(|number| format!("The {number:06}th ship comes home."))
                .collect::<Vec<_>>()
        };
        let all = sentences(0, 1_000).join(" ");
        let [opening, middle, end] =
            [(0, 31), (500, 10), (990, 10)].map(|(from, count)| sentences(from, count).join("\n"));
        check("text", &all, [&opening, &middle, &end]);
        // Who speaks is told when that changes.
        let talk = "ANN: Good evening.\nANN: Be seated.\nBEN: Thank you.\nANN: Well.";
        check("text", talk, ["ANN: Good evening.\nBe seated.\nBEN: Thank you.\nANN: Well.", "", ""]);
        // One piece that is neither of the first nor of the last is of the middle.
        let long = |number: usize| format!("The ship {number} {}home.", "comes ".repeat(45));
        let uneven =
            [0, 1, 2, 3].map(long).into_iter().chain((0..10).map(|_| "Yes, it does come.".to_owned()));
        let uneven: Vec<String> = uneven.collect();
        let text = uneven.join(" ");
        check("text", &text, [&uneven[..3].join("\n"), &uneven[3], &uneven[4..].join("\n")]);
        // No third part is left.
        let few = sentences(0, 35);
        check("text", &few.join(" "), [&few[..31].join("\n"), "", &few[31..].join("\n")]);
    }

    #[test]
    fn what_has_no_sentences_is_cut_between_words_or_where_it_must() {
        let check = |text: &str, expected: &[usize]| {
            let sentence = Segment { text: text.to_owned(), ..Segment::default() };
            let found: Vec<&str> = pieces(&sentence).iter().map(|piece| piece.text).collect();
            assert_eq!(found.iter().map(|piece| piece.chars().count()).collect::<Vec<_>>(), expected);
            let without_space =
                |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            assert_eq!(without_space(&found.concat()), without_space(text));
        };
        check("", &[]);
        check(" a b ", &[3]);
        check(&"\u{e4}".repeat(700), &[300, 300, 100]);
        check(&"word ".repeat(100), &[299, 199]);
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
