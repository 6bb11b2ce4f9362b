//! A long invented talk as WebVTT, the same at every call: for benches and tests of scale.
//!
//! Three speakers go through twelve subjects, with questions, answers, figures, names, asides and repetitions, in about
//! 3,300 captions and 43,000 words for three hours. Nothing in it is about anything real.

use std::fmt::Write;

/// The length of one talk, in hours.
pub const HOURS: usize = 3;
/// Captions in one talk.
pub const CAPTIONS: usize = 3_300;

const CAPTIONS_PER_SUBJECT: usize = 90;

/// The talk, `times` over: each time goes on with other words and figures. The times of the captions go on too.
pub fn vtt(times: usize) -> String {
    let captions = CAPTIONS * times;
    let step_ms = HOURS as u64 * 3_600_000 / CAPTIONS as u64;
    let mut text = String::with_capacity(captions * 110);
    text.push_str("WEBVTT\n");
    let mut draw = Draw(0x5eed);
    for caption in 0..captions {
        let start_ms = caption as u64 * step_ms;
        // Now and then somebody thinks before going on.
        let end_ms = start_ms + if draw.below(12) == 0 { step_ms * 7 / 10 } else { step_ms - 40 };
        let speaker = SPEAKERS[caption / 5 % 7 % SPEAKERS.len()];
        let words = sentence(&mut draw, caption);
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{} --> {}\n<v {speaker}>{words}\n", stamp(start_ms), stamp(end_ms));
    }
    text
}

const SPEAKERS: [&str; 3] = ["Nora Whitfield", "Daniel Okafor", "Ruth Penhallow"];

/// What is talked about: four nouns each.
const SUBJECTS: [[&str; 4]; 12] = [
    ["harbour wall", "tide", "dredger", "quay"],
    ["school roof", "pupils", "classroom", "teachers"],
    ["night bus", "fares", "drivers", "timetable"],
    ["library", "readers", "archive", "shelves"],
    ["orchard", "apples", "pickers", "cider"],
    ["power station", "turbines", "cables", "engineers"],
    ["hospital ward", "nurses", "waiting list", "surgeons"],
    ["brewery", "barrels", "hops", "licence"],
    ["football ground", "season tickets", "stand", "supporters"],
    ["museum", "paintings", "curators", "exhibition"],
    ["bakery", "ovens", "flour", "customers"],
    ["railway bridge", "trains", "signals", "welders"],
];
const VERBS: [&str; 8] = ["rose", "fell", "doubled", "closed", "changed", "improved", "failed", "returned"];
const PEOPLE: [&str; 6] =
    ["Dr. Helen Marsh", "Mayor Tom Lund", "Professor Ada Quill", "Mary Stone", "Peter Vance", "Anna Kerr"];
const PLACES: [&str; 5] = ["Marlow Bridge", "Eastgate", "Harrow Street", "Fenner's Meadow", "Quay Street"];
const ADJECTIVES: [&str; 8] =
    ["old", "new", "largest", "quiet", "expensive", "broken", "outrageous", "public"];

fn sentence(draw: &mut Draw, caption: usize) -> String {
    let subject = SUBJECTS[caption / CAPTIONS_PER_SUBJECT % SUBJECTS.len()];
    let noun = subject[draw.below(4)];
    let other = subject[draw.below(4)];
    let verb = VERBS[draw.below(VERBS.len())];
    let adjective = ADJECTIVES[draw.below(ADJECTIVES.len())];
    let person = PEOPLE[draw.below(PEOPLE.len())];
    let place = PLACES[draw.below(PLACES.len())];
    let figure = draw.below(900) + 3;
    let year = 1960 + draw.below(64);
    match draw.below(12) {
        0 => format!("What did the {noun} in {place} cost the town in {year}?"),
        1 => format!("According to {person}, the {noun} cost {figure} million pounds in {year}."),
        2 => format!("Well, I think that the {other} should wait, because the {noun} {verb} again."),
        3 => format!("The {adjective} {noun} near {place} {verb} by {figure} percent after {year}."),
        4 => format!("{person} told us that {figure} people came for the {other}, and nobody counted twice."),
        5 => "And that is not true, it never was, and everybody knows it! [Laughter]".to_owned(),
        6 => format!("So the {noun} is {adjective}, but the {other} is what we have to pay for."),
        7 => format!("You know, we walked past the {noun} and the {other} this morning."),
        8 => format!("If the {noun} {verb}, then the {other} in {place} would need {figure} more workers."),
        9 => format!("For example, in {year} the council of {place} sold the {noun} and kept the {other}."),
        10 => format!("Right, and the {other} {verb} as well."),
        _ => format!("A study found that {figure} of 1,000 households use the {noun} more than the {other}."),
    }
}

fn stamp(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// A linear congruential generator: the same numbers everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_hours_each_time_and_always_the_same() {
        let text = vtt(1);
        let spoken: usize = text
            .lines()
            .filter_map(|line| line.split_once('>').filter(|_| line.starts_with("<v ")))
            .map(|(_, words)| words.split_whitespace().count())
            .sum();
        assert!((40_000..46_000).contains(&spoken), "{spoken}");
        assert_eq!(text.matches(" --> ").count(), CAPTIONS);
        assert_eq!(text, vtt(1));
        let twice = vtt(2);
        assert!(twice.starts_with(&text) && twice.contains("05:59:5"));
    }
}
