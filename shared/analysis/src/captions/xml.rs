//! XML transcripts, read as a stream: nesting costs no stack and no entity is ever expanded.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::markup::{clean, decode_entities};
use super::stamp::{milliseconds, parse_stamp, seconds_to_ms};
use super::{CaptionError, Captions, Cue, Span};

const TIMED_TEXT_REMEDY: &str = "give `<transcript><text start=\"1.5\" dur=\"2.0\">...</text></transcript>`";
const TTML_REMEDY: &str =
    "give `<tt><body><div><p begin=\"00:00:01.000\" end=\"00:00:02.000\">...</p></div></body></tt>`";

/// YouTube's timed text: `<text start dur>` in seconds, or `<p t d>` in milliseconds.
pub(super) fn timed_text(text: &str) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut open: Option<(Option<Span>, usize, String)> = None;
    walk(text, TIMED_TEXT_REMEDY, |line, step| match step {
        Step::Open("text", attributes) => {
            let span = attributes.get("start").and_then(|start| {
                let start_ms = start.parse().ok().and_then(seconds_to_ms).or_else(|| parse_stamp(start))?;
                let length_ms =
                    attributes.get("dur").and_then(|dur| dur.parse().ok()).and_then(seconds_to_ms);
                Some(Span { start_ms, end_ms: start_ms + length_ms.unwrap_or(0) })
            });
            open = Some((span, line, String::new()));
        }
        Step::Open("p", attributes) => {
            let time_ms = |name: &str| attributes.get(name).and_then(|digits| milliseconds(digits));
            let span =
                time_ms("t").map(|start_ms| Span { start_ms, end_ms: start_ms + time_ms("d").unwrap_or(0) });
            open = Some((span, line, String::new()));
        }
        Step::Open("br", _) => push(&mut open, " "),
        Step::Words(words) => push(&mut open, words),
        Step::Close("text" | "p") => {
            if let Some((span, line, raw)) = open.take() {
                // The text is markup once more, escaped a second time.
                keep(&mut captions, span, None, &clean(&decode_entities(&raw)), line);
            }
        }
        _ => {}
    })?;
    usable(captions, TIMED_TEXT_REMEDY)
}

/// TTML: `<p begin end>` or `<p begin dur>`, times inherited from what is around, speakers from `ttm:agent`.
pub(super) fn ttml(text: &str) -> Result<Captions, CaptionError> {
    let mut captions = Captions::default();
    let mut rates = Rates { frames: 30.0, ticks: 1.0 };
    let mut agents: BTreeMap<String, String> = BTreeMap::new();
    let mut naming: Option<String> = None;
    let mut stack: Vec<Frame> = Vec::new();
    let mut open: Option<(Option<Span>, usize, String)> = None;
    let mut speaker: Option<String> = None;
    walk(text, TTML_REMEDY, |line, step| match step {
        Step::Open(name, attributes) => {
            let parent = stack.last().copied().unwrap_or_default();
            match name {
                "tt" => rates = rates.read(attributes),
                "agent" => naming = attributes.get("id").cloned(),
                "br" => push(&mut open, " "),
                _ => {}
            }
            let begin_ms = attributes.get("begin").and_then(|time| offset_ms(time, rates));
            let start_ms = parent.start_ms + begin_ms.unwrap_or(0);
            let end_ms = attributes
                .get("end")
                .and_then(|time| offset_ms(time, rates))
                .map(|end_ms| parent.start_ms + end_ms)
                .or_else(|| Some(start_ms + offset_ms(attributes.get("dur")?, rates)?))
                .or(parent.end_ms);
            let timed = begin_ms.is_some() || parent.timed;
            stack.push(Frame { start_ms, end_ms, timed });
            let begins = name == "p" || (name == "span" && begin_ms.is_some());
            if begins {
                flush(&mut captions, &mut open, speaker.clone());
                let span = timed.then(|| Span { start_ms, end_ms: end_ms.unwrap_or(start_ms).max(start_ms) });
                open = Some((span, line, String::new()));
            }
            if name == "p" || attributes.contains_key("agent") {
                speaker = attributes
                    .get("agent")
                    .map(|id| agents.get(id).unwrap_or(id).clone())
                    .or_else(|| if name == "p" { None } else { speaker.take() });
            }
        }
        Step::Words(words) => match &naming {
            Some(id) if open.is_none() => {
                let name = clean(words);
                if !name.is_empty() {
                    agents.insert(id.clone(), name);
                }
            }
            _ => push(&mut open, words),
        },
        Step::Close(name) => {
            stack.pop();
            match name {
                "agent" => naming = None,
                "p" => flush(&mut captions, &mut open, speaker.take()),
                _ => {}
            }
        }
    })?;
    usable(captions, TTML_REMEDY)
}

