//! Every pointer of these agents leads to the very words, whatever the transcript: other scripts, times in no order,
//! speakers of any name.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::input::testing::{data_of, step};
use super::*;
use crate::segments::Segment;
use crate::speakers;

/// Pieces of sentences: names, figures, marks, scripts, cues of all kinds.
const PIECES: &[&str] = &[
    "the flood wall",
    "Dr. Helen Marsh",
    "Helen",
    "in Marlow Bridge",
    "rose by 12 percent",
    "$ 5 million",
    "US$5 m",
    "42 million pounds",
    "€ 3,50",
    "on 14 May 2024",
    "in 1968",
    "nobody",
    "that is not true",
    "[Laughter]",
    "(applause)",
    "outrageous nonsense!",
    "I think",
    "because",
    "the largest",
    "水位上昇です",
    "été à Zürich",
    "سعر المياه",
    "🎉",
    "e\u{301}tude",
    "Ann",
    "says that",
    "Today we talk about the harbour wall.",
    "thank you",
    "Harrow and Sons Limited",
    "Ǆ",
    "İstanbul",
    "ﬁve",
    "50 %",
    "1.000.000 €",
    "three hundred and five people",
    "perhaps it could be",
    "clearly everyone always",
    "according to the survey",
    "he said “we love the wonderful wall”",
    "\"a terrible, hateful disaster\"",
    "this episode is sponsored by https://wall.test/a?b=1",
    "#harbour",
    "the old harbour wall",
    "as you can see on this slide",
    "I disagree",
    "next week",
];
const ENDS: &[&str] = &[".", "?", "!", "", "…", "。"];
const SPEAKERS: &[&str] = &["Ann Lee", "OKAFOR", "Speaker 2", "unknown", "水", "Daniel Okafor"];

fn transcript() -> impl Strategy<Value = Vec<Segment>> {
    let text = (prop::collection::vec(prop::sample::select(PIECES), 1..7), prop::sample::select(ENDS))
        .prop_map(|(pieces, end)| format!("{}{end}", pieces.join(" ")));
    let times = prop::option::weighted(0.9, (0_u64..600_000, 0_u64..20_000));
    let speaker = prop::option::weighted(0.8, prop::sample::select(SPEAKERS));
    prop::collection::vec((text, times, speaker), 1..60).prop_map(|rows| {
        rows.into_iter()
            .enumerate()
            .map(|(at, (text, times, speaker))| Segment {
                id: format!("s{}", at + 1),
                start_ms: times.map(|(start_ms, _)| start_ms),
                end_ms: times.map(|(start_ms, length_ms)| start_ms + length_ms),
                speaker: speaker.map(str::to_owned),
                text,
            })
            .collect()
    })
}

/// The results of the agents, by name.
fn results(segments: &[Segment], language: &str) -> BTreeMap<&'static str, Value> {
    let transcript = json!({"language": {"code": language, "confidence": 1, "reliable": true}, "timed": true,
        "duration_ms": null, "word_count": 9, "speakers": [], "segments": segments, "dropped_cues": 0,
        "warnings": [], "names": []});
    let mut done: BTreeMap<&'static str, Value> = BTreeMap::from([("transcription_engineer", transcript)]);
    let order: [(&'static str, Baseline); 14] = [
        ("analysis_cartographer", analysis_cartographer::baseline),
        ("risk_intelligence_analyst", risk_intelligence_analyst::baseline),
        ("deep_content_analyst", deep_content_analyst::baseline),
        ("audio_intelligence_specialist", audio_intelligence_specialist::baseline),
        ("persona_archivist", persona_archivist::baseline),
        ("network_discovery_specialist", network_discovery_specialist::baseline),
        ("guest_intelligence_specialist", guest_intelligence_specialist::baseline),
        ("trend_intelligence_specialist", trend_intelligence_specialist::baseline),
        ("trend_intelligence_scout", trend_intelligence_scout::baseline),
        ("signal_recon_specialist", signal_recon_specialist::baseline),
        ("research_synthesist", research_synthesist::baseline),
        ("visual_intelligence_specialist", visual_intelligence_specialist::baseline),
        ("controversy_tracker_specialist", controversy_tracker_specialist::baseline),
        ("intelligence_briefing_curator", intelligence_briefing_curator::baseline),
    ];
    for (agent, baseline) in order {
        let text: Vec<&str> = segments.iter().map(|segment| segment.text.as_str()).collect();
        let facts = json!({"history": [], "content": {"format": "text", "text": text.join("\n")}});
        let input = step(Value::Null, json!(done), facts);
        if let Some(data) = data_of(baseline(&input)) {
            done.insert(agent, data);
        }
    }
    done
}

