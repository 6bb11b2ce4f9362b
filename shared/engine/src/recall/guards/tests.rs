use super::*;

fn passes(stored: &str, asked: &str) {
    assert_eq!(judge(stored, asked), Ok(()), "of {stored:?} and {asked:?}");
    assert_eq!(judge(asked, stored), Ok(()), "of {asked:?} and {stored:?}");
}

fn refuses(guard: Guard, stored: &str, asked: &str) {
    let found = judge(stored, asked).map_err(|refusal| refusal.guard);
    assert_eq!(found, Err(guard), "of {stored:?} and {asked:?}");
    assert!(judge(asked, stored).is_err(), "of {asked:?} and {stored:?}");
}

#[test]
fn what_says_the_same_passes() {
    for (stored, asked) in [
        ("How do I trace a phone call?", "How can I trace a phone call?"),
        ("How to trace a phone call", "What is the way to trace a phone call?"),
        ("What's the capital of France?", "What is France's capital?"),
        ("Can you tell me what the capital of France is?", "What is the capital of France"),
        ("What are web applications?", "What is a web application?"),
        ("Why don't cats like water?", "Why do not cats like water?"),
        ("In 2019, the council approved the plan.", "The council approved the plan in 2019."),
        ("The plan was approved by the council.", "The council approved the plan."),
        ("The letter was written by Mary.", "Mary wrote the letter"),
        ("The treaty was signed on May 14th, 2026", "The treaty was signed on 14 May 2026"),
        ("What is the difference between HTML and CSS?", "What is the difference between CSS and HTML?"),
        ("The tower is 1,200 km away from Paris", "The tower is 1200 kilometres away from Paris."),
        ("How do I purchase a car?", "Please, how can one buy a car?"),
        ("What is socket?", "What is a socket?"),
        (
            "What is the difference between an atom and a molecule?",
            "What is the difference between molecule and atom?",
        ),
        ("How do I buy a car?", "Hello, how do I buy a car? Thanks!"),
        ("How do I stop e-mail fraud?", "What do I need to do to stop email fraud?"),
        ("The council opened the fishing season in 2019.", "In 2019, the council opened the fishing season."),
        ("How do I sell a 10-year-old car?", "How do I sell a 10 year old car?"),
        ("Who is the bank's director?", "Who is the director of the bank?"),
        ("Who is the German bank's director?", "Who is the director of the German bank?"),
        ("The firm sells nails, paint, and glue", "The firm sells nails, paint and glue"),
        ("Honda opened the plant in 2019", "In 2019, Honda opened the plant"),
        ("What is the capital of Peru?", "What is capital of Peru?"),
        (
            "According to Ines Tarby, the ministry funded the code.",
            "Ines Tarby said that the ministry funded the code.",
        ),
        ("Ines Tarby said that Leeds lost.", "Ines Tarby said Leeds lost."),
    ] {
        passes(stored, asked);
    }
}

#[test]
fn what_differs_is_named() {
    use Guard::*;
    for (guard, stored, asked) in [
        (Role, "Apple sued Google", "Google sued Apple"),
        (Role, "Apple sued Google", "Apple was sued by Google"),
        (Role, "How do I convert PDF to Word?", "How do I convert Word to PDF?"),
        (Number, "The bridge cost 40 million euros", "The bridge cost 14 million euros"),
        (Unit, "The bridge is 40 km long", "The bridge is 40 miles long"),
        (Date, "The law was passed in March 2019", "The law was passed in May 2019"),
        (Negation, "Vaccines cause autism", "Vaccines do not cause autism"),
        (Negation, "Is it safe to fly with a passport?", "Is it safe to fly without a passport?"),
        (Scope, "All of the bridges are safe", "Some of the bridges are safe"),
        (Scope, "The minister resigned in May", "The ministers resigned in May"),
        (Comparison, "Coal is cheaper than gas", "Coal is dearer than gas"),
        (Modal, "Banks must report losses", "Banks may report losses"),
        (Tense, "The bank closed the branch", "The bank closes the branch"),
        (Entity, "Is an apple good for health?", "Is an Apple good for health?"),
        (Entity, "The mayor of Leeds resigned", "The mayor of Hull resigned"),
        (Question, "Where was the wheel invented?", "When was the wheel invented?"),
        (Question, "The wheel was invented in Asia", "The wheel was invented in Asia?"),
        (Quote, "Who said \"never again\"?", "Who said \"once again\"?"),
        (Word, "The bank raised the fee", "The bank waived the fee"),
        (Word, "The firm filed the form", "The firm filled the form"),
        (Word, "How do I lose weight?", "How do I lose weight quickly?"),
        (Entity, "The plant makes 5 mW of power", "The plant makes 5 MW of power"),
        (Scope, "Is hepatitis a dangerous?", "Is hepatitis dangerous?"),
        (Word, "How do I install windows?", "How do I install window?"),
        (Word, "Should we leave the union?", "Should I leave the union?"),
        (Pointing, "Where do you live?", "Where do I live?"),
        (Pointing, "The museum closed the other day", "The museum closed the other day"),
        (Pointing, "How much do I owe?", "How much do I owe?"),
        (Pointing, "The new mayor lied", "The new mayor lied"),
        (Pointing, "Continue", "Continue"),
        (Pointing, "What about Paris?", "What about Paris?"),
        (Pointing, "He is guilty", "He is guilty"),
        (Pointing, "What is the weather today?", "What is the weather today?"),
        (Pointing, "Is this true?", "Is this true?"),
        (Pointing, "Where is my order?", "Where is my order?"),
        (Language, "Wo ist der Bahnhof?", "Wo ist der Bahnhof?"),
        (Language, "\u{6c34}\u{5728}\u{54ea}", "\u{6c34}\u{5728}\u{54ea}"),
        (Length, "", ""),
    ] {
        refuses(guard, stored, asked);
    }
}

