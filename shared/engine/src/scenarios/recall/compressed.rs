//! What differs in politeness, white space or the capital of a first word only is asked once; an answer that quotes words which
//! the other source has not is no answer to it.

use serde_json::{Value, json};

use super::{ask, asked, note};
use crate::agent::AgentSpec;
use crate::model::{Basis, CacheLevel, StepResult, Told};
use crate::scenarios::house::{House, Says};
use crate::step_input::Analysis;

/// A house whose worker is asked about the words of one segment, and answers with a quote or none.
fn house(answers: &[Value]) -> House {
    let mut house = House::new(of("", 1), Some(answers.iter().cloned().map(Says::Text).collect()));
    house.with_row("worker", |row| {
        let text = json!({"type": "string"});
        *row = AgentSpec {
            answer: vec!["said".into(), "quote".into()],
            schema: json!({
                "type": "object",
                "required": ["said", "quote", "text", "counted"],
                "properties": {"said": text, "quote": text, "text": text, "counted": {"type": "integer"}},
            }),
            answer_schema: Default::default(),
            compiled: Default::default(),
            ..row.clone()
        };
        row.cache.compressed = Some(Default::default());
    });
    house
}

fn of(text: &str, counted: u64) -> Option<Analysis> {
    Some(Analysis::Complete(json!({"said": "by rule", "quote": "", "text": text, "counted": counted})))
}

fn answer(quote: &str) -> Value {
    json!({"said": "by model", "quote": quote})
}

fn ask_about(house: &mut House, text: &str, counted: u64) -> StepResult {
    house.analyse("fixed", of(text, counted));
    let run = house.start();
    ask(house, &run).unwrap()
}

/// Asks about one source after the other: what the second look-up is told at the exact and at the compressed level.
fn check(stored: (&str, u64), asks: (&str, u64), quote: &str, expected: (Told, Told)) {
    let mut house = house(&[answer(quote), answer("")]);
    ask_about(&mut house, stored.0, stored.1);
    let result = ask_about(&mut house, asks.0, asks.1);
    let levels = note(&result).levels;
    assert_eq!((&levels[&CacheLevel::L1], &levels[&CacheLevel::L2]), (&expected.0, &expected.1), "{asks:?}");
    let (basis, calls) = match (expected.0, expected.1) {
        (Told::Hit { .. }, _) => (Basis::Cache { level: CacheLevel::L1, similarity: 1.0 }, 1),
        (_, Told::Hit { .. }) => (Basis::Cache { level: CacheLevel::L2, similarity: 1.0 }, 1),
        _ => (Basis::Model, 2),
    };
    assert_eq!((result.meta.basis, asked(&house)), (basis, calls), "{asks:?}");
    let data = result.ok().unwrap();
    assert_eq!((data["text"].as_str(), data["counted"].as_u64()), (Some(asks.0), Some(asks.1)));
    assert_eq!(result.meta.saved > Default::default(), calls == 1);
}

const HIT: Told = Told::Hit { age_ms: 0, stale: false };

#[test]
fn what_says_the_same_meets_compressed_only() {
    let stored = ("Summarise the report of 3 May", 3);
    check(stored, stored, "", (HIT, HIT));
    for text in [
        "Please summarise the report of 3 May, thanks",
        "summarise  the report of\u{a0}3 May",
        "Hello, please summarise the report of 3 May.\nThanks a lot!",
    ] {
        let met = if text.contains("May.") { ("Summarise the report of 3 May.", 3) } else { stored };
        check(met, (text, 3), "", (Told::Nothing, HIT));
    }
}