/// Calls back for every object in a value that names a segment.
fn each_pointer(value: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Array(rows) => rows.iter().for_each(|row| each_pointer(row, path, visit)),
        Value::Object(fields) => {
            if fields.get("segment").is_some_and(Value::is_string) {
                visit(path, value);
            }
            for (name, value) in fields {
                each_pointer(value, &format!("{path}/{name}"), visit);
            }
        }
        _ => {}
    }
}

/// Where every row must point to a segment.
const POINTING: &[&str] = &[
    "analysis_cartographer/summary",
    "analysis_cartographer/claims",
    "analysis_cartographer/claims/context",
    "analysis_cartographer/numbers",
    "analysis_cartographer/highlights",
    "analysis_cartographer/topics/key_sentences",
    "risk_intelligence_analyst/cues/examples",
    "risk_intelligence_analyst/certainty/kinds/examples",
    "risk_intelligence_analyst/sourcing/quotations/examples",
    "deep_content_analyst/cues",
    "deep_content_analyst/structure",
    "deep_content_analyst/arguments/premises",
    "controversy_tracker_specialist/signals",
    "research_synthesist/background/passages",
    "research_synthesist/open_questions",
    "trend_intelligence_scout/suggestions",
    "intelligence_briefing_curator/summary",
    "intelligence_briefing_curator/key_points",
    "intelligence_briefing_curator/topics/sentences",
    "intelligence_briefing_curator/highlights",
    "intelligence_briefing_curator/claims",
    "intelligence_briefing_curator/argument",
    "intelligence_briefing_curator/risks",
    "intelligence_briefing_curator/context",
];

/// Calls back for every row of a list, by the path of the list.
fn each_row(value: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Array(rows) => {
            for row in rows {
                visit(path, row);
                each_row(row, path, visit);
            }
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| each_row(value, &format!("{path}/{name}"), visit));
        }
        _ => {}
    }
}

/// Calls back for every segment id in a list, or under a name that ends in `_segment`.
fn each_id(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(rows) => rows.iter().for_each(|row| each_id(row, visit)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let ids = value.as_array().filter(|_| name == "segments").into_iter().flatten();
                let alone =
                    Some(value).filter(|_| name.ends_with("_segment") || name.starts_with("segment_"));
                ids.chain(alone).filter_map(Value::as_str).for_each(&mut *visit);
                each_id(value, visit);
            }
        }
        _ => {}
    }
}

