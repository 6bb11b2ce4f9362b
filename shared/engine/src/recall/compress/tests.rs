use proptest::prelude::*;

use super::*;

const ALL: DroppableShare = DroppableShare { permille: 1000 };

fn check(input: &str, expected: &str) {
    assert_eq!(compress(input, ALL).text, expected, "of {input:?}");
}

#[test]
fn requests_that_say_the_same_meet() {
    for text in [
        "Summarise the report",
        "Please summarise the report, thanks",
        "please  summarise the report",
        "  Please, summarise the report, thank you very much!",
        "Hello, please summarise the report, please, thanks in advance.",
        "Hi there, summarise the report\nThanks a lot!",
        "Um, summarise the report",
        "Summarise the report, please, thanks",
    ] {
        check(text, "summarise the report");
    }
    check("Um, According to Nora Lind it fell", "according to Nora Lind it fell");
    check("It fell. Um, Nora Lind said that it is the wall.", "it fell. Nora Lind said that it is the wall.");
    check("Could you please summarise the report?", "Could you summarise the report?");
    check("Could you summarise the report please?", "Could you summarise the report?");
    check("Summarise the report please.", "summarise the report.");
    check("summarise \u{fb01}gures\u{a0}of it", "summarise figures of it");
}

#[test]
fn what_means_something_stays() {
    for text in [
        "They aim to please.",
        "Who did it please?",
        "Kindly people help others",
        "Thanks to rain, crops grew",
        "He said please and thanks to them",
        "Please Please Me is an album",
        "Hello, World is a program",
        "Um, dois, tr\u{ea}s",
        "Um, Nora and the others said that",
        "Um, Nora, the mayor, said that",
        "Um, Nora & Partners said that",
        "Um, Nora both said that",
        "Um, Nora along with Bo said that",
        "Um, Nora are the winners",
        "Um, Hong-gil climbed the peak",
        "Um, Nora\nLind said that it holds",
        "Um,\nNora Lind is the chair",
        "Dr. Um, Kim said that it holds",
        "Um, Maria disse que veio",
        "Will Smith must not go, may he?",
        "10\u{b2} is 100, \u{bd} is 0.5, 5 \u{b5}m, 3\u{ba}",
        "say \"Please,   thanks\" twice",
        "say 'please  do', \u{201c}um,  no\u{201d} and `a  b`",
        "\"Please",
        "Thanks!",
        "das ist es, bitte",
        "\u{5b83}\u{4eec}\u{662f}\u{ff1f}",
        "What is the status of order 550e8400-e29b-41d4-a716-446655440000?",
        "Dr. Who's order 01ARZ3NDEKTSV4RRFFQ69G5FAV came on 2026-11-28",
    ] {
        let lowered = text.replacen("What is", "what is", 1).replacen("Who did", "who did", 1);
        check(text, &lowered);
    }
    check("a:\n    b  c\n\n\n\n  d ", "a:\n    b c\n\n  d");
}

#[test]
fn what_differs_each_time_is_marked() {
    check("Request id: 550e8400-e29b-41d4-a716-446655440000, list it", "Request id: <id:1>, list it");
    check(
        "trace=4bf92f3577b34da6a3ce929d0e0e4736 (run 01ARZ3NDEKTSV4RRFFQ69G5FAV, trace=4bf92f3577b34da6a3ce929d0e0e4736)",
        "trace=<id:1> (run <id:2>, trace=<id:1>)",
    );
    check(
        "Current time: 2026-11-28T10:00:01Z\nExplain photosynthesis",
        "Current time: <time>\nexplain photosynthesis",
    );
    check(
        "[Current date and time: 2026-11-28 10:00 UTC] Explain rain",
        "[Current date and time: <time>] Explain rain",
    );
    for text in ["Current time: 2026-11-28 10:00\nit is late", "timestamp: 12 of May\nlist", "a: 2026-11-28"]
    {
        check(text, text);
    }
}

#[test]
fn no_more_is_taken_than_allowed() {
    let text = "Please list a, thanks";
    assert_eq!(compress(text, DroppableShare::parse("0").unwrap()).text, text);
    let compressed = compress(text, DroppableShare::parse("0.8").unwrap());
    assert_eq!(compressed.text, "list a");
    assert!(compressed.saved_tokens() >= 6);
    for wrong in ["", "1.1", "-0.1", "NaN", "half"] {
        assert_eq!(DroppableShare::parse(wrong).unwrap_err().kind(), ErrorKind::Configuration);
    }
}

/// What took quadratic time would take minutes.
#[test]
fn hostile_texts_take_linear_time() {
    for part in [
        "'a ",
        "\u{2018}a ",
        "\"",
        "please ",
        "please, ",
        "um, is ",
        "Um. Um, A b ",
        "thanks, ",
        "\u{fdfa}",
        "(",
        "a\n",
        "` ",
    ] {
        let text = part.repeat(200_000 / part.len());
        assert!(compress(&text, ALL).text.len() <= text.len() * 18);
    }
}

/// Words that must survive, in their order: with a figure, negations, modals, comparatives, units, names.
fn protected(text: &str) -> Vec<String> {
    const KEPT: &[&str] = &[
        "not", "no", "never", "don't", "can", "could", "must", "should", "may", "will", "more", "less",
        "better", "most", "than", "km", "kg", "euros", "percent", "Paris", "Nora", "NATO",
    ];
    let words = text.split(|letter: char| letter.is_whitespace() || ",!?".contains(letter));
    words.filter(|word| word.contains(char::is_numeric) || KEPT.contains(word)).map(str::to_owned).collect()
}

fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn meaning_is_never_changed(parts in prop::collection::vec(part(), 0..24)) {
        let text = parts.concat();
        let once = compress(&text, ALL).text;
        prop_assert_eq!(protected(&text), protected(&once));
        prop_assert_eq!(quoted(&text), quoted(&once));
        prop_assert_eq!(&compress(&once, ALL).text, &once);
        let once = compress_source(&text, ALL).text;
        prop_assert_eq!(&compress_source(&once, ALL).text, &once);
    }

    #[test]
    fn anything_may_come(text in any::<String>(), share in 0u16..=1000) {
        let share = DroppableShare { permille: share };
        let once = compress(&text, share).text;
        prop_assert_eq!(&compress(&once, share).text, &once);
        let source = compress_source(&text, share).text;
        prop_assert_eq!(&compress_source(&source, share).text, &source);
        let figures = |text: &str| text.chars().filter(|letter| letter.is_numeric()).collect::<String>();
        prop_assert_eq!(figures(&text), figures(&once));
    }

    #[test]
    fn politeness_around_any_request_goes(rest in "[a-z]{2,9}( [a-z0-9]{2,9}){0,5}") {
        let plain = compress(&format!("Summarise {rest}"), ALL).text;
        prop_assert_eq!(&compress(&format!("Please summarise {rest}, thanks"), ALL).text, &plain);
    }
}

fn part() -> impl Strategy<Value = String> {
    let words = [
        "Please ",
        "please, ",
        "summarise ",
        "Summarise ",
        "thanks",
        ", thank you",
        "Could you ",
        "um, ",
        "Hello, ",
        "not ",
        "never ",
        "must ",
        "can ",
        "may ",
        "more ",
        "less ",
        "better ",
        "than ",
        "12 ",
        "3.5 ",
        "2026-11-28 ",
        "km ",
        "percent ",
        "Paris ",
        "Nora ",
        "NATO ",
        "\"Please  do not\" ",
        "\n",
        "  ",
        ". ",
        "? ",
        "the report ",
        "don't ",
        "kindly ",
        "1\u{bd} ",
        "!",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}
