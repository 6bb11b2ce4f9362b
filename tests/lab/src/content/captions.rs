//! Captions: whether every cue comes out as it should.

use std::path::Path;

use analysis::captions::{self, Captions, Cue, Format};
use serde::Deserialize;

use super::{Figure, Trouble, rows};

#[derive(Deserialize)]
struct Row {
    name: String,
    format: String,
    input: String,
    expect: Vec<Expected>,
}

/// A cue with its times in seconds.
#[derive(Deserialize)]
struct Expected {
    start: Option<f64>,
    end: Option<f64>,
    speaker: Option<String>,
    text: String,
}

/// Rows whose list of cues is exact: words, speakers, and times to a millisecond.
pub(super) fn cue_lists(folder: &Path) -> Result<Figure, Trouble> {
    let rows: Vec<Row> = rows::lines(folder, "subtitles.jsonl")?;
    let outcomes = rows.iter().map(|row| {
        let found = match parse(&row.format, &row.input) {
            Ok(captions) => captions.cues,
            Err(error) => return Some(format!("{}: {error}", row.name)),
        };
        if found.len() != row.expect.len() {
            return Some(format!("{}: {} cues instead of {}", row.name, found.len(), row.expect.len()));
        }
        let differing = found.iter().zip(&row.expect).position(|(cue, expected)| !is(cue, expected));
        differing.map(|at| format!("{}: cue {} is {:?}", row.name, at + 1, found[at]))
    });
    Ok(Figure::share(outcomes.collect()))
}

fn is(cue: &Cue, expected: &Expected) -> bool {
    let to_ms = |seconds: Option<f64>| seconds.map(|seconds| (seconds * 1_000.0).round());
    let start_ms = cue.span.map(|span| span.start_ms as f64);
    let end_ms = cue.span.map(|span| span.end_ms as f64);
    let near = |found: Option<f64>, expected: Option<f64>| match (found, to_ms(expected)) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1.0,
        (found, expected) => found == expected,
    };
    cue.text == expected.text
        && cue.speaker == expected.speaker
        && near(start_ms, expected.start)
        && near(end_ms, expected.end)
}

/// The format of that name, or what the text looks like.
fn parse(format: &str, text: &str) -> Result<Captions, captions::CaptionError> {
    let name = format.to_ascii_lowercase();
    let known = match name.as_str() {
        "srv3" | "timedtext" => Some(Format::Srv1),
        "webvtt" => Some(Format::Vtt),
        "txt" | "plain" => Some(Format::Text),
        name => Format::from_name(name),
    };
    captions::parse(known.unwrap_or_else(|| captions::detect(&format!("input.{name}"), text)), text)
}

/// Files of a podcast's transcripts that give cues, each with a time.
pub(super) fn podcast_files(folder: &Path) -> Result<Figure, Trouble> {
    let folder = folder.join("podcast");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Err(Trouble::NotRun("podcast/ is not there".to_owned()));
    };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut outcomes = Vec::new();
    for name in names {
        let text = rows::text(&folder, &name)?;
        outcomes.push(match captions::parse(captions::detect(&name, &text), &text) {
            Err(error) => Some(format!("{name}: {error}")),
            Ok(found) if found.dropped > 0 => Some(format!("{name}: {} cues were left out", found.dropped)),
            Ok(found) if found.cues.iter().any(|cue| cue.span.is_none()) => {
                Some(format!("{name}: a cue has no time"))
            }
            Ok(_) => None,
        });
    }
    if outcomes.is_empty() {
        return Err(Trouble::NotRun("podcast/ has no files".to_owned()));
    }
    Ok(Figure::share(outcomes))
}