/// What a reader of XML meets. Names are without their prefix.
enum Step<'a> {
    Open(&'a str, &'a BTreeMap<String, String>),
    Words(&'a str),
    Close(&'a str),
}

/// Time as it stands around an element.
#[derive(Clone, Copy, Default)]
struct Frame {
    start_ms: u64,
    end_ms: Option<u64>,
    timed: bool,
}

/// Frames and ticks per second.
#[derive(Clone, Copy)]
struct Rates {
    frames: f64,
    ticks: f64,
}

impl Rates {
    fn read(self, attributes: &BTreeMap<String, String>) -> Self {
        let number =
            |name: &str| attributes.get(name).and_then(|text| text.parse().ok()).filter(|rate| *rate > 0.0);
        let frames = number("frameRate").unwrap_or(self.frames);
        Self { frames, ticks: number("tickRate").unwrap_or(self.ticks) }
    }
}

fn walk(text: &str, remedy: &str, mut visit: impl FnMut(usize, Step<'_>)) -> Result<(), CaptionError> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut counted_to = 0;
    let mut line = 1;
    loop {
        let event = reader.read_event().map_err(|error| {
            let at = (reader.error_position() as usize).min(text.len());
            let line = 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
            CaptionError::new(line, format!("the XML cannot be read ({error})"), remedy)
        })?;
        let at = (reader.buffer_position() as usize).min(text.len());
        let here = line;
        line += text.as_bytes()[counted_to..at].iter().filter(|&&byte| byte == b'\n').count();
        counted_to = at;
        match event {
            Event::Start(start) => visit(here, Step::Open(&local_name(&start), &attributes(&start))),
            Event::Empty(start) => {
                let name = local_name(&start);
                visit(here, Step::Open(&name, &attributes(&start)));
                visit(here, Step::Close(&name));
            }
            Event::End(end) => {
                let name = end.local_name();
                visit(here, Step::Close(&String::from_utf8_lossy(name.as_ref().as_ref())));
            }
            Event::Text(words) => visit(here, Step::Words(&words.xml10_content())),
            Event::CData(words) => visit(here, Step::Words(&words.xml10_content())),
            Event::GeneralRef(reference) => {
                visit(here, Step::Words(&decode_entities(&format!("&{};", reference.xml10_content()))));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn local_name(start: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(start.local_name().as_ref().as_ref()).into_owned()
}

fn attributes(start: &BytesStart<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for attribute in start.attributes().with_checks(false).flatten() {
        let name = String::from_utf8_lossy(attribute.key.local_name().as_ref().as_ref()).into_owned();
        let value = String::from_utf8_lossy(attribute.value.as_ref().as_ref()).into_owned();
        found.insert(name, decode_entities(&value));
    }
    found
}

/// TTML time: a clock time, with frames after a third colon, or a number with `h`, `m`, `s`, `ms`, `f` or `t`.
fn offset_ms(text: &str, rates: Rates) -> Option<u64> {
    let text = text.trim();
    if text.matches(':').count() == 3 {
        let (clock, frames) = text.rsplit_once(':')?;
        return Some(parse_stamp(clock)? + seconds_to_ms(frames.parse::<f64>().ok()? / rates.frames)?);
    }
    if text.contains(':') {
        return parse_stamp(text);
    }
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let number: f64 = text[..unit_at].parse().ok()?;
    seconds_to_ms(match &text[unit_at..] {
        "h" => number * 3600.0,
        "m" => number * 60.0,
        "s" => number,
        "ms" => number / 1000.0,
        "f" => number / rates.frames,
        "t" => number / rates.ticks,
        _ => return None,
    })
}

fn push(open: &mut Option<(Option<Span>, usize, String)>, words: &str) {
    if let Some((_, _, raw)) = open {
        raw.push_str(words);
    }
}

fn flush(captions: &mut Captions, open: &mut Option<(Option<Span>, usize, String)>, speaker: Option<String>) {
    if let Some((span, line, raw)) = open.take() {
        keep(captions, span, speaker, &super::markup::fold(&raw), line);
    }
}

fn keep(captions: &mut Captions, span: Option<Span>, speaker: Option<String>, text: &str, line: usize) {
    if text.is_empty() {
        return;
    }
    match span {
        Some(_) => captions.cues.push(Cue { span, speaker, text: text.to_owned() }),
        None => {
            captions.dropped += 1;
            captions.warn(line, "the cue has no readable start time; it was left out");
        }
    }
}

fn usable(captions: Captions, remedy: &str) -> Result<Captions, CaptionError> {
    if captions.cues.is_empty() || captions.dropped > captions.cues.len() {
        return Err(CaptionError::new(1, "no cue with text and time can be read from the XML", remedy));
    }
    Ok(captions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(captions: &Captions) -> Vec<(u64, u64, &str)> {
        let row = |cue: &'_ Cue| cue.span.map_or((0, 0), |span| (span.start_ms, span.end_ms));
        captions.cues.iter().map(|cue| (row(cue).0, row(cue).1, cue.text.as_str())).collect()
    }

    #[test]
    fn text_escaped_twice() {
        let xml = "<transcript><text start=\"0.5\" dur=\"1\">Tom &amp;amp; &lt;b&gt;Ann&lt;/b&gt;</text></transcript>";
        assert_eq!(rows(&timed_text(xml).unwrap()), [(500, 1500, "Tom & Ann")]);
    }

    #[test]
    fn format_three() {
        let xml = "<timedtext format=\"3\"><body><p t=\"100\" d=\"900\"><s>so</s><s t=\"50\"> it</s></p></body></timedtext>";
        assert_eq!(rows(&timed_text(xml).unwrap()), [(100, 1000, "so it")]);
    }

    #[test]
    fn ttml_times_and_speakers() {
        let xml = "<tt xmlns:ttm=\"x\" xmlns:ttp=\"y\" ttp:frameRate=\"25\"><head><metadata><ttm:agent xml:id=\"a\">\
            <ttm:name>Ann</ttm:name></ttm:agent></metadata></head><body begin=\"1s\"><div>\
            <p begin=\"00:00:01.000\" end=\"00:00:02:05\" ttm:agent=\"a\">One<br/>two &amp; three</p>\
            <p begin=\"2500ms\" dur=\"1.5s\"><span>four</span></p></div></body></tt>";
        let captions = ttml(xml).unwrap();
        assert_eq!(rows(&captions), [(2000, 3200, "One two & three"), (3500, 5000, "four")]);
        assert_eq!(captions.cues[0].speaker.as_deref(), Some("Ann"));
        assert_eq!(captions.cues[1].speaker, None);
    }

    #[test]
    fn entities_of_its_own_are_never_expanded() {
        let mut laughs = "<!DOCTYPE a [<!ENTITY x0 \"ha\">".to_owned();
        for at in 1..40 {
            laughs.push_str(&format!("<!ENTITY x{at} \"{}\">", format!("&x{};", at - 1).repeat(10)));
        }
        laughs.push_str("]>");
        let timed = format!("{laughs}<transcript><text start=\"1\">so &x39; it is</text></transcript>");
        let ttml_text =
            format!("{laughs}<tt><body><div><p begin=\"1s\" end=\"2s\">so &x39; it is</p></div></body></tt>");
        for found in [timed_text(&timed), ttml(&ttml_text)] {
            // Read without the entity, or refused; never longer than what was handed in.
            let words: usize = found.iter().flat_map(|found| &found.cues).map(|cue| cue.text.len()).sum();
            assert!(words < 40, "{words}");
        }
    }

    #[test]
    fn deep_nesting_is_harmless_and_broken_xml_names_its_line() {
        let deep = format!("<tt><body>{}", "<div>".repeat(100_000));
        assert!(ttml(&deep).is_err());
        assert_eq!(timed_text("<transcript>\n<text start=\"1\">a</text>\n<!-- ").unwrap_err().line, 3);
    }
}