#[test]
fn what_means_another_thing_never_meets() {
    let stored = ("Please note that the dam may hold 3 million litres", 3);
    for asks in [
        ("Please note that the dam may hold 4 million litres", 3),
        ("Please note that the dam may not hold 3 million litres", 3),
        ("Please note that the dam must hold 3 million litres", 3),
        ("Please note that the Dam may hold 3 million litres", 3),
        ("Please note that the dam may hold \"3  million\" litres", 3),
        // What was counted in the source is not compressed.
        ("Note that the dam may hold 3 million litres", 2),
    ] {
        check(stored, asks, "", (Told::Nothing, Told::Nothing));
    }
    // A source's ids and times are words of its own, however they look.
    for (one, other) in [
        ("[Sent at: 2019-05-14] The council met", "[Sent at: 2021-03-02] The council met"),
        (
            "They read out session 6f1c1f9e-8a57-4b57-9c0e-3f2d8c1b7a10",
            "They read out session 0b0f3c52-3d1e-4d7a-8d43-6a1b0c9e2f44",
        ),
        ("Timestamp: 10:15 The dam broke", "Timestamp: 11:45 The dam broke"),
    ] {
        check((one, 3), (other, 3), "", (Told::Nothing, Told::Nothing));
    }
}

#[test]
fn an_answer_that_quotes_what_is_not_there_does_not_fit() {
    let (long, short) = ("Please summarise the report, thanks", "Summarise the report");
    check((long, 3), (short, 3), "please summarise", (Told::Nothing, Told::Unfit));
    check((long, 3), (short, 3), "summarise the report", (Told::Nothing, HIT));
    check((short, 3), (long, 3), "summarise the report", (Told::Nothing, HIT));
}

#[test]
fn what_does_not_fit_is_made_by_one_that_others_can_wait_for() {
    let mut house = house(&[answer("please summarise"), answer("")]);
    ask_about(&mut house, "Please summarise the report, thanks", 3);
    let result = ask_about(&mut house, "Summarise the report", 3);
    assert_eq!((&note(&result).levels[&CacheLevel::L2], note(&result).led), (&Told::Unfit, true));
}

#[test]
fn where_the_row_has_no_such_level_nothing_meets_compressed() {
    let mut house = house(&[answer(""), answer("")]);
    house.with_row("worker", |row| row.cache.compressed = None);
    ask_about(&mut house, "Summarise the report", 3);
    let result = ask_about(&mut house, "Please summarise the report", 3);
    assert_eq!(note(&result).levels.keys().collect::<Vec<_>>(), [&CacheLevel::L1]);
    assert_eq!((result.meta.basis, asked(&house)), (Basis::Model, 2));
}

#[test]
fn what_is_very_long_is_not_compressed() {
    let mut house = house(&[answer("")]);
    let result = ask_about(&mut house, &"word ".repeat(60_000), 3);
    assert_eq!(note(&result).levels.keys().collect::<Vec<_>>(), [&CacheLevel::L1]);
}

#[test]
fn a_row_that_shortens_sends_less_says_so_and_meets_what_says_the_same_as_it_is() {
    const LONG: &str = "Please summarise the report of 3 May, thanks";
    let check = |shortens: bool, sent: &str, spares: bool, met: Basis| {
        let mut house = house(&[answer(""), answer("")]);
        house.with_row("worker", |row| {
            row.shortens = shortens.then(Default::default);
            row.cache.compressed = (!shortens).then(Default::default);
        });
        let first = ask_about(&mut house, LONG, 3);
        let request = house.model.asked.lock().unwrap()[0].clone();
        let crate::ports::ModelMessage::User { text } = &request.messages[1] else { panic!("{request:?}") };
        assert!(text.contains(&format!("\"text\":\"{sent}\"")), "{text}");
        assert_eq!(first.ok().unwrap()["text"], LONG, "what is kept of the source is whole");
        let spared = first.meta.spared_tokens;
        assert_eq!(spared > 0, spares, "{spared}");
        assert!(spared < first.meta.usage.input_tokens, "{spared}");
        let second = ask_about(&mut house, "summarise the report of 3 May", 3);
        assert_eq!((second.meta.basis, second.meta.spared_tokens), (met, 0));
    };
    let hit = |level| Basis::Cache { level, similarity: 1.0 };
    check(false, LONG, false, hit(CacheLevel::L2));
    check(true, "summarise the report of 3 May", true, hit(CacheLevel::L1));
}