fn texts<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    value[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The curve and the means can be computed again from the segments they point to.
fn check_tone(sentiment: &Value, segments: &[Segment], language: &str) {
    if language != "en" {
        assert!(sentiment.is_null());
        return;
    }
    let place = |id: &Value| segments.iter().position(|segment| json!(segment.id) == *id).unwrap();
    let rows = |name: &str| sentiment[name].as_array().unwrap();
    let sum = |name: &str| rows(name).iter().map(|row| row["sentences"].as_u64().unwrap()).sum::<u64>();
    for name in ["curve", "by_topic", "by_speaker"] {
        assert_eq!(json!(sum(name)), sentiment["sentences"], "{name}");
    }
    let timed = segments.iter().any(|segment| segment.start_ms.is_some());
    for bin in rows("curve") {
        let (first, last) = (place(&bin["first_segment"]), place(&bin["last_segment"]));
        assert!(first <= last && bin["start_ms"].as_u64() <= bin["end_ms"].as_u64(), "{bin}");
        if let (Some(start_ms), true) = (segments[first].start_ms, timed) {
            let span_ms = bin["start_ms"].as_u64().unwrap()..=bin["end_ms"].as_u64().unwrap();
            assert!(span_ms.contains(&start_ms), "{bin}");
        }
    }
    for (name, sign) in [("most_positive", 1.0), ("most_negative", -1.0)] {
        for row in rows(name) {
            let value = crate::sentiment::compound(&segments[place(&row["segment"])].text);
            assert!(value * sign > 0.0 && row["value"].as_f64() == Some(value), "{row}");
        }
    }
}

fn check_all(segments: &[Segment], language: &str) {
    let by_id: BTreeMap<&str, &Segment> =
        segments.iter().map(|segment| (segment.id.as_str(), segment)).collect();
    let done = results(segments, language);
    for (agent, data) in done.iter().filter(|(agent, _)| **agent != "transcription_engineer") {
        each_row(data, agent, &mut |path, row| {
            if POINTING.contains(&path) {
                assert!(row["segment"].is_string(), "{path} points nowhere: {row}");
            }
        });
        each_id(data, &mut |id| assert!(by_id.contains_key(id), "{agent}: {id}"));
        each_pointer(data, agent, &mut |path, row| {
            let segment = by_id[row["segment"].as_str().unwrap()];
            if let (Some(start_ms), false) = (row.get("start_ms"), path.ends_with("/highlights")) {
                assert_eq!(start_ms.as_u64(), segment.start_ms, "{path}: {row}");
            }
            if let Some(speaker) = row.get("speaker") {
                assert_eq!(speaker.as_str(), segment.speaker.as_deref(), "{path}: {row}");
            }
            for field in ["quote", "words"] {
                if let Some(words) = row.get(field).and_then(Value::as_str) {
                    assert!(segment.text.contains(words), "{path}/{field}: {row} in {:?}", segment.text);
                }
            }
            if let (Some(first), Some(end)) = (row["first_character"].as_u64(), row["end_character"].as_u64())
            {
                let cut: String = segment.text.chars().take(end as usize).skip(first as usize).collect();
                let words = row.get("words").or_else(|| row.get("marker")).and_then(Value::as_str);
                assert_eq!(Some(cut.as_str()), words, "{path}: {row} in {:?}", segment.text);
            }
            if path.ends_with("/claims") && row.get("cues").is_some() {
                // An opener may be cut off, and then the first letter is a capital.
                let claim: String = row["text"].as_str().unwrap().chars().skip(1).collect();
                assert!(segment.text.ends_with(&claim), "{path}: {row} in {:?}", segment.text);
            }
            let verbatim = [
                "summary",
                "key_sentences",
                "sentences",
                "quotes",
                "context",
                "highlights",
                "most_positive",
                "most_negative",
                "passages",
            ];
            let written = path == "intelligence_briefing_curator/context";
            let verbatim = !written && verbatim.iter().any(|name| path.ends_with(&format!("/{name}")));
            if verbatim {
                assert_eq!(row["text"], segment.text.as_str(), "{path}");
            } else if path.ends_with("/numbers") {
                assert!(segment.text.contains(row["text"].as_str().unwrap()), "{row} in {:?}", segment.text);
            }
        });
    }
    let Some(map) = done.get("analysis_cartographer") else { return };
    check_tone(&map["sentiment"], segments, language);
    for phrase in map["repetition"]["phrases"].as_array().unwrap() {
        let words = phrase["text"].as_str().unwrap().to_lowercase();
        for example in phrase["examples"].as_array().unwrap() {
            assert_eq!(example["words"].as_str().unwrap().to_lowercase(), words, "{phrase}");
        }
    }
    for highlight in map["highlights"].as_array().unwrap() {
        let segment = by_id[highlight["segment"].as_str().unwrap()];
        let starts = highlight["start_ms"].as_u64();
        assert!(
            segment.start_ms.is_none_or(|start_ms| starts.is_some_and(|starts| starts <= start_ms)),
            "{highlight}"
        );
        assert!(
            segment.end_ms.is_none_or(|end_ms| highlight["end_ms"].as_u64() >= Some(end_ms)),
            "{highlight}"
        );
    }
    for exchange in map["exchanges"].as_array().unwrap() {
        for id in texts(exchange, "segments") {
            let segment = by_id[id];
            assert_eq!(segment.speaker.as_deref(), exchange["from"].as_str(), "{exchange}");
            let before = segments.iter().position(|row| row.id == id).and_then(|at| at.checked_sub(1));
            if exchange["way"] == "answers" {
                assert_eq!(
                    segments[before.unwrap()].speaker.as_deref(),
                    exchange["to"].as_str(),
                    "{exchange}"
                );
            }
        }
    }
    let named = |name: &str, text: &str| name.split([' ', '-']).any(|part| text.contains(part));
    for entity in map["entities"].as_array().unwrap() {
        for id in texts(entity, "segments") {
            assert!(named(entity["name"].as_str().unwrap(), &by_id[id].text), "{entity}");
        }
    }
    for person in
        map["topic_people"].as_array().unwrap().iter().flat_map(|topic| topic["people"].as_array().unwrap())
    {
        for id in texts(person, "segments") {
            assert!(named(person["name"].as_str().unwrap(), &by_id[id].text), "{person}");
        }
    }
    for repeat in map["repeats"].as_array().unwrap() {
        assert_eq!(repeat["text"], by_id[texts(repeat, "segments")[0]].text.as_str());
    }
    for pause in done["audio_intelligence_specialist"]["pauses"].as_array().unwrap() {
        let (before, after) = (
            by_id[pause["after_segment"].as_str().unwrap()],
            by_id[pause["before_segment"].as_str().unwrap()],
        );
        assert_eq!(pause["ms"].as_u64(), Some(after.start_ms.unwrap() - before.end_ms.unwrap()));
        let is_long = pause["ms"].as_u64() >= Some(3_000);
        assert_eq!(pause["text_before"].as_str(), is_long.then_some(before.text.as_str()));
        assert_eq!(pause["text_after"].as_str(), is_long.then_some(after.text.as_str()));
    }
    let delivery = &done["audio_intelligence_specialist"];
    for overlap in delivery["overlaps"].as_array().unwrap() {
        for side in ["a", "b"] {
            let id = overlap[format!("segment_{side}")].as_str().unwrap();
            assert_eq!(overlap[format!("speaker_{side}")].as_str(), by_id[id].speaker.as_deref());
        }
    }
    for speaker in delivery["speakers"].as_array().unwrap() {
        let first = segments.iter().find(|segment| {
            segment.speaker.as_deref().unwrap_or(speakers::UNKNOWN) == speaker["label"].as_str().unwrap()
        });
        assert_eq!(speaker["segment"].as_str(), first.map(|segment| segment.id.as_str()));
    }
    if let Some(turn) = delivery["longest_turn"].as_object() {
        let first = segments.iter().position(|segment| turn["segment"] == segment.id.as_str()).unwrap();
        let theirs =
            segments[first..].iter().take_while(|segment| segment.speaker == segments[first].speaker);
        let end_ms = theirs.filter_map(|segment| segment.end_ms).max();
        let ms =
            end_ms.zip(segments[first].start_ms).map(|(end_ms, start_ms)| end_ms.saturating_sub(start_ms));
        assert_eq!(turn["ms"].as_u64(), ms);
    }
    for part in delivery["pace_changes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|change| [&change["before"], &change["after"]])
    {
        assert!(by_id.contains_key(part["segment"].as_str().unwrap()), "{part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_pointer_leads_to_the_words(
        segments in transcript(),
        language in prop::sample::select(vec!["en", "de", "fr", "ar", "unknown"]),
    ) {
        check_all(&segments, language);
    }
}