#[test]
fn what_bears_on_a_text_is_told_from_what_is_beside_it() {
    const CLAIM: &str = "The harbour wall cost 40 million euros in 2019.";
    for (passage, bears) in [
        ("", false),
        ("Good morning and thank you for coming.", false),
        ("The harbour wall cost 40 million euros in 2019", false),
        ("Renters paid for bread at the market.", false),
        ("It was 14 million.", true),
        ("The walls were old.", true),
        ("The harbours closed.", true),
        ("That happened in 2019.", true),
        ("Nobody believes you.", true),
        ("I stand corrected.", true),
        ("The minister denied it.", true),
        ("That decision was overturned on Tuesday.", true),
        ("They withdrew afterwards.", true),
        ("I made this up.", true),
        ("He denied everything.", true),
        ("More like sixty.", true),
        ("The bill came to 60m.", true),
        ("We paid double.", true),
        ("I misspoke a moment ago.", true),
        ("Construction began in May 2018.", true),
        ("Ann answered: \"That is a lie.\"", true),
        ("Ann told us \"the harbour wall leaks\".", true),
        ("We met by the river this morning.", false),
        ("She told a story about her bicycle.", false),
        ("But Anna told me another story.", true),
        ("Ĉu vi parolas?", true),
        ("\u{5d4}\u{5d7}\u{5d5}\u{5de}\u{5d4}", true),
    ] {
        assert_eq!(bears_on(CLAIM, passage), bears, "{passage:?}");
    }
    assert!(bears_on(CLAIM, &"apples and pears ".repeat(1_000)), "too long to be read");
    assert!(bears_on("\u{5d4}\u{5d7}\u{5d5}\u{5de}\u{5d4}", "We sang."), "a claim in another language");
    assert!(!bears_on("The council closed the mine on 4 May 1982.", "I had two cups of tea."));
}

#[test]
fn hostile_texts_are_refused_soon() {
    for part in ["a", "'", "\"", "was by ", "In 1, ", "the ", ", and ", "between and ", "1,", "\u{fdfa}"] {
        let text = part.repeat(200_000 / part.len());
        assert!(Reading::of(&text).is_err());
        let short: String = text.chars().take(300).collect();
        let _ = judge(&short, &short);
    }
}

#[test]
fn a_word_has_one_meaning_only() {
    let synonyms = include_str!("synonyms.txt").lines().filter(|line| !line.starts_with('#'));
    let words: Vec<&str> = synonyms.flat_map(str::split_whitespace).collect();
    let distinct: std::collections::BTreeSet<&str> = words.iter().copied().collect();
    assert_eq!(distinct.len(), words.len());
}

#[test]
fn pairs_that_differ_are_refused_both_ways() {
    let mut count = 0;
    for pairs in [include_str!("different.txt"), include_str!("traps.txt")] {
        let pairs = pairs.lines().filter(|line| !line.starts_with('#'));
        for (stored, asked) in pairs.filter_map(|line| line.split_once(" // ")) {
            count += 1;
            assert!(
                judge(stored, asked).is_err() && judge(asked, stored).is_err(),
                "{stored:?} and {asked:?} pass"
            );
        }
    }
    assert!(count > 700, "{count}");
}
